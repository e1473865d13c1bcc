use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Breaker, IntegrationId, OrganizationId, RequestId, Sealed, Timestamp};

/// One outbound call through the gateway, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// Its id.
    pub id: RequestId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration whose credentials it used.
    pub integration_id: IntegrationId,
    /// Who called: the access token's subject.
    pub caller: String,
    /// The method.
    pub method: String,
    /// The path under the base URL, masked.
    pub path: String,
    /// The names of the query's parameters; never their values.
    #[serde(default)]
    pub query_names: Vec<String>,
    /// How it stands.
    pub status: RequestStatus,
    /// The status of the provider's last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// How often the provider was called.
    #[serde(default)]
    pub attempts: u16,
    /// What the cache had to do with it.
    pub cache: CacheUse,
    /// The code of the problem that it ended in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The provider's own code of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_code: Option<String>,
    /// The length of the body that was sent.
    #[serde(default)]
    pub request_bytes: u64,
    /// The length of the body that came back.
    #[serde(default)]
    pub response_bytes: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs, or if the function ended before it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How long it took in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The version of the credentials that it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_version: Option<String>,
    /// The trace that it belongs to (W3C Trace Context `trace-id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The bodies, masked, if the integration asks for them to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bodies: Option<Sealed>,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// It was begun. Long after that: the function ended before it could say more, and whether the
    /// provider was called is not known.
    Started,
    /// The provider answered with success.
    Succeeded,
    /// It ended in a problem.
    Failed,
}

/// What the cache had to do with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheUse {
    /// Nothing: the integration or the request does not use it.
    #[default]
    None,
    /// It had nothing, so the provider was called.
    Miss,
    /// The provider said that what it had still holds.
    Revalidated,
    /// The provider was not called.
    Hit,
}

/// What the functions that call an integration's provider share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayState {
    /// The circuit breaker of outbound calls, while it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Answers that were cached under another number are not used any more.
    #[serde(default)]
    pub cache_generation: u64,
    /// The last use of the credentials, to a few minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_use: Option<CredentialUse>,
}

/// When credentials were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialUse {
    /// Their version.
    pub version: String,
    /// When they were.
    pub at: Timestamp,
}
