use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::attempts::{Purpose, Running};
use super::behalf::Behalf;
use super::{Inner, OpenIntegration, Outbound, OutboundAnswer, OutboundCall, prepare};
use crate::access::Caller;
use crate::domain::gateway::{ErrorCategory, UpstreamProblem};
use crate::domain::{
    Cause, Error, IntegrationId, OrganizationId, Origin, Probe, RequestId, UpstreamError,
};
use crate::vault::CredentialSet;

/// What is known of credentials after a call with them.
#[derive(Debug)]
pub struct Verified {
    /// The call, as it stands in the log of requests; none, where it is no HTTP.
    pub request: Option<RequestId>,
    /// The method that was called with.
    pub method: String,
    /// The path that was called, without its query.
    pub path: String,
    /// Whether the call succeeds only with good credentials.
    pub verifies_credentials: bool,
    /// The provider's status, if it answered.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// Whether it succeeded.
    pub end: Result<(), Error>,
}

impl Outbound {
    /// Calls the provider to see whether credentials are good: `candidate`, or those in use. The
    /// integration need not be in use for that.
    ///
    /// # Errors
    ///
    /// If there is no such integration, or no call can be made.
    pub async fn verify_credentials(
        &self,
        caller: &Caller,
        integration: IntegrationId,
        candidate: Option<CredentialSet>,
        origin: Origin,
    ) -> Result<Verified, Error> {
        let open = self.integration(caller, integration).await?;
        let purpose = Purpose::Verification(candidate.map(Arc::new));
        self.verify(caller.into(), &open, purpose, origin).await
    }

    /// As [`Outbound::verify_credentials`] with those in use, where nobody asks for it, but `function` does
    /// it by itself: the log of requests and the audit trail name it.
    ///
    /// # Errors
    ///
    /// As [`Outbound::verify_credentials`].
    pub async fn verify_as_system(
        &self,
        (organization, function): (OrganizationId, &'static str),
        integration: IntegrationId,
    ) -> Result<Verified, Error> {
        let open = self.open(organization, integration).await?;
        let behalf = Behalf::of_system(organization, function);
        let purpose = Purpose::Verification(None);
        self.verify(behalf, &open, purpose, Origin::default()).await
    }

    async fn verify(
        &self,
        behalf: Behalf,
        open: &OpenIntegration,
        purpose: Purpose,
        origin: Origin,
    ) -> Result<Verified, Error> {
        if matches!(purpose, Purpose::Verification(None)) {
            open.credential()?;
        }
        verified(&self.0, open, (behalf, origin), purpose).await
    }
}

/// Makes the call that verifies.
pub(super) async fn verified(
    inner: &Inner,
    open: &OpenIntegration,
    (behalf, origin): (Behalf, Origin),
    purpose: Purpose,
) -> Result<Verified, Error> {
    let probe = open.profile.verification.as_ref();
    let call = OutboundCall {
        origin,
        ..call_of(open, probe)?
    };
    let prepared = prepare::prepare(open, call, &inner.services)?;
    let (method, path) = (
        prepared.method.to_string(),
        prepared.target.path().to_owned(),
    );
    let request = Some(prepared.id);
    let running = Running::new(inner, behalf, open, prepared, purpose);
    let end = match Box::pin(running.run()).await {
        Ok(answer) => judged(answer, probe),
        Err(error @ Error::Upstream(_)) => (None, None, Err(error)),
        Err(error) => return Err(error),
    };
    let (status, duration_ms, end) = end;
    Ok(Verified {
        request,
        method,
        path,
        verifies_credentials: probe.is_some(),
        status,
        duration_ms,
        end,
    })
}

/// The call that verifies; without one, the base URL itself.
pub(super) fn call_of(
    open: &OpenIntegration,
    probe: Option<&Probe>,
) -> Result<OutboundCall, Error> {
    let internal = |what: &'static str| Error::Internal(Cause::from(what));
    let Some(probe) = probe else {
        return Ok(OutboundCall {
            method: Method::GET,
            endpoint: open.integration.base_url.to_string(),
            params: Vec::new(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            timeout: None,
            idempotency_key: None,
            origin: Origin::default(),
        });
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &probe.headers {
        let name: Result<HeaderName, _> = name.parse();
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(internal("a header of the verifying call is not valid"));
        };
        headers.insert(name, value);
    }
    let body = probe.body.as_ref().map(Value::to_string);
    if body.is_some() {
        let json = HeaderValue::from_static("application/json");
        headers.entry(header::CONTENT_TYPE).or_insert(json);
    }
    Ok(OutboundCall {
        method: probe
            .method
            .parse()
            .map_err(|_| internal("the method of the verifying call is not valid"))?,
        endpoint: probe.path.clone(),
        params: Vec::new(),
        headers,
        body: body.unwrap_or_default().into(),
        timeout: None,
        idempotency_key: None,
        origin: Origin::default(),
    })
}

type Judgement = (Option<u16>, Option<u64>, Result<(), Error>);

fn judged(answer: OutboundAnswer, probe: Option<&Probe>) -> Judgement {
    let status = answer.status.as_u16();
    let took = u64::try_from(answer.duration.as_millis()).unwrap_or(u64::MAX);
    let failed = |problem| {
        let error = UpstreamError::answered(answer.id, problem, answer.is_repeatable);
        Err(Error::Upstream(Box::new(error)))
    };
    let end = match (answer.problem, probe) {
        // That something is not at the base URL says nothing of the credentials.
        (Some(problem), None) if of_the_call(problem.category) => Ok(()),
        (Some(problem), _) => failed(problem),
        (None, Some(probe)) if !succeeded(probe, answer.status, &answer.body) => {
            failed(UpstreamProblem {
                category: ErrorCategory::Authentication,
                status: Some(status),
                ..UpstreamProblem::unanswered("not_successful", false)
            })
        }
        (None, _) => Ok(()),
    };
    (Some(status), Some(took), end)
}

fn of_the_call(category: ErrorCategory) -> bool {
    matches!(category, ErrorCategory::Data | ErrorCategory::Business)
}

fn succeeded(probe: &Probe, status: StatusCode, body: &[u8]) -> bool {
    let Some(success) = &probe.success else {
        return status.is_success();
    };
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    status.is_success() && success.accepts(&document)
}
