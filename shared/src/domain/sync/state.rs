use serde::{Deserialize, Serialize};

use super::drift::pairs;
use super::{EntityName, FoundDrift, RecordSchema, SourceVersion};
use crate::domain::{SyncJobId, Timestamp};

/// What is known of an integration's entity as a whole. Everything that changes a record changes
/// this in the same transaction, so changes have one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityState {
    /// The kind of record.
    pub entity: EntityName,
    /// The number of the newest change. Each change of a record has the next one.
    pub sequence: u64,
    /// When the newest change was made. No change is earlier than one with a lower number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// How many records there are that are not deleted.
    pub records: u64,
    /// The job that runs, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<SyncJobId>,
    /// Whether that job runs.
    #[serde(default)]
    pub running: bool,
    /// Where the next incremental run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<SourceVersion>,
    /// When the last full run was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_at: Option<Timestamp>,
    /// When the last run of any type was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it has to be looked at next: its entry in the index of what is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The fields of the provider's records, as they were last seen.
    #[serde(default, with = "pairs")]
    pub schema: RecordSchema,
    /// What was last found to have changed of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<FoundDrift>,
    /// How many conflicts wait for a person.
    #[serde(default)]
    pub open_conflicts: u64,
}

impl EntityState {
    /// Of an entity that nothing was ever read of.
    #[must_use]
    pub fn new(entity: EntityName) -> Self {
        Self {
            entity,
            sequence: 0,
            changed_at: None,
            records: 0,
            job: None,
            running: false,
            cursor: None,
            full_at: None,
            completed_at: None,
            due_at: None,
            schema: RecordSchema::new(),
            drift: None,
            open_conflicts: 0,
        }
    }

    /// Gives a change of a record its number and its instant, and counts what there is after it: `was`
    /// and `is` say whether there is such a record before and after. The instant is `now`, or that of
    /// the change before, should a clock have gone back.
    pub fn take_change(&mut self, was: bool, is: bool, now: Timestamp) -> (u64, Timestamp) {
        self.sequence = self.sequence.saturating_add(1);
        let at = self.changed_at.map_or(now, |last| last.max(now));
        self.changed_at = Some(at);
        self.records = match (was, is) {
            (false, true) => self.records.saturating_add(1),
            (true, false) => self.records.saturating_sub(1),
            (true, true) | (false, false) => self.records,
        };
        (self.sequence, at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::sync::FieldType;

    fn state() -> EntityState {
        EntityState::new("contacts".parse().unwrap())
    }

    #[test]
    fn changes_are_numbered_and_no_change_is_earlier_than_the_one_before() {
        let mut state = state();
        let later = Timestamp::UNIX_EPOCH.plus(Duration::from_secs(9));
        assert_eq!(state.take_change(false, true, later), (1, later));
        let back = state.take_change(true, true, Timestamp::UNIX_EPOCH);
        assert_eq!(back, (2, later));
        assert_eq!((state.records, state.changed_at), (1, Some(later)));
        state.take_change(true, false, later);
        state.take_change(false, false, later);
        assert_eq!((state.records, state.sequence), (0, 4));
    }

    #[test]
    fn a_field_may_be_called_anything() {
        let mut state = state();
        for name in ["", "a.b", "#"] {
            state.schema.insert(name.to_owned(), FieldType::String);
        }
        let json = serde_json::to_value(&state).unwrap();
        assert!(json["schema"].is_array());
        assert_eq!(serde_json::from_value::<EntityState>(json).unwrap(), state);
    }
}
