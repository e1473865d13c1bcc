//! What the schedule does with an integration whose time has come.

use std::time::Duration;

use super::RotationError;
use super::begin::{StartRotation, is_by_person};
use super::desk::{Of, Read};
use super::rotator::Rotator;
use crate::domain::rotation::{
    Leftover, LeftoverKind, Rotation, RotationFailure, RotationPlan, RotationState, RotationTrigger,
};
use crate::domain::{AuditOutcome, Error, Integration, Timestamp};
use crate::lambda::metrics::Metric;
use crate::store::{DueRotation, RotationWrite, Versioned};

/// So long a rotation waits for a person to hand in credentials.
const WAITS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What came of looking at an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visited {
    /// Its rotation stands like this now.
    Went(RotationState),
    /// There was nothing to be done yet, or somebody else does it.
    Early,
    /// It is gone.
    Dropped,
}

impl Rotator {
    /// Looks at an integration whose time has come: begins a rotation, goes on with one, or says when
    /// to look again.
    ///
    /// # Errors
    ///
    /// If something does not answer: the entry stays where it is.
    pub async fn visit(&self, due: &DueRotation) -> Result<Visited, RotationError> {
        let of = (due.organization, due.integration);
        let store = &self.desk.store;
        let read = self.desk.read(of).await?;
        let Some(found) = store.integration(of.0, of.1).await? else {
            return self.forget(due, read.active).await;
        };
        if read.plan.item.due_at != Some(due.at) {
            store.remove_due_rotation(due).await?;
            return Ok(Visited::Early);
        }
        if !read.plan.item.untold.is_empty() {
            self.tell(of).await?;
            return Ok(Visited::Early);
        }
        if let Some(active) = &read.active {
            if active.item.state == RotationState::Due {
                return self.remind(of, &read, active.clone(), &found.item).await;
            }
            return self.go_on(found.item).await;
        }
        self.begin_or_wait(due, found.item).await
    }

    async fn begin_or_wait(
        &self,
        due: &DueRotation,
        integration: Integration,
    ) -> Result<Visited, RotationError> {
        let of = (due.organization, due.integration);
        let now = self.desk.sources.now();
        let read = self.desk.read(of).await?;
        let (plan, by_person) = (&read.plan.item, is_by_person(&integration));
        let credentials = integration.credentials.as_ref();
        let begins = plan.begins_at(credentials, by_person);
        let policy = plan.policy.as_ref();
        let is_open = policy.is_some_and(|policy| policy.opens_at(now) <= now);
        let is_time = begins.is_some_and(|begins| begins <= now) && is_open;
        if let Some(start) = next(plan, is_time) {
            match self.desk.start(of, start).await {
                Ok(rotation) => {
                    self.record(&rotation, "rotation.start", AuditOutcome::Succeeded)
                        .await?;
                    if rotation.state == RotationState::Due {
                        self.metrics.count(Metric::RotationsDue, now);
                        return Ok(Visited::Went(RotationState::Due));
                    }
                    return self.go_on(integration).await;
                }
                // It cannot be replaced as it is set up: to be looked at again tomorrow.
                Err(Error::Conflict(message)) => {
                    if self.desk.read(of).await?.active.is_some() {
                        // Somebody else was faster.
                        return Ok(Visited::Early);
                    }
                    tracing::warn!(
                        integration.id = %integration.id,
                        message,
                        "the credentials of {} cannot be replaced",
                        integration.id
                    );
                    self.metrics
                        .count_for(Metric::RotationsFailed, "not_started", now);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut plan = read.plan.item.clone();
        plan.again = None;
        plan.look(credentials, by_person, now);
        if is_time {
            // Not before tomorrow, then.
            plan.put_off(now);
        }
        let store = &self.desk.store;
        let wrote = store.write_rotation(of, &read.plan, &plan, None).await?;
        match wrote {
            RotationWrite::Done { .. } => Ok(Visited::Early),
            RotationWrite::Moved => Err(RotationError::Moved),
        }
    }

    /// A rotation that waits for a person: it ends if somebody has set other credentials meanwhile, or
    /// nobody has handed any in for long.
    async fn remind(
        &self,
        of: Of,
        read: &Read,
        mut active: Versioned<Rotation>,
        integration: &Integration,
    ) -> Result<Visited, RotationError> {
        let now = self.desk.sources.now();
        let rotation = &mut active.item;
        let current = integration.credentials.as_ref();
        if current.is_none_or(|current| current.version != rotation.from_version) {
            rotation.end(RotationState::Done, RotationFailure::Superseded, now);
        } else if now.since(rotation.started_at) >= WAITS {
            rotation.end(RotationState::Failed, RotationFailure::Expired, now);
        }
        let state = rotation.state;
        // To look again is all that there is to do otherwise.
        let Some(_) = self.desk.write(of, read, active).await? else {
            return Err(RotationError::Moved);
        };
        if !state.is_end() {
            return Ok(Visited::Early);
        }
        self.tell(of).await?;
        Ok(Visited::Went(state))
    }

    async fn go_on(&self, integration: Integration) -> Result<Visited, RotationError> {
        let advanced = Box::pin(self.advance(integration, |_| true)).await?;
        Ok(advanced.map_or(Visited::Early, |rotation| Visited::Went(rotation.state)))
    }

    /// The integration is gone, and with it what could call the provider.
    async fn forget(
        &self,
        due: &DueRotation,
        active: Option<Versioned<Rotation>>,
    ) -> Result<Visited, RotationError> {
        let of = (due.organization, due.integration);
        let store = &self.desk.store;
        if let Some(mut active) = active {
            let read = self.desk.read(of).await?;
            let now = self.desk.sources.now();
            let rotation = &mut active.item;
            rotation.leftovers.extend(left_by(rotation, now));
            let end = if rotation.has_leftovers() {
                RotationState::OrphanPossible
            } else {
                RotationState::Failed
            };
            rotation.end(end, RotationFailure::IntegrationUnusable, now);
            rotation.lease = None;
            if self.desk.write(of, &read, active).await?.is_none() {
                return Err(RotationError::Moved);
            }
        }
        self.tell(of).await?;
        store.delete_rotation_plan(of.0, of.1).await?;
        store.remove_due_rotation(due).await?;
        Ok(Visited::Dropped)
    }
}

/// The rotation that begins by itself now, if one does.
fn next(plan: &RotationPlan, is_time: bool) -> Option<StartRotation> {
    match plan.again {
        Some(again) => Some(StartRotation {
            emergency: true,
            batch: again.batch,
            ..StartRotation::by(RotationTrigger::Request)
        }),
        None if is_time && !plan.has_leftovers => {
            Some(StartRotation::by(RotationTrigger::Schedule))
        }
        None => None,
    }
}

/// What a rotation of an integration that is gone has left at the provider.
fn left_by(rotation: &Rotation, now: Timestamp) -> Vec<Leftover> {
    let leftover = |kind, key_id: Option<String>| Leftover {
        kind,
        key_id,
        label: rotation.creation.as_ref().map(|one| one.label.clone()),
        since: now,
        cleaned_up_at: None,
    };
    let candidate = rotation.candidate.as_ref();
    let new = candidate.and_then(|one| one.key_id.clone());
    let old = rotation.from_key_id.clone();
    match rotation.state {
        RotationState::Grace | RotationState::Revoke => vec![
            leftover(LeftoverKind::OldCredentials, old),
            leftover(LeftoverKind::UnusedKey, new),
        ],
        RotationState::Create if rotation.creation.is_some() => {
            vec![leftover(LeftoverKind::PossibleKey, None)]
        }
        RotationState::Create | RotationState::Due => Vec::new(),
        _ => vec![leftover(LeftoverKind::UnusedKey, new)],
    }
}
