use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Rotation, RotationPolicy};
use crate::domain::{CredentialInfo, RotationId, Timestamp};

/// An integration with a policy is looked at this often, whatever is known of when it is due: its
/// credentials may have been replaced by hand.
const LOOK: Duration = Duration::from_secs(24 * 60 * 60);
/// A person is reminded so long before credentials are to be replaced.
const AHEAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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

impl RotationPlan {
    /// As it is once `rotation` stands like this. A lease, or a step's wait, says when to look.
    pub fn follow(&mut self, rotation: &Rotation, now: Timestamp) {
        if rotation.state.is_end() {
            self.active = self.active.filter(|active| *active != rotation.id);
            self.last = Some(rotation.id);
            self.has_leftovers = rotation.has_leftovers();
            self.due_at = self.policy.is_some().then(|| now.plus(LOOK));
        } else {
            self.active = Some(rotation.id);
            // What is paused is not looked at, but what somebody works on may have to be taken over.
            let waits = self.paused && !rotation.emergency && rotation.lease.is_none();
            self.due_at = rotation.next_at(now).filter(|_| !waits);
        }
    }

    /// When a rotation is to begin by itself; none, if none is. `by_person`, if somebody has to
    /// hand in credentials, and so has to know before.
    #[must_use]
    pub fn begins_at(
        &self,
        credentials: Option<&CredentialInfo>,
        by_person: bool,
    ) -> Option<Timestamp> {
        let policy = self.policy.as_ref().filter(|_| !self.paused)?;
        let credentials = credentials?;
        let due = policy.due_at(credentials.created_at, credentials.expires_at)?;
        if by_person {
            return Some(due.minus(AHEAD).max(credentials.created_at));
        }
        Some(due)
    }

    /// When to look next at an integration without an active rotation.
    pub fn look(&mut self, credentials: Option<&CredentialInfo>, by_person: bool, now: Timestamp) {
        if self.policy.is_none() || self.paused {
            self.due_at = None;
            return;
        }
        let begins = self.begins_at(credentials, by_person).map(|at| {
            let at = at.max(now);
            self.policy
                .as_ref()
                .map_or(at, |policy| policy.opens_at(at))
        });
        let latest = now.plus(LOOK);
        self.due_at = Some(begins.map_or(latest, |at| at.min(latest)));
    }

    /// It is looked at tomorrow, and not before.
    pub fn put_off(&mut self, now: Timestamp) {
        self.due_at = self.due_at.map(|at| at.max(now.plus(LOOK)));
    }
}
