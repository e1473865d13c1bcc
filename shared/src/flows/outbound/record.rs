//! The log of requests: written before a call is made, and again when it has ended.

use http::{HeaderMap, header};
use serde_json::json;

use super::attempts::Running;
use super::behalf::Behalf;
use super::prepare::Prepared;
use super::{OpenIntegration, OutboundAnswer};
use crate::domain::{
    AuditOutcome, AuditSubject, CacheUse, Error, NewAuditEntry, RequestRecord, RequestStatus,
    Sealed, Timestamp,
};
use crate::http::code_of;
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::vault::SealContext;

/// More of a body is not kept in the log, in bytes: an item of the table has its limit.
const KEPT_BODY_BYTES: usize = 64 * 1024;

/// The entry of a call that begins.
pub(super) fn begun(behalf: &Behalf, open: &OpenIntegration, call: &Prepared<'_>) -> RequestRecord {
    let masking = &open.config.masking;
    let mut query_names = call.target.query_names();
    query_names.sort_unstable();
    query_names.dedup();
    RequestRecord {
        id: call.id,
        organization_id: behalf.organization,
        integration_id: open.integration.id,
        caller: behalf.subject.clone(),
        method: call.method.to_string(),
        path: masking.mask_path(call.target.path()),
        query_names,
        status: RequestStatus::Started,
        response_status: None,
        attempts: 0,
        cache: CacheUse::None,
        error: None,
        upstream_code: None,
        request_bytes: call.body.len() as u64,
        response_bytes: 0,
        started_at: call.started_at,
        ended_at: None,
        duration_ms: None,
        credential_version: None,
        trace_id: None,
        bodies: None,
    }
}

/// Completes the entry of a call that has ended.
pub(super) fn ended(
    record: &mut RequestRecord,
    end: &Result<OutboundAnswer, Error>,
    now: Timestamp,
) {
    record.ended_at = Some(now);
    let took = now.since(record.started_at).as_millis();
    record.duration_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
    match end {
        Ok(answer) => {
            record.status = match answer.problem {
                None => RequestStatus::Succeeded,
                Some(_) => RequestStatus::Failed,
            };
            record.response_status = Some(answer.status.as_u16());
            record.response_bytes = answer.body.len() as u64;
            record.cache = answer.cache;
            if let Some(problem) = &answer.problem {
                record.error = Some(problem.category.as_str().to_owned());
                record.upstream_code = problem.code.clone();
            }
        }
        Err(error) => {
            record.status = RequestStatus::Failed;
            record.error = Some(code_of(error).code.to_owned());
            if let Error::Upstream(error) = error {
                record.upstream_code.clone_from(&error.problem.code);
                record.response_status = error.problem.status;
            }
        }
    }
}

impl Running<'_> {
    fn expires_at(&self) -> Timestamp {
        self.record.started_at.plus(self.inner.retention)
    }

    /// Notes that the integration is in use, before there is anything in its log to be rolled up.
    async fn note_activity(&self) {
        let (organization, integration) = self.ids();
        let activity = &self.inner.activity;
        activity
            .note(organization, integration, self.record.started_at)
            .await;
    }

    /// Writes the entry before the call is made: what cannot be written is not made.
    pub(super) async fn log_start(&self) -> Result<(), Error> {
        self.note_activity().await;
        let store = &self.inner.services.store;
        store.start_request(&self.record, self.expires_at()).await?;
        Ok(())
    }

    /// Records in the audit trail that the credentials are about to be used: what cannot be recorded
    /// is not done.
    pub(super) async fn record_use(&self) -> Result<(), Error> {
        let (organization, integration) = self.ids();
        let action = match (self.candidate(), self.of_rotation()) {
            (Some(_), _) => "credential.test",
            (None, Some(_)) => "credential.rotate",
            (None, None) => "credential.use",
        };
        let actor = self.behalf.actor.clone();
        let mut entry = NewAuditEntry::new(actor, action, AuditOutcome::Started)
            .of(AuditSubject::new("integration", integration))
            .from(&self.call.origin);
        let call = self.call.id;
        entry.detail = Some(match &self.record.credential_version {
            Some(version) => format!("call {call}, credential version {version}"),
            None => format!("call {call}"),
        });
        let trail = &self.inner.services.trail;
        trail.record(organization, entry).await?;
        Ok(())
    }

    /// Says how the call ended. If that cannot be written, the entry goes on saying that it was
    /// begun, which is true.
    pub(super) async fn log_end(&mut self, end: &Result<OutboundAnswer, Error>) {
        self.complete(end).await;
        let store = &self.inner.services.store;
        if let Err(error) = store.end_request(&self.record, self.expires_at()).await {
            let id = self.call.id;
            tracing::error!(request.id = %id, cause = chain(&error), "how {id} ended is not in its log");
        }
    }

    /// Writes the whole entry of a call for which nothing is sent.
    pub(super) async fn log_once(&mut self, end: &Result<OutboundAnswer, Error>) {
        self.note_activity().await;
        self.complete(end).await;
        let store = &self.inner.services.store;
        if let Err(error) = store.add_request(&self.record, self.expires_at()).await {
            let id = self.call.id;
            tracing::error!(request.id = %id, cause = chain(&error), "{id} is not in the log");
        }
    }

    async fn complete(&mut self, end: &Result<OutboundAnswer, Error>) {
        let now = self.inner.services.sources.now();
        ended(&mut self.record, end, now);
        self.record.bodies = self.kept_bodies(end.as_ref().ok()).await;
        let metrics = &self.inner.metrics;
        match end {
            Ok(OutboundAnswer { problem: None, .. }) => {
                metrics.count(Metric::RequestsSucceeded, now)
            }
            Ok(OutboundAnswer {
                problem: Some(problem),
                ..
            }) => {
                metrics.count_for(Metric::RequestsFailed, problem.category.as_str(), now);
            }
            Err(error) => metrics.count_for(Metric::RequestsFailed, code_of(error).code, now),
        }
        if self.record.cache == CacheUse::Hit {
            metrics.count(Metric::RequestsCached, now);
        }
        let took = self.record.duration_ms.unwrap_or_default();
        metrics.measure(Metric::RequestLatency, took, now);
    }

    /// The bodies, masked and sealed, if the integration wants them to be kept.
    async fn kept_bodies(&self, answer: Option<&OutboundAnswer>) -> Option<Sealed> {
        let (open, call) = (self.open, &self.call);
        if !open.config.keep_bodies || self.of_rotation().is_some() {
            return None;
        }
        let masked = |headers: &HeaderMap, body: &[u8]| {
            let media_type = headers.get(header::CONTENT_TYPE);
            let media_type = media_type.and_then(|value| value.to_str().ok());
            let text = open.config.masking.mask_body(media_type, body);
            excerpt(text)
        };
        let bodies = json!({
            "request": masked(&call.headers, &call.body),
            "response": answer.map(|answer| masked(&answer.headers, &answer.body)),
        });
        let context = SealContext::RequestBodies {
            integration: open.integration.id,
            request: call.id,
        };
        let organization = open.integration.organization_id;
        let keys = &self.inner.services.keys;
        let sealed = async {
            keys.ensure(organization).await?;
            let bytes = bodies.to_string();
            keys.seal(organization, &context, bytes.as_bytes()).await
        };
        match sealed.await {
            Ok(sealed) => Some(sealed),
            Err(error) => {
                let id = call.id;
                tracing::warn!(request.id = %id, cause = chain(&error), "the bodies of {id} are not kept");
                None
            }
        }
    }
}

/// The beginning of a text, cut off between characters.
fn excerpt(mut text: String) -> String {
    if text.len() > KEPT_BODY_BYTES {
        let end = (0..=KEPT_BODY_BYTES)
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
    }
    text
}
