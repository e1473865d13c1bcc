//! When a rotation is looked at next.

use std::time::Duration;

use super::policy::MIN_GRACE_SECONDS;
use super::{Rotation, RotationState, RotationStrategy};
use crate::domain::Timestamp;

/// The wait after a first failure; doubled with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait; in an emergency, nobody waits for long.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
const LONGEST_EMERGENCY_WAIT: Duration = Duration::from_secs(60);
/// A rotation that waits for a person is looked at this often.
const LOOK: Duration = Duration::from_secs(24 * 60 * 60);

impl Rotation {
    /// Whether a person has anything to clean up.
    #[must_use]
    pub fn has_leftovers(&self) -> bool {
        let mut leftovers = self.leftovers.iter();
        leftovers.any(|leftover| leftover.cleaned_up_at.is_none())
    }

    /// Whether somebody makes a step of it.
    #[must_use]
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| now < lease.until)
    }

    /// When it is to be looked at; none, if it has ended.
    #[must_use]
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        if let Some(lease) = &self.lease {
            return Some(lease.until);
        }
        match self.state {
            RotationState::Done | RotationState::Failed | RotationState::OrphanPossible => None,
            RotationState::Due => Some(now.plus(LOOK)),
            RotationState::Grace => Some(self.grace_until.unwrap_or(now)),
            RotationState::Revoke | RotationState::Discard => {
                let next = now.plus(self.wait());
                Some(self.grace_until.map_or(next, |until| until.max(next)))
            }
            _ => Some(now.plus(self.wait())),
        }
    }

    /// Until when nothing may be made worthless, since what was in use before the credentials of
    /// `changed_at` may be used by whoever remembers it. None, if that is over, or in an emergency.
    #[must_use]
    pub fn remembered_until(&self, changed_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let until = changed_at.plus(Duration::from_secs(MIN_GRACE_SECONDS.into()));
        (now < until && !self.emergency).then_some(until)
    }

    /// Whether a person has to publish the public key.
    #[must_use]
    pub fn waits_for_publication(&self) -> bool {
        self.strategy == RotationStrategy::Asymmetric && self.public_key.is_some()
    }

    fn wait(&self) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let wait = FIRST_WAIT.saturating_mul(1 << doublings.min(12));
        let longest = if self.emergency {
            LONGEST_EMERGENCY_WAIT
        } else {
            LONGEST_WAIT
        };
        wait.min(longest)
    }
}
