//! The replacing of the credentials of many integrations at once, without grace. Pure.
//!
//! It is worked through a page of integrations at a time, in the order of their ids from the newest
//! down. `reached` and the members of a page are written one after the other, so a page that breaks
//! off is made again: each integration is a member once, under its own id, and what was started for
//! it is found by this one's id.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EmergencyMember, MemberOutcome};
use crate::domain::{Integration, IntegrationId, OrganizationId, RotationId, Timestamp};

/// Of which integrations the credentials are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EmergencyScope {
    /// Of one.
    #[serde(rename_all = "camelCase")]
    Integration {
        /// Which.
        integration_id: IntegrationId,
    },
    /// Of all of one provider.
    #[serde(rename_all = "camelCase")]
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

/// The first wait before it is looked at again what has become of rotations; doubled as long as
/// nothing changes.
const FIRST_LOOK: Duration = Duration::from_secs(30);
/// The longest.
const LAST_LOOK: Duration = Duration::from_secs(15 * 60);

impl EmergencyRotation {
    /// One that begins.
    #[must_use]
    pub fn new(
        id: RotationId,
        organization_id: OrganizationId,
        scope: EmergencyScope,
        requested_by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            organization_id,
            scope,
            state: EmergencyState::Starting,
            requested_by,
            reached: None,
            progress: EmergencyProgress::default(),
            idle: 0,
            due_at: Some(now),
            started_at: now,
            updated_at: now,
            ended_at: None,
        }
    }

    /// The members of a page are written; the next page is that of integrations older than
    /// `reached`, if there may be any.
    pub fn started(
        &mut self,
        members: &[EmergencyMember],
        reached: Option<IntegrationId>,
        has_more: bool,
        now: Timestamp,
    ) {
        for member in members {
            self.progress.add(member.outcome);
        }
        self.reached = reached.or(self.reached);
        self.updated_at = now;
        self.due_at = Some(now);
        if !has_more {
            self.state = EmergencyState::Running;
        }
    }

    /// All members were looked at, and `progress` is what they are.
    pub fn looked(&mut self, progress: EmergencyProgress, now: Timestamp) {
        self.idle = if progress == self.progress {
            self.idle.saturating_add(1)
        } else {
            0
        };
        self.progress = progress;
        self.updated_at = now;
        if progress.is_over() {
            self.state = EmergencyState::Done;
            self.ended_at = Some(now);
            self.due_at = None;
        } else {
            let wait = FIRST_LOOK.saturating_mul(1 << self.idle.min(10));
            self.due_at = Some(now.plus(wait.min(LAST_LOOK)));
        }
    }
}

/// How many integrations there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyProgress {
    /// That belong to it and were looked at.
    pub integrations: u32,
    /// Whose credentials are being replaced.
    pub running: u32,
    /// That wait for a person who hands new credentials in, publishes a key, or makes the old ones
    /// worthless.
    pub needs_person: u32,
    /// Whose credentials are replaced, and the old ones worthless.
    pub done: u32,
    /// Whose credentials are not replaced.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn emergency() -> EmergencyRotation {
        let (id, organization) = (
            "rot_01K72Z5QSW0123456789ABCDEF",
            "org_01K72Z5QSW0123456789ABCDEF",
        );
        EmergencyRotation::new(
            id.parse().unwrap(),
            organization.parse().unwrap(),
            EmergencyScope::All {},
            "me".to_owned(),
            at(0),
        )
    }

    fn progress(outcomes: &[MemberOutcome]) -> EmergencyProgress {
        let mut progress = EmergencyProgress::default();
        for outcome in outcomes {
            progress.add(*outcome);
        }
        progress
    }

    #[test]
    fn it_is_looked_at_less_often_as_long_as_nothing_changes() {
        let mut emergency = emergency();
        emergency.started(&[], None, false, at(0));
        assert_eq!(emergency.state, EmergencyState::Running);
        let running = progress(&[MemberOutcome::Running, MemberOutcome::Done]);
        let mut waits = Vec::new();
        for _ in 0..8 {
            emergency.looked(running, at(0));
            waits.push(emergency.due_at.unwrap().since(at(0)).as_secs());
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        let person = progress(&[MemberOutcome::NeedsPerson, MemberOutcome::Done]);
        emergency.looked(person, at(1));
        assert_eq!(emergency.due_at, Some(at(31)));
        assert_eq!(emergency.ended_at, None);
    }

    #[test]
    fn it_ends_when_nothing_is_open() {
        for outcomes in [
            &[][..],
            &[MemberOutcome::Done, MemberOutcome::Failed],
            &[MemberOutcome::NotStarted],
        ] {
            let mut emergency = emergency();
            emergency.started(&[], None, false, at(0));
            emergency.looked(progress(outcomes), at(5));
            assert_eq!(emergency.state, EmergencyState::Done);
            assert_eq!((emergency.due_at, emergency.ended_at), (None, Some(at(5))));
        }
    }

    #[test]
    fn a_page_that_is_not_the_last_leaves_it_starting_where_it_was() {
        let mut emergency = emergency();
        let reached = "int_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
        emergency.started(&[], Some(reached), true, at(3));
        assert_eq!(emergency.state, EmergencyState::Starting);
        assert_eq!(emergency.reached, Some(reached));
        assert_eq!(emergency.due_at, Some(at(3)));
    }
}
