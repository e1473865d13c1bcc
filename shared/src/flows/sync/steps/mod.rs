//! A step of a job: one page of a list, or a part of what follows the pages.

mod page;

use std::sync::Arc;
use std::time::Duration;

use super::apply::{Kind, Records};
use super::jobs::Jobs;
use super::settings::EntitySettings;
use super::trouble::{Lasting, Passing, Trouble};
use crate::domain::sync::{JobStatus, SyncJob, SyncPhase};
use crate::domain::{Cause, Error, IntegrationId, OrganizationId, SyncJobId, Timestamp};
use crate::flows::outbound::{OpenIntegration, Outbound};
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::store::{ChangeSet, Committed, JobWrite, Versioned};

/// After so many failures in a row a job is left to a person.
pub(in crate::flows::sync) const MAX_FAILURES: u16 = 12;
/// The longest wait before a step is tried again: SQS delays no message for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// A message that comes so soon after the step that it asked for was done is a repetition; one that
/// comes later may be there because the next one was never sent.
pub(in crate::flows::sync) const RESEND_AFTER: Duration = Duration::from_secs(10);
/// How often a job that has to be parked is read again because others have moved it.
const TRIES: usize = 24;

/// Does the steps of jobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Synchronizer {
    pub(in crate::flows::sync) jobs: Jobs,
    pub(in crate::flows::sync) records: Records,
    pub(in crate::flows::sync) outbound: Outbound,
}

/// A step that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepDue {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The job.
    pub job: SyncJobId,
    /// The number of the step.
    pub step: u64,
}

/// What becomes of the message of a step.
#[derive(Debug)]
pub enum StepEnd {
    /// It has served: the step is done, now or before, or there is nothing to do.
    Done,
    /// It is to come again after that.
    Again(Duration, Cause),
    /// It met trouble of ours: it is to come again, later each time.
    Failed(Cause),
}

/// A job at its present step.
pub(in crate::flows::sync) struct Present {
    pub(in crate::flows::sync) job: Versioned<SyncJob>,
    pub(in crate::flows::sync) open: Arc<OpenIntegration>,
    pub(in crate::flows::sync) settings: EntitySettings,
}

impl Present {
    pub(in crate::flows::sync) fn kind(&self) -> Kind<'_> {
        Kind {
            organization: self.job.item.organization_id,
            integration: self.job.item.integration_id,
            entity: &self.settings.name,
            rules: &self.settings.rules,
        }
    }
}

impl Synchronizer {
    /// Does the steps of `jobs`: calls providers by `outbound`, and changes records by `records`.
    #[must_use]
    pub fn new(jobs: Jobs, records: Records, outbound: Outbound) -> Self {
        Self {
            jobs,
            records,
            outbound,
        }
    }

    /// The life of jobs.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The way by which records change.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Does a step, if it is the one that its job is at, and has the next one done.
    pub async fn step(&self, due: StepDue) -> StepEnd {
        match Box::pin(self.try_step(due)).await {
            Ok(end) => end,
            Err(error) => StepEnd::Failed(error.into()),
        }
    }

    async fn try_step(&self, due: StepDue) -> Result<StepEnd, Error> {
        let (organization, integration) = (due.organization, due.integration);
        let now = self.jobs.sources.now();
        let job = self
            .jobs
            .store
            .sync_job(organization, integration, due.job, now);
        let Some(job) = job.await? else {
            return Ok(StepEnd::Done);
        };
        if job.item.status != JobStatus::Running || due.step > job.item.step {
            return Ok(StepEnd::Done);
        }
        if due.step < job.item.step {
            let may_be_lost = due.step.saturating_add(1) == job.item.step
                && now.since(job.item.advanced_at) >= RESEND_AFTER;
            if may_be_lost {
                self.jobs.send_step(&job.item, Duration::ZERO).await?;
            }
            return Ok(StepEnd::Done);
        }
        if let Some(wait) = wait_left(&job.item, now) {
            let cause = Cause::from("the step is to be tried again later");
            return Ok(StepEnd::Again(wait, cause));
        }
        let id = job.item.id;
        match Box::pin(self.present_step(job.clone())).await {
            Ok(job) => {
                if job.status == JobStatus::Running {
                    self.jobs.send_step(&job, Duration::ZERO).await?;
                } else {
                    self.jobs.count_end(&job);
                }
                Ok(StepEnd::Done)
            }
            Err(Trouble::Moved) => {
                let cause = Cause::from("somebody else has moved the job");
                Ok(StepEnd::Again(RESEND_AFTER, cause))
            }
            Err(Trouble::Deleted) => {
                tracing::info!(sync_job.id = %id, integration.id = %integration, "{id} has ended: {integration} is deleted");
                Ok(StepEnd::Done)
            }
            Err(Trouble::Ours(error)) => Err(error),
            Err(Trouble::Passing(passing)) => {
                tracing::warn!(sync_job.id = %id, step = due.step, code = passing.code, detail = passing.detail, "a step of {id} has failed");
                self.put_off(job, passing).await
            }
            Err(Trouble::Lasting(lasting)) => self.leave_to_a_person(job, &lasting).await,
        }
    }

    /// Does the step that the job is at, and answers the job as it is then.
    async fn present_step(&self, job: Versioned<SyncJob>) -> Result<SyncJob, Trouble> {
        let (organization, integration) = (job.item.organization_id, job.item.integration_id);
        let open = self.outbound.open(organization, integration).await;
        let open = open.map_err(|error| match error {
            Error::NotFound(_) => Trouble::Deleted,
            error => Trouble::of_call(error),
        })?;
        let settings = EntitySettings::of(&open.integration, &job.item.entity);
        let settings = settings.map_err(|error| match error {
            Error::NotFound(_) => gone(
                "entity_unknown",
                "neither the integration nor the catalogue says how the entity is listed",
            ),
            error => Trouble::of_call(error),
        })?;
        let present = Present {
            job,
            open,
            settings,
        };
        match present.job.item.phase {
            SyncPhase::Pages => Box::pin(self.page(present)).await,
            SyncPhase::FindMissing => Box::pin(self.find_missing(present)).await,
            SyncPhase::DeleteMissing => Box::pin(self.delete_missing(present)).await,
        }
    }

    /// Has a step tried again after a while; too many times, and it is left to a person.
    async fn put_off(&self, job: Versioned<SyncJob>, passing: Passing) -> Result<StepEnd, Error> {
        let Versioned { mut item, version } = job;
        if passing.counts {
            item.failures = item.failures.saturating_add(1);
        }
        if item.failures >= MAX_FAILURES {
            let lasting = Lasting::new(passing.code, passing.detail);
            return self
                .leave_to_a_person(Versioned::new(item, version), &lasting)
                .await;
        }
        let now = self.jobs.sources.now();
        let wait = self.backoff(item.failures);
        let wait = wait
            .max(passing.retry_after.unwrap_or_default())
            .min(LONGEST_WAIT);
        item.retry_at = Some(now.plus(wait));
        item.error = Some(passing.code.to_owned());
        item.error_detail = Some(passing.detail);
        let store = &self.jobs.store;
        let owner = item.organization_id;
        store.update_sync_job(owner, &item, version, None).await?;
        self.jobs.send_step(&item, wait).await?;
        let metrics = &self.jobs.metrics;
        metrics.count_for(Metric::SyncStepsRetried, passing.code, now);
        Ok(StepEnd::Done)
    }

    /// Anything up to 1 s, 2 s, 4 s, … and 15 minutes.
    fn backoff(&self, failures: u16) -> Duration {
        let doubled = 1_u64.checked_shl(u32::from(failures.saturating_sub(1)));
        let longest = Duration::from_secs(doubled.unwrap_or(u64::MAX)).min(LONGEST_WAIT);
        longest.mul_f64(self.jobs.sources.randomness.fraction())
    }

    /// Ends a job as one that a person has to look at, unless somebody else has moved it.
    pub(in crate::flows::sync) async fn leave_to_a_person(
        &self,
        job: Versioned<SyncJob>,
        lasting: &Lasting,
    ) -> Result<StepEnd, Error> {
        let Versioned { mut item, version } = job;
        let id = item.id;
        let (organization, integration) = (item.organization_id, item.integration_id);
        let store = &self.jobs.store;
        let settings = match store.integration(organization, integration).await? {
            Some(found) => EntitySettings::of(&found.item, &item.entity).ok(),
            None => None,
        };
        for _ in 0..TRIES {
            let now = self.jobs.sources.now();
            let state = store.entity_state(organization, integration, &item.entity);
            let mut set = ChangeSet::new(organization, integration, state.await?, now);
            let settings = settings.as_ref();
            let expires_at = self
                .jobs
                .park(&mut item, &mut set.state, settings, lasting, now);
            set.job = Some(JobWrite {
                job: item.clone(),
                version,
                expires_at,
            });
            store.keep_as_wanted(&mut set).await?;
            match store.commit_changes(&set).await? {
                Committed::Done(_) => {
                    let (code, detail) = (lasting.code, lasting.detail.as_str());
                    tracing::error!(sync_job.id = %id, integration.id = %integration, code, detail, "{id} stopped, and waits for a person");
                    self.jobs.count_end(&item);
                    return Ok(StepEnd::Done);
                }
                Committed::JobMoved => return Ok(StepEnd::Done),
                Committed::StateMoved
                | Committed::RecordMoved(_)
                | Committed::LinkMoved
                | Committed::Busy => {}
            }
        }
        let error = crate::store::contended();
        tracing::warn!(sync_job.id = %id, cause = chain(&error), "{id} is not parked yet");
        Err(error.into())
    }
}

/// How long the job has to wait before its step is tried again; nothing, if it has not. SQS counts
/// whole seconds.
fn wait_left(job: &SyncJob, now: Timestamp) -> Option<Duration> {
    let left = job.retry_at?.since(now);
    (left > Duration::from_secs(1)).then_some(left)
}

/// Trouble of a job whose records nobody can list any more.
fn gone(code: &'static str, detail: &'static str) -> Trouble {
    Lasting::new(code, detail).into()
}

/// Moves the job on to its next step.
pub(in crate::flows::sync) fn advance(job: &mut SyncJob, now: Timestamp) {
    job.step = job.step.saturating_add(1);
    job.failures = 0;
    job.advanced_at = now;
    (job.retry_at, job.skip_step) = (None, None);
    (job.error, job.error_detail) = (None, None);
}
