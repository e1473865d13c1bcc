//! What is due: schedules whose time has come, and jobs that have not moved for a while.

use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;

use super::jobs::STALLED;
use super::settings::EntitySettings;
use super::steps::{MAX_FAILURES, Synchronizer};
use super::trouble::Lasting;
use crate::domain::sync::{EntityState, JobStatus, SyncJob, SyncTrigger, SyncType};
use crate::domain::{Error, Integration, IntegrationStatus, Timestamp};
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::store::{DueSync, StoreError, Versioned};

/// How many entries are read in one go, and looked at at the same time.
const PAGE: u16 = 100;
const AT_ONCE: usize = 8;
/// No run begins another page after this; the next one is a minute later.
const ENOUGH: Duration = Duration::from_secs(40);

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TickReport {
    /// Jobs that were started.
    pub started: usize,
    /// Jobs that had not moved for minutes, and whose step was asked for again.
    pub late: usize,
    /// Entries that were moved, and nothing else.
    pub moved: usize,
    /// Entries that were of nothing any more.
    pub dropped: usize,
    /// Entries that stay where they are: the table or the queue did not answer.
    pub left: usize,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug)]
enum Looked {
    Started,
    Late,
    Moved,
    Dropped,
}

impl Synchronizer {
    /// Starts the jobs whose time has come, and wakes those that have not moved for a while.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub async fn tick(&self) -> Result<TickReport, StoreError> {
        let began = self.jobs.sources.now();
        let mut report = TickReport::default();
        loop {
            let now = self.jobs.sources.now();
            let due = self.jobs.store.due_syncs(now, PAGE).await?;
            let is_last = due.len() < usize::from(PAGE);
            let looks = futures::stream::iter(due.into_iter().map(|due| async move {
                let looked = Box::pin(self.look(&due)).await;
                (due, looked)
            }));
            let ends: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
            let before = report.left;
            for (due, looked) in ends {
                count(&mut report, &due, looked);
            }
            // What stays would be read again at once.
            let stuck = report.left > before;
            if is_last || stuck || self.jobs.sources.now().since(began) >= ENOUGH {
                break;
            }
        }
        tracing::info!(?report, "what is due was looked at");
        Ok(report)
    }

    async fn look(&self, due: &DueSync) -> Result<Looked, Error> {
        let store = &self.jobs.store;
        let state = store.entity_state(due.organization, due.integration, &due.entity);
        let state = state.await?;
        let found = store.integration(due.organization, due.integration).await?;
        let (Some(found), true) = (found, state.item.due_at == Some(due.at)) else {
            store.remove_due_sync(due).await?;
            return Ok(Looked::Dropped);
        };
        let settings = EntitySettings::of(&found.item, &due.entity).ok();
        if state.item.running {
            return self.look_at_running(due, state, settings.as_ref()).await;
        }
        let now = self.jobs.sources.now();
        let start = settings.as_ref().filter(|_| is_used(&found.item));
        let start = start.and_then(|settings| run_due(settings, due.at, now));
        match start {
            Some(sync_type) => {
                let trigger = SyncTrigger::Schedule;
                let started = self
                    .jobs
                    .start(&found.item, &due.entity, sync_type, trigger);
                started.await?;
                Ok(Looked::Started)
            }
            None => {
                let next = settings.and_then(|settings| settings.next_start(now, now));
                self.move_on(due, state, next).await
            }
        }
    }

    async fn look_at_running(
        &self,
        due: &DueSync,
        state: Versioned<EntityState>,
        settings: Option<&EntitySettings>,
    ) -> Result<Looked, Error> {
        let now = self.jobs.sources.now();
        let store = &self.jobs.store;
        let job = match state.item.job {
            Some(job) => {
                store
                    .sync_job(due.organization, due.integration, job, now)
                    .await?
            }
            None => None,
        };
        let job = job.filter(|job| job.item.status == JobStatus::Running);
        let Some(job) = job else {
            // A state says that a job runs which does not: they are written together, so the job has
            // been lost to its expiry.
            let mut repaired = state;
            repaired.item.running = false;
            let next = settings.and_then(|settings| settings.next_start(now, now));
            return self.repair(due, repaired, next).await;
        };
        let awake_until = alive_until(&job.item);
        if awake_until > now {
            return self.move_on(due, state, Some(awake_until)).await;
        }
        self.jobs.metrics.count(Metric::SyncJobsLate, now);
        let id = job.item.id;
        let Some(job) = self.fail_once_more(due, job).await? else {
            return Ok(Looked::Late);
        };
        self.jobs.send_step(&job, Duration::ZERO).await?;
        tracing::warn!(sync_job.id = %id, step = job.step, "{id} has not moved for minutes; its step is asked for again");
        self.move_on(due, state, Some(now.plus(STALLED))).await?;
        Ok(Looked::Late)
    }

    /// Counts a step that ended its function, or that nobody did, among those that failed. After too
    /// many of them the job is left to a person: then there is none to ask for a step.
    async fn fail_once_more(
        &self,
        due: &DueSync,
        job: Versioned<SyncJob>,
    ) -> Result<Option<SyncJob>, Error> {
        let Versioned { mut item, version } = job;
        item.failures = item.failures.saturating_add(1);
        if item.failures >= MAX_FAILURES {
            let detail = "its step was begun again and again, and never ended";
            let lasting = Lasting::new("stalled", detail);
            let job = Versioned::new(item, version);
            self.leave_to_a_person(job, &lasting).await?;
            return Ok(None);
        }
        let store = &self.jobs.store;
        let updated = store.update_sync_job(due.organization, &item, version, None);
        match updated.await {
            Ok(_) => Ok(Some(item)),
            // It has moved after all.
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn move_on(
        &self,
        due: &DueSync,
        state: Versioned<EntityState>,
        next: Option<Timestamp>,
    ) -> Result<Looked, Error> {
        // Whoever moved the state meanwhile has moved the entry, too, or leaves it to the next run.
        let store = &self.jobs.store;
        store
            .move_due_sync(due.organization, due.integration, state, next)
            .await?;
        Ok(Looked::Moved)
    }

    async fn repair(
        &self,
        due: &DueSync,
        state: Versioned<EntityState>,
        next: Option<Timestamp>,
    ) -> Result<Looked, Error> {
        let now = self.jobs.sources.now();
        let read = Versioned::new(
            EntityState {
                running: true,
                ..state.item.clone()
            },
            state.version,
        );
        let mut set = crate::store::ChangeSet::new(due.organization, due.integration, read, now);
        set.state = EntityState {
            due_at: next,
            ..state.item
        };
        self.jobs.store.commit_changes(&set).await?;
        Ok(Looked::Moved)
    }
}

/// Which run was to start by now. A full one does what an incremental one would.
fn run_due(settings: &EntitySettings, from: Timestamp, now: Timestamp) -> Option<SyncType> {
    if settings.full_is_due(from, now) {
        Some(SyncType::Full)
    } else if settings.incremental_is_due(from, now) {
        Some(SyncType::Incremental)
    } else {
        None
    }
}

/// Until when a job needs no look: it has just moved, or waits to try again.
fn alive_until(job: &SyncJob) -> Timestamp {
    let last = job.retry_at.unwrap_or(job.advanced_at);
    last.max(job.advanced_at).plus(STALLED)
}

/// Whether runs are started by themselves.
fn is_used(integration: &Integration) -> bool {
    matches!(
        integration.status,
        IntegrationStatus::Active | IntegrationStatus::Error
    )
}

fn count(report: &mut TickReport, due: &DueSync, looked: Result<Looked, Error>) {
    let counted = match looked {
        Ok(Looked::Started) => &mut report.started,
        Ok(Looked::Late) => &mut report.late,
        Ok(Looked::Moved) => &mut report.moved,
        Ok(Looked::Dropped) => &mut report.dropped,
        Err(error) => {
            let integration = due.integration;
            tracing::error!(
                integration.id = %integration,
                entity = %due.entity,
                cause = chain(&error),
                "what is due of {integration} could not be looked at"
            );
            &mut report.left
        }
    };
    *counted = counted.saturating_add(1);
}
