//! What comes in and goes out of synchronizations and their jobs.

use gatehouse::domain::sync::{
    EntityName, FoundDrift, JobCounts, JobStatus, ParkedPage, SyncJob, SyncPhase, SyncTrigger,
    SyncType,
};
use gatehouse::domain::{SyncJobId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be synchronized.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"syncType": "incremental", "entities": ["contacts"]}))]
pub(crate) struct NewSync {
    pub(crate) sync_type: SyncType,
    /// The kinds of record, each once.
    #[schema(min_items = 1, max_items = 50)]
    pub(crate) entities: Vec<EntityName>,
}

/// The jobs that run: one for each kind of record. One that ran already is not started again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartedJobs {
    pub(crate) jobs: Vec<JobView>,
}

/// One run over the records of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "syn_01K72Z5QSW0123456789ABCDEF", "entity": "contacts", "syncType": "full",
    "trigger": "manual", "status": "running", "phase": "pages", "pages": 12,
    "recordsProcessed": 1200, "recordsTotal": 4800, "progress": 0.25, "created": 1180,
    "updated": 0, "deleted": 0, "unchanged": 20, "conflicts": 0, "skipped": 0, "missing": 0,
    "startedAt": "2026-01-31T09:30:00.000Z", "advancedAt": "2026-01-31T09:30:09.120Z"
}))]
pub(crate) struct JobView {
    pub(crate) id: SyncJobId,
    pub(crate) entity: EntityName,
    pub(crate) sync_type: SyncType,
    pub(crate) trigger: SyncTrigger,
    pub(crate) status: JobStatus,
    /// What it does next, or did when it stopped.
    pub(crate) phase: SyncPhase,
    /// How many pages were read.
    pub(crate) pages: u64,
    /// How many records were read.
    pub(crate) records_processed: u64,
    /// How many there are, if the provider says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) records_total: Option<u64>,
    /// How far it is, from 0 to 1, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<f64>,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) unchanged: u64,
    /// Of so many a person has to decide.
    pub(crate) conflicts: u64,
    /// So many could not be taken, and were left out because a person said so.
    pub(crate) skipped: u64,
    /// So many were on no page of a full run.
    pub(crate) missing: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) advanced_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
    /// Why it failed, or stopped to ask: a stable code. docs/records.md lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_detail: Option<String>,
    /// The page that it stopped at, if it can be read again or skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parked: Option<ParkedPage>,
    /// What it has found to have changed of the provider's fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift: Option<FoundDrift>,
}

impl From<SyncJob> for JobView {
    fn from(job: SyncJob) -> Self {
        let progress = progress(&job);
        let JobCounts {
            pages,
            processed,
            created,
            updated,
            deleted,
            unchanged,
            conflicts,
            skipped,
            missing,
        } = job.counts;
        Self {
            id: job.id,
            entity: job.entity,
            sync_type: job.sync_type,
            trigger: job.trigger,
            status: job.status,
            phase: job.phase,
            pages,
            records_processed: processed,
            records_total: job.records_total,
            progress,
            created,
            updated,
            deleted,
            unchanged,
            conflicts,
            skipped,
            missing,
            started_at: job.started_at,
            advanced_at: job.advanced_at,
            ended_at: job.ended_at,
            error: job.error,
            error_detail: job.error_detail,
            parked: job.parked,
            drift: job.drift,
        }
    }
}

/// Known of a job that is done, and of one whose provider says how many records there are.
fn progress(job: &SyncJob) -> Option<f64> {
    if job.status == JobStatus::Completed {
        return Some(1.0);
    }
    let total = job.records_total.filter(|total| *total > 0)?;
    let thousandths = u128::from(job.counts.processed.min(total)) * 1000 / u128::from(total);
    u32::try_from(thousandths)
        .ok()
        .map(|thousandths| f64::from(thousandths) / 1000.0)
}

/// Which jobs are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct JobQuery {
    pub(crate) entity: Option<EntityName>,
    pub(crate) status: Option<JobStatus>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// A kind of record, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "entity": "contacts", "canSync": true, "records": 4800, "running": false,
    "openConflicts": 1, "changedAt": "2026-01-31T09:30:09.120Z",
    "cursorAt": "2026-01-31T09:29:58.000Z", "cursorAgeSeconds": 312,
    "lastFullAt": "2026-01-30T03:00:41.002Z", "lastCompletedAt": "2026-01-31T09:30:10.007Z",
    "jobId": "syn_01K72Z5QSW0123456789ABCDEF", "schedule": "rate(15 minutes)",
    "nextRunAt": "2026-01-31T09:45:00.000Z", "creates": true, "updates": true, "deletes": false
}))]
pub(crate) struct EntityView {
    pub(crate) entity: EntityName,
    /// Whether it can be synchronized: how it is listed is known.
    pub(crate) can_sync: bool,
    /// How many records there are that are not deleted.
    pub(crate) records: u64,
    /// Whether a job runs.
    pub(crate) running: bool,
    /// The job that runs, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<SyncJobId>,
    pub(crate) open_conflicts: u64,
    /// When the newest change was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed_at: Option<Timestamp>,
    /// Where the next incremental run begins, if that is an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor_age_seconds: Option<u64>,
    /// When the last full run was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_full_at: Option<Timestamp>,
    /// When the last run of any type was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_completed_at: Option<Timestamp>,
    /// What was last found to have changed of the provider's fields, by which job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift: Option<FoundDrift>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_schedule: Option<String>,
    /// When its schedule starts the next run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_run_at: Option<Timestamp>,
    /// Whether records can be made here.
    pub(crate) creates: bool,
    /// Whether they can be changed here.
    pub(crate) updates: bool,
    /// Whether they can be deleted here.
    pub(crate) deletes: bool,
}

#[cfg(test)]
mod tests {
    use gatehouse::domain::sync::SchemaSeen;

    use super::*;

    fn job(status: JobStatus, processed: u64, total: Option<u64>) -> SyncJob {
        let at = Timestamp::UNIX_EPOCH;
        SyncJob {
            id: ulid::Ulid::from(1_u128).into(),
            organization_id: ulid::Ulid::from(2_u128).into(),
            integration_id: ulid::Ulid::from(3_u128).into(),
            entity: "contacts".parse().unwrap(),
            sync_type: SyncType::Full,
            trigger: SyncTrigger::Manual,
            status,
            phase: SyncPhase::Pages,
            step: 1,
            position: Default::default(),
            since: None,
            newest: None,
            schema_seen: SchemaSeen::default(),
            drift: None,
            counts: JobCounts {
                processed,
                ..JobCounts::default()
            },
            records_total: total,
            failures: 0,
            retry_at: None,
            error: None,
            error_detail: None,
            parked: None,
            skip_step: None,
            incomplete: false,
            deletes_approved: false,
            started_at: at,
            advanced_at: at,
            ended_at: None,
        }
    }

    #[test]
    fn progress_is_told_if_it_is_known_and_never_passes_the_end() {
        for (status, processed, total, progress) in [
            (JobStatus::Running, 10, None, None),
            (JobStatus::Running, 10, Some(0), None),
            (JobStatus::Running, 10, Some(40), Some(0.25)),
            (JobStatus::Failed, 50, Some(40), Some(1.0)),
            (JobStatus::Running, u64::MAX, Some(u64::MAX), Some(1.0)),
            (JobStatus::Completed, 0, None, Some(1.0)),
        ] {
            let view = JobView::from(job(status, processed, total));
            assert_eq!(view.progress, progress, "{status:?} {processed} {total:?}");
        }
    }
}
