//! The life of a job, but for its steps: it is started, ended, and moved on by a person.
//!
//! Whether a job runs stands in the state of its kind of record, too, and both change in one
//! transaction: so one of a kind runs at a time, whoever starts it.

mod person;

use std::time::Duration;

use super::drifts::keep;
use super::settings::EntitySettings;
use super::steps::RESEND_AFTER;
use super::trouble::Lasting;
use crate::domain::sync::{
    EntityName, EntityState, JobCounts, JobStatus, PagePosition, SchemaSeen, SyncJob, SyncPhase,
    SyncTrigger, SyncType,
};
use crate::domain::{Error, Integration, Sources, SyncJobId, Timestamp};
use crate::lambda::metrics::{Metric, Metrics};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::{JobStart, Store, Versioned};

/// A job that has not moved for so long is looked at: its message may be lost.
pub(in crate::flows::sync) const STALLED: Duration = Duration::from_secs(300);
/// Starts jobs, ends them, and moves them on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(in crate::flows::sync) store: Store,
    pub(in crate::flows::sync) queue: SyncQueue,
    pub(in crate::flows::sync) metrics: Metrics,
    pub(in crate::flows::sync) sources: Sources,
    /// How long jobs are kept that have ended.
    pub(in crate::flows::sync) retention: Duration,
}

/// A job that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedJob {
    /// As it stands.
    pub job: Versioned<SyncJob>,
    /// Whether it is the one that was asked for, and not another that ran already.
    pub is_new: bool,
}

impl Jobs {
    /// Keeps jobs in the table, and sends their messages by `queue`; those that have ended are kept for
    /// `retention`.
    #[must_use]
    pub fn new(
        store: Store,
        queue: SyncQueue,
        metrics: Metrics,
        sources: Sources,
        retention: Duration,
    ) -> Self {
        Self {
            store,
            queue,
            metrics,
            sources,
            retention,
        }
    }

    /// Starts a job over one kind of record; if one runs already, that is the answer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if nobody says how that kind is listed, or [`Error::Conflict`], if it is not
    /// understood. If the table or the queue does not answer, the job may have been started: asking
    /// again has the same effect as asking once.
    pub async fn start(
        &self,
        integration: &Integration,
        entity: &EntityName,
        sync_type: SyncType,
        trigger: SyncTrigger,
    ) -> Result<StartedJob, Error> {
        let settings = EntitySettings::of(integration, entity)?;
        let organization = integration.organization_id;
        let store = &self.store;
        let state = store.entity_state(organization, integration.id, entity);
        let state = state.await?.item;
        let now = self.sources.now();
        let is_incremental = sync_type == SyncType::Incremental;
        let can_ask = settings.source.changed_since.is_some();
        let cursor = state.cursor.as_ref().filter(|_| is_incremental && can_ask);
        let job = SyncJob {
            id: SyncJobId::generate(now, self.sources.randomness.as_ref()),
            organization_id: organization,
            integration_id: integration.id,
            entity: entity.clone(),
            sync_type,
            trigger,
            status: JobStatus::Running,
            phase: SyncPhase::Pages,
            step: 0,
            position: PagePosition::default(),
            since: cursor.map(|cursor| settings.since(cursor)),
            newest: None,
            schema_seen: SchemaSeen::default(),
            drift: None,
            counts: JobCounts::default(),
            records_total: None,
            failures: 0,
            retry_at: None,
            error: None,
            error_detail: None,
            parked: None,
            skip_step: None,
            incomplete: false,
            deletes_approved: false,
            started_at: now,
            advanced_at: now,
            ended_at: None,
        };
        let due_at = now.plus(STALLED);
        match store.start_sync_job(organization, &job, due_at).await? {
            JobStart::Started => {
                self.send_step(&job, Duration::ZERO).await?;
                let id = job.id;
                tracing::info!(sync_job.id = %id, integration.id = %integration.id, entity = %entity, ?sync_type, ?trigger, "{id} is started");
                Ok(StartedJob {
                    job: Versioned::new(job, 1),
                    is_new: true,
                })
            }
            JobStart::Running(job) => self.running(*job, now).await,
        }
    }

    /// The answer to a start where a job runs already.
    async fn running(&self, job: Versioned<SyncJob>, now: Timestamp) -> Result<StartedJob, Error> {
        // Who started it may not have got as far as sending its first message.
        let stands = now.since(job.item.advanced_at) >= RESEND_AFTER;
        if job.item.step == 0 && job.item.retry_at.is_none() && stands {
            self.send_step(&job.item, Duration::ZERO).await?;
        }
        Ok(StartedJob { job, is_new: false })
    }

    /// Makes of a job that has ended, and of the state, what they are then; says when the job expires.
    pub(in crate::flows::sync) fn end(
        &self,
        job: &mut SyncJob,
        state: &mut EntityState,
        settings: Option<&EntitySettings>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        job.ended_at = Some(now);
        job.retry_at = None;
        if state.job == Some(job.id) && state.running {
            state.running = false;
            // A full run that was to start meanwhile starts now; an incremental one has nothing to
            // find that this run has not found.
            let full = match job.sync_type {
                SyncType::Incremental => job.started_at,
                SyncType::Full => now,
            };
            state.due_at = settings.and_then(|settings| settings.next_start(now, full));
        }
        Some(now.plus(self.retention))
    }

    /// Ends a job as one that a person has to look at.
    pub(in crate::flows::sync) fn park(
        &self,
        job: &mut SyncJob,
        state: &mut EntityState,
        settings: Option<&EntitySettings>,
        lasting: &Lasting,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if let Some(settings) = settings {
            keep((job, state), settings.rules.drift, &lasting.drifts, now);
        }
        job.status = JobStatus::Failed;
        job.error = Some(lasting.code.to_owned());
        job.error_detail = Some(lasting.detail.clone());
        if lasting.code != TOO_MANY_DELETES {
            job.parked = Some(lasting.parked(job.position.page));
        }
        if let Some(cursor) = &lasting.retry_from {
            job.position.cursor = Some(cursor.clone());
        }
        self.end(job, state, settings, now)
    }

    /// Counts a job that has ended.
    pub(in crate::flows::sync) fn count_end(&self, job: &SyncJob) {
        let now = self.sources.now();
        let (id, status) = (job.id, job.status);
        let error = job.error.as_deref();
        match status {
            JobStatus::Completed => self.metrics.count(Metric::SyncJobsCompleted, now),
            JobStatus::Failed => self.metrics.count(Metric::SyncJobsFailed, now),
            JobStatus::Running | JobStatus::Cancelled => {}
        }
        let counts = &job.counts;
        tracing::info!(
            sync_job.id = %id,
            integration.id = %job.integration_id,
            entity = %job.entity,
            error,
            ?counts,
            "{id} has ended: {status:?}"
        );
    }

    /// Sends the message of the job's present step.
    pub(in crate::flows::sync) async fn send_step(
        &self,
        job: &SyncJob,
        delay: Duration,
    ) -> Result<(), Error> {
        let message = SyncMessage::Step {
            organization: job.organization_id,
            integration: job.integration_id,
            job: job.id,
            step: job.step,
        };
        self.queue.send(&message, delay).await?;
        Ok(())
    }
}

/// The code of a full run that stopped to ask.
pub(in crate::flows::sync) const TOO_MANY_DELETES: &str = "too_many_deletes";
