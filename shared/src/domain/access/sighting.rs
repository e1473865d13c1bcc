use serde::{Deserialize, Serialize};

use super::Roles;
use crate::domain::Timestamp;

/// That somebody, or a machine, was here. Written every few minutes at most, so that `last_seen_at`
/// lags by as much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// The token's `sub`, or the API key's id.
    pub subject: String,
    /// The roles that came with it last.
    pub roles: Roles,
    /// Since when it is known.
    pub first_seen_at: Timestamp,
    /// When it was here last.
    pub last_seen_at: Timestamp,
}
