use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conflict::ConflictPolicy;
use super::field_mapping::MappingForm;
use super::{EntityName, FieldMapping};
use crate::domain::object::only_objects;
use crate::domain::{Entity, EventPattern, Expression, IntegrationId};

only_objects!(
    SyncConfig,
    EntitySync,
    DeleteGuard,
    RecordCalls,
    RecordCall,
    EventRule,
    SyncTarget
);

/// What an integration synchronizes: its `syncConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct SyncConfig {
    /// How each kind of record is synchronized. One that is not named here is synchronized only by
    /// request, and as the catalogue says.
    pub entities: BTreeMap<EntityName, EntitySync>,
}

/// How one kind of record is synchronized.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct EntitySync {
    /// How it is listed, if neither the catalogue nor `apiProfile` says it, or otherwise than they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Entity>,
    /// When an incremental run starts: `rate(15 minutes)` or `cron(0 3 * * *)`, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// When a full run starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_schedule: Option<String>,
    /// How far before the newest change seen an incremental run begins, in seconds; 300, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 604_800)]
    pub lookback_seconds: Option<u32>,
    /// The fields of our records, by name; the provider's own, if none is given.
    #[schema(value_type = BTreeMap<String, MappingForm>)]
    pub mapping: BTreeMap<String, FieldMapping>,
    /// How changes of both sides are settled.
    pub conflicts: ConflictPolicy,
    /// How many records a full run may delete without asking.
    pub delete_guard: DeleteGuard,
    /// What is done where the provider's fields change.
    pub drift: DriftPolicy,
    /// How records are written at the provider. Changes made here need them.
    pub calls: RecordCalls,
    /// Which events of the integration hold records of this kind.
    pub events: Vec<EventRule>,
    /// The kind of record of another integration that is kept in step with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<SyncTarget>,
    /// How many earlier versions of a record are kept; 5, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 50)]
    pub history: Option<u8>,
}

/// How many records a full run may delete without asking: it asks if both limits are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct DeleteGuard {
    /// Of a hundred records.
    #[schema(maximum = 100)]
    pub percent: u8,
    /// In all.
    pub records: u64,
}

impl Default for DeleteGuard {
    fn default() -> Self {
        Self {
            percent: 20,
            records: 100,
        }
    }
}

impl DeleteGuard {
    /// Whether `missing` of `records` are too many.
    #[must_use]
    pub fn stops(&self, missing: u64, records: u64) -> bool {
        let share = u128::from(records) * u128::from(self.percent);
        missing > self.records && u128::from(missing) * 100 > share
    }
}

/// What is done where the provider's fields change: each change is reported once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftPolicy {
    /// Fields that the mapping does not name stay out.
    #[default]
    Ignore,
    /// New fields are taken over under their own names.
    Add,
    /// The job stops.
    Stop,
}

/// The calls that read and write one record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct RecordCalls {
    /// Makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<RecordCall>,
    /// Changes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<RecordCall>,
    /// Deletes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<RecordCall>,
    /// Reads one. With it, a record that a full list lacks is looked for before it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<RecordCall>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RecordCall {
    /// The method.
    pub method: String,
    /// The path under the base URL, with `{id}` for the record's id.
    pub path: String,
    /// What is sent: over `{id, changes, record}`, the changed fields and the whole record by the
    /// provider's names; the changes, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Expression>,
    /// Where the answer has the record, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Expression>,
}

/// Which events hold a record, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct EventRule {
    /// The types of event.
    pub types: Vec<EventPattern>,
    /// Where the event has the record, in the form that lists have; a list of them is taken, too.
    pub record: Expression,
    /// What holds for an event that says that the record is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Expression>,
    /// Where the event has the version of the record, if the record itself has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Expression>,
    /// Where the event has the version that this one follows. If it is not the one that is here, an
    /// incremental run fetches what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<Expression>,
    /// Whether the event has only what has changed of the record.
    #[serde(default)]
    pub partial: bool,
}

/// The other side of records that are kept in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct SyncTarget {
    /// The integration.
    pub integration: IntegrationId,
    /// Its kind of record.
    pub entity: EntityName,
    /// Its fields, over ours; those of the same name, if none is given.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, MappingForm>)]
    pub mapping: BTreeMap<String, FieldMapping>,
}
