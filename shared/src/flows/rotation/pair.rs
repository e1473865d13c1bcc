//! New key pairs, whose public part is published.
//!
//! The private key is in the vault before anything is published, so publishing can be repeated: it
//! is the same key. One that the provider gives an id of its own is looked for by its label first.

use secrecy::SecretString;

use super::RotationError;
use super::begin::new_version;
use super::calls::{self, Told};
use super::declared::{Declared, algorithm_of};
use super::failure::StepFailure;
use super::held::Held;
use super::key_pair::{NewPair, told_of_public_key};
use super::rotator::Rotator;
use crate::domain::rotation::{Candidate, Rotation, RotationFailure};
use crate::domain::{AuditOutcome, PublicKeyCalls, ROTATION_LABEL};
use crate::flows::outbound::NamedCredentials;

impl Rotator {
    /// Makes a key pair, and keeps its private part.
    pub(super) async fn make_pair(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
        keys: Option<&PublicKeyCalls>,
    ) -> Result<(), RotationError> {
        if !declared.is_sound() {
            return held.give_up(RotationFailure::Misdeclared, None).await;
        }
        if !self.stands(held).await? {
            return Ok(());
        }
        let old = match self.named(held.of, &held.rotation.from_version).await {
            Ok(old) => old,
            Err(failure) => return self.not_created(held, failure).await,
        };
        let (pair, field) = match self.pair(held).await {
            Ok(pair) => pair,
            Err(failure) => return self.not_created(held, failure).await,
        };
        self.record(&held.rotation, "rotation.create", AuditOutcome::Started)
            .await?;
        let mut values = (*old.values).clone();
        values.insert(field, pair.private);
        if let Some(keys) = keys {
            let id = held.rotation.id.to_string();
            values.insert(keys.key_id.clone(), SecretString::from(id));
        }
        let sources = &self.desk.sources;
        let wanted = held.rotation.wanted_version.clone();
        let version = wanted.unwrap_or_else(|| new_version(sources, sources.now()));
        let staged = self.desk.stage(&held.integration, &values, Some(version));
        let candidate = match staged.await {
            Ok(candidate) => candidate,
            Err(error) => {
                tracing::warn!(
                    integration.id = %held.rotation.integration_id,
                    cause = crate::lambda::telemetry::chain(&error),
                    "a new key pair cannot be kept"
                );
                return self.not_created(held, StepFailure::of(&error)).await;
            }
        };
        // What the provider chooses is not known yet.
        let is_ours = keys.is_none_or(|keys| keys.id.is_none());
        let candidate = Candidate {
            key_id: declared.key_id(&values).filter(|_| is_ours),
            ..candidate
        };
        let old_key = declared.key_id(&old.values);
        held.save(|rotation, now| {
            rotation.from_key_id = old_key;
            rotation.public_key = Some(pair.public);
            rotation.staged(candidate, keys.is_some(), now)
        })
        .await
    }

    /// A new pair, and the field of its private part; that which was kept under the version that is
    /// wanted, if one was.
    async fn pair(&self, held: &Held<'_>) -> Result<(NewPair, String), StepFailure> {
        let misdeclared = || StepFailure::lasting(RotationFailure::Misdeclared);
        let found = algorithm_of(&held.integration);
        let (algorithm, field) = found.ok_or_else(misdeclared)?;
        if let Some(version) = &held.rotation.wanted_version {
            match self.values(held.of, version).await {
                Ok(mut kept) => {
                    let private = kept.remove(&field).ok_or_else(misdeclared)?;
                    let pair = NewPair::read(algorithm, private).ok_or_else(misdeclared)?;
                    return Ok((pair, field));
                }
                Err(failure) if failure.reason == RotationFailure::CandidateLost => {}
                Err(failure) => return Err(failure),
            }
        }
        let pair = NewPair::generate(algorithm).ok_or_else(misdeclared)?;
        Ok((pair, field))
    }

    /// Publishes the public part.
    pub(super) async fn publish(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
        keys: Option<&PublicKeyCalls>,
    ) -> Result<(), RotationError> {
        let Some(keys) = keys else {
            return held.save(Rotation::set).await;
        };
        let id = match self.published(held, declared, keys).await {
            Ok(id) => id,
            Err(failure) => return self.given_up(held, failure).await,
        };
        let Some(id) = id else {
            return held.save(Rotation::set).await;
        };
        match self.with_id(held, declared, keys, id).await {
            Ok(candidate) => {
                held.save(|rotation, now| {
                    rotation.candidate = Some(candidate);
                    rotation.set(now)
                })
                .await
            }
            Err(failure) => self.given_up(held, failure).await,
        }
    }

    /// Publishes the public part, if it is not found to be published; the id that the provider gives
    /// it, if it gives one.
    async fn published(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        keys: &PublicKeyCalls,
    ) -> Result<Option<String>, StepFailure> {
        let misdeclared = || StepFailure::lasting(RotationFailure::Misdeclared);
        let old = self.named(held.of, &held.rotation.from_version).await?;
        let label = held.rotation.id.to_string();
        let mut told: Told = declared.told(&old.values);
        if let (Some(list), Some(_)) = (&keys.list, &keys.id) {
            let found = self.ids(held, list, &told, &old, &label).await?;
            if let Some(id) = found.into_iter().next() {
                return Ok(Some(id));
            }
        }
        let (algorithm, _) = algorithm_of(&held.integration).ok_or_else(misdeclared)?;
        let public = held.rotation.public_key.as_deref().unwrap_or_default();
        told.extend(told_of_public_key(public, algorithm, &label).ok_or_else(misdeclared)?);
        told.insert(ROTATION_LABEL.to_owned(), label);
        let body = calls::make(self.by(), &held.integration, &keys.publish, &told, &old).await?;
        let Some(place) = &keys.id else {
            return Ok(None);
        };
        let id = super::create::text(place, &body);
        let unexpected = || StepFailure::lasting(RotationFailure::UnexpectedAnswer);
        id.map(Some).ok_or_else(unexpected)
    }

    /// Deletes what was published under the rotation's label, where nobody has written down which id
    /// the provider has given it. Whether nothing is left that is known.
    pub(super) async fn unpublish(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        keys: &PublicKeyCalls,
        by: &NamedCredentials,
    ) -> Result<bool, StepFailure> {
        let Some(list) = &keys.list else {
            return Ok(false);
        };
        let told = declared.told(&by.values);
        let in_use = declared.key_id(&by.values);
        let label = held.rotation.id.to_string();
        for id in self.ids(held, list, &told, by, &label).await? {
            if in_use.as_ref() != Some(&id) {
                let told = declared.told_of_key(Some(&by.values), Some(&id));
                calls::delete(self.by(), &held.integration, &keys.revoke, &told, by).await?;
            }
        }
        Ok(true)
    }

    /// Keeps the candidate with the id that the provider has given its key, as another version.
    async fn with_id(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        keys: &PublicKeyCalls,
        id: String,
    ) -> Result<Candidate, StepFailure> {
        let (_, mut values) = self.candidate(held).await?;
        values.insert(keys.key_id.clone(), SecretString::from(id));
        let key_id = declared.key_id(&values);
        if key_id.is_none() {
            return Err(StepFailure::lasting(RotationFailure::UnexpectedAnswer));
        }
        let staged = self.desk.stage(&held.integration, &values, None).await;
        let candidate = staged.map_err(|error| StepFailure::of(&error))?;
        Ok(Candidate {
            key_id,
            ..candidate
        })
    }
}
