//! Runs over the records of an integration. One of a kind of record runs at a time: that it does stands
//! in the state of that kind, and both change in one transaction.

use crate::domain::sync::{EntityName, EntityState, JobStatus, SyncJob};
use crate::domain::{IntegrationId, OrganizationId, SyncJobId, Timestamp};

use super::change_sets::{ChangeSet, Committed, JobWrite};
use super::error::contended;
use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::table::TRIES;
use super::{Page, Store, StoreError};

/// What came of starting a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobStart {
    /// It runs, in version 1.
    Started,
    /// Another one runs already: this.
    Running(Box<Versioned<SyncJob>>),
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct SyncJobQuery {
    /// Only those over this kind of record.
    pub entity: Option<EntityName>,
    /// Only those that stand like this.
    pub status: Option<JobStatus>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this job: the `next` of the page before.
    pub after: Option<SyncJobId>,
    /// The current instant: what has expired is not listed.
    pub now: Timestamp,
}

impl Store {
    /// Starts a job, unless one over the same records runs. `due_at` is when it has to be looked at, should
    /// it not have moved by then.
    ///
    /// # Errors
    ///
    /// If the table does not answer, an item is corrupt, or others write the same state all the time.
    pub async fn start_sync_job(
        &self,
        organization: OrganizationId,
        job: &SyncJob,
        due_at: Timestamp,
    ) -> Result<JobStart, StoreError> {
        for _ in 0..TRIES {
            let before = self
                .entity_state(organization, job.integration_id, &job.entity)
                .await?;
            if let Some(started) = self.running(organization, job, &before).await? {
                return Ok(started);
            }
            let mut set = ChangeSet::new(organization, job.integration_id, before, job.advanced_at);
            set.state = EntityState {
                job: Some(job.id),
                running: true,
                due_at: Some(due_at),
                ..set.state
            };
            set.job = Some(JobWrite {
                job: job.clone(),
                version: 0,
                expires_at: None,
            });
            if let Committed::Done(_) = self.commit_changes(&set).await? {
                return Ok(JobStart::Started);
            }
        }
        Err(contended())
    }

    /// The job that a state says runs, if it does. The state may be one that an earlier try to start `job`
    /// has written, whose answer was lost.
    async fn running(
        &self,
        organization: OrganizationId,
        job: &SyncJob,
        state: &Versioned<EntityState>,
    ) -> Result<Option<JobStart>, StoreError> {
        let running = state.item.job.filter(|_| state.item.running);
        let Some(running) = running else {
            return Ok(None);
        };
        if running == job.id {
            return Ok(Some(JobStart::Started));
        }
        let key = ItemKey::SyncJob(organization, job.integration_id, running);
        let found = self.get::<SyncJob>(key).await?.map(Stored::into_versioned);
        // One that has ended since has moved the state as well, which is then found to have moved.
        let found = found.filter(|found| found.item.status == JobStatus::Running);
        Ok(found.map(|found| JobStart::Running(Box::new(found))))
    }

    /// Reads a job.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn sync_job(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        job: SyncJobId,
        now: Timestamp,
    ) -> Result<Option<Versioned<SyncJob>>, StoreError> {
        let key = ItemKey::SyncJob(organization, integration, job);
        let stored = self.get::<SyncJob>(key).await?;
        Ok(stored
            .filter(|stored| stored.is_alive(now))
            .map(Stored::into_versioned))
    }

    /// Writes what has come of a job besides its records (that a step failed, say), in place of the one
    /// that was read as `expected`, and returns the new version. Whether it runs stands in the state, too:
    /// what changes that goes by [`Store::commit_changes`].
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn update_sync_job(
        &self,
        organization: OrganizationId,
        job: &SyncJob,
        expected: u64,
        expires_at: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let key = ItemKey::SyncJob(organization, job.integration_id, job.id);
        if expected == 0 {
            return Err(StoreError::NotFound(key.item_type()));
        }
        let stored = Stored::first(job.clone());
        let stored = match expires_at {
            Some(end) => stored.until(end),
            None => stored,
        };
        let swapped = self.swap(key, stored, expected).await?;
        swapped.map_err(|found| match found {
            Some(_) => StoreError::Conflict,
            None => StoreError::NotFound(key.item_type()),
        })
    }

    /// At most `query.limit` jobs, newest first. Work is bounded: a page can be short, even empty, and
    /// still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn sync_jobs(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        query: &SyncJobQuery,
    ) -> Result<Page<Versioned<SyncJob>, SyncJobId>, StoreError> {
        let collection = Collection::SyncJobs(organization, integration);
        let key_of = |job| ItemKey::SyncJob(organization, integration, job);
        let accepts = |stored: &Stored<SyncJob>| {
            let job = &stored.data;
            stored.is_alive(query.now)
                && query.status.is_none_or(|wanted| job.status == wanted)
                && query
                    .entity
                    .as_ref()
                    .is_none_or(|wanted| job.entity == *wanted)
        };
        self.list_where(collection, key_of, (query.limit, query.after), accepts)
            .await
    }
}
