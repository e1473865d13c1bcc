//! A sample that is sent to an endpoint, to see whether it takes what it should.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{EndpointId, EndpointStatus, Error, EventId, IntegrationId};
use gatehouse::egress::OutboundRequest;
use gatehouse::http::{ApiError, Json, PathIds};
use gatehouse::signature::SigningSecret;
use gatehouse::signature::sample::sample;
use http::{HeaderMap, Method};
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

use crate::State;
use crate::webhook_checks::{open, url_of};

/// How long the endpoint has for its answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// How a sample fared.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestReport {
    /// Whether it was taken.
    success: bool,
    /// What was done, one after the other; the last is what failed, if something did.
    stages: Vec<StageView>,
    /// The event that it became. How its deliveries fare, `GET …/webhooks/events/{eventId}` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
}

/// A stage of a test.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StageView {
    /// `signed`, `sent`, `verified` or `queued`.
    stage: &'static str,
    /// Whether it went well.
    ok: bool,
    /// What came of it.
    message: String,
}

impl TestReport {
    fn note(&mut self, stage: &'static str, outcome: Result<String, String>) -> bool {
        let (ok, message) = match outcome {
            Ok(message) => (true, message),
            Err(message) => (false, message),
        };
        self.stages.push(StageView { stage, ok, message });
        ok
    }
}

/// Sends a sample of the provider's events to the endpoint, as the provider would: to its public
/// URL, signed with the newest secret. What is taken is an event like any other.
pub(crate) async fn test(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
) -> Result<impl IntoResponse, ApiError> {
    let now = state.sources.now();
    let opened = open(&state, &caller, integration, id, now).await?;
    if opened.endpoint.status != EndpointStatus::Active {
        return Err(Error::Conflict("the endpoint is not active".to_owned()).into());
    }
    let mut report = TestReport {
        success: false,
        stages: Vec::new(),
        event_id: None,
    };
    let mut url = url_of(&state, &opened.endpoint);
    let mut bytes = [0; 16];
    state.sources.randomness.fill(&mut bytes);
    let event = format!("test_{}", Ulid::from_bytes(bytes));
    let nothing = SigningSecret::from(secrecy::SecretString::default());
    let secret = opened.valid.first().map_or(&nothing, |(_, secret)| secret);
    let signed = sample(
        opened.scheme,
        &opened.settings,
        secret,
        url.as_str(),
        &event,
        now.into(),
    );
    let signed = match signed {
        Ok(signed) => signed,
        Err(error) => {
            report.note("signed", Err(error.to_string()));
            return Ok(Json(report));
        }
    };
    report.note("signed", Ok(format!("an event with the id `{event}`")));
    url.set_query(signed.query.as_deref());
    let mut request = OutboundRequest::new(Method::POST, url, TIMEOUT);
    request.headers = signed.headers;
    request.body = signed.body.into();
    match state.egress.send(request).await {
        Err(error) => {
            report.note("sent", Err(error.to_string()));
        }
        Ok(answer) => {
            let status = answer.status.as_u16();
            report.note("sent", Ok(format!("the public URL answered {status}")));
            judge(&mut report, status, &answer.headers);
        }
    }
    Ok(Json(report))
}

/// What the endpoint's answer says of the stages that come before it.
fn judge(report: &mut TestReport, status: u16, headers: &HeaderMap) {
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let verified = match status {
        200..=299 => Ok("the signature holds".to_owned()),
        401 => Err("the signature is refused".to_owned()),
        403 => Err("calls from here are not among `allowedNetworks`".to_owned()),
        404 => Err("the path is unknown: the integration takes no webhooks, or something else answers there".to_owned()),
        _ => Err("the request was not judged".to_owned()),
    };
    if !report.note("verified", verified) {
        return;
    }
    report.event_id = told("gatehouse-event-id").and_then(|id| id.parse().ok());
    let queued = match (report.event_id, told("gatehouse-event-count")) {
        (Some(id), _) => Ok(format!("as {id}")),
        (None, Some(count)) => Ok(format!("{count} events")),
        (None, None) => Err("the answer is not Gatehouse's".to_owned()),
    };
    report.success = report.note("queued", queued);
}
