//! Errors as RFC 9457 problem documents: the only place where a status code is chosen.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::MERGE_PATCH;
use super::upstream::{UpstreamView, code_of_upstream};
use crate::domain::{Error, FieldError};

/// What a kind of problem is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable, for programs.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// For people; the same for every problem of the kind.
    pub title: &'static str,
}

/// The kind of problem that an error is.
#[deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants
)]
#[must_use]
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
pub fn code_of(error: &Error) -> Code {
    let (code, status, title) = match error {
        Error::Malformed(_) => ("malformed", StatusCode::BAD_REQUEST, "Malformed request"),
        Error::Invalid(_) => ("invalid", StatusCode::BAD_REQUEST, "Invalid fields"),
        Error::Unauthenticated(_) => (
            "unauthenticated",
            StatusCode::UNAUTHORIZED,
            "Access token required",
        ),
        Error::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not allowed"),
        Error::SignatureRefused => (
            "signature_refused",
            StatusCode::UNAUTHORIZED,
            "Signature not accepted",
        ),
        Error::SourceRefused => (
            "source_refused",
            StatusCode::FORBIDDEN,
            "Source address not allowed",
        ),
        Error::NotFound(_) => ("not_found", StatusCode::NOT_FOUND, "Not found"),
        Error::MethodNotAllowed { .. } => (
            "method_not_allowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
        ),
        Error::PathTaken => ("path_taken", StatusCode::CONFLICT, "Endpoint path taken"),
        Error::LimitReached { .. } => ("limit_reached", StatusCode::CONFLICT, "Limit reached"),
        Error::Conflict(_) => ("conflict", StatusCode::CONFLICT, "Conflict"),
        Error::ConsentNeeded(_) => ("consent_needed", StatusCode::CONFLICT, "Consent needed"),
        Error::NotWritable(_) => ("not_writable", StatusCode::CONFLICT, "Not writable"),
        Error::ConflictOpen => ("conflict_open", StatusCode::CONFLICT, "Conflict waits"),
        Error::PreconditionFailed => (
            "precondition_failed",
            StatusCode::PRECONDITION_FAILED,
            "Changed since it was read",
        ),
        Error::PreconditionRequired => (
            "precondition_required",
            StatusCode::PRECONDITION_REQUIRED,
            "If-Match required",
        ),
        Error::IdempotencyKeyReused => (
            "idempotency_key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency key used for another request",
        ),
        Error::IdempotencyKeyInUse => (
            "idempotency_key_in_use",
            StatusCode::CONFLICT,
            "Request still running",
        ),
        Error::TooLarge { .. } => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Error::UrlTooLong { .. } => ("url_too_long", StatusCode::URI_TOO_LONG, "URL too long"),
        Error::HeadersTooLarge { .. } => (
            "headers_too_large",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Headers too large",
        ),
        Error::EventTooLarge { .. } => (
            "event_too_large",
            StatusCode::PAYLOAD_TOO_LARGE,
            "Event too large",
        ),
        Error::UnsupportedMediaType { .. } => (
            "unsupported_media_type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported content type",
        ),
        Error::RateLimited { .. } => (
            "rate_limited",
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
        ),
        Error::Upstream(error) => code_of_upstream(error),
        Error::ProviderBarred { .. } => (
            "provider_barred",
            StatusCode::SERVICE_UNAVAILABLE,
            "Provider left alone",
        ),
        Error::Unavailable(_) => (
            "unavailable",
            StatusCode::SERVICE_UNAVAILABLE,
            "Temporarily unavailable",
        ),
        Error::Internal(_) => (
            "internal",
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal error",
        ),
    };
    Code {
        code,
        status,
        title,
    }
}

/// What a handler returns when it fails. Anything that becomes a [`domain::Error`](Error) does.
#[derive(Clone, Debug)]
pub struct ApiError(pub(super) Arc<Error>);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(Arc::new(error.into()))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    type_uri: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    code: &'static str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<UpstreamView>,
}

impl ApiError {
    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable()
    }

    /// The problem document of the request called `request_id`.
    pub(super) fn render(&self, request_id: Option<&str>) -> Response {
        let document = self.document(request_id);
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        self.add_headers(response.headers_mut());
        response
    }

    /// The status of the answer that it is.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        code_of(&self.0).status
    }

    /// The problem as a part of another answer, to the request called `request_id`.
    #[must_use]
    pub fn problem(&self, request_id: &str) -> serde_json::Value {
        serde_json::to_value(self.document(Some(request_id))).unwrap_or_default()
    }

    fn document(&self, request_id: Option<&str>) -> Document<'_> {
        let Code {
            code,
            status,
            title,
        } = code_of(&self.0);
        let (errors, upstream): (&[FieldError], _) = match &*self.0 {
            Error::Invalid(errors) => (errors, None),
            Error::Upstream(error) => (&[], Some(UpstreamView::from(&**error))),
            _ => (&[], None),
        };
        Document {
            type_uri: format!("urn:gatehouse:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: self.0.to_string(),
            instance: request_id.map(instance_of),
            code,
            errors,
            upstream,
        }
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        let (name, value) = match &*self.0 {
            Error::Unauthenticated(None) => (header::WWW_AUTHENTICATE, "Bearer".to_owned()),
            Error::Unauthenticated(Some(_)) => (
                header::WWW_AUTHENTICATE,
                "Bearer error=\"invalid_token\"".to_owned(),
            ),
            Error::MethodNotAllowed { allow } if !allow.is_empty() => {
                (header::ALLOW, allow.clone())
            }
            // RFC 5789, section 2.2.
            Error::UnsupportedMediaType { expected } if *expected == MERGE_PATCH => (
                HeaderName::from_static("accept-patch"),
                MERGE_PATCH.to_owned(),
            ),
            Error::RateLimited { retry_after } | Error::ProviderBarred { retry_after } => {
                (header::RETRY_AFTER, seconds(*retry_after))
            }
            Error::Upstream(error) if error.is_retryable() => (
                header::RETRY_AFTER,
                seconds(error.problem.retry_after.unwrap_or_default()),
            ),
            Error::Unavailable(_) | Error::IdempotencyKeyInUse => {
                (header::RETRY_AFTER, "1".to_owned())
            }
            _ => return,
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

fn instance_of(request_id: &str) -> String {
    format!("urn:gatehouse:request:{request_id}")
}

/// A problem document as it was kept, as the answer to the request called `request_id`. What is no JSON
/// object stays as it is.
pub(crate) fn renamed_problem(kept: Vec<u8>, request_id: &str) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Map<String, Value>>(&kept) else {
        return kept;
    };
    document.insert("instance".to_owned(), instance_of(request_id).into());
    serde_json::to_vec(&document).unwrap_or(kept)
}

/// Rounded up: whoever comes back when told to is not refused again.
fn seconds(wait: Duration) -> String {
    wait.as_millis().div_ceil(1000).max(1).to_string()
}

impl IntoResponse for ApiError {
    /// `Edge` renders it again, with the request's id, and logs it.
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

/// One error of every kind, for tests that look at all of them.
#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "one list, easier to read whole")]
pub(crate) fn one_of_each(cause: &str) -> Vec<Error> {
    use crate::domain::UpstreamError;
    use crate::domain::gateway::{ErrorCategory, UpstreamProblem};
    let cause = || crate::domain::Cause::from(cause.to_owned());
    let upstream = |category, timed_out| {
        Error::Upstream(Box::new(UpstreamError {
            request: ulid::Ulid::from(1_u128).into(),
            problem: UpstreamProblem {
                category,
                ..UpstreamProblem::unanswered("code", true)
            },
            timed_out,
            outcome_unknown: false,
            cause: Some(cause()),
        }))
    };
    vec![
        Error::Malformed("the cursor is broken".into()),
        Error::field("/name", "is required"),
        Error::Unauthenticated(Some(cause())),
        Error::Forbidden,
        Error::SignatureRefused,
        Error::SourceRefused,
        Error::NotFound("integration"),
        Error::MethodNotAllowed {
            allow: "POST".into(),
        },
        Error::PathTaken,
        Error::LimitReached {
            what: "integrations",
            limit: 1,
        },
        Error::Conflict("nothing to retry".into()),
        Error::ConsentNeeded("nobody has consented yet".into()),
        Error::NotWritable("created"),
        Error::ConflictOpen,
        Error::PreconditionFailed,
        Error::PreconditionRequired,
        Error::IdempotencyKeyReused,
        Error::IdempotencyKeyInUse,
        Error::TooLarge { limit_bytes: 1 },
        Error::UrlTooLong { limit_bytes: 1 },
        Error::HeadersTooLarge {
            limit: 1,
            limit_bytes: 1,
        },
        Error::EventTooLarge { limit_bytes: 1 },
        Error::UnsupportedMediaType {
            expected: "application/json",
        },
        Error::RateLimited {
            retry_after: Duration::from_secs(2),
        },
        upstream(ErrorCategory::Authentication, false),
        upstream(ErrorCategory::RateLimit, false),
        upstream(ErrorCategory::Network, false),
        upstream(ErrorCategory::Network, true),
        upstream(ErrorCategory::Data, false),
        upstream(ErrorCategory::Business, false),
        Error::ProviderBarred {
            retry_after: Duration::from_secs(2),
        },
        Error::Unavailable(cause()),
        Error::Internal(cause()),
    ]
}
