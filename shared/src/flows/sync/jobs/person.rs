//! What people do with jobs, and what follows when they change the integration.

use std::time::Duration;

use super::{Jobs, STALLED, TOO_MANY_DELETES};
use crate::domain::sync::{EntityName, EntityState, JobStatus, SyncJob};
use crate::domain::{Error, Integration, IntegrationId, OrganizationId, SyncJobId, Timestamp};
use crate::flows::sync::settings::EntitySettings;
use crate::flows::sync::sweep::SEEN_FOR;
use crate::lambda::telemetry::chain;
use crate::queue::SyncMessage;
use crate::store::{ChangeSet, Committed, JobWrite, Versioned};

/// After so long, longer than a function may run that changes a configuration, comes the message that makes
/// sure that what is due follows it.
const MAKING_SURE: Duration = Duration::from_secs(60);
/// How often a change of a job is tried anew because others were faster.
const TRIES: usize = 24;

/// What becomes of a job that a person moves on: an error, if it cannot be.
type Moved = Result<SyncJob, Error>;

impl Jobs {
    /// Ends a job for good, before it has done what it had to.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it has ended; or the table does not answer.
    pub async fn cancel(
        &self,
        integration: &Integration,
        job: SyncJobId,
    ) -> Result<Versioned<SyncJob>, Error> {
        let settings = |name: &EntityName| EntitySettings::of(integration, name).ok();
        let cancelled = |mut job: SyncJob| match job.status {
            JobStatus::Running | JobStatus::Failed => {
                job.status = JobStatus::Cancelled;
                job.parked = None;
                Ok(job)
            }
            JobStatus::Completed | JobStatus::Cancelled => Err(ended(&job)),
        };
        let owner = (integration.organization_id, integration.id);
        self.update(owner, job, cancelled, settings).await
    }

    /// Has a job that has failed try its present step again.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it has not failed, waits for something else, or
    /// another job runs; or the table or the queue does not answer.
    pub async fn retry(
        &self,
        integration: &Integration,
        job: SyncJobId,
    ) -> Result<Versioned<SyncJob>, Error> {
        self.resume(integration, job, |job| {
            parked(&job)?;
            Ok(job)
        })
        .await
    }

    /// Has a job that has failed leave out what it cannot take of the page that it stopped at. It then
    /// deletes nothing for being absent from the list.
    ///
    /// # Errors
    ///
    /// As [`Jobs::retry`], or if nobody knows where the list goes on.
    pub async fn skip(
        &self,
        integration: &Integration,
        job: SyncJobId,
    ) -> Result<Versioned<SyncJob>, Error> {
        self.resume(integration, job, |mut job| {
            if !parked(&job)? {
                let message =
                    "the page cannot be skipped: only the page itself says where the next one is";
                return Err(Error::Conflict(message.to_owned()));
            }
            job.skip_step = Some(job.step);
            Ok(job)
        })
        .await
    }

    /// Lets a full run that stopped to ask delete as many records as are missing.
    ///
    /// # Errors
    ///
    /// As [`Jobs::retry`].
    pub async fn approve_deletes(
        &self,
        integration: &Integration,
        job: SyncJobId,
    ) -> Result<Versioned<SyncJob>, Error> {
        let now = self.sources.now();
        self.resume(integration, job, |mut job| {
            if now.since(job.started_at) >= SEEN_FOR {
                let message =
                    "the job began too long ago to know what is missing; start a full run";
                return Err(Error::Conflict(message.to_owned()));
            }
            if job.status != JobStatus::Failed || job.error.as_deref() != Some(TOO_MANY_DELETES) {
                let message = "the job does not ask whether it may delete records";
                return Err(Error::Conflict(message.to_owned()));
            }
            job.deletes_approved = true;
            Ok(job)
        })
        .await
    }

    /// Has [`Jobs::follow`] done later, whatever becomes of the caller: to be called before an integration's
    /// configuration is changed. If it is not changed then, nothing is done.
    ///
    /// # Errors
    ///
    /// If the queue does not answer: then it is not to be changed.
    pub async fn follow_later(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        let message = SyncMessage::Configured {
            organization,
            integration,
        };
        self.queue.send(&message, MAKING_SURE).await?;
        Ok(())
    }

    /// Has what is due follow the configuration, now that it has changed. It has, whether this can be done
    /// at once or not: what fails is done by the message that was sent before.
    pub async fn follow(&self, integration: &Integration) {
        if let Err(error) = self.reschedule(integration).await {
            let id = integration.id;
            tracing::warn!(
                integration.id = %id,
                cause = chain(&error),
                "what is due of {id} follows its configuration later"
            );
        }
    }

    /// As [`Jobs::reschedule`], of an integration as it stands; nothing, if there is none.
    ///
    /// # Errors
    ///
    /// If the table or the queue does not answer: the message is to come again.
    pub async fn configured(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        let found = self.store.integration(organization, integration).await?;
        let Some(found) = found else {
            return Ok(());
        };
        match self.reschedule(&found.item).await {
            // What is stored is not understood, and will not be the next time.
            Err(error @ Error::Conflict(_)) => {
                tracing::error!(integration.id = %integration, cause = chain(&error), "nothing of {integration} is due");
                Ok(())
            }
            ended => ended,
        }
    }

    /// Makes what is due follow the integration's configuration, after that has changed: its schedules
    /// may begin, move, or end; and a target may be another, that is to be told of all records.
    ///
    /// # Errors
    ///
    /// If the table or the queue does not answer, or what is stored is not understood.
    pub async fn reschedule(&self, integration: &Integration) -> Result<(), Error> {
        let owner = (integration.organization_id, integration.id);
        let known = self.store.entity_states(owner.0, owner.1).await?;
        let mut names = EntitySettings::configured(integration)?;
        names.extend(known.into_iter().map(|state| state.item.entity));
        names.sort_unstable();
        names.dedup();
        for name in names {
            let settings = EntitySettings::of(integration, &name).ok();
            self.reschedule_one(owner, &name, settings.as_ref()).await?;
            self.tell_target(integration, name).await?;
        }
        Ok(())
    }

    /// Has the feed looked through, if there is a target. Who reads it knows whether that is another.
    async fn tell_target(
        &self,
        integration: &Integration,
        entity: EntityName,
    ) -> Result<(), Error> {
        if EntitySettings::rules(integration, &entity)?
            .target
            .is_none()
        {
            return Ok(());
        }
        let message = SyncMessage::Feed {
            organization: integration.organization_id,
            integration: integration.id,
            entity,
        };
        self.queue.send(&message, Duration::ZERO).await?;
        Ok(())
    }

    async fn reschedule_one(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        name: &EntityName,
        settings: Option<&EntitySettings>,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let state = self.store.entity_state(organization, integration, name);
            let state = state.await?;
            let now = self.sources.now();
            let due_at = settings.and_then(|settings| settings.next_start(now, now));
            // A job that runs is looked at soon, and that is when the schedule is asked next.
            if state.item.running || state.item.due_at == due_at {
                return Ok(());
            }
            let moved = self
                .store
                .move_due_sync(organization, integration, state, due_at);
            if let Committed::Done(_) = moved.await? {
                return Ok(());
            }
        }
        Err(crate::store::contended().into())
    }

    /// Has a job that has failed run again, if no other one does.
    async fn resume(
        &self,
        integration: &Integration,
        job: SyncJobId,
        change: impl Fn(SyncJob) -> Moved,
    ) -> Result<Versioned<SyncJob>, Error> {
        let resumed = |job: SyncJob| {
            let mut job = change(job)?;
            job.status = JobStatus::Running;
            job.failures = 0;
            (job.retry_at, job.ended_at) = (None, None);
            (job.error, job.error_detail, job.parked) = (None, None, None);
            Ok(job)
        };
        let owner = (integration.organization_id, integration.id);
        let job = self.update(owner, job, resumed, |_| None).await?;
        self.send_step(&job.item, Duration::ZERO).await?;
        Ok(job)
    }

    /// Changes a job together with what its state says of it.
    async fn update(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        job: SyncJobId,
        change: impl Fn(SyncJob) -> Moved,
        settings: impl Fn(&EntityName) -> Option<EntitySettings>,
    ) -> Result<Versioned<SyncJob>, Error> {
        for _ in 0..TRIES {
            let now = self.sources.now();
            let found = self.store.sync_job(organization, integration, job, now);
            let found = found.await?.ok_or(Error::NotFound("job"))?;
            let state = self
                .store
                .entity_state(organization, integration, &found.item.entity)
                .await?;
            let mut job = change(found.item)?;
            let mut set = ChangeSet::new(organization, integration, state, now);
            let expires_at = match job.status {
                JobStatus::Running => {
                    run_again(&mut job, &mut set.state, now)?;
                    None
                }
                _ => {
                    let settings = settings(&job.entity);
                    self.end(&mut job, &mut set.state, settings.as_ref(), now)
                }
            };
            set.job = Some(JobWrite {
                job: job.clone(),
                version: found.version,
                expires_at,
            });
            self.store.keep_as_wanted(&mut set).await?;
            if let Committed::Done(versions) = self.store.commit_changes(&set).await? {
                let (id, status) = (job.id, job.status);
                tracing::info!(sync_job.id = %id, ?status, "{id} was moved by a person: {status:?}");
                return Ok(Versioned::new(job, versions.job));
            }
        }
        Err(crate::store::contended().into())
    }
}

/// Makes of the state what it is when a job that had ended runs again.
fn run_again(job: &mut SyncJob, state: &mut EntityState, now: Timestamp) -> Result<(), Error> {
    if state.running && state.job != Some(job.id) {
        let message = "another job over the same records runs; cancel it, or wait for its end";
        return Err(Error::Conflict(message.to_owned()));
    }
    job.advanced_at = now;
    state.job = Some(job.id);
    state.running = true;
    state.due_at = Some(now.plus(STALLED));
    Ok(())
}

/// Whether the page that a job stopped at can be skipped.
fn parked(job: &SyncJob) -> Result<bool, Error> {
    match (&job.parked, job.status) {
        (Some(parked), JobStatus::Failed) => Ok(parked.can_skip),
        (None, JobStatus::Failed) => Err(Error::Conflict(
            "the job waits for an answer whether it may delete records".to_owned(),
        )),
        (_, JobStatus::Running) => Err(Error::Conflict("the job runs".to_owned())),
        _ => Err(ended(job)),
    }
}

fn ended(job: &SyncJob) -> Error {
    let how = match job.status {
        JobStatus::Cancelled => "was cancelled",
        _ => "is completed",
    };
    Error::Conflict(format!("the job {how}"))
}
