//! What is decided of a call before anything is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use super::{OpenIntegration, OutboundCall, Services};
use crate::domain::gateway::{CallerHeaders, EffectiveRules, Target, TransformSide, is_repeatable};
use crate::domain::{Error, Origin, RequestId, Timestamp};

/// The largest body that is sent, in bytes: Lambda is handed no more in one invocation.
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// The methods that may be called with.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// A call that is ready to be made, but for its credentials.
pub(super) struct Prepared<'a> {
    pub(super) id: RequestId,
    pub(super) started_at: Timestamp,
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    pub(super) rules: EffectiveRules<'a>,
    pub(super) origin: Origin,
    /// Whether the same request, sent twice, does no more than sent once.
    pub(super) is_repeatable: bool,
    /// Whether that is so if the caller makes the call again: a key that we made is of no help then.
    pub(super) is_repeatable_by_caller: bool,
}

/// Checks a call against the integration, and turns it into what is sent.
pub(super) fn prepare<'a>(
    open: &'a OpenIntegration,
    call: OutboundCall,
    services: &Services,
) -> Result<Prepared<'a>, Error> {
    if !METHODS.contains(&call.method) {
        let message = "expected `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`";
        return Err(Error::field("/method", message));
    }
    if call.body.len() > MAX_BODY_BYTES {
        return Err(Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES as u64,
        });
    }
    let target = target(open, &call, services)?;
    let rules = open.config.rules_for(&call.method, target.path());
    check_schema(open, &rules, &call.body)?;
    let mut headers =
        CallerHeaders::new(&open.config.allowed_headers, &open.auth).pass(&call.headers);
    let body = transformed(&rules, &mut headers, call.body)?;
    let now = services.sources.now();
    let id = RequestId::generate(now, services.sources.randomness.as_ref());
    let has_callers_key = call.idempotency_key.is_some();
    let key = idempotency_key(open, &call.method, call.idempotency_key, id);
    let has_key = key.is_some();
    let is_repeatable = |has_key| is_repeatable(&call.method, has_key, rules.idempotent);
    let (by_us, by_caller) = (
        is_repeatable(has_key),
        is_repeatable(has_key && has_callers_key),
    );
    headers.extend(key);
    // A compressed answer could not be searched for credentials.
    let identity = HeaderValue::from_static("identity");
    headers.insert(header::ACCEPT_ENCODING, identity);
    let most = rules.timeout;
    Ok(Prepared {
        timeout: call.timeout.map_or(most, |timeout| timeout.min(most)),
        started_at: now,
        is_repeatable: by_us,
        is_repeatable_by_caller: by_caller,
        origin: call.origin,
        method: call.method,
        id,
        target,
        headers,
        body,
        rules,
    })
}

fn target(
    open: &OpenIntegration,
    call: &OutboundCall,
    services: &Services,
) -> Result<Target, Error> {
    let base = &open.integration.base_url;
    let target = Target::new(base, &open.profile.hosts, &call.endpoint, &call.params)
        .map_err(|error| Error::field("/endpoint", error.to_string()))?;
    // What is written into the URL is refused here; where its name leads, when it is called.
    services
        .egress
        .check_url(target.url())
        .map_err(|error| Error::field("/endpoint", error.to_string()))?;
    Ok(target)
}

/// The header by which the provider recognises a repetition: with the caller's key, or with one of
/// ours, so that we can repeat a call that is lost on its way.
fn idempotency_key(
    open: &OpenIntegration,
    method: &Method,
    given: Option<String>,
    id: RequestId,
) -> Option<(HeaderName, HeaderValue)> {
    let name = open.profile.idempotency_header.as_deref()?;
    if !matches!(*method, Method::POST | Method::PATCH) {
        return None;
    }
    let key = given.unwrap_or_else(|| id.to_string());
    Some((name.parse().ok()?, HeaderValue::from_str(&key).ok()?))
}

fn transformed(
    rules: &EffectiveRules<'_>,
    headers: &mut HeaderMap,
    body: Bytes,
) -> Result<Bytes, Error> {
    let Some(transform) = rules.request else {
        return Ok(body);
    };
    let new = transform
        .body(TransformSide::Request, &body)
        .map_err(|error| Error::field("/body", error.to_string()))?;
    transform.headers(headers, new.is_some());
    Ok(new.map_or(body, Bytes::from))
}

/// The caller's body, before it is changed.
fn check_schema(
    open: &OpenIntegration,
    rules: &EffectiveRules<'_>,
    body: &Bytes,
) -> Result<(), Error> {
    let Some(schema) = open.schema_of(rules)? else {
        return Ok(());
    };
    let json: Value = serde_json::from_slice(body)
        .map_err(|_| Error::field("/body", "expected JSON: the route has a schema"))?;
    schema.check("/body", &json).map_err(Error::Invalid)
}
