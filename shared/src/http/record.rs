//! Records what requests do in the audit trail: changes before they are made, and how they ended; what
//! was denied; and who came for the first time.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::problem::code_of;
use super::{ApiError, OriginOf};
use crate::access::{Caller, Recording, Route};
use crate::audit::{AuditError, Trail};
use crate::domain::{AuditOutcome, AuditSubject, Error, NewAuditEntry, Origin};
use crate::lambda::telemetry::chain;

/// What a route is called in the trail, and when it is recorded there.
#[derive(Clone, Copy)]
struct Recorded {
    word: &'static str,
    recording: Recording,
}

impl Recorded {
    /// Of a request on the router's route `path`. One that has no row is answered to nobody; were it
    /// all the same, what it changes would be recorded.
    fn of(method: &Method, path: &str) -> Self {
        match Route::of(method.as_str(), path) {
            Some(route) => Self {
                word: route.word,
                recording: route.recording,
            },
            None if method.is_safe() => Self {
                word: "portal.read",
                recording: Recording::Denials,
            },
            None => Self {
                word: "portal.change",
                recording: Recording::Twice,
            },
        }
    }
}

/// So many sessions are remembered in one running function. One that was forgotten starts again.
const MAX_SESSIONS: usize = 4_096;
const SESSION: &str = "session.start";

/// A part of a request that is recorded by itself, as a request of its own would be.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// By whom it is done.
    pub caller: &'a Caller,
    /// From where.
    pub origin: &'a Origin,
    /// The word of what is done.
    pub action: &'static str,
    /// What it is done to, if that is known before.
    pub subject: Option<AuditSubject>,
}

/// What [`recorded`] records with. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    trail: Trail,
    sessions: Arc<Mutex<Sessions>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// Records in `trail`.
    #[must_use]
    pub fn new(trail: Trail) -> Self {
        Self {
            trail,
            sessions: Arc::default(),
        }
    }

    /// Does a part of a request, recorded before it is done, and when it has ended. What was made by it is
    /// the subject then. What cannot be recorded is not done.
    ///
    /// # Errors
    ///
    /// Those of `doing`; or it cannot be recorded.
    pub async fn around<T>(
        &self,
        part: Part<'_>,
        doing: impl Future<Output = Result<T, Error>>,
        made: impl FnOnce(&T) -> Option<AuditSubject>,
    ) -> Result<T, Error> {
        let Part { caller, origin, .. } = part;
        let of_part = |outcome| NewAuditEntry {
            subject: part.subject.clone(),
            ..entry(caller, part.action, outcome, origin)
        };
        let started = of_part(AuditOutcome::Started);
        self.trail.record(caller.organization_id, started).await?;
        let done = doing.await;
        let ended = match &done {
            Ok(done) => NewAuditEntry {
                subject: made(done).or(part.subject.clone()),
                ..of_part(AuditOutcome::Succeeded)
            },
            Err(error) => {
                let code = code_of(error);
                NewAuditEntry {
                    code: Some(code.code.to_owned()),
                    ..of_part(outcome_of(Some(error), code.status))
                }
            }
        };
        self.after(caller, ended).await;
        done
    }

    /// Records what has happened. It has, whether it can be recorded or not.
    async fn after(&self, caller: &Caller, entry: NewAuditEntry) {
        let (action, outcome) = (entry.action, entry.outcome.as_str());
        if let Err(error) = self.trail.record(caller.organization_id, entry).await {
            tracing::error!(
                organization.id = %caller.organization_id,
                action,
                outcome,
                cause = chain(&error),
                "how {action} ended is not in the audit trail"
            );
        }
    }

    /// Records the beginning of a session, and of what is to be done, as one page.
    async fn before(
        &self,
        caller: &Caller,
        started: Option<NewAuditEntry>,
        parts: &Parts,
        origin: &Origin,
    ) -> Result<(), AuditError> {
        let session = session_of(parts).filter(|session| !self.sessions().is_known(session));
        let organization = caller.organization_id;
        let begun = async {
            if let Some(session) = session {
                let entry = entry(caller, SESSION, AuditOutcome::Succeeded, origin);
                self.trail.record(organization, entry).await?;
                self.sessions().remember(session);
            }
            Ok(())
        };
        let started = async {
            if let Some(entry) = started {
                self.trail.record(organization, entry).await?;
            }
            Ok(())
        };
        tokio::try_join!(begun, started).map(|_| ())
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Digests of tokens that have been seen, the last ones only.
#[derive(Default)]
struct Sessions {
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Sessions {
    fn is_known(&self, session: &[u8; 32]) -> bool {
        self.known.contains(session)
    }

    fn remember(&mut self, session: [u8; 32]) {
        if !self.known.insert(session) {
            return;
        }
        self.order.push_back(session);
        if self.order.len() > MAX_SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn session_of(parts: &Parts) -> Option<[u8; 32]> {
    let token = parts.headers.get(header::AUTHORIZATION)?;
    Some(Sha256::digest(token.as_bytes()).into())
}

/// A layer that records requests; inside of `authenticated`, outside of all that can deny or change
/// something. What cannot be recorded is not done: 503. How a request ended is recorded of what its
/// path names, or, if the answer bears an [`AuditSubject`] as an extension, of that.
pub async fn recorded(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().cloned();
    let path = parts.extensions.get::<MatchedPath>();
    let action = path.map(|path| Recorded::of(&parts.method, path.as_str()));
    let (Some(caller), Some(action)) = (caller, action) else {
        // Nobody is there to be named, or no route: nothing is done.
        return next.run(Request::from_parts(parts, body)).await;
    };
    let OriginOf(origin) = match OriginOf::from_request_parts(&mut parts, &()).await {
        Ok(origin) => origin,
        Err(never) => match never {},
    };
    let subject = subject_of(parts.uri.path());
    let of_request = |outcome| NewAuditEntry {
        subject: subject.clone(),
        ..entry(&caller, action.word, outcome, &origin)
    };
    let started = match action.recording {
        Recording::Twice | Recording::Once => Some(of_request(AuditOutcome::Started)),
        Recording::Denials => None,
    };
    if let Err(error) = recorder.before(&caller, started, &parts, &origin).await {
        return ApiError::from(Error::from(error)).into_response();
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some((outcome, code)) = end_of(&response, action) {
        let mut entry = of_request(outcome);
        entry.code = code.map(str::to_owned);
        let told = response.extensions().get::<AuditSubject>().cloned();
        entry.subject = told.or_else(|| made(&response)).or(entry.subject);
        recorder.after(&caller, entry).await;
    }
    response
}

/// What is recorded of an answer, if something is.
fn end_of(response: &Response, action: Recorded) -> Option<(AuditOutcome, Option<&'static str>)> {
    let error = response.extensions().get::<ApiError>();
    let code = error.map(|error| code_of(&error.0).code);
    let status = response.status();
    let outcome = outcome_of(error.map(|error| &*error.0), status);
    let is_recorded = match action.recording {
        Recording::Twice => true,
        Recording::Once => outcome != AuditOutcome::Succeeded,
        Recording::Denials => outcome == AuditOutcome::Denied,
    };
    is_recorded.then_some((outcome, code))
}

/// How it ended what was answered by `status`, because of `error`, if there is one.
fn outcome_of(error: Option<&Error>, status: StatusCode) -> AuditOutcome {
    match error {
        Some(Error::Forbidden) => AuditOutcome::Denied,
        _ if status.is_server_error() => AuditOutcome::Failed,
        _ if status.is_client_error() => AuditOutcome::Refused,
        _ => AuditOutcome::Succeeded,
    }
}

fn entry(
    caller: &Caller,
    action: &'static str,
    outcome: AuditOutcome,
    origin: &Origin,
) -> NewAuditEntry {
    NewAuditEntry::new(caller.into(), action, outcome).from(origin)
}

/// What the path names last that is one of ours; what follows `proxy` or `records` is the provider's.
fn subject_of(path: &str) -> Option<AuditSubject> {
    let ours = path
        .split('/')
        .take_while(|segment| !["proxy", "records"].contains(segment));
    ours.filter_map(AuditSubject::of_id).last()
}

/// What was made.
fn made(response: &Response) -> Option<AuditSubject> {
    let location = response.headers().get(header::LOCATION)?;
    subject_of(location.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_last_of_ours_in_the_path() {
        let id = |prefix: &str| format!("{prefix}01K72Z5QSW0123456789ABCDEF");
        let (integration, endpoint) = (id("int_"), id("whk_"));
        let path = format!("/portal/integrations/{integration}/webhooks/{endpoint}/secrets");
        assert_eq!(subject_of(&path).unwrap().id, endpoint);
        for theirs in ["proxy", "records/contacts"] {
            let path = format!("/portal/integrations/{integration}/{theirs}/{endpoint}");
            assert_eq!(subject_of(&path).unwrap().id, integration, "{theirs}");
        }
        assert_eq!(subject_of("/portal/integrations"), None);
    }

    #[test]
    fn sessions_that_were_seen_last_are_remembered() {
        let mut sessions = Sessions::default();
        let session = |number: usize| -> [u8; 32] { Sha256::digest(number.to_be_bytes()).into() };
        for number in 0..=MAX_SESSIONS {
            sessions.remember(session(number));
            sessions.remember(session(number));
        }
        assert!(!sessions.is_known(&session(0)));
        assert!(sessions.is_known(&session(1)) && sessions.is_known(&session(MAX_SESSIONS)));
        assert_eq!(sessions.known.len(), MAX_SESSIONS);
    }
}
