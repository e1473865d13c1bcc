//! What the schedule does with an integration whose time has come.

use super::RotationError;
use super::begin::is_by_person;
use super::desk::StartRotation;
use super::rotator::Rotator;
use crate::domain::rotation::{
    Leftover, LeftoverKind, Rotation, RotationFailure, RotationState, RotationTrigger,
};
use crate::domain::{AuditOutcome, Error, Integration};
use crate::lambda::metrics::Metric;
use crate::store::{DueRotation, RotationWrite, Versioned};

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
        if let Some(active) = &read.active {
            if active.item.state == RotationState::Due {
                // It waits for a person. To look again is all that there is to do.
                let mut plan = read.plan.item.clone();
                plan.follow(&active.item, self.desk.sources.now());
                store.write_rotation(of, &read.plan, &plan, None).await?;
                return Ok(Visited::Early);
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
        let is_open = plan
            .policy
            .as_ref()
            .is_some_and(|policy| policy.opens_at(now) <= now);
        let is_time = begins.is_some_and(|begins| begins <= now) && is_open;
        if is_time && !plan.has_leftovers {
            match self
                .desk
                .start(of, StartRotation::by(RotationTrigger::Schedule))
                .await
            {
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
            let state = rotation.state;
            let kind = match state {
                RotationState::Grace | RotationState::Revoke => Some(LeftoverKind::OldCredentials),
                RotationState::Create if rotation.creation.is_some() => {
                    Some(LeftoverKind::PossibleKey)
                }
                RotationState::Create | RotationState::Due => None,
                _ => Some(LeftoverKind::UnusedKey),
            };
            rotation.leftovers.extend(kind.map(|kind| {
                Leftover {
                    kind,
                    key_id: rotation
                        .candidate
                        .as_ref()
                        .and_then(|one| one.key_id.clone()),
                    label: rotation.creation.as_ref().map(|one| one.label.clone()),
                    since: now,
                    cleaned_up_at: None,
                }
            }));
            let end = if rotation.has_leftovers() {
                RotationState::OrphanPossible
            } else {
                RotationState::Failed
            };
            rotation.end(end, RotationFailure::IntegrationUnusable, now);
            rotation.lease = None;
            self.desk.write(of, &read, active).await?;
        }
        store.delete_rotation_plan(of.0, of.1).await?;
        store.remove_due_rotation(due).await?;
        Ok(Visited::Dropped)
    }
}
