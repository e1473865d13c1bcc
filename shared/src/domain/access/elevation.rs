use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;
use crate::domain::{ElevationId, IntegrationId, OrganizationId, Timestamp};

/// A role that somebody asks for, for a time, and that somebody else allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elevation {
    /// Its id.
    pub id: ElevationId,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// Who asks: a token's `sub`.
    pub requested_by: String,
    /// For which role.
    pub role: Role,
    /// For which integrations; for all and the organization, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations: Option<BTreeSet<IntegrationId>>,
    /// Why.
    pub reason: String,
    /// For how long, from the approval on.
    pub duration_minutes: u16,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<ElevationDecision>,
    /// When it ends, or has ended; known with the approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Who ended it before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// What somebody said to an elevation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElevationDecision {
    /// Whether it is allowed.
    pub approved: bool,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// How an elevation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ElevationState {
    /// Nobody has decided.
    Pending,
    /// Nobody has decided in time.
    Lapsed,
    /// It is allowed, and goes on.
    Active,
    /// It was refused.
    Denied,
    /// Somebody ended it, or took the request back.
    Ended,
    /// It ended by itself.
    Expired,
}

impl Elevation {
    /// The longest that one goes on, in minutes.
    pub const MAX_MINUTES: u16 = 480;
    /// How long a request can be decided.
    pub const DECIDABLE: Duration = Duration::from_secs(24 * 60 * 60);

    /// How it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ElevationState {
        if self.ended_by.is_some() {
            return ElevationState::Ended;
        }
        match &self.decision {
            None if now < self.requested_at.plus(Self::DECIDABLE) => ElevationState::Pending,
            None => ElevationState::Lapsed,
            Some(decision) if !decision.approved => ElevationState::Denied,
            Some(_) if self.ends_at.is_some_and(|end| now < end) => ElevationState::Active,
            Some(_) => ElevationState::Expired,
        }
    }

    /// The end, if `by` allows it at `now`.
    #[must_use]
    pub fn approved(self, by: String, now: Timestamp) -> Self {
        let duration = Duration::from_secs(u64::from(self.duration_minutes) * 60);
        Self {
            decision: Some(ElevationDecision {
                approved: true,
                by,
                at: now,
            }),
            ends_at: Some(now.plus(duration)),
            ..self
        }
    }

    /// What of it counts when it is decided who may do what; nothing, before it is allowed.
    #[must_use]
    pub fn active(&self) -> Option<ActiveElevation> {
        Some(ActiveElevation {
            id: self.id,
            role: self.role,
            integrations: self.integrations.clone(),
            ends_at: self.ends_at?,
        })
    }
}

/// What of an elevation counts when it is decided who may do what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveElevation {
    /// Its id.
    pub id: ElevationId,
    /// The role.
    pub role: Role,
    /// For which integrations; for all and the organization, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations: Option<BTreeSet<IntegrationId>>,
    /// When it ends.
    pub ends_at: Timestamp,
}

impl ActiveElevation {
    /// Whether it counts at `now` for an integration (`None`: for the organization as a whole).
    #[must_use]
    pub fn counts(&self, integration: Option<IntegrationId>, now: Timestamp) -> bool {
        let is_for = match (&self.integrations, integration) {
            (None, _) => true,
            (Some(only), Some(integration)) => only.contains(&integration),
            (Some(_), None) => false,
        };
        is_for && now < self.ends_at
    }
}
