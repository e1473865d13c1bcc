use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::gateway::ErrorCategory;
use crate::domain::{RequestId, UpstreamError};

/// By what went wrong. That a provider refuses our credentials is nothing that the caller's could
/// mend, so it is no 401.
pub(super) fn code_of_upstream(error: &UpstreamError) -> (&'static str, StatusCode, &'static str) {
    match error.problem.category {
        ErrorCategory::Authentication => (
            "upstream_authentication",
            StatusCode::BAD_GATEWAY,
            "Provider refuses the credentials",
        ),
        ErrorCategory::RateLimit => (
            "upstream_rate_limit",
            StatusCode::TOO_MANY_REQUESTS,
            "Provider's limit reached",
        ),
        ErrorCategory::Network if error.timed_out => (
            "upstream_timeout",
            StatusCode::GATEWAY_TIMEOUT,
            "Provider too slow",
        ),
        ErrorCategory::Network => (
            "upstream_network",
            StatusCode::BAD_GATEWAY,
            "Provider not reached",
        ),
        ErrorCategory::Data => (
            "upstream_data",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Provider cannot use the data",
        ),
        ErrorCategory::Business => (
            "upstream_business",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Provider refuses the request",
        ),
    }
}

/// What a provider said, or what was found out in its place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Upstream)]
pub struct UpstreamView {
    /// The call, as it stands in the log of requests.
    pub request: RequestId,
    /// What went wrong.
    pub category: ErrorCategory,
    /// The provider's status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's code of the error; ours, if it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's message, without the integration's secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The id by which the provider's support finds the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// Whether the provider may have done what it was asked to.
    pub outcome_unknown: bool,
}

impl From<&UpstreamError> for UpstreamView {
    fn from(error: &UpstreamError) -> Self {
        let problem = &error.problem;
        Self {
            request: error.request,
            category: problem.category,
            status: problem.status,
            code: problem.code.clone(),
            message: problem.message.clone(),
            provider_request_id: problem.request_id.clone(),
            outcome_unknown: error.outcome_unknown,
        }
    }
}
