use std::time::Duration;

use super::desk::{Of, Read, RotationDesk, internal};
use super::failure::StepFailure;
use super::{CALL_TIMEOUT, RotationError};
use crate::domain::rotation::{
    OutOfStep, Pace, Rotation, RotationFailure, RotationLease, RotationState,
};
use crate::domain::{Integration, Timestamp};
use crate::store::{RotationWrite, Versioned};

/// For so long nobody else works on a rotation: longer than a function may run, so that one that is
/// killed has made no call that is still on its way when another goes on.
const LEASE: Duration = Duration::from_secs(6 * 60);

/// How often a change is written again over what others have written meanwhile.
const TRIES: usize = 5;

/// A rotation that is worked on, under a lease.
pub(super) struct Held<'a> {
    pub(super) desk: &'a RotationDesk,
    pub(super) of: Of,
    pub(super) read: Read,
    pub(super) rotation: Rotation,
    version: u64,
    owner: String,
    /// The integration, as it was read when the lease was taken.
    pub(super) integration: Integration,
}

impl RotationDesk {
    /// Takes the lease of an integration's active rotation. None, if there is none, or somebody
    /// else has it.
    pub(super) async fn hold(
        &self,
        of: Of,
        integration: Integration,
    ) -> Result<Option<Held<'_>>, RotationError> {
        let read = self.read(of).await?;
        let Some(active) = read.active.clone() else {
            return Ok(None);
        };
        let now = self.sources.now();
        if active.item.is_leased(now) || active.item.state.is_end() {
            return Ok(None);
        }
        let mut held = Held {
            desk: self,
            of,
            rotation: active.item,
            version: active.version,
            owner: self.sources.randomness.ulid(now).to_string(),
            read,
            integration,
        };
        match held.save(|_, _| Ok(())).await {
            Ok(()) => Ok(Some(held)),
            Err(RotationError::Moved) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Held<'_> {
    /// Changes the rotation, and keeps the lease; what is kept is written before this returns.
    pub(super) async fn save(
        &mut self,
        change: impl FnOnce(&mut Rotation, Timestamp) -> Result<(), OutOfStep>,
    ) -> Result<(), RotationError> {
        let now = self.desk.sources.now();
        let mut rotation = self.rotation.clone();
        change(&mut rotation, now).map_err(internal)?;
        rotation.lease = (!rotation.state.is_end()).then(|| RotationLease {
            owner: self.owner.clone(),
            until: now.plus(LEASE),
        });
        self.write(rotation, now).await
    }

    /// Changes the rotation, and gives the lease back.
    pub(super) async fn release(
        &mut self,
        change: impl FnOnce(&mut Rotation, Timestamp) -> Result<(), OutOfStep>,
    ) -> Result<(), RotationError> {
        let now = self.desk.sources.now();
        let mut rotation = self.rotation.clone();
        change(&mut rotation, now).map_err(internal)?;
        rotation.lease = None;
        self.write(rotation, now).await
    }

    /// The present step has failed: it is tried again later, or the rotation ends.
    pub(super) async fn fail(
        &mut self,
        failure: StepFailure,
        give_up: impl FnOnce(&mut Rotation, Timestamp) -> Result<(), OutOfStep>,
    ) -> Result<(), RotationError> {
        let mut tried = self.rotation.clone();
        let now = self.desk.sources.now();
        let pace = tried.step_failed(failure.reason, failure.status, now);
        if failure.is_transient && pace == Pace::Again {
            let again = |rotation: &mut Rotation, now: Timestamp| {
                rotation.step_failed(failure.reason, failure.status, now);
                Ok(())
            };
            return self.release(again).await;
        }
        self.save(give_up).await
    }

    /// Gives the candidate up.
    pub(super) async fn give_up(
        &mut self,
        reason: RotationFailure,
        status: Option<u16>,
    ) -> Result<(), RotationError> {
        self.save(|rotation, now| rotation.give_up(reason, status, now))
            .await
    }

    /// Whether there is time for the calls of another step before somebody else may go on.
    pub(super) fn has_time(&self) -> bool {
        let now = self.desk.sources.now();
        let until = self.rotation.lease.as_ref().map(|lease| lease.until);
        until.is_some_and(|until| now.plus(CALL_TIMEOUT * 6) < until)
    }

    /// Reads the integration again; none, if it is gone.
    pub(super) async fn reread(&mut self) -> Result<Option<Versioned<Integration>>, RotationError> {
        let found = self.desk.store.integration(self.of.0, self.of.1).await?;
        if let Some(found) = &found {
            self.integration = found.item.clone();
        }
        Ok(found)
    }

    /// Puts the present step off, if what was in use until the integration was given its present
    /// credentials may be used still by whoever remembers it; whether it was. It may be the very key
    /// that is to be made worthless: a switch that nobody has written down, and somebody who has
    /// set other credentials since, leave no more trace of that.
    pub(super) async fn is_put_off(&mut self) -> Result<bool, RotationError> {
        let now = self.desk.sources.now();
        let current = self.integration.credentials.as_ref();
        let until = current.and_then(|info| self.rotation.remembered_until(info.created_at, now));
        let Some(until) = until else {
            return Ok(false);
        };
        self.release(|rotation, _| {
            rotation.grace_until = Some(until);
            Ok(())
        })
        .await?;
        Ok(true)
    }

    pub(super) fn state(&self) -> RotationState {
        self.rotation.state
    }

    /// Whether its plan is paused, and it heeds that. A key that may be there is looked for first.
    pub(super) fn is_held_back(&self) -> bool {
        let rotation = &self.rotation;
        self.read.plan.item.paused && !rotation.emergency && rotation.creation.is_none()
    }

    async fn write(&mut self, mut rotation: Rotation, now: Timestamp) -> Result<(), RotationError> {
        for _ in 0..TRIES {
            match self.write_once(&rotation, now).await {
                Err(RotationError::Moved) => {}
                ended => return ended,
            }
            // People pause, or have no time: what they have written holds, and so does the lease.
            let read = self.desk.read(self.of).await?;
            let Some(active) = read.active.clone() else {
                return Err(RotationError::Moved);
            };
            let lease = active.item.lease.as_ref();
            let is_ours = lease.is_some_and(|lease| lease.owner == self.owner);
            if !is_ours || active.item.id != rotation.id || active.item.state != self.rotation.state
            {
                return Err(RotationError::Moved);
            }
            self.read = read;
            self.version = active.version;
            rotation.batch = active.item.batch;
            rotation.again |= active.item.again;
            if active.item.emergency && !rotation.emergency {
                rotation.make_emergency(now);
            }
        }
        Err(RotationError::Moved)
    }

    async fn write_once(
        &mut self,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<(), RotationError> {
        let rotation = rotation.clone();
        let mut plan = self.read.plan.item.clone();
        plan.follow(&rotation, now);
        let versioned = Versioned::new(rotation, self.version);
        let store = &self.desk.store;
        let wrote = store
            .write_rotation(self.of, &self.read.plan, &plan, Some(&versioned))
            .await?;
        match wrote {
            RotationWrite::Done {
                plan: plan_version,
                rotation: version,
            } => {
                self.read.plan = Versioned::new(plan, plan_version);
                self.rotation = versioned.item;
                self.version = version;
                Ok(())
            }
            RotationWrite::Moved => Err(RotationError::Moved),
        }
    }
}
