use serde::{Deserialize, Serialize};

use super::{EntityName, RecordSchema, SourceVersion};
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
    #[serde(default)]
    pub schema: RecordSchema,
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
            open_conflicts: 0,
        }
    }
}
