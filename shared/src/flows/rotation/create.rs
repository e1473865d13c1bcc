//! New credentials are made.
//!
//! That a key is asked for is written before it is asked for, with the version under which it is to
//! be kept and the label that it gets. Whoever finds that note, and no such version, knows that a key
//! may be there: it is looked for by its label and deleted, or a person is told.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;

use super::RotationError;
use super::begin::new_version;
use super::calls::{self, Told};
use super::declared::Declared;
use super::failure::StepFailure;
use super::held::Held;
use super::rotator::Rotator;
use crate::domain::rotation::{Candidate, Rotation, RotationFailure};
use crate::domain::{
    AuditOutcome, Error, Expression, KeyCalls, ROTATION_LABEL, RotationMethod, Timestamp,
};
use crate::flows::outbound::NamedCredentials;
use crate::vault::CredentialSet;

/// What is known of a key that was asked for.
enum Asked {
    /// It is there, and so are its values.
    Made(CredentialSet, Option<Timestamp>),
    /// It is there, and cannot be used: its values are not where they should be.
    Useless(Option<String>),
    /// It is not there.
    NotMade(StepFailure),
    /// Nobody knows.
    Unknown(StepFailure),
}

impl Rotator {
    pub(super) async fn create(&self, held: &mut Held<'_>) -> Result<(), RotationError> {
        let declared = Declared::of(&held.integration);
        let keys = match declared.method() {
            Some(RotationMethod::Asymmetric { keys, .. }) => {
                return self.make_pair(held, &declared, keys.as_deref()).await;
            }
            method => method.and_then(RotationMethod::keys).cloned(),
        };
        let Some(keys) = keys else {
            return held.give_up(RotationFailure::Misdeclared, None).await;
        };
        if !declared.is_sound() {
            return held.give_up(RotationFailure::Misdeclared, None).await;
        }
        if !self.stands(held).await? {
            return Ok(());
        }
        // Those in use: the old ones, unless somebody has replaced them while a key was asked for.
        let current = held.integration.credentials.as_ref();
        let current = current.map_or(&held.rotation.from_version, |current| &current.version);
        let old = match self.named(held.of, current).await {
            Ok(old) => old,
            // The key that was asked for is still to be found.
            Err(failure) if held.rotation.creation.is_some() => {
                return held.fail(failure, Rotation::lose_creation).await;
            }
            Err(failure) => return self.not_created(held, failure).await,
        };
        if held.rotation.creation.is_some() {
            return self.recover(held, &declared, &keys, &old).await;
        }
        if let (Some(list), Some(most)) = (&keys.list, keys.max_keys) {
            match self
                .ids(held, list, &declared.told(&old.values), &old, "")
                .await
            {
                Ok(ids) if ids.len() >= usize::from(most) => {
                    return held.give_up(RotationFailure::KeyLimitReached, None).await;
                }
                Ok(_) => {}
                Err(failure) => return self.not_created(held, failure).await,
            }
        }
        self.record(&held.rotation, "rotation.create", AuditOutcome::Started)
            .await?;
        self.begin(held, declared.key_id(&old.values)).await?;
        let asked = self.ask(held, &declared, &keys, &old).await;
        self.settle(held, &declared, &keys, asked).await
    }

    /// Whether the integration still has the credentials that are to be replaced.
    pub(super) async fn stands(&self, held: &mut Held<'_>) -> Result<bool, RotationError> {
        let found = held.reread().await?;
        let current = found
            .as_ref()
            .and_then(|found| found.item.credentials.as_ref());
        let is_same = current.is_some_and(|current| {
            let candidate = held.rotation.candidate.as_ref();
            current.version == held.rotation.from_version
                || candidate.is_some_and(|candidate| candidate.version == current.version)
        });
        // A key that may be there is to be found first.
        if is_same || held.rotation.creation.is_some() && current.is_some() {
            return Ok(true);
        }
        let reason = match current {
            Some(_) => RotationFailure::Superseded,
            None => RotationFailure::IntegrationUnusable,
        };
        held.give_up(reason, None).await?;
        Ok(false)
    }

    /// Writes down that a key is about to be asked for.
    pub(super) async fn begin(
        &self,
        held: &mut Held<'_>,
        old_key: Option<String>,
    ) -> Result<(), RotationError> {
        let sources = &self.desk.sources;
        let wanted = held.rotation.wanted_version.clone();
        let version = wanted.unwrap_or_else(|| new_version(sources, sources.now()));
        let number = held.rotation.creations.saturating_add(1);
        let label = format!("{}-{number}", held.rotation.id);
        held.save(|rotation, now| {
            rotation.from_key_id = old_key;
            rotation.begin_creation(version, label, now)
        })
        .await
    }

    /// Asks for a key, once.
    async fn ask(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        keys: &KeyCalls,
        old: &NamedCredentials,
    ) -> Asked {
        let told = labelled(declared.told(&old.values), &held.rotation);
        let call = match calls::filled(&keys.create, &told) {
            Ok(call) => call,
            Err(failure) => return Asked::NotMade(failure),
        };
        let is_post = call.method == http::Method::POST;
        let (outbound, function) = self.by();
        let made = outbound.execute_for_rotation(function, &held.integration, call, old.clone());
        let answer = Box::pin(made)
            .await
            .map_err(|error| StepFailure::of(&error));
        let answer = answer.and_then(|answer| {
            let body = calls::judged(&keys.create, &answer);
            let is_undone = !answer.status.is_success() || declared.names_error(&answer);
            body.map_err(|failure| StepFailure {
                status: Some(answer.status.as_u16()),
                // A success that is not understood may be one.
                is_undone: failure.is_undone && is_undone,
                ..failure
            })
        });
        let body = match answer {
            Ok(body) => body,
            // What is not answered may have been sent, if it may be sent again.
            Err(failure) if failure.is_undone && (is_post || failure.status.is_some()) => {
                return Asked::NotMade(failure);
            }
            Err(failure) => return Asked::Unknown(failure),
        };
        let mut values = (*old.values).clone();
        let has_all = take(&mut values, &keys.created, &body);
        let id = declared.key_id(&values);
        if has_all && id.is_some() == declared.has_key_id() {
            let ends = keys.expires_at.as_ref();
            return Asked::Made(values, ends.and_then(|at| instant(at, &body)));
        }
        // What an integration says of itself may name a secret for the id.
        let place = keys.key_id.as_ref().and_then(|name| keys.created.get(name));
        let place = place.filter(|_| !declared.is_own);
        Asked::Useless(place.and_then(|place| text(place, &body)))
    }

    async fn settle(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
        keys: &KeyCalls,
        asked: Asked,
    ) -> Result<(), RotationError> {
        match asked {
            Asked::Made(values, expires_at) => {
                let Some(version) = held
                    .rotation
                    .candidate
                    .as_ref()
                    .map(|one| one.version.clone())
                else {
                    return Ok(());
                };
                let staged = self
                    .desk
                    .stage(&held.integration, &values, Some(version))
                    .await;
                match staged {
                    Ok(candidate) => {
                        let candidate = Candidate {
                            key_id: declared.key_id(&values),
                            expires_at,
                            ..candidate
                        };
                        let has_set = keys.set.is_some();
                        held.save(|rotation, now| rotation.staged(candidate, has_set, now))
                            .await
                    }
                    Err(error) => {
                        log_unstaged(&held.rotation, &error);
                        // Its values are in nobody's hands once this returns.
                        let failure = StepFailure::passing();
                        let id = declared.key_id(&values);
                        self.useless(held, keys, id, failure).await
                    }
                }
            }
            Asked::NotMade(failure) => self.not_created(held, failure).await,
            Asked::Useless(id) => {
                let failure = StepFailure::lasting(RotationFailure::UnexpectedAnswer);
                self.useless(held, keys, id, failure).await
            }
            Asked::Unknown(failure) => self.unknown(held, keys, failure).await,
        }
    }

    /// A key is there that cannot be used: it is to be deleted.
    async fn useless(
        &self,
        held: &mut Held<'_>,
        keys: &KeyCalls,
        key_id: Option<String>,
        failure: StepFailure,
    ) -> Result<(), RotationError> {
        if key_id.is_none() {
            return self.unknown(held, keys, failure).await;
        }
        held.save(|rotation, now| {
            let version = rotation.candidate.as_ref().map(|one| one.version.clone());
            let candidate = Candidate {
                version: version.unwrap_or_default(),
                key_id,
                fields: Vec::new(),
                expires_at: None,
                fields_expire_at: BTreeMap::new(),
            };
            rotation.staged(candidate, false, now)?;
            rotation.give_up(failure.reason, failure.status, now)
        })
        .await
    }

    /// No key was made.
    pub(super) async fn not_created(
        &self,
        held: &mut Held<'_>,
        failure: StepFailure,
    ) -> Result<(), RotationError> {
        if held.rotation.creation.is_some() {
            held.save(Rotation::end_creation).await?;
        }
        held.fail(failure, |rotation, now| {
            rotation.give_up(failure.reason, failure.status, now)
        })
        .await
    }

    /// It is not known whether a key was made. It is looked for when the provider must have made it,
    /// if it can be; otherwise a person has to look.
    async fn unknown(
        &self,
        held: &mut Held<'_>,
        keys: &KeyCalls,
        failure: StepFailure,
    ) -> Result<(), RotationError> {
        if keys.list.is_some() {
            let looked_for = |rotation: &mut Rotation, now: Timestamp| {
                rotation.step_failed(failure.reason, failure.status, now);
                Ok(())
            };
            return held.release(looked_for).await;
        }
        held.save(Rotation::lose_creation).await
    }
}

fn labelled(mut told: Told, rotation: &Rotation) -> Told {
    if let Some(creation) = &rotation.creation {
        told.insert(ROTATION_LABEL.to_owned(), creation.label.clone());
    }
    told
}

/// Takes the new values out of an answer. Whether all are there.
pub(super) fn take(
    values: &mut CredentialSet,
    places: &std::collections::BTreeMap<String, Expression>,
    body: &Value,
) -> bool {
    for (name, place) in places {
        let Some(value) = text(place, body) else {
            return false;
        };
        values.insert(name.clone(), SecretString::from(value));
    }
    true
}

/// What stands at a place: a text that is not empty, or a number.
pub(super) fn text(place: &Expression, body: &Value) -> Option<String> {
    match place.evaluate(body).ok()? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn instant(place: &Expression, body: &Value) -> Option<Timestamp> {
    match place.evaluate(body).ok()? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => Timestamp::from_second(number.as_i64()?),
        _ => None,
    }
}

fn log_unstaged(rotation: &Rotation, error: &Error) {
    let integration = rotation.integration_id;
    tracing::error!(
        integration.id = %integration,
        cause = crate::lambda::telemetry::chain(error),
        "a new key of {integration} cannot be kept, and is deleted again"
    );
}
