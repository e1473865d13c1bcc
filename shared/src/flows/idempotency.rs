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
use crate::domain::{Cause, Error, Sources};
use crate::http::{ApiError, idempotency_key};
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

/// What is needed to keep answers.
#[derive(Clone, Debug)]
pub struct Idempotency {
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
/// repetitions within 24 hours get the first answer again. Answers with 5xx are not kept.
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
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES as u64,
        })?;
    let now = idempotency.sources.now();
    let target = [
        parts.method.as_str().as_bytes(),
        parts.uri.path().as_bytes(),
        key.as_bytes(),
    ];
    let begun = IdempotentRequest {
        organization: caller.organization_id,
        key: Digest::of_parts(&target),
        request: Digest::of(&body),
        leased_until: now.plus(LEASE),
        expires_at: now.plus(MEMORY),
    };
    match idempotency.store.begin_idempotent(&begun, now).await? {
        Begun::New => {}
        Begun::InProgress { .. } => return Err(Error::IdempotencyKeyInUse.into()),
        Begun::Mismatch => return Err(Error::IdempotencyKeyReused.into()),
        Begun::Done { status, response } => {
            let context = SealContext::FinishedRequest { key: begun.key };
            let opened = idempotency
                .keys
                .open(begun.organization, &context, &response)
                .await?;
            return again(status, &opened).map_err(ApiError::from);
        }
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_server_error() {
        idempotency.store.abandon_idempotent(&begun).await?;
        return Ok(response);
    }
    keep(&idempotency, &begun, response).await
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

fn again(status: u16, opened: &[u8]) -> Result<Response, Error> {
    let corrupt = |_| Error::Internal(Cause::from("a kept answer cannot be read"));
    let answer: Answer = serde_json::from_slice(opened).map_err(|e| corrupt(Cause::from(e)))?;
    let body = STANDARD
        .decode(&answer.body)
        .map_err(|e| corrupt(Cause::from(e)))?;
    let status = StatusCode::from_u16(status).map_err(|e| corrupt(Cause::from(e)))?;
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
