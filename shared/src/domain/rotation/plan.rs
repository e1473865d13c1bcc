use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RotationPolicy;
use crate::domain::{RotationId, Timestamp};

/// What is kept of an integration's rotations as a whole. One rotation is active at a time: the one
/// that stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RotationPlan {
    /// When credentials are replaced; none, if only by request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<RotationPolicy>,
    /// Nothing is done by itself until it is resumed.
    pub paused: bool,
    /// The rotation that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<RotationId>,
    /// The last one that has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<RotationId>,
    /// Whether that one has left what a person has to clean up: none is started by itself then.
    pub has_leftovers: bool,
    /// When the integration is looked at next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}
