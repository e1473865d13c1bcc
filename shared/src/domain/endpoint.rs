use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret_rotation::SecretPlan;
use super::{
    EndpointId, EventPattern, IntegrationId, OrganizationId, RetryPolicy, Sealed, SecretId,
    Timestamp,
};

/// A registered inbound webhook URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration it belongs to.
    pub integration_id: IntegrationId,
    /// Where it listens.
    pub path: EndpointPath,
    /// The catalogue's slug of the signature scheme; `none` takes everything unverified.
    pub scheme: String,
    /// What the scheme needs besides the secrets. Holds no secret.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// Events that are routed on; all, if empty. Others are stored as `filtered`.
    #[serde(default)]
    pub events: Vec<EventPattern>,
    /// Networks that requests may come from; any, if empty.
    #[serde(default)]
    pub allowed_networks: Vec<IpNet>,
    /// Networks that requests may not come from, though they be allowed otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_networks: Vec<IpNet>,
    /// How far a signed timestamp may be from now; the scheme's own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
    /// How deliveries of its events are retried, where the destination does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Whether it takes requests.
    pub status: EndpointStatus,
    /// Its signing secrets, newest first.
    pub secrets: Vec<StoredSecret>,
    /// When a person is reminded to replace these.
    #[serde(default, skip_serializing_if = "SecretPlan::is_empty")]
    pub secret_plan: SecretPlan,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Endpoint {
    /// The slug of the scheme that verifies nothing.
    pub const UNVERIFIED_SCHEME: &'static str = "none";

    /// How long running functions remember an endpoint: for so long, one that was deleted or
    /// disabled goes on accepting.
    pub const REMEMBERED: Duration = Duration::from_secs(5);

    /// How long an endpoint waits for its provider to bring the secret. Whoever calls it meanwhile
    /// with a secret of theirs becomes its provider.
    pub const AWAITS_SECRET: Duration = Duration::from_secs(60 * 60);

    /// Whether its provider may bring it a secret at `now`.
    #[must_use]
    pub fn takes_secret_at(&self, now: Timestamp) -> bool {
        self.status == EndpointStatus::AwaitingSecret
            && self.secrets.is_empty()
            && now.since(self.updated_at) < Self::AWAITS_SECRET
    }

    /// Whether requests from this address are looked at. Without a known address, a list of networks, of
    /// either kind, lets nothing pass.
    #[must_use]
    pub fn takes_from(&self, address: Option<IpAddr>) -> bool {
        let (allowed, blocked) = (&self.allowed_networks, &self.blocked_networks);
        let within = |networks: &[IpNet], address: IpAddr| {
            networks.iter().any(|network| network.contains(&address))
        };
        match address {
            Some(address) => {
                (allowed.is_empty() || within(allowed, address)) && !within(blocked, address)
            }
            None => allowed.is_empty() && blocked.is_empty(),
        }
    }

    /// Whether requests are verified at all.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.scheme != Self::UNVERIFIED_SCHEME
    }
}

/// Whether an endpoint takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    /// Takes requests.
    Active,
    /// Switched off by a person: answers as an unknown path does.
    Disabled,
    /// Waits, for [`Endpoint::AWAITS_SECRET`] after it was last changed, for the request by which
    /// its provider brings the secret. It takes no other.
    AwaitingSecret,
}

/// A signing secret as it is stored: sealed, with what may be told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSecret {
    /// Its id.
    pub id: SecretId,
    /// The secret under the organization's data key.
    pub sealed: Sealed,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The instant from which it is no longer accepted, if it is being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether the provider brought it, or a schedule made it, and nobody has been shown it yet: a
    /// person who has to pass it on is shown it, once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

impl StoredSecret {
    /// Whether it is accepted at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The path of an endpoint: `/webhooks/…`, unique in a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^/webhooks/[A-Za-z0-9._~/-]{1,200}$")]
pub struct EndpointPath(String);

/// Why a text is not an endpoint path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `/webhooks/` and 1 to 200 characters of `A-Z a-z 0-9 . _ ~ - /`, without empty, `.` or `..` segments"
)]
pub struct EndpointPathError;

impl EndpointPath {
    /// What every endpoint path starts with.
    pub const PREFIX: &'static str = "/webhooks/";

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EndpointPath {
    type Err = EndpointPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(EndpointPathError)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
        let segment_ok = |s: &str| !s.is_empty() && s != "." && s != ".." && s.chars().all(allowed);
        if rest.len() <= 200 && rest.split('/').all(segment_ok) {
            Ok(Self(text.to_owned()))
        } else {
            Err(EndpointPathError)
        }
    }
}

impl TryFrom<String> for EndpointPath {
    type Error = EndpointPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EndpointPath> for String {
    fn from(path: EndpointPath) -> Self {
        path.0
    }
}

impl fmt::Display for EndpointPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_webhooks_are_taken() {
        for path in ["/webhooks/salesforce", "/webhooks/a/b-c_d.e~f"] {
            assert_eq!(path.parse::<EndpointPath>().unwrap().as_str(), path);
        }
    }

    #[test]
    fn other_paths_are_refused() {
        let long = format!("/webhooks/{}", "a".repeat(201));
        for path in [
            "",
            "/",
            "/webhooks",
            "/webhooks/",
            "/webhooks//a",
            "/webhooks/a/",
            "/webhooks/../portal",
            "/webhooks/a/./b",
            "/webhooks/a b",
            "/webhooks/%61",
            "/webhooks/a?b",
            "/webhooks/é",
            "/portal/integrations",
            &long,
        ] {
            assert!(path.parse::<EndpointPath>().is_err(), "{path}");
        }
    }
}
