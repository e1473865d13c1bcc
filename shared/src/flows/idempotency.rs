use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::domain::{Actor, Cause, Error, Sources, Timestamp};
use crate::http::{ApiError, RequestId, idempotency_key, renamed_problem};
use crate::store::{Begun, Digest, IdempotentRequest, Store};
use crate::vault::{DataKeys, SealContext};

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What of an answer's headers is given again.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
/// The largest body of a request or an answer that is looked at.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Longer than a function may run: a request that broke off can be made again after it.
const LEASE: Duration = Duration::from_secs(35);
/// How long a key is remembered.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// What becomes of a request whose function ended before it had answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It may be made again: all of its effects are ours, and making them twice is making them once.
    RunAgain,
    /// It is refused for as long as its key is remembered: it may have had an effect elsewhere.
    Refuse,
}

/// What is needed to keep answers.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// What becomes of requests that were not finished.
    pub unfinished: Unfinished,
    /// Where they are kept.
    pub store: Store,
    /// What seals them: an answer may show a secret that is shown once.
    pub keys: DataKeys,
    /// Says when.
    pub sources: Sources,
}

/// An answer, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Answer {
    headers: Vec<(String, String)>,
    body: String,
}

/// A layer by which a `POST` with an `Idempotency-Key` has one effect however often it is sent:
/// repetitions by the same caller within 24 hours get the first answer again. An error that another try
/// may not meet is not kept.
///
/// # Errors
///
/// If the key is not well formed, is in use, or was used for another request.
pub async fn idempotent(
    State(idempotency): State<Idempotency>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(key) = key_of(&request)? else {
        return Ok(next.run(request).await);
    };
    let id = request.extensions().get::<RequestId>().cloned();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES as u64,
        })?;
    let now = idempotency.sources.now();
    let actor = Actor::from(&caller);
    let target = [
        actor.kind.as_str().as_bytes(),
        caller.subject.as_bytes(),
        parts.method.as_str().as_bytes(),
        parts.uri.path().as_bytes(),
        key.as_bytes(),
    ];
    let begun = IdempotentRequest {
        organization: caller.organization_id,
        key: Digest::of_parts(&target),
        request: Digest::of(&body),
        leased_until: now.plus(idempotency.unfinished.lease()),
        expires_at: now.plus(MEMORY),
    };
    match idempotency.store.begin_idempotent(&begun, now).await? {
        Begun::New => {}
        Begun::InProgress { until } => {
            return Err(idempotency.unfinished.refusal(until, now).into());
        }
        Begun::Mismatch => return Err(Error::IdempotencyKeyReused.into()),
        Begun::Done { status, response } => {
            let context = SealContext::FinishedRequest { key: begun.key };
            let opened = idempotency
                .keys
                .open(begun.organization, &context, &response)
                .await?;
            return again(status, &opened, id.as_ref()).map_err(ApiError::from);
        }
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if may_end_otherwise(&response) {
        idempotency.store.abandon_idempotent(&begun).await?;
        return Ok(response);
    }
    keep(&idempotency, &begun, response).await
}

impl Unfinished {
    /// For how long nobody else may run the request.
    fn lease(self) -> Duration {
        match self {
            Self::RunAgain => LEASE,
            Self::Refuse => MEMORY,
        }
    }

    /// What somebody is told who sends a request again before the first has ended.
    fn refusal(self, leased_until: Timestamp, now: Timestamp) -> Error {
        let left = leased_until.since(now);
        let may_still_run = self.lease().saturating_sub(left) < LEASE;
        match self {
            Self::Refuse if !may_still_run => Error::Conflict(
                "the first request with this idempotency key did not end, and what it did is not \
                 known; look it up, and use another key if it is to be made again"
                    .to_owned(),
            ),
            Self::RunAgain | Self::Refuse => Error::IdempotencyKeyInUse,
        }
    }
}

/// Whether another try may be answered otherwise.
fn may_end_otherwise(response: &Response) -> bool {
    match response.extensions().get::<ApiError>() {
        Some(error) => error.is_retryable(),
        None => response.status().is_server_error(),
    }
}

/// The key of a `POST`, if it has one.
fn key_of(request: &Request) -> Result<Option<String>, Error> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    Ok(idempotency_key(request.headers())?.map(str::to_owned))
}

async fn keep(
    idempotency: &Idempotency,
    begun: &IdempotentRequest,
    response: Response,
) -> Result<Response, ApiError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|error| Error::Internal(error.into()))?;
    let answer = Answer {
        headers: kept(&parts.headers),
        body: STANDARD.encode(&body),
    };
    let bytes = serde_json::to_vec(&answer).map_err(|error| Error::Internal(error.into()))?;
    let context = SealContext::FinishedRequest { key: begun.key };
    idempotency.keys.ensure(begun.organization).await?;
    let sealed = idempotency
        .keys
        .seal(begun.organization, &context, &bytes)
        .await?;
    idempotency
        .store
        .finish_idempotent(begun, parts.status.as_u16(), sealed)
        .await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let value = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
    let names = KEPT_HEADERS.iter();
    names
        .filter_map(|name| Some((name.to_string(), value(name)?)))
        .collect()
}

/// The kept answer. A problem names the request that it answers now.
fn again(status: u16, opened: &[u8], id: Option<&RequestId>) -> Result<Response, Error> {
    let corrupt = |_| Error::Internal(Cause::from("a kept answer cannot be read"));
    let answer: Answer = serde_json::from_slice(opened).map_err(|e| corrupt(Cause::from(e)))?;
    let body = STANDARD
        .decode(&answer.body)
        .map_err(|e| corrupt(Cause::from(e)))?;
    let status = StatusCode::from_u16(status).map_err(|e| corrupt(Cause::from(e)))?;
    let body = match id {
        Some(RequestId(id)) if status.is_client_error() => renamed_problem(body, id),
        _ => body,
    };
    let mut response = (status, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_request_is_waited_for_and_then_run_again_or_refused() {
        let begun = Timestamp::from_second(1_790_000_000).unwrap();
        let refusal = |unfinished: Unfinished, after: u64| {
            let until = begun.plus(unfinished.lease());
            unfinished.refusal(until, begun.plus(Duration::from_secs(after)))
        };
        for unfinished in [Unfinished::RunAgain, Unfinished::Refuse] {
            for after in [0, 34] {
                let error = refusal(unfinished, after);
                assert!(matches!(error, Error::IdempotencyKeyInUse), "{error}");
            }
        }
        for after in [35, 86_000] {
            let error = refusal(Unfinished::Refuse, after);
            assert!(matches!(error, Error::Conflict(_)), "{error}");
        }
        assert_eq!(Unfinished::RunAgain.lease(), LEASE);
    }

    #[test]
    fn only_an_answer_that_is_final_is_kept() {
        let settled = ApiError::from(Error::field("/name", "is required")).into_response();
        assert!(!may_end_otherwise(&settled));
        let retry_after = Duration::from_secs(1);
        let limited = ApiError::from(Error::RateLimited { retry_after }).into_response();
        assert!(may_end_otherwise(&limited));
        assert!(!may_end_otherwise(&StatusCode::CREATED.into_response()));
        assert!(may_end_otherwise(&StatusCode::BAD_GATEWAY.into_response()));
    }
}
