use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DAY;
use super::changes::MAX_OVERLAP_SECONDS;
use crate::domain::object::only_objects;
use crate::domain::{FieldError, Timestamp};

only_objects!(SecretRotationPolicy);

/// A policy gives people at least so long to take the new secret into use.
const MIN_OVERLAP_SECONDS: u64 = 5 * 60;
const MAX_DAYS: u16 = 3650;

/// When the signing secret of a destination is replaced, or when a person is reminded to replace that
/// of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct SecretRotationPolicy {
    /// So many days after the newest one was stored; or shown to a person, if a schedule made it.
    #[schema(minimum = 1, maximum = 3650)]
    pub every_days: u16,
    /// How long the old secret of a destination signs too, once a person has been shown the new one;
    /// a day, if absent. In seconds, and not longer than `everyDays`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 300, maximum = 2_592_000)]
    pub overlap_seconds: Option<u64>,
    /// Whether nothing begins, and nobody is reminded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

impl SecretRotationPolicy {
    /// What the form of the fields does not say. Pointers are relative to the policy.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), FieldError> {
        if !(1..=MAX_DAYS).contains(&self.every_days) {
            return Err(FieldError::new("/everyDays", "must be from 1 to 3650"));
        }
        let Some(overlap) = self.overlap_seconds else {
            return Ok(());
        };
        if !(MIN_OVERLAP_SECONDS..=MAX_OVERLAP_SECONDS).contains(&overlap) {
            let message = "must be from 300 to 2592000";
            return Err(FieldError::new("/overlapSeconds", message));
        }
        if Duration::from_secs(overlap) > self.period() {
            let message = "must not be longer than `everyDays`";
            return Err(FieldError::new("/overlapSeconds", message));
        }
        Ok(())
    }

    /// How long a secret is the newest.
    pub(super) fn period(&self) -> Duration {
        DAY * u32::from(self.every_days)
    }
}

/// What is planned of the signing secrets of a destination or an endpoint. It is part of its item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretPlan {
    /// When they are replaced; never by themselves, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<SecretRotationPolicy>,
    /// When a person was shown the newest one, if the schedule had made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_at: Option<Timestamp>,
    /// When a person was reminded last, of what is still to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<Timestamp>,
    /// Where its entry in the index is. The store's alone: who changes an item leaves it as it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl SecretPlan {
    /// Whether nothing is planned, nor was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets when they are replaced: nobody has been reminded of that.
    pub fn set_policy(&mut self, policy: Option<SecretRotationPolicy>) {
        self.policy = policy;
        self.reminded_at = None;
    }
}
