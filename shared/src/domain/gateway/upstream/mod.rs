use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::{ErrorShape, RetryHints};
use super::Headroom;

mod said;

/// What kind of thing went wrong between us and a provider: whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCategory {
    /// The credentials are not accepted, or do not allow this: they have to be changed.
    Authentication,
    /// Too many calls: to come back later.
    RateLimit,
    /// The provider was not reached, or failed itself: to try again.
    Network,
    /// The provider cannot make sense of the request: to correct it.
    Data,
    /// The request is understood, and what it asks for is not possible: to look at the provider's
    /// state.
    Business,
}

impl ErrorCategory {
    /// How the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::RateLimit => "rate_limit",
            Self::Network => "network",
            Self::Data => "data",
            Self::Business => "business",
        }
    }

    /// The category of an error with this status, where nothing else says more:
    ///
    /// | Status | Category |
    /// |---|---|
    /// | 401, 403 | authentication |
    /// | 429 | rate limit |
    /// | 408, 421, 425, 5xx | network |
    /// | 400, 406, 411, 413–417, 422, 428, 431 | data |
    /// | any other 4xx: 402, 404, 405, 409, 410, 412, 423, 451, … | business |
    ///
    /// A 403 that comes with `Retry-After`, or when no call is left, is a rate limit. Above 599 is
    /// what some proxies say when they reach nobody.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::Authentication,
            429 => Self::RateLimit,
            408 | 421 | 425 | 500.. => Self::Network,
            400 | 406 | 411 | 413..=417 | 422 | 428 | 431 => Self::Data,
            _ => Self::Business,
        }
    }
}

/// What a provider answered, without credentials: what is said of it is shortened, and half a
/// credential is not recognised any more.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, decompressed, or its beginning.
    pub body: &'a [u8],
}

/// A provider's error: what a caller is told under `upstream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamProblem {
    /// What kind it is.
    pub category: ErrorCategory,
    /// The status; absent, if there was no answer.
    pub status: Option<u16>,
    /// The provider's code, or that of the failure.
    pub code: Option<String>,
    /// The provider's message, shortened.
    pub message: Option<String>,
    /// The id of the request that the provider's support asks for.
    pub request_id: Option<String>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// Whether another try within seconds may succeed.
    pub is_transient: bool,
}

impl UpstreamProblem {
    /// What is wrong with an answer; `None` if nothing is.
    ///
    /// A redirect (3xx, 304 among them) is no error: it is not followed, and the caller gets it
    /// with its `Location`. An answer of 2xx is an error if `shape` says so. What the body says
    /// (codes of authentication and of limits) counts for more than the status.
    #[must_use]
    pub fn classify(
        answer: &Answer<'_>,
        shape: &ErrorShape,
        hints: &RetryHints,
        headroom: &Headroom,
    ) -> Option<Self> {
        if answer.status.is_redirection() || answer.status.is_informational() {
            return None;
        }
        let is_success = answer.status.is_success();
        if is_success && shape.when.is_none() {
            return None;
        }
        let document = said::document(answer.body);
        let is_error = |document: &Value| {
            let when = shape.when.as_ref();
            when.is_some_and(|when| when.accepts(document))
        };
        if is_success && !document.as_ref().is_some_and(is_error) {
            return None;
        }
        let code = said::code(answer, document.as_ref(), shape);
        let category = category(answer.status, code.as_deref(), (shape, hints), headroom);
        let is_transient = is_transient(answer.status, category, code.as_deref(), hints);
        let until_reset = headroom.resets_in.filter(|_| headroom.remaining == Some(0));
        let until_reset = until_reset.filter(|_| category == ErrorCategory::RateLimit);
        Some(Self {
            category,
            status: Some(answer.status.as_u16()),
            code,
            message: said::message(answer.body, document.as_ref(), shape),
            request_id: said::request_id(answer.headers, shape),
            retry_after: headroom.retry_after.or(until_reset),
            is_transient,
        })
    }

    /// The problem of a call that was not answered, for the reason `code`.
    #[must_use]
    pub fn unanswered(code: &str, is_transient: bool) -> Self {
        Self {
            category: ErrorCategory::Network,
            status: None,
            code: Some(code.to_owned()),
            message: None,
            request_id: None,
            retry_after: None,
            is_transient,
        }
    }
}

fn category(
    status: StatusCode,
    code: Option<&str>,
    (shape, hints): (&ErrorShape, &RetryHints),
    headroom: &Headroom,
) -> ErrorCategory {
    let is_of = |codes: &[String]| code.is_some_and(|code| codes.iter().any(|one| one == code));
    let is_spent = headroom.retry_after.is_some() || headroom.remaining == Some(0);
    let may_be_limit =
        status == StatusCode::FORBIDDEN || hints.rate_limit_statuses.contains(&status.as_u16());
    if is_of(&shape.rate_limit_codes) {
        ErrorCategory::RateLimit
    } else if is_of(&shape.authentication_codes) {
        ErrorCategory::Authentication
    } else if is_spent && may_be_limit {
        ErrorCategory::RateLimit
    } else {
        ErrorCategory::of_status(status)
    }
}

fn is_transient(
    status: StatusCode,
    category: ErrorCategory,
    code: Option<&str>,
    hints: &RetryHints,
) -> bool {
    const ALWAYS: [u16; 6] = [408, 425, 429, 502, 503, 504];
    let status = status.as_u16();
    category == ErrorCategory::RateLimit
        || ALWAYS.contains(&status)
        || hints.statuses.contains(&status)
        || code.is_some_and(|code| hints.codes.iter().any(|one| one == code))
}

#[cfg(test)]
mod tests;
