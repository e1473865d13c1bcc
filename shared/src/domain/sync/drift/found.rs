use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Drift;
use crate::domain::sync::DriftPolicy;
use crate::domain::{SyncJobId, Timestamp};

/// So many changes that one run finds are kept: they stand in items that each change of a record writes.
const MAX_CHANGES: usize = 50;

/// What a run has found to have changed of the provider's fields, for people to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundDrift {
    /// The run.
    pub job_id: SyncJobId,
    /// What was to be done about it, as the entity said then.
    pub policy: DriftPolicy,
    /// When the first of it was seen.
    pub first_seen_at: Timestamp,
    /// What has changed: 50 fields at most.
    pub changes: Vec<Drift>,
    /// Whether there was more than that.
    pub more: bool,
}

impl FoundDrift {
    /// Adds `drifts`, that a run has seen at `now`, to what it had `found` before; what is known already
    /// is not added again, so a page that is read twice adds nothing.
    #[must_use]
    pub fn with(
        found: Option<Self>,
        (job_id, policy): (SyncJobId, DriftPolicy),
        drifts: &[Drift],
        now: Timestamp,
    ) -> Option<Self> {
        if drifts.is_empty() {
            return found;
        }
        let mut found = found.unwrap_or(Self {
            job_id,
            policy,
            first_seen_at: now,
            changes: Vec::new(),
            more: false,
        });
        for drift in drifts {
            if found.changes.contains(drift) {
                continue;
            }
            if found.changes.len() < MAX_CHANGES {
                found.changes.push(drift.clone());
            } else {
                found.more = true;
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::sync::DriftKind;

    fn drifts(numbers: std::ops::Range<u8>) -> Vec<Drift> {
        let drift = |number: u8| Drift {
            field: format!("f{number}"),
            kind: DriftKind::New,
        };
        numbers.map(drift).collect()
    }

    fn with(found: Option<FoundDrift>, drifts: &[Drift], second: u64) -> Option<FoundDrift> {
        let now = Timestamp::UNIX_EPOCH.plus(Duration::from_secs(second));
        let job = ulid::Ulid::from(1_u128).into();
        FoundDrift::with(found, (job, DriftPolicy::Add), drifts, now)
    }

    #[test]
    fn what_a_run_finds_is_kept_once_with_when_it_was_first_seen() {
        assert_eq!(with(None, &[], 1), None);
        let first = with(None, &drifts(0..2), 1);
        let found = with(first, &drifts(1..3), 2).unwrap();
        assert_eq!(found.changes, drifts(0..3));
        assert_eq!(found.first_seen_at.as_second(), 1);
        assert!(!found.more);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let found = with(None, &drifts(0..51), 1).unwrap();
        assert_eq!((found.changes.len(), found.more), (50, true));
    }
}
