//! The calls to the provider, and what their answers mean.

use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;

use super::super::observe::observe;
use super::super::pages::FUNCTION;
use super::{Attempt, Pusher};
use crate::domain::gateway::{ErrorCategory, UpstreamProblem, is_repeatable};
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{
    Answered, ChangeOrigin, Observation, OutgoingCall, PushError, PushFailure, RecordCall,
    SourceVersion, check_content,
};
use crate::domain::{Digest, Error, Origin, Timestamp};
use crate::flows::outbound::{OpenIntegration, OutboundAnswer, OutboundCall};
use std::time::Duration;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// After how long it is tried again where a person has to do something about the integration.
const UNUSABLE: Duration = Duration::from_secs(900);

/// What came of a call that tells the provider of a change.
pub(super) enum Outcome {
    /// It has the change.
    Accepted(Box<Accepted>),
    /// It has no such record (any more): seen at this instant.
    Gone(Timestamp),
    /// It has another version of the record than this change is of.
    Clash(PushError),
    /// It was not done, or nobody knows.
    Failed(PushError, PushFailure),
}

/// What the provider's answer says.
pub(super) struct Accepted {
    /// When the answer was there.
    pub(super) at: Timestamp,
    pub(super) request: crate::domain::RequestId,
    /// The record's id, if the answer has one.
    pub(super) id: Option<String>,
    /// What it shows of the record; nothing, if it does not.
    pub(super) answered: Option<Answered>,
}

/// Whether making the call twice does no more than making it once.
pub(super) fn is_recognised(open: &OpenIntegration, call: &OutgoingCall) -> bool {
    let keyed = matches!(call.method, Method::POST | Method::PATCH);
    let has_key = keyed && open.profile.idempotency_header.is_some();
    let path = call.path.split('?').next().unwrap_or_default();
    let rules = open.config.rules_for(&call.method, path);
    is_repeatable(&call.method, has_key, rules.idempotent)
}

impl Pusher {
    /// Tells the provider.
    pub(super) async fn call(
        &self,
        attempt: &Attempt<'_>,
        outgoing: &OutgoingCall,
        recognised: bool,
    ) -> Result<Outcome, Error> {
        let due = attempt.due;
        let owner = (due.organization, FUNCTION);
        let call = outbound_call(outgoing, Some(key(attempt, outgoing)));
        let called = self
            .outbound
            .execute_as_system(owner, due.integration, call);
        let answer = Box::pin(called).await;
        let now = self.sources.now();
        match answer {
            Ok(answer) => Ok(attempt.outcome(&answer, recognised, now)),
            Err(error) => attempt
                .trouble(error, now)
                .map(|(error, failure)| Outcome::Failed(error, failure)),
        }
    }

    /// Reads the record as the provider has it; an error that is to be kept, if that fails.
    pub(super) async fn look(
        &self,
        attempt: &Attempt<'_>,
        id: &str,
        read: &OutgoingCall,
    ) -> Result<Result<Observation, (PushError, PushFailure)>, Error> {
        let due = attempt.due;
        let owner = (due.organization, FUNCTION);
        let call = outbound_call(read, None);
        let called = self
            .outbound
            .execute_as_system(owner, due.integration, call);
        let answer = match Box::pin(called).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(attempt.trouble(error, self.sources.now())?)),
        };
        let now = self.sources.now();
        let (id, at) = (id.to_owned(), answer.started_at);
        if matches!(answer.status.as_u16(), 404 | 410) {
            let gone = Observation::deleted(id, None, at, ChangeOrigin::Sync);
            return Ok(Ok(gone));
        }
        if answer.problem.is_some() || !answer.status.is_success() {
            return Ok(Err(attempt.refused(&answer, true, now)));
        }
        let call = attempt.settings.rules.calls.read.as_ref();
        let found = record_in(&answer, call).filter(Value::is_object);
        let seen = found
            .zip(attempt.settings.listed)
            .and_then(|(record, listed)| {
                let observed = observe(&[record], listed, at, ChangeOrigin::Sync);
                observed.records.into_iter().find(|seen| seen.id == id)
            });
        Ok(seen.ok_or_else(|| {
            let error = attempt.error_of(answer.id, "unreadable", now);
            (error, PushFailure::Stays)
        }))
    }
}

impl Attempt<'_> {
    fn call_of(&self) -> Option<&RecordCall> {
        let calls = &self.settings.rules.calls;
        match self.change {
            Change::Create(_) => calls.create.as_ref(),
            Change::Update(_) => calls.update.as_ref(),
            Change::Delete => calls.delete.as_ref(),
        }
    }

    fn outcome(&self, answer: &OutboundAnswer, recognised: bool, now: Timestamp) -> Outcome {
        let is_create = matches!(self.change, Change::Create(_));
        let status = answer.status.as_u16();
        match status {
            404 | 410 if !is_create => return Outcome::Gone(answer.started_at),
            409 | 412 if !is_create => {
                let (error, _) = self.refused(answer, recognised, now);
                let code = "changed_there".to_owned();
                return Outcome::Clash(PushError { code, ..error });
            }
            _ => {}
        }
        if answer.problem.is_some() || !answer.status.is_success() {
            let (error, failure) = self.refused(answer, recognised, now);
            return Outcome::Failed(error, failure);
        }
        let record = record_in(answer, self.call_of());
        let shown = self.call_of().is_some_and(|call| call.result.is_some());
        Outcome::Accepted(Box::new(Accepted {
            at: now,
            request: answer.id,
            id: record.as_ref().and_then(|record| self.id_in(record)),
            answered: record
                .filter(|record| shown && record.is_object())
                .and_then(|record| self.shown(&record)),
        }))
    }

    fn id_in(&self, record: &Value) -> Option<String> {
        let id = match self.settings.listed {
            Some(listed) => listed.source.id.evaluate(record).ok()?,
            None => record.get("id")?.clone(),
        };
        match id {
            Value::String(id) if !id.is_empty() => Some(id),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// What an answer shows of the record. It may show a part of it.
    fn shown(&self, record: &Value) -> Option<Answered> {
        let field = (self.settings.listed).and_then(|listed| listed.source.cursor_field.as_ref());
        let version = field.and_then(|field| field.evaluate(record).ok());
        let partial = self.settings.rules.mapper().read_partial(record).ok()?;
        check_content(&partial.fields).ok()?;
        Some(Answered {
            fields: partial.fields,
            version: version.as_ref().and_then(SourceVersion::of),
        })
    }

    /// What an answer that is no success means.
    fn refused(
        &self,
        answer: &OutboundAnswer,
        recognised: bool,
        now: Timestamp,
    ) -> (PushError, PushFailure) {
        let problem = answer.problem.as_ref();
        let code = problem.and_then(|problem| problem.code.clone());
        let code = code.filter(|code| code.len() <= 128);
        let error = PushError {
            status: Some(answer.status.as_u16()),
            ..self.error_of(answer.id, code.as_deref().unwrap_or("refused"), now)
        };
        let Some(problem) = problem else {
            return (error, PushFailure::Stays);
        };
        let failure = self.failure_of(problem, recognised);
        let is_unknown = failure == PushFailure::Unknown;
        let code = is_unknown.then(|| "outcome_unknown".to_owned());
        let code = code.unwrap_or_else(|| error.code.clone());
        (PushError { code, ..error }, failure)
    }

    fn failure_of(&self, problem: &UpstreamProblem, recognised: bool) -> PushFailure {
        let is_create = matches!(self.change, Change::Create(_));
        let failed_itself = problem.category == ErrorCategory::Network
            && problem
                .status
                .is_none_or(|status| status >= 500 || status == 408);
        if failed_itself && is_create && !recognised {
            return PushFailure::Unknown;
        }
        if failed_itself || problem.is_transient {
            return PushFailure::Passes(problem.retry_after);
        }
        if problem.status == Some(401) {
            // Of the credentials, not of this record: when they are replaced, it goes on.
            return PushFailure::Passes(Some(UNUSABLE));
        }
        PushFailure::Stays
    }

    /// What it means that there was no answer; an error, if that is ours.
    pub(super) fn trouble(
        &self,
        error: Error,
        now: Timestamp,
    ) -> Result<(PushError, PushFailure), Error> {
        let is_create = matches!(self.change, Change::Create(_));
        Ok(match error {
            Error::Upstream(error) if error.outcome_unknown && is_create => {
                let kept = self.error_of(error.request, "outcome_unknown", now);
                (kept, PushFailure::Unknown)
            }
            Error::Upstream(error) => {
                let code = error.problem.code.as_deref().unwrap_or("unavailable");
                let kept = PushError {
                    status: error.problem.status,
                    ..self.error_of(error.request, code, now)
                };
                let failure = self.failure_of(&error.problem, true);
                (kept, failure)
            }
            Error::RateLimited { retry_after } | Error::ProviderBarred { retry_after } => (
                self.error("unavailable", now),
                PushFailure::Passes(Some(retry_after)),
            ),
            Error::Conflict(_) | Error::ConsentNeeded(_) => (
                self.error("integration_unusable", now),
                PushFailure::Passes(Some(UNUSABLE)),
            ),
            Error::Invalid(_) => (self.error("refused", now), PushFailure::Stays),
            Error::TooLarge { .. } => (self.error("too_large", now), PushFailure::Stays),
            error => return Err(error),
        })
    }
}

/// The record in an answer, or all of its JSON, if nothing says where it is.
fn record_in(answer: &OutboundAnswer, call: Option<&RecordCall>) -> Option<Value> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    match call.and_then(|call| call.result.as_ref()) {
        Some(result) => result.evaluate(&json).ok(),
        None => Some(json),
    }
}

fn outbound_call(call: &OutgoingCall, key: Option<String>) -> OutboundCall {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json.clone());
    if call.body.is_some() {
        headers.insert(header::CONTENT_TYPE, json);
    }
    let body = call.body.as_ref();
    OutboundCall {
        method: call.method.clone(),
        endpoint: call.path.clone(),
        params: Vec::new(),
        headers,
        body: body.map_or_else(Default::default, |body| body.to_string().into()),
        timeout: Some(TIMEOUT),
        idempotency_key: key,
        origin: Origin::default(),
    }
}

/// By which the provider recognises the same change of the same version of the record. After it has said
/// that it did not do it, another try is another.
fn key(attempt: &Attempt<'_>, call: &OutgoingCall) -> String {
    let at = attempt.due.at();
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    let push = &attempt.push.item;
    Digest::of_parts(&[
        &at.organization.ulid().to_bytes(),
        &at.integration.ulid().to_bytes(),
        at.entity.as_bytes(),
        at.record.as_bytes(),
        &attempt.version.to_be_bytes(),
        &push.clashes.to_be_bytes(),
        &push.refusals.to_be_bytes(),
        body.as_bytes(),
    ])
    .to_string()
}
