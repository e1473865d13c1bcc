use std::fmt;
use std::sync::Arc;

use super::RotationError;
use super::calls::{self, Told};
use super::desk::{Of, RotationDesk};
use super::failure::StepFailure;
use super::held::Held;
use crate::audit::Trail;
use crate::catalog;
use crate::domain::rotation::{Rotation, RotationFailure, RotationState, RotationStrategy};
use crate::domain::{
    Actor, ApiProfile, AuditOutcome, AuditSubject, Integration, NewAuditEntry, RotationMethod,
};
use crate::flows::outbound::{NamedCredentials, OpenIntegration, Outbound};
use crate::lambda::metrics::{Metric, Metrics};
use crate::vault::CredentialSet;

/// The most steps that one visit makes: all of a rotation, and those that are made again.
const MOST_STEPS: usize = 16;

/// Makes the steps of rotations. Cheap to clone.
#[derive(Clone)]
pub struct Rotator {
    pub(super) desk: RotationDesk,
    pub(super) outbound: Outbound,
    pub(super) trail: Trail,
    pub(super) metrics: Metrics,
}

impl fmt::Debug for Rotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotator").finish_non_exhaustive()
    }
}

/// Whether a rotation goes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// The next step is made.
    On,
    /// It is to be looked at later; the lease is given back.
    Later,
}

impl Rotator {
    /// Makes the steps of the rotations of `desk`: providers are called by `outbound`.
    #[must_use]
    pub fn new(desk: RotationDesk, outbound: Outbound, trail: Trail, metrics: Metrics) -> Self {
        Self {
            desk,
            outbound,
            trail,
            metrics,
        }
    }

    /// Where rotations are started.
    #[must_use]
    pub fn desk(&self) -> &RotationDesk {
        &self.desk
    }

    /// Goes on with the active rotation of `integration`, as it was read just now, as far as it can,
    /// while its next step is one that `may` let pass. How it stands then; none, if there is none that is not
    /// worked on by somebody else.
    ///
    /// # Errors
    ///
    /// If the table or the audit trail does not answer, or somebody else has changed it meanwhile.
    pub async fn advance(
        &self,
        integration: Integration,
        may: impl Fn(RotationState) -> bool,
    ) -> Result<Option<Rotation>, RotationError> {
        let of = (integration.organization_id, integration.id);
        let Some(mut held) = self.desk.hold(of, integration).await? else {
            return Ok(None);
        };
        for _ in 0..MOST_STEPS {
            if !may(held.state()) || held.state().is_end() || !held.has_time() {
                break;
            }
            if Box::pin(self.step(&mut held)).await? == Stepped::Later {
                break;
            }
        }
        if held.rotation.lease.is_some() {
            held.release(|_, _| Ok(())).await?;
        }
        if held.state().is_end() {
            self.ended(&held.rotation).await?;
        }
        Ok(Some(held.rotation))
    }

    async fn step(&self, held: &mut Held<'_>) -> Result<Stepped, RotationError> {
        match held.state() {
            RotationState::Create => self.create(held).await?,
            RotationState::Set => self.set(held).await?,
            RotationState::Test => self.test(held).await?,
            RotationState::Finish => self.finish(held).await?,
            RotationState::Grace => {
                let now = self.desk.sources.now();
                if held.rotation.grace_until.is_some_and(|until| now < until) {
                    return Ok(Stepped::Later);
                }
                held.save(Rotation::graced).await?;
            }
            RotationState::Revoke => self.revoke(held).await?,
            RotationState::Discard => self.discard(held).await?,
            RotationState::Due
            | RotationState::Done
            | RotationState::Failed
            | RotationState::OrphanPossible => return Ok(Stepped::Later),
        }
        // Without a lease it was put off, or has ended.
        Ok(match held.rotation.lease {
            Some(_) => Stepped::On,
            None => Stepped::Later,
        })
    }

    /// Tells of the end of a rotation.
    async fn ended(&self, rotation: &Rotation) -> Result<(), RotationError> {
        let now = self.desk.sources.now();
        let reason = rotation.trouble.map(|trouble| trouble.reason);
        match (rotation.state, reason) {
            (RotationState::Done, _) => self.metrics.count(Metric::RotationsCompleted, now),
            (_, Some(RotationFailure::Cancelled)) => {}
            (_, reason) => {
                let reason = reason.map_or("unknown", RotationFailure::as_str);
                self.metrics.count_for(Metric::RotationsFailed, reason, now);
                tracing::error!(
                    integration.id = %rotation.integration_id,
                    reason,
                    state = rotation.state.as_str(),
                    "the credentials of {} were not replaced as they should be; see {}",
                    rotation.integration_id,
                    rotation.id,
                );
            }
        }
        let outcome = match rotation.state {
            RotationState::Done => AuditOutcome::Succeeded,
            _ => AuditOutcome::Failed,
        };
        self.record(rotation, "rotation.end", outcome).await
    }

    /// Records what is about to be done: what cannot be recorded is not done.
    pub(super) async fn record(
        &self,
        rotation: &Rotation,
        action: &'static str,
        outcome: AuditOutcome,
    ) -> Result<(), RotationError> {
        let actor = Actor::system(self.trail.function());
        let mut entry = NewAuditEntry::new(actor, action, outcome)
            .of(AuditSubject::new("integration", rotation.integration_id));
        let reason = rotation.trouble.map(|trouble| trouble.reason.as_str());
        entry.detail = Some(match reason {
            Some(reason) => format!("{}, {}, {reason}", rotation.id, rotation.state.as_str()),
            None => format!("{}, {}", rotation.id, rotation.state.as_str()),
        });
        self.trail.record(rotation.organization_id, entry).await?;
        Ok(())
    }

    /// Credentials of a version that the integration has, or had, in use.
    pub(super) async fn named(
        &self,
        of: Of,
        version: &str,
    ) -> Result<NamedCredentials, StepFailure> {
        let values = self.values(of, version).await?;
        Ok(NamedCredentials {
            version: Some(version.to_owned()),
            values: Arc::new(values),
        })
    }

    pub(super) async fn values(&self, of: Of, version: &str) -> Result<CredentialSet, StepFailure> {
        let values = self.desk.credentials.get(of.0, of.1, version).await;
        values.map_err(|error| StepFailure::of_vault(&error))
    }

    pub(super) fn by(&self) -> (&Outbound, &'static str) {
        (&self.outbound, self.trail.function())
    }
}

/// What is declared of an integration's rotations.
pub(super) struct Declared {
    pub(super) profile: ApiProfile,
    /// The fields of the credentials that are no secrets.
    pub(super) public: Vec<String>,
}

impl Declared {
    pub(super) fn of(integration: &Integration) -> Self {
        let profile = catalog::profile_of(integration).into_owned();
        let mut public = OpenIntegration::public_fields_of(integration);
        public.extend(key_field(profile.rotation.as_ref()).map(str::to_owned));
        Self { profile, public }
    }

    pub(super) fn method(&self) -> Option<&RotationMethod> {
        self.profile.rotation.as_ref()
    }

    /// By what the provider knows the key of these credentials.
    pub(super) fn key_id(&self, values: &CredentialSet) -> Option<String> {
        let name = key_field(self.method())?.to_owned();
        let told = calls::told(values, std::slice::from_ref(&name));
        told.into_values().next()
    }

    /// What may be told of these credentials in calls about their key.
    pub(super) fn told(&self, values: &CredentialSet) -> Told {
        calls::told(values, &self.public)
    }

    /// The same, with the key's id where the credentials do not have it.
    pub(super) fn told_of_key(&self, values: Option<&CredentialSet>, id: Option<&str>) -> Told {
        let mut told = values.map_or_else(Told::new, |values| self.told(values));
        if let (Some(name), Some(id)) = (key_field(self.method()), id) {
            told.insert(name.to_owned(), id.to_owned());
        }
        told
    }
}

/// The field by which the provider knows a key.
fn key_field(method: Option<&RotationMethod>) -> Option<&str> {
    match method? {
        RotationMethod::Asymmetric { keys, .. } => keys.as_ref().map(|keys| keys.key_id.as_str()),
        method => method.keys()?.key_id.as_deref(),
    }
}

/// Whether a person has made the candidate.
pub(super) fn is_persons(rotation: &Rotation) -> bool {
    rotation.strategy == RotationStrategy::OperatorSupplied
}
