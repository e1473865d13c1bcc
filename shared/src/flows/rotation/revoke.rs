//! Keys that are not in use are made worthless: old ones after the grace, and new ones that are not
//! taken into use.
//!
//! Before, the integration is read again: nothing is made worthless that it uses.

use std::sync::Arc;

use super::RotationError;
use super::calls::{self, Told};
use super::failure::StepFailure;
use super::held::Held;
use super::rotator::{Declared, Rotator, is_persons};
use crate::domain::rotation::{Leftover, LeftoverKind, RotationFailure, RotationState};
use crate::domain::{AuditOutcome, RotationCall, RotationMethod};
use crate::flows::outbound::NamedCredentials;
use crate::vault::CredentialSet;

/// What is known of old credentials, and with what they are made worthless.
struct Old {
    values: Option<CredentialSet>,
    current: NamedCredentials,
}

impl Rotator {
    /// Makes the old credentials worthless.
    pub(super) async fn revoke(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        let declared = Declared::of(&held.integration);
        let old = match self.old(held, &declared).await? {
            Ok(Some(old)) => old,
            Ok(None) => return self.not_ours(held).await,
            Err(failure) => return self.not_revoked(held, failure).await,
        };
        self.record(&held.rotation, "rotation.revoke", AuditOutcome::Started)
            .await?;
        match self.revoke_old(held, &declared, old).await {
            Ok(by_us) => {
                held.save(|rotation, now| rotation.revoked(by_us, now))
                    .await
            }
            Err(failure) => self.not_revoked(held, failure).await,
        }
    }

    /// The old credentials, and those in use. None, if the old ones may be those in use.
    async fn old(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
    ) -> Result<Result<Option<Old>, StepFailure>, RotationError> {
        let Some(found) = held.reread().await? else {
            return Ok(Err(StepFailure::lasting(
                RotationFailure::IntegrationUnusable,
            )));
        };
        let Some(version) = found.item.credentials.map(|info| info.version) else {
            return Ok(Ok(None));
        };
        if version == held.rotation.from_version {
            return Ok(Ok(None));
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
        let candidate = held.rotation.candidate.as_ref();
        let is_candidate = candidate.is_some_and(|candidate| candidate.version == version);
        let old_key = self.old_key(held, declared, values.as_ref());
        let other_key = match (&old_key, declared.key_id(&current.values)) {
            (Some(old), Some(current)) => *old != current,
            // Credentials that we have not put there may be the old ones under another version.
            _ => is_candidate,
        };
        Ok(Ok(other_key.then_some(Old { values, current })))
    }

    fn old_key(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        values: Option<&CredentialSet>,
    ) -> Option<String> {
        let known = held.rotation.from_key_id.clone();
        known.or_else(|| declared.key_id(values?))
    }

    /// Whether we have made the old credentials worthless; otherwise a person has to.
    async fn revoke_old(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        old: Old,
    ) -> Result<bool, StepFailure> {
        let calls = revoking(declared.method());
        let key = self.old_key(held, declared, old.values.as_ref());
        let told = declared.told_of_key(old.values.as_ref(), key.as_deref());
        let probe = declared.profile.revocation.as_ref();
        let (calls, by) = if !calls.is_empty() {
            (calls, old.current)
        } else if let (Some(probe), Some(values), true) =
            (probe, old.values, is_persons(&held.rotation))
        {
            let old = NamedCredentials {
                version: None,
                values: Arc::new(values),
            };
            (vec![of_probe(probe)], old)
        } else {
            return Ok(false);
        };
        match calls::delete(self.by(), &held.integration, &calls, &told, &by).await {
            Ok(()) => Ok(true),
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
        held: &mut Held<'_>,
        declared: &Declared,
    ) -> Result<Result<bool, StepFailure>, RotationError> {
        let Some(candidate) = held.rotation.candidate.clone() else {
            return Ok(Ok(true));
        };
        if held.rotation.waits_for_publication() && !has_calls(declared.method()) {
            // Whoever published its public part, if anybody did, has to take that back.
            return Ok(Ok(true));
        }
        let found = held.reread().await?;
        let current = found.and_then(|found| found.item.credentials);
        let Some(current) = current.map(|info| info.version) else {
            return Ok(Err(StepFailure::lasting(
                RotationFailure::IntegrationUnusable,
            )));
        };
        if current == candidate.version {
            return Ok(Ok(false));
        }
        let by = match self.named(held.of, &current).await {
            Ok(by) => by,
            Err(failure) => return Ok(Err(failure)),
        };
        let values = self.values(held.of, &candidate.version).await.ok();
        let key = candidate
            .key_id
            .or_else(|| declared.key_id(values.as_ref()?));
        if key.is_some() && key == declared.key_id(&by.values) {
            return Ok(Ok(false));
        }
        let told: Told = declared.told_of_key(values.as_ref(), key.as_deref());
        let calls = discarding(declared.method());
        if calls.is_empty() {
            return Ok(Ok(false));
        }
        self.record(&held.rotation, "rotation.discard", AuditOutcome::Started)
            .await?;
        let deleted = calls::delete(self.by(), &held.integration, &calls, &told, &by).await;
        Ok(match deleted {
            Ok(()) => Ok(true),
            Err(failure) if failure.reason == RotationFailure::Misdeclared => Ok(false),
            Err(failure) => Err(failure),
        })
    }
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

/// The catalogue's call that makes credentials worthless, made with themselves.
fn of_probe(probe: &crate::domain::Probe) -> RotationCall {
    RotationCall {
        method: probe.method.clone(),
        host: None,
        path: probe.path.clone(),
        headers: probe.headers.clone(),
        body: probe.body.clone(),
        form: std::collections::BTreeMap::new(),
        success: probe.success.clone(),
        done_statuses: Vec::new(),
    }
}
