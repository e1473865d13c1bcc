//! What becomes of a key that was asked for, and of which nothing more was written.

use std::time::Duration;

use super::RotationError;
use super::calls::{self, Told};
use super::create::text;
use super::failure::StepFailure;
use super::held::Held;
use super::rotator::{Declared, Rotator};
use crate::auth::ends_of;
use crate::domain::rotation::{Candidate, Rotation, RotationFailure};
use crate::domain::{KeyCalls, KeyList};
use crate::flows::outbound::NamedCredentials;
use crate::vault::VaultError;

/// A provider that did not answer has made the key by now, or will not.
const SETTLED: Duration = Duration::from_secs(120);
/// More keys than anybody has; a list that is longer is not understood.
const MOST_KEYS: usize = 1_000;

impl Rotator {
    /// Goes on after a key was asked for, and nothing was written since.
    pub(super) async fn recover(
        &self,
        held: &mut Held<'_>,
        declared: &Declared,
        keys: &KeyCalls,
        old: &NamedCredentials,
    ) -> Result<(), RotationError> {
        let (Some(creation), Some(candidate)) = (
            held.rotation.creation.clone(),
            held.rotation.candidate.clone(),
        ) else {
            return held.save(Rotation::end_creation).await;
        };
        let kept = &self.desk.credentials;
        match kept.get(held.of.0, held.of.1, &candidate.version).await {
            Ok(values) => {
                let candidate = Candidate {
                    key_id: declared.key_id(&values),
                    fields: values.keys().cloned().collect(),
                    fields_expire_at: ends_of(&values),
                    ..candidate
                };
                let has_set = keys.set.is_some();
                return held
                    .save(|rotation, now| rotation.staged(candidate, has_set, now))
                    .await;
            }
            Err(VaultError::NotFound) => {}
            Err(error) => {
                let failure = StepFailure::of_vault(&error);
                return held.fail(failure, Rotation::lose_creation).await;
            }
        }
        if keys.list.is_none() {
            return held.save(Rotation::lose_creation).await;
        }
        let now = self.desk.sources.now();
        if now.since(creation.asked_at) < SETTLED {
            return held
                .fail(StepFailure::passing(), Rotation::lose_creation)
                .await;
        }
        match self
            .delete_labelled(held, declared, keys, old, &creation.label)
            .await
        {
            Ok(()) if held.rotation.may_create() => held.save(Rotation::end_creation).await,
            Ok(()) => {
                held.save(|rotation, now| {
                    rotation.end_creation(now)?;
                    rotation.give_up(RotationFailure::CreationUnknown, None, now)
                })
                .await
            }
            Err(failure) => held.fail(failure, Rotation::lose_creation).await,
        }
    }

    /// Deletes the keys that have this label. No other rotation gives it.
    async fn delete_labelled(
        &self,
        held: &Held<'_>,
        declared: &Declared,
        keys: &KeyCalls,
        old: &NamedCredentials,
        label: &str,
    ) -> Result<(), StepFailure> {
        let Some(list) = &keys.list else {
            return Ok(());
        };
        let told = declared.told(&old.values);
        for id in self.ids(held, list, &told, old, label).await? {
            let told = declared.told_of_key(Some(&old.values), Some(&id));
            let by = self.by();
            calls::delete(by, &held.integration, keys.discarding(), &told, old).await?;
        }
        Ok(())
    }

    /// The ids of the keys whose label has `label` in it.
    pub(super) async fn ids(
        &self,
        held: &Held<'_>,
        list: &KeyList,
        told: &Told,
        old: &NamedCredentials,
        label: &str,
    ) -> Result<Vec<String>, StepFailure> {
        let unexpected = || StepFailure::lasting(RotationFailure::UnexpectedAnswer);
        let body = calls::make(self.by(), &held.integration, &list.call, told, old).await?;
        let items = list.items.evaluate(&body).map_err(|_| unexpected())?;
        let items = items.as_array().ok_or_else(unexpected)?;
        if items.len() > MOST_KEYS {
            return Err(unexpected());
        }
        let mut ids = Vec::new();
        for item in items {
            let has_label = text(&list.label, item).is_some_and(|text| has_label(&text, label));
            if label.is_empty() || has_label {
                ids.push(text(&list.id, item).ok_or_else(unexpected)?);
            }
        }
        Ok(ids)
    }
}

/// Whether a key's label is, or has in it, just this one: `…-1` is no part of `…-10`.
fn has_label(text: &str, label: &str) -> bool {
    text.match_indices(label).any(|(at, found)| {
        let after = text
            .get(at + found.len()..)
            .and_then(|rest| rest.chars().next());
        !after.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}
