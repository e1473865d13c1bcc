//! What comes in and goes out of elevations.

use std::collections::BTreeSet;

use gatehouse::domain::{
    Elevation, ElevationDecision, ElevationId, ElevationState, FieldError, IntegrationId, Role,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check_text;

const MAX_REASON: usize = 1_000;

/// A role that the caller asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewElevation {
    pub(crate) role: Role,
    /// Only for these integrations.
    #[schema(value_type = Option<Vec<IntegrationId>>, min_items = 1, max_items = 25)]
    pub(crate) integrations: Option<BTreeSet<IntegrationId>>,
    /// Why: whoever decides reads it.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) reason: String,
    /// From the approval on.
    #[schema(minimum = 1, maximum = 480)]
    pub(crate) duration_minutes: u16,
}

impl NewElevation {
    /// What is wrong with it, but for the integrations, which only the table knows.
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_text("/reason", &self.reason, MAX_REASON, &mut errors);
        if !(1..=Elevation::MAX_MINUTES).contains(&self.duration_minutes) {
            let message = "expected 1 to 480 minutes";
            errors.push(FieldError::new("/durationMinutes", message));
        }
        errors
    }
}

/// An elevation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ElevationView {
    id: ElevationId,
    state: ElevationState,
    requested_by: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    integrations: Option<BTreeSet<IntegrationId>>,
    reason: String,
    duration_minutes: u16,
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<ElevationDecision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

impl ElevationView {
    pub(crate) fn new(elevation: Elevation, now: Timestamp) -> Self {
        Self {
            id: elevation.id,
            state: elevation.state(now),
            requested_by: elevation.requested_by,
            role: elevation.role,
            integrations: elevation.integrations,
            reason: elevation.reason,
            duration_minutes: elevation.duration_minutes,
            requested_at: elevation.requested_at,
            decision: elevation.decision,
            ends_at: elevation.ends_at,
            ended_by: elevation.ended_by,
        }
    }
}
