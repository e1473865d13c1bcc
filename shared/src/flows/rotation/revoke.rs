//! Keys that are not in use are made worthless: old ones after the grace, and new ones that are not
//! taken into use.
//!
//! Before, the integration is read again: nothing is made worthless that it uses.

use std::sync::Arc;

use super::RotationError;
use super::begin::{has_moved, is_in_use};
use super::calls::{self, Deleted, Told};
use super::declared::{Declared, is_persons};
use super::failure::StepFailure;
use super::held::Held;
use super::rotator::Rotator;
use crate::domain::rotation::{Leftover, LeftoverKind, Rotation, RotationFailure, RotationState};
use crate::domain::{AuditOutcome, RotationCall, RotationMethod};
use crate::flows::outbound::NamedCredentials;
use crate::vault::CredentialSet;

/// What is known of old credentials.
enum Old {
    /// They may be those in use: nothing is done to them.
    InUse,
    /// Nobody knows which they are: a person has to make them worthless.
    Unclear,
    /// They are not in use, and these calls make them worthless.
    Known(Box<Revocation>),
}

/// How old credentials are made worthless.
struct Revocation {
    calls: Vec<RotationCall>,
    told: Told,
    by: NamedCredentials,
    /// The old ones, if they are known.
    old: Option<Arc<CredentialSet>>,
}

impl Rotator {
    /// Makes the old credentials worthless.
    pub(super) async fn revoke(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        let declared = Declared::of(&held.integration);
        let old = match self.old(held, &declared).await? {
            Ok(Old::Known(old)) => old,
            Ok(Old::InUse) => return self.not_ours(held).await,
            Ok(Old::Unclear) => {
                return held
                    .save(|rotation, now| rotation.revoked(false, now))
                    .await;
            }
            Err(failure) => return self.not_revoked(held, failure).await,
        };
        if held.is_put_off().await? {
            return Ok(());
        }
        self.record(&held.rotation, "rotation.revoke", AuditOutcome::Started)
            .await?;
        match self.revoke_old(held, &old).await {
            Ok(by_us) => {
                held.save(|rotation, now| rotation.revoked(by_us, now))
                    .await
            }
            Err(failure) => self.not_revoked(held, failure).await,
        }
    }

    /// The old credentials, as they stand to those in use.
    async fn old(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
    ) -> Result<Result<Old, StepFailure>, RotationError> {
        let Some(found) = held.reread().await? else {
            return Ok(Err(StepFailure::lasting(
                RotationFailure::IntegrationUnusable,
            )));
        };
        let Some(version) = found.item.credentials.map(|info| info.version) else {
            return Ok(Ok(Old::InUse));
        };
        if version == held.rotation.from_version {
            return Ok(Ok(Old::InUse));
        }
        if has_moved(&held.rotation, &held.integration) {
            return Ok(Ok(Old::Unclear));
        }
        let current = match self.named(held.of, &version).await {
            Ok(current) => current,
            Err(failure) => return Ok(Err(failure)),
        };
        let values = match self.values(held.of, &held.rotation.from_version).await {
            Ok(values) => Some(values),
            Err(failure) if failure.reason == RotationFailure::CandidateLost => None,
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(Ok(revocation(&held.rotation, declared, values, current)))
    }

    /// Whether we have made the old credentials worthless; otherwise a person has to.
    async fn revoke_old(&self, held: &Held<'_>, old: &Revocation) -> Result<bool, StepFailure> {
        let Revocation {
            calls,
            told,
            by,
            old,
        } = old;
        match calls::delete(self.by(), &held.integration, calls, told, by).await {
            Ok(Deleted::Now) => Ok(true),
            // Not to be seen is not yet gone.
            Ok(Deleted::Before) => self.is_worthless(held, old.as_ref()).await,
            Err(failure) if failure.reason == RotationFailure::Refused && !failure.is_transient => {
                match self.is_worthless(held, old.as_ref()).await {
                    Ok(true) => Ok(true),
                    _ => Err(failure),
                }
            }
            // What is not known of the old key a person may know.
            Err(failure) if failure.reason == RotationFailure::Misdeclared => Ok(false),
            // It does not work any more, so it needs no revoking.
            Err(failure)
                if failure.reason == RotationFailure::NotAccepted && by.version.is_none() =>
            {
                Ok(true)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether the provider does not accept these any more.
    async fn is_worthless(
        &self,
        held: &Held<'_>,
        old: Option<&Arc<CredentialSet>>,
    ) -> Result<bool, StepFailure> {
        let Some(old) = old else {
            return Ok(false);
        };
        let (outbound, function) = self.by();
        let old = Arc::clone(old);
        let verified = outbound.verify_for_rotation(function, &held.integration, old);
        let verified = Box::pin(verified).await;
        let verified = verified.map_err(|error| StepFailure::of(&error))?;
        let Err(error) = &verified.end else {
            return Ok(false);
        };
        let failure = StepFailure::of(error);
        if failure.is_transient {
            return Err(failure);
        }
        Ok(verified.verifies_credentials && failure.reason == RotationFailure::NotAccepted)
    }

    /// The old credentials may be in use again: nothing is done to them, and the new ones are what
    /// is left over.
    async fn not_ours(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        held.save(|rotation, now| {
            rotation.leftovers.push(Leftover {
                kind: LeftoverKind::UnusedKey,
                key_id: rotation
                    .candidate
                    .as_ref()
                    .and_then(|one| one.key_id.clone()),
                label: None,
                since: now,
                cleaned_up_at: None,
            });
            rotation.end(
                RotationState::OrphanPossible,
                RotationFailure::Superseded,
                now,
            );
            Ok(())
        })
        .await
    }

    /// It is tried again; in the end a person is told that the old credentials are valid still.
    async fn not_revoked(
        &self,
        held: &mut Held<'_>,
        failure: StepFailure,
    ) -> Result<(), RotationError> {
        let passes = failure.reason != RotationFailure::IntegrationUnusable;
        let failure = StepFailure {
            is_transient: passes,
            ..failure
        };
        held.fail(failure, |rotation, now| {
            let key = rotation.from_key_id.clone();
            rotation.leftovers.push(Leftover {
                kind: LeftoverKind::OldCredentials,
                key_id: key,
                label: None,
                since: now,
                cleaned_up_at: None,
            });
            rotation.end(
                RotationState::OrphanPossible,
                RotationFailure::NotRevoked,
                now,
            );
            Ok(())
        })
        .await
    }

    /// Makes new credentials worthless that are not taken into use.
    pub(super) async fn discard(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        let declared = Declared::of(&held.integration);
        let found = held.reread().await?;
        if found.is_some_and(|found| is_in_use(&held.rotation, &found.item)) {
            return held.save(Rotation::found_in_use).await;
        }
        if held.is_put_off().await? {
            return Ok(());
        }
        match self.discarded(held, &declared).await? {
            Ok(by_us) => {
                held.save(|rotation, now| rotation.discarded(by_us, now))
                    .await
            }
            Err(failure) => {
                let failure = StepFailure {
                    is_transient: failure.reason != RotationFailure::IntegrationUnusable,
                    ..failure
                };
                // What it failed of stays what is told.
                let why = held.rotation.trouble;
                held.fail(failure, |rotation, now| {
                    rotation.discarded(false, now)?;
                    rotation.trouble = why.or(rotation.trouble);
                    Ok(())
                })
                .await
            }
        }
    }

    async fn discarded(
        &self,
        held: &Held<'_>,
        declared: &Declared,
    ) -> Result<Result<bool, StepFailure>, RotationError> {
        let Some(candidate) = held.rotation.candidate.clone() else {
            return Ok(Ok(true));
        };
        if held.rotation.waits_for_publication() && !has_calls(declared.method()) {
            // Whoever published its public part, if anybody did, has to take that back.
            return Ok(Ok(true));
        }
        let current = held.integration.credentials.clone();
        let Some(current) = current.map(|info| info.version) else {
            return Ok(Err(StepFailure::lasting(
                RotationFailure::IntegrationUnusable,
            )));
        };
        if has_moved(&held.rotation, &held.integration) {
            return Ok(Ok(false));
        }
        let by = match self.named(held.of, &current).await {
            Ok(by) => by,
            Err(failure) => return Ok(Err(failure)),
        };
        let values = self.values(held.of, &candidate.version).await.ok();
        let known = candidate.key_id.clone();
        let key = known.or_else(|| declared.key_id(values.as_ref()?));
        let is_id = key.is_some() && key == declared.key_id(&by.values);
        let mut values_of = values.iter();
        if is_id || values_of.any(|values| declared.may_be_same(values, &by.values)) {
            // Somebody has put it into use: nothing is left over.
            return Ok(Ok(true));
        }
        let told: Told = declared.told_of_key(values.as_ref(), key.as_deref());
        let calls = discarding(declared.method());
        // Without the old ones in use, a call has to say what it deletes.
        let is_clear = current == held.rotation.from_version
            || values.is_some() && !calls.iter().any(calls::names_nothing);
        if calls.is_empty() || !is_clear {
            return Ok(Ok(false));
        }
        self.record(&held.rotation, "rotation.discard", AuditOutcome::Started)
            .await?;
        let deleted = match (candidate.key_id, declared.method()) {
            (
                None,
                Some(RotationMethod::Asymmetric {
                    keys: Some(keys), ..
                }),
            ) => self.unpublish(held, declared, keys, &by).await,
            _ => calls::delete(self.by(), &held.integration, &calls, &told, &by)
                .await
                .map(|_| true),
        };
        Ok(match deleted {
            Ok(by_us) => Ok(by_us),
            Err(failure) if failure.reason == RotationFailure::Misdeclared => Ok(false),
            Err(failure) => Err(failure),
        })
    }
}

/// How the old credentials are made worthless, if they are certainly not `current`.
fn revocation(
    rotation: &Rotation,
    declared: &Declared,
    values: Option<CredentialSet>,
    current: NamedCredentials,
) -> Old {
    let known = rotation.from_key_id.clone();
    let key = known.or_else(|| declared.key_id(values.as_ref()?));
    let is_id = key.is_some() && key == declared.key_id(&current.values);
    let mut values_of = values.iter();
    if is_id || values_of.any(|values| declared.may_be_same(values, &current.values)) {
        return Old::InUse;
    }
    let told = declared.told_of_key(values.as_ref(), key.as_deref());
    let candidate = rotation.candidate.as_ref();
    let is_candidate =
        candidate.is_some_and(|candidate| current.version.as_ref() == Some(&candidate.version));
    let is_made_here = is_candidate && !is_persons(rotation);
    let calls = revoking(declared.method());
    if !calls.is_empty() {
        // What a person has put there may be known by another id than its own, or by none.
        let is_other =
            values.is_some() && calls::name_another(&calls, &told, &declared.told(&current.values));
        return match is_made_here || is_other {
            true => Old::Known(Box::new(Revocation {
                calls,
                told,
                by: current,
                old: values.map(Arc::new),
            })),
            false => Old::Unclear,
        };
    }
    let (Some(probe), Some(values), true) = (
        declared.profile.revocation.as_ref(),
        values,
        is_persons(rotation),
    ) else {
        return Old::Unclear;
    };
    let calls = vec![calls::of_probe(probe)];
    let is_own = calls.iter().all(calls::names_nothing);
    if !is_own && !calls::name_another(&calls, &told, &declared.told(&current.values)) {
        return Old::Unclear;
    }
    let values = Arc::new(values);
    let by = NamedCredentials {
        version: None,
        values: Arc::clone(&values),
    };
    let old = Some(values);
    Old::Known(Box::new(Revocation {
        calls,
        told,
        by,
        old,
    }))
}

/// The calls that make old credentials worthless.
fn revoking(method: Option<&RotationMethod>) -> Vec<RotationCall> {
    match method {
        Some(RotationMethod::OperatorSupplied { revoke, .. }) => revoke.clone(),
        Some(RotationMethod::Asymmetric { keys, .. }) => keys
            .as_ref()
            .map(|keys| keys.revoke.clone())
            .unwrap_or_default(),
        Some(method) => method
            .keys()
            .map(|keys| keys.revoke.clone())
            .unwrap_or_default(),
        None => Vec::new(),
    }
}

/// The calls that make new credentials worthless.
fn discarding(method: Option<&RotationMethod>) -> Vec<RotationCall> {
    match method.and_then(RotationMethod::keys) {
        Some(keys) => keys.discarding().to_vec(),
        None => revoking(method),
    }
}

fn has_calls(method: Option<&RotationMethod>) -> bool {
    !revoking(method).is_empty()
}
