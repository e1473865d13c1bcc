use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Action, Roles};
use crate::domain::{ApiKeyId, IntegrationId, OrganizationId, Timestamp};

/// The longest that an API key may live: a year.
pub const MAX_KEY_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// From so many networks at most one key may be used: the policies name each.
pub const MAX_KEY_NETWORKS: usize = 4;

/// A machine's way in. The secret is not here, only its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is, and the only organization that it reaches.
    pub organization_id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// What it is to the organization.
    pub roles: Roles,
    /// Of what its roles allow, only this; all of it, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<BTreeSet<Action>>,
    /// Only for these integrations; for all, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations: Option<BTreeSet<IntegrationId>>,
    /// Only from these networks; from anywhere, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
    /// The SHA-256 digest of the whole key, in hexadecimal digits.
    pub digest: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it is taken at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
