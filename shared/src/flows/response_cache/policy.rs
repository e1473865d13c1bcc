//! What HTTP says of caching (RFC 9111), for a cache that one credential uses.
//!
//! `http-cache-semantics` decides. It reads headers less tolerantly than HTTP does, so it is given
//! them in one form: a directive in capitals, or in a header with a byte that is no ASCII, is a
//! directive all the same; a second header of a name counts as much as the first; and an age that
//! no clock has seen does not overflow.

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, request, response};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use super::answer::CachedAnswer;
use crate::domain::Timestamp;

const OPTIONS: CacheOptions = CacheOptions {
    shared: false,
    // An API's answers age at once unless the provider, or the integration, says otherwise.
    cache_heuristic: 0.0,
    immutable_min_time_to_live: Duration::from_secs(24 * 60 * 60),
    ignore_cargo_cult: false,
};
/// No answer is fresh for longer.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// An answer that is older is not told from one that is older still.
const OLDEST: u64 = 10 * 365 * 24 * 60 * 60;
/// By these the provider says itself how long an answer is fresh.
const SAYS: [&str; 4] = ["max-age", "no-cache", "no-store", "immutable"];
/// Answers that are fresh for the integration's time where the provider says nothing. An error is
/// not: it may be over with the next call.
const GOOD: [u16; 6] = [200, 203, 204, 300, 301, 308];
/// What the request says of caching.
const OF_REQUEST: [HeaderName; 2] = [header::CACHE_CONTROL, header::PRAGMA];
/// Headers of a request for a part, or under a condition of the caller's own.
const CONDITIONS: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];
/// Headers that concern one connection, or one caller.
const DROPPED: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers of the body, which an answer that has none does not change.
const OF_BODY: [HeaderName; 4] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::AGE,
];

/// Whether an answer to the request may come from a cache at all.
pub(super) fn is_for_cache(request: &request::Parts) -> bool {
    let is_safe = request.method == Method::GET || request.method == Method::HEAD;
    is_safe
        && !CONDITIONS
            .iter()
            .any(|name| request.headers.contains_key(name))
}

/// Whether the answer answers `request` at `now`.
pub(super) enum Use {
    /// It does; it is so old.
    Fresh(Duration),
    /// It may, if the provider says so to a request with these headers.
    Ask(HeaderMap),
    /// It answers something else.
    Not,
}

/// Decides whether `answer` answers `request`.
pub(super) fn usable(answer: &CachedAnswer, request: &request::Parts, now: Timestamp) -> Use {
    let policy = policy(answer, &answered(answer, request));
    let asked = asked(answer, request);
    match policy.before_request(&asked, system_time(now)) {
        BeforeRequest::Fresh(_) => Use::Fresh(policy.age(system_time(now))),
        BeforeRequest::Stale { matches: false, .. } => Use::Not,
        BeforeRequest::Stale { request, .. } => {
            let mut validators = HeaderMap::new();
            for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                if let Some(value) = request.headers.get(&name) {
                    validators.insert(name, value.clone());
                }
            }
            if validators.is_empty() {
                Use::Not
            } else {
                Use::Ask(validators)
            }
        }
    }
}

/// How long the answer is fresh from `now` on, if it may be stored: no time at all, if it has to
/// be asked for each time whether it holds still.
pub(super) fn storable(
    answer: &CachedAnswer,
    request: &request::Parts,
    now: Timestamp,
) -> Option<Duration> {
    let policy = policy(answer, &asked(answer, request));
    let varies = joined(&answer.headers, &header::VARY);
    let is_unique = varies.is_some_and(|vary| vary.to_str().is_ok_and(|vary| vary.contains('*')));
    if !policy.is_storable() || is_unique {
        return None;
    }
    let fresh = policy.time_to_live(system_time(now)).min(LONGEST);
    (!fresh.is_zero() || has_validator(answer)).then_some(fresh)
}

/// Whether the provider can be asked if the answer holds still.
pub(super) fn has_validator(answer: &CachedAnswer) -> bool {
    let names = [header::ETAG, header::LAST_MODIFIED];
    names.iter().any(|name| answer.headers.contains_key(name))
}

/// The answer as it is after the provider has said, by `not_modified`, that it holds still; `None`
/// if it said that of another one.
pub(super) fn renewed(
    answer: &CachedAnswer,
    request: &request::Parts,
    not_modified: &HeaderMap,
    now: Timestamp,
) -> Option<CachedAnswer> {
    let (mut said, ()) = http::Response::new(()).into_parts();
    said.status = http::StatusCode::NOT_MODIFIED;
    said.headers = not_modified.clone();
    let names = [header::ETAG, header::LAST_MODIFIED];
    // It was asked about this answer and no other, so it need not name it again.
    if !names.iter().any(|name| said.headers.contains_key(name)) {
        for name in names {
            if let Some(value) = answer.headers.get(&name) {
                said.headers.insert(name, value.clone());
            }
        }
    }
    let policy = policy(answer, &answered(answer, request));
    let after = policy.after_response(&asked(answer, request), &said, system_time(now));
    let AfterResponse::NotModified(..) = after else {
        return None;
    };
    let mut headers = answer.headers.clone();
    headers.remove(header::AGE);
    let new = kept_headers(not_modified);
    for name in new.keys().filter(|name| !OF_BODY.contains(name)) {
        headers.remove(name);
        for value in new.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    Some(CachedAnswer {
        selecting: selecting(&headers, request),
        headers,
        received_at: now,
        ..answer.clone()
    })
}

/// The headers of an answer that are given again.
pub(super) fn kept_headers(headers: &HeaderMap) -> HeaderMap {
    let named = joined(headers, &header::CONNECTION);
    let named = named.as_ref().and_then(|value| value.to_str().ok());
    let named: Vec<&str> = named
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    let is_kept =
        |name: &HeaderName| !DROPPED.contains(&name.as_str()) && !named.contains(&name.as_str());
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Those of the request's headers that `Vary` names, each in one value.
pub(super) fn selecting(headers: &HeaderMap, request: &request::Parts) -> HeaderMap {
    let vary = joined(headers, &header::VARY);
    let vary = vary.as_ref().and_then(|vary| vary.to_str().ok());
    let names = vary.unwrap_or_default().split(',');
    let names = names.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    names
        .filter_map(|name| Some((joined(&request.headers, &name)?, name)))
        .map(|(value, name)| (name, value))
        .collect()
}

fn policy(answer: &CachedAnswer, answered: &request::Parts) -> CachePolicy {
    let received_at = system_time(answer.received_at);
    CachePolicy::new_options(answered, &plain(answer), received_at, OPTIONS)
}

/// The request that was answered, as far as the answer depends on it.
fn answered(answer: &CachedAnswer, request: &request::Parts) -> request::Parts {
    let mut answered = parts(&answer.method, request);
    answered.headers = answer.selecting.clone();
    answered
}

/// The request as the policy is to see it. One for the head of what was asked for in whole is
/// answered as if it were for the whole.
fn asked(answer: &CachedAnswer, request: &request::Parts) -> request::Parts {
    let mut asked = parts(&answer.method, request);
    asked.headers = selecting(&answer.headers, request);
    for name in OF_REQUEST {
        if let Some(value) = joined(&request.headers, &name) {
            asked.headers.insert(name, value);
        }
    }
    asked
}

fn parts(method: &Method, request: &request::Parts) -> request::Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method.clone();
    parts.uri = request.uri.clone();
    parts
}

/// The answer as the policy is to see it.
fn plain(answer: &CachedAnswer) -> response::Parts {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = answer.status;
    parts.headers = answer.headers.clone();
    for name in [header::CACHE_CONTROL, header::PRAGMA, header::VARY] {
        if let Some(value) = joined(&answer.headers, &name) {
            parts.headers.insert(name, value);
        }
    }
    let age = parts.headers.remove(header::AGE);
    let age = age.and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    if let Some(age) = age {
        parts.headers.insert(header::AGE, age.min(OLDEST).into());
    }
    if let Some(ttl) = answer.ttl.filter(|_| says_nothing(&parts)) {
        let said = parts.headers.get(header::CACHE_CONTROL);
        let said = said
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let value = format!("max-age={}, {said}", ttl.as_secs());
        if let Ok(value) = HeaderValue::from_str(&value) {
            parts.headers.insert(header::CACHE_CONTROL, value);
        }
    }
    parts
}

/// Whether the integration's own time holds.
fn says_nothing(answer: &response::Parts) -> bool {
    let text = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let control = text(header::CACHE_CONTROL).unwrap_or_default();
    let mut directives = control
        .split(',')
        .filter_map(|directive| directive.split('=').next());
    let pragma = text(header::PRAGMA).unwrap_or_default();
    GOOD.contains(&answer.status.as_u16())
        && !directives.any(|directive| SAYS.contains(&directive.trim()))
        && !answer.headers.contains_key(header::EXPIRES)
        && !pragma.contains("no-cache")
}

/// All values of a header in one, of ASCII only: directives in small letters, others so that no two
/// values look alike.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let directives = [
        header::CACHE_CONTROL,
        header::PRAGMA,
        header::VARY,
        header::CONNECTION,
    ];
    let text = |value: &HeaderValue| {
        if directives.contains(name) {
            String::from_utf8_lossy(value.as_bytes())
                .replace(|c: char| !c.is_ascii(), "?")
                .to_ascii_lowercase()
        } else {
            value.as_bytes().escape_ascii().to_string()
        }
    };
    let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
    let joined = (!values.is_empty()).then(|| HeaderValue::from_str(&values.join(", ")));
    joined?.ok()
}

fn system_time(instant: Timestamp) -> SystemTime {
    let millisecond = u64::try_from(instant.as_millisecond()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millisecond)
}
