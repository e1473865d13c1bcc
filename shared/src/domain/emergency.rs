//! The replacing of the credentials of many integrations at once, without grace. Pure.
//!
//! It is worked through a page of integrations at a time, in the order of their ids from the newest
//! down. `reached` and the members of a page are written one after the other, so a page that breaks
//! off is made again: each integration is a member once, under its own id, and what was started for
//! it is found by this one's id.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Integration, IntegrationId, OrganizationId, RotationId, Timestamp};

/// Of which integrations the credentials are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum EmergencyScope {
    /// Of one.
    Integration {
        /// Which.
        integration_id: IntegrationId,
    },
    /// Of all of one provider.
    Provider {
        /// The catalogue's slug.
        provider: String,
    },
    /// Of all that the organization has.
    All {},
}

impl EmergencyScope {
    /// Whether `integration` belongs to it.
    #[must_use]
    pub fn includes(&self, integration: &Integration) -> bool {
        match self {
            Self::Integration { integration_id } => integration.id == *integration_id,
            Self::Provider { provider } => integration.provider.as_ref() == Some(provider),
            Self::All {} => true,
        }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyState {
    /// Rotations are being started.
    Starting,
    /// All are started, and not all have ended.
    Running,
    /// All have ended.
    Done,
}

/// The replacing of the credentials of many integrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyRotation {
    /// Its id.
    pub id: RotationId,
    /// Who owns the integrations.
    pub organization_id: OrganizationId,
    /// Which integrations.
    pub scope: EmergencyScope,
    /// How far it has come.
    pub state: EmergencyState,
    /// Who asked for it: the token's subject, or the API key's id.
    pub requested_by: String,
    /// The last integration that was looked at, if any was. The next one is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<IntegrationId>,
    /// What has come of it so far.
    pub progress: EmergencyProgress,
    /// How often nothing had changed when it was looked at, in a row.
    #[serde(default)]
    pub idle: u16,
    /// When it is looked at next; none, if it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When all had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// How many integrations there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyProgress {
    /// That belong to it and were looked at.
    pub integrations: u32,
    /// Whose credentials are being replaced.
    pub running: u32,
    /// That wait for a person who hands new credentials in, or publishes a key.
    pub needs_person: u32,
    /// Whose credentials are replaced, and the old ones worthless.
    pub done: u32,
    /// Whose credentials could not be replaced, or whose old ones may be good still.
    pub failed: u32,
    /// For which nothing could be started.
    pub not_started: u32,
}

impl EmergencyProgress {
    /// Counts a member.
    pub fn add(&mut self, outcome: MemberOutcome) {
        let kind = match outcome {
            MemberOutcome::Running => &mut self.running,
            MemberOutcome::NeedsPerson => &mut self.needs_person,
            MemberOutcome::Done => &mut self.done,
            MemberOutcome::Failed => &mut self.failed,
            MemberOutcome::NotStarted => &mut self.not_started,
        };
        *kind = kind.saturating_add(1);
        self.integrations = self.integrations.saturating_add(1);
    }

    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running == 0 && self.needs_person == 0
    }
}

/// What has come of it for one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberOutcome {
    /// Its credentials are being replaced.
    Running,
    /// The same, and a person has to hand new ones in, or to publish a key.
    NeedsPerson,
    /// They are replaced, and the old ones worthless.
    Done,
    /// They could not be replaced, or the old ones may be good still.
    Failed,
    /// Nothing could be started.
    NotStarted,
}

/// One integration of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyMember {
    /// The integration.
    pub integration_id: IntegrationId,
    /// What people called it then.
    pub name: String,
    /// What has come of it.
    pub outcome: MemberOutcome,
    /// Its rotation, if one was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// Why none was, or why it has failed: a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When this was last written.
    pub updated_at: Timestamp,
}
