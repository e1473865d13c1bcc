//! What comes in and goes out of integrations.

use gatehouse::catalog::Values;
use gatehouse::domain::gateway::GatewayConfig;
use gatehouse::domain::sync::SyncConfig;
use gatehouse::domain::{
    ApiProfile, AuthConfig, AuthMethod, Classification, DeploymentEnvironment, IntegrationId,
    IntegrationStatus, IntegrationType, RateLimits, Timestamp, TlsConfig,
};
use gatehouse::http::Change;
use gatehouse::vault::CredentialSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

/// A new integration.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "CRM", "type": "enterprise", "baseUrl": "https://crm.example.com/api", "authMethod": "api_key",
    "authConfig": {"keyLocation": "header", "keyHeader": "x-api-key"},
    "credentials": {"apiKey": "key_example"}, "rateLimits": {"requestsPerSecond": 10}
}))]
pub(crate) struct NewIntegration {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) integration_type: IntegrationType,
    /// The catalogue's slug of the provider.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    pub(crate) provider: Option<String>,
    /// `internal`, if absent.
    pub(crate) classification: Option<Classification>,
    /// `production`, if absent.
    pub(crate) environment: Option<DeploymentEnvironment>,
    /// The catalogue's, if absent and `provider` is one of it.
    pub(crate) base_url: Option<Url>,
    /// The values of the variables in the catalogue's entry of the provider.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) variables: Option<Values>,
    pub(crate) auth_method: AuthMethod,
    /// For `api_key`: `{keyLocation: header|query|body, keyHeader|keyParam|keyField, valueTemplate?}`.
    /// The catalogue's, if absent and `provider` is one of it.
    #[schema(value_type = Option<AuthConfig>)]
    pub(crate) auth_config: Option<Value>,
    /// Write-only. `{apiKey}`, `{clientId, clientSecret}`, `{username, password}`, ….
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    pub(crate) credentials: Option<CredentialSet>,
    /// When the credentials end, if that is known.
    pub(crate) credentials_expire_at: Option<Timestamp>,
    /// What has to be known of the provider's API. What it says replaces what the catalogue says,
    /// but for `hosts`, which are the catalogue's if `provider` is one of it.
    pub(crate) api_profile: Option<Box<ApiProfile>>,
    #[schema(value_type = Option<TlsConfig>)]
    pub(crate) tls_config: Option<Value>,
    #[schema(value_type = Option<GatewayConfig>)]
    pub(crate) gateway_config: Option<Value>,
    pub(crate) rate_limits: Option<RateLimits>,
    pub(crate) webhook_config: Option<Value>,
    #[schema(value_type = Option<SyncConfig>)]
    pub(crate) sync_config: Option<Value>,
}

/// A change of an integration: what is not named stays, and of settings, `null` clears one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IntegrationChange {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: Option<String>,
    /// A lower one needs the right to lower it.
    pub(crate) classification: Option<Classification>,
    /// Another than `production` needs the same right, if it is that.
    pub(crate) environment: Option<DeploymentEnvironment>,
    pub(crate) base_url: Option<Url>,
    /// Replaces all of the variables, and the base URL, unless that is named too.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) variables: Option<Values>,
    pub(crate) auth_method: Option<AuthMethod>,
    #[schema(value_type = Option<AuthConfig>)]
    pub(crate) auth_config: Option<Value>,
    /// Write-only: replaces all of the credentials. Required with another `authMethod`, another
    /// origin of `baseUrl` or `tokenUrl`, or more `apiProfile.hosts`.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    pub(crate) credentials: Option<CredentialSet>,
    /// When the credentials end, these or those that are there.
    #[serde(default)]
    #[schema(value_type = Option<Timestamp>)]
    pub(crate) credentials_expire_at: Change<Timestamp>,
    #[serde(default)]
    #[schema(value_type = Option<ApiProfile>)]
    pub(crate) api_profile: Change<Box<ApiProfile>>,
    #[serde(default)]
    #[schema(value_type = Option<TlsConfig>)]
    pub(crate) tls_config: Change<Value>,
    #[serde(default)]
    #[schema(value_type = Option<GatewayConfig>)]
    pub(crate) gateway_config: Change<Value>,
    #[serde(default)]
    #[schema(value_type = Option<RateLimits>)]
    pub(crate) rate_limits: Change<RateLimits>,
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub(crate) webhook_config: Change<Value>,
    #[serde(default)]
    #[schema(value_type = Option<SyncConfig>)]
    pub(crate) sync_config: Change<Value>,
    /// `active` or `inactive`.
    pub(crate) status: Option<IntegrationStatus>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListOf<T> {
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// What the deletion of an integration did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedIntegration {
    pub(crate) id: IntegrationId,
    /// Its records, jobs and conflicts cannot be reached any more; they are deleted for good later, beginning
    /// some 16 minutes from now.
    pub(crate) deleted: bool,
    /// So many endpoints take no webhooks any more, but for functions that remember them.
    pub(crate) endpoints_deleted: usize,
    /// Until then they may. What they accept is listed with the events that the integration leaves.
    pub(crate) webhooks_accepted_until: Timestamp,
    pub(crate) destinations_deleted: usize,
    /// Until then an administrator of the account can restore the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_recoverable_until: Option<Timestamp>,
}
