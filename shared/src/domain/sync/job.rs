use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EntityName, FoundDrift, SchemaSeen, SourceVersion};
use crate::domain::{IntegrationId, OrganizationId, Sealed, SyncJobId, Timestamp};

/// One run over the records of one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncJob {
    /// Its id.
    pub id: SyncJobId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration whose records they are.
    pub integration_id: IntegrationId,
    /// The kind of record.
    pub entity: EntityName,
    /// Whether all records are read, or those that have changed.
    pub sync_type: SyncType,
    /// What started it.
    pub trigger: SyncTrigger,
    /// How it stands.
    pub status: JobStatus,
    /// What its next step does.
    pub phase: SyncPhase,
    /// The number of its next step. Each step that is committed adds 1, so a message of an earlier
    /// step does nothing.
    pub step: u64,
    /// Where the next page starts.
    pub position: PagePosition,
    /// Where an incremental run begins: what its first call sends as the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SourceVersion>,
    /// The newest version that was seen on its pages; the next incremental run begins there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<SourceVersion>,
    /// The fields that the records on its pages had, if it is a full run.
    #[serde(default, skip_serializing_if = "SchemaSeen::is_empty")]
    pub schema_seen: SchemaSeen,
    /// What it has found to have changed of the provider's fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<FoundDrift>,
    /// What it has done.
    pub counts: JobCounts,
    /// How many records the provider says there are, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_total: Option<u64>,
    /// How often its present step has failed.
    #[serde(default)]
    pub failures: u16,
    /// When the present step is tried again, if it was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Why it failed, as a stable code; or why it stopped to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is to be said of that: no secret, and nothing of a record, nor any name that the provider has
    /// given to a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// The page that it stopped at, if a person can retry or skip it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<ParkedPage>,
    /// Whether what cannot be taken on the page of this step is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_step: Option<u64>,
    /// Whether anything was left out: then nothing is deleted for being absent.
    #[serde(default)]
    pub incomplete: bool,
    /// Whether a person has said that as many records may be deleted as are missing.
    #[serde(default)]
    pub deletes_approved: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When its last step was committed.
    pub advanced_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Which records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncType {
    /// All; what is missing is deleted at the end.
    Full,
    /// Those that have changed since the last run.
    Incremental,
}

/// What started a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncTrigger {
    /// A request.
    Manual,
    /// Its schedule.
    Schedule,
    /// An event that showed that others are missing.
    Gap,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It has steps left.
    Running,
    /// It did all that it had to.
    Completed,
    /// It stopped; a person can retry the page, skip it, or approve the deletes.
    Failed,
    /// A person ended it.
    Cancelled,
}

/// What a step of a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// Reads a page and applies its records.
    Pages,
    /// Looks in one part of the records for what no page had.
    FindMissing,
    /// Deletes what was found missing.
    DeleteMissing,
}

/// Where the next step starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PagePosition {
    /// The number of the page, counted from 0; of the part, in the phases after the pages.
    pub page: u64,
    /// What the provider gave for the next page (a cursor, a URL, an offset), sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Sealed>,
    /// Where a part goes on, in the phases after the pages: a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What a job has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobCounts {
    /// Pages that were read.
    pub pages: u64,
    /// Records that were read.
    pub processed: u64,
    /// Of these: those that were new.
    pub created: u64,
    /// Those that had changed.
    pub updated: u64,
    /// Those that were deleted at the provider, or missing from a full list.
    pub deleted: u64,
    /// Those that were as they are here.
    pub unchanged: u64,
    /// Those of which a person has to decide.
    pub conflicts: u64,
    /// Those that could not be taken, and were left out because a person said so.
    pub skipped: u64,
    /// Records that no page of a full run had.
    pub missing: u64,
}

impl std::ops::AddAssign for JobCounts {
    fn add_assign(&mut self, other: Self) {
        self.pages = self.pages.saturating_add(other.pages);
        self.processed = self.processed.saturating_add(other.processed);
        self.created = self.created.saturating_add(other.created);
        self.updated = self.updated.saturating_add(other.updated);
        self.deleted = self.deleted.saturating_add(other.deleted);
        self.unchanged = self.unchanged.saturating_add(other.unchanged);
        self.conflicts = self.conflicts.saturating_add(other.conflicts);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.missing = self.missing.saturating_add(other.missing);
    }
}

/// A page that a job stopped at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedPage {
    /// Its number, counted from 0.
    pub page: u64,
    /// The call that read it, as it stands in the log of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<crate::domain::RequestId>,
    /// The places on it of the records that cannot be taken, counted from 0; none if the page
    /// itself cannot be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<u32>,
    /// Whether it can be skipped: where the next page is, is known.
    pub can_skip: bool,
}
