use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::object::only_objects;
use super::{
    ApiProfile, Classification, DeploymentEnvironment, IntegrationId, OrganizationId, Timestamp,
    TlsConfig,
};

only_objects!(RateLimits);

/// An organization's set-up of one provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// The kind of provider.
    #[serde(rename = "type")]
    pub integration_type: IntegrationType,
    /// The catalogue's slug of the provider, if it is a known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How much harm it does if what it holds gets out: what may be done with it depends on this.
    #[serde(default)]
    pub classification: Classification,
    /// What it is used for: what may be done with it depends on this.
    #[serde(default)]
    pub environment: DeploymentEnvironment,
    /// Where the provider's API lives. Credentials go to its host, to those of the catalogue's
    /// entry or of `apiProfile`, and to no other.
    pub base_url: url::Url,
    /// The values of the variables in the catalogue's entry of the provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// How outbound calls authenticate.
    pub auth_method: AuthMethod,
    /// What the authentication method needs besides the credentials. Holds no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_config: Option<serde_json::Value>,
    /// What has to be known of the provider's API, if the catalogue does not say it or says it
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_profile: Option<Box<ApiProfile>>,
    /// What is asked of TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// Settings of calls through the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_config: Option<serde_json::Value>,
    /// Limits of outbound calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
    /// Settings for webhooks that apply to the whole integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_config: Option<serde_json::Value>,
    /// Settings of data synchronization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_config: Option<serde_json::Value>,
    /// Whether it is in use.
    pub status: IntegrationStatus,
    /// What is known of its credentials without reading them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialInfo>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What may be told of a credential: everything but the credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialInfo {
    /// The version that is in use.
    pub version: String,
    /// The names of the fields that are set, in alphabetical order.
    pub fields: Vec<String>,
    /// When this version was stored.
    pub created_at: Timestamp,
    /// When it was last used for an outbound call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When it stops being valid, if that is known: the first of what was told and of what its fields
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When fields end that say so themselves: certificates, and tokens with an `exp`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields_expire_at: BTreeMap<String, Timestamp>,
}

impl CredentialInfo {
    /// Takes it that it ends at `told`, if that is known, and not after any of its fields.
    pub fn set_end(&mut self, told: Option<Timestamp>) {
        let fields = self.fields_expire_at.values().copied();
        self.expires_at = fields.chain(told).min();
    }
}

/// The kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationType {
    /// Okta, Auth0, Entra ID, …
    IdentityProvider,
    /// S3, Azure Blob Storage, Dropbox, …
    CloudStorage,
    /// Mixpanel, Segment, …
    Analytics,
    /// Slack, Twilio, SendGrid, …
    Communication,
    /// Splunk, MISP, …
    Security,
    /// Salesforce, HubSpot, …
    Enterprise,
    /// Stripe, Adyen, …
    Payment,
    /// AstrologyAPI, Prokerala, …
    Astrology,
}

impl IntegrationType {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::IdentityProvider,
        Self::CloudStorage,
        Self::Analytics,
        Self::Communication,
        Self::Security,
        Self::Enterprise,
        Self::Payment,
        Self::Astrology,
    ];

    /// Its name in policies, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityProvider => "identity_provider",
            Self::CloudStorage => "cloud_storage",
            Self::Analytics => "analytics",
            Self::Communication => "communication",
            Self::Security => "security",
            Self::Enterprise => "enterprise",
            Self::Payment => "payment",
            Self::Astrology => "astrology",
        }
    }
}

/// How an integration authenticates its outbound calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A key in a header, a query parameter or a body field.
    ApiKey,
    /// OAuth 2.0.
    Oauth2,
    /// A signed assertion.
    Jwt,
    /// RFC 7617.
    BasicAuth,
    /// Anything else the catalogue or the integration declares.
    Custom,
}

/// Whether an integration is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationStatus {
    /// In use.
    Active,
    /// Switched off by a person: webhooks are refused.
    Inactive,
    /// In use, and its last check failed.
    Error,
    /// Waiting for a person, such as for consent.
    Pending,
}

impl IntegrationStatus {
    /// Whether webhooks of the integration are taken in.
    #[must_use]
    pub fn takes_webhooks(self) -> bool {
        match self {
            Self::Active | Self::Error | Self::Pending => true,
            Self::Inactive => false,
        }
    }
}

/// Limits of an integration's outbound calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RateLimits {
    /// At most this many in any second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub requests_per_second: Option<u32>,
    /// At most this many in any minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub requests_per_minute: Option<u32>,
    /// At most this many in any hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub requests_per_hour: Option<u32>,
    /// At most this many at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub concurrent_requests: Option<u32>,
}
