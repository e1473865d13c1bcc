//! New credentials are made known, tested, and taken into use.

use std::sync::Arc;

use super::RotationError;
use super::calls;
use super::failure::StepFailure;
use super::held::Held;
use super::rotator::{Declared, Rotator, Stepped, is_persons};
use crate::domain::rotation::{Candidate, Rotation, RotationFailure};
use crate::domain::{AuditOutcome, CredentialInfo, RotationMethod};
use crate::store::StoreError;
use crate::vault::CredentialSet;

/// How often a write of the integration is tried, if others write it at the same time.
const TRIES: usize = 8;

impl Rotator {
    /// Makes the call without which the new credentials do not work.
    pub(super) async fn set(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        if !self.stands(held).await? {
            return Ok(());
        }
        let declared = Declared::of(&held.integration);
        if let Some(RotationMethod::Asymmetric { keys, .. }) = declared.method() {
            return self.publish(held, &declared, keys.as_deref()).await;
        }
        let call = declared.method().and_then(RotationMethod::keys);
        let Some(call) = call.and_then(|keys| keys.set.clone()) else {
            return held.save(Rotation::set).await;
        };
        match self.set_by(held, &declared, &call).await {
            Ok(()) => held.save(Rotation::set).await,
            Err(failure) => self.given_up(held, failure).await,
        }
    }

    async fn set_by(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        call: &crate::domain::RotationCall,
    ) -> Result<(), StepFailure> {
        let (candidate, values) = self.candidate(held).await?;
        let old = self.named(held.of, &held.rotation.from_version).await?;
        let told = declared.told_of_key(Some(&values), candidate.key_id.as_deref());
        calls::make(self.by(), &held.integration, call, &told, &old).await?;
        Ok(())
    }

    /// Calls the provider with the new credentials.
    pub(super) async fn test(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        if !self.stands(held).await? {
            return Ok(());
        }
        match self.tested(held).await {
            Ok(verified) => {
                held.save(|rotation, now| rotation.tested(verified, now))
                    .await
            }
            Err(failure) => self.given_up(held, failure).await,
        }
    }

    async fn tested(&self, held: &Held<'_>) -> Result<bool, StepFailure> {
        let (_, values) = self.candidate(held).await?;
        if is_persons(&held.rotation) {
            let old = self.values(held.of, &held.rotation.from_version).await?;
            if is_same(&old, &values) {
                return Err(StepFailure::lasting(RotationFailure::Unchanged));
            }
        }
        let (outbound, function) = self.by();
        let verified = outbound.verify_for_rotation(function, &held.integration, Arc::new(values));
        let verified = Box::pin(verified)
            .await
            .map_err(|error| StepFailure::of(&error))?;
        if let Err(error) = &verified.end {
            let failure = StepFailure::of(error);
            // A provider may need a while until it knows a key everywhere.
            let comes_to_be = !is_persons(&held.rotation);
            return Err(StepFailure {
                is_transient: failure.is_transient || comes_to_be,
                ..failure
            });
        }
        if !verified.verifies_credentials && !is_persons(&held.rotation) {
            return Err(StepFailure::lasting(RotationFailure::Misdeclared));
        }
        Ok(verified.verifies_credentials)
    }

    /// Has the integration name the new version. That is one conditional write.
    pub(super) async fn finish(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        let Some(candidate) = held.rotation.candidate.clone() else {
            return held.give_up(RotationFailure::CandidateLost, None).await;
        };
        self.record(&held.rotation, "rotation.switch", AuditOutcome::Started)
            .await?;
        if self.take_into_use(held, &candidate).await? == Stepped::Later {
            return Ok(());
        }
        // The label follows: as long as it does not, the version might be forgotten.
        let (organization, integration) = held.of;
        let credentials = &self.desk.credentials;
        let promoted = credentials.promote(organization, integration, &candidate.version);
        if let Err(error) = promoted.await {
            let failure = StepFailure::of_vault(&error);
            let again = |rotation: &mut Rotation, now| {
                rotation.step_failed(failure.reason, None, now);
                Ok(())
            };
            return held.release(again).await;
        }
        held.save(Rotation::switched).await
    }

    async fn take_into_use(
        &self,
        held: &mut Held<'_>,
        candidate: &Candidate,
    ) -> Result<Stepped, RotationError> {
        for _ in 0..TRIES {
            let Some(found) = held.reread().await? else {
                held.give_up(RotationFailure::IntegrationUnusable, None)
                    .await?;
                return Ok(Stepped::Later);
            };
            let current = found.item.credentials.as_ref().map(|info| &info.version);
            if current == Some(&candidate.version) {
                return Ok(Stepped::On);
            }
            if current != Some(&held.rotation.from_version) {
                held.give_up(RotationFailure::Superseded, None).await?;
                return Ok(Stepped::Later);
            }
            let now = self.desk.sources.now();
            let mut integration = found.item;
            let mut info = CredentialInfo {
                version: candidate.version.clone(),
                fields: candidate.fields.clone(),
                created_at: now,
                last_used_at: None,
                expires_at: None,
                fields_expire_at: candidate.fields_expire_at.clone(),
            };
            info.set_end(candidate.expires_at);
            integration.credentials = Some(info);
            integration.updated_at = now;
            let written = self
                .desk
                .store
                .update_integration(&integration, found.version);
            match written.await {
                Ok(_) => return Ok(Stepped::On),
                Err(StoreError::Conflict | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RotationError::Moved)
    }

    /// The candidate, with its values.
    pub(super) async fn candidate(
        &self,
        held: &Held<'_>,
    ) -> Result<(Candidate, CredentialSet), StepFailure> {
        let candidate = held.rotation.candidate.clone();
        let candidate =
            candidate.ok_or_else(|| StepFailure::lasting(RotationFailure::CandidateLost))?;
        let values = self.values(held.of, &candidate.version).await?;
        Ok((candidate, values))
    }

    /// A step before the switch has failed.
    pub(super) async fn given_up(
        &self,
        held: &mut Held<'_>,
        failure: StepFailure,
    ) -> Result<(), RotationError> {
        held.fail(failure, |rotation, now| {
            rotation.give_up(failure.reason, failure.status, now)
        })
        .await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether they are the same is looked at"
)]
fn is_same(one: &CredentialSet, other: &CredentialSet) -> bool {
    use secrecy::ExposeSecret as _;
    one.len() == other.len()
        && one.iter().all(|(name, value)| {
            let other = other.get(name).map(|value| value.expose_secret());
            other == Some(value.expose_secret())
        })
}
