//! How a rotation begins, and how new credentials get into the vault.

use super::desk::{Read, RotationDesk, StartRotation, internal};
use crate::auth::ends_of;
use crate::catalog;
use crate::domain::rotation::{
    Candidate, Rotation, RotationPolicy, RotationState, RotationStrategy,
};
use crate::domain::{
    CredentialInfo, Error, Integration, RotationId, RotationMethod, Sources, Timestamp,
};
use crate::vault::CredentialSet;

/// The grace where nothing is declared, in seconds.
const GRACE_SECONDS: u32 = 24 * 60 * 60;

impl RotationDesk {
    pub(super) async fn begin(
        &self,
        integration: &Integration,
        read: &Read,
        start: &StartRotation,
        given: Option<&CredentialSet>,
    ) -> Result<Rotation, Error> {
        let current = integration.credentials.as_ref();
        let current = current.ok_or_else(|| {
            Error::Conflict("the integration has no credentials to replace".to_owned())
        })?;
        let profile = catalog::profile_of(integration);
        let method = profile.rotation.as_ref();
        let strategy = match given {
            Some(_) => RotationStrategy::OperatorSupplied,
            None => strategy_of(method),
        };
        if strategy != RotationStrategy::OperatorSupplied && profile.verification.is_none() {
            return Err(Error::Conflict(
                "nothing is known of a call that tests new credentials \
                 (`apiProfile.verification`)"
                    .to_owned(),
            ));
        }
        let is_person = strategy == RotationStrategy::OperatorSupplied;
        if start.wanted_version.is_some() && makes_versions(method) {
            return Err(Error::Conflict(
                "the provider chooses the key's id: it is not rotated by Secrets Manager"
                    .to_owned(),
            ));
        }
        if is_person && start.wanted_version.is_some() {
            return Err(Error::Conflict(
                "new credentials cannot be made: a person has to hand them in".to_owned(),
            ));
        }
        let declared = method.map_or(GRACE_SECONDS, RotationMethod::grace_seconds);
        let now = self.sources.now();
        let mut rotation = Rotation {
            grace_seconds: RotationPolicy::grace(read.plan.item.policy.as_ref(), declared),
            ..self.blank(integration, current, start, strategy, now)
        };
        if let Some(credentials) = given {
            let candidate = Candidate {
                expires_at: start.expires_at,
                ..self.stage(integration, credentials, None).await?
            };
            rotation.staged(candidate, false, now).map_err(internal)?;
        }
        Ok(rotation)
    }

    fn blank(
        &self,
        integration: &Integration,
        current: &CredentialInfo,
        start: &StartRotation,
        strategy: RotationStrategy,
        now: Timestamp,
    ) -> Rotation {
        let is_person = strategy == RotationStrategy::OperatorSupplied;
        Rotation {
            id: RotationId::generate(now, self.sources.randomness.as_ref()),
            organization_id: integration.organization_id,
            integration_id: integration.id,
            strategy,
            trigger: start.trigger,
            emergency: start.emergency,
            batch: start.batch,
            state: if is_person {
                RotationState::Due
            } else {
                RotationState::Create
            },
            from_version: current.version.clone(),
            from_key_id: None,
            candidate: None,
            wanted_version: start.wanted_version.clone(),
            creation: None,
            creations: 0,
            public_key: None,
            verified: None,
            grace_seconds: GRACE_SECONDS,
            grace_until: None,
            failures: 0,
            trouble: None,
            leftovers: Vec::new(),
            steps: Vec::new(),
            lease: None,
            started_at: now,
            updated_at: now,
            ended_at: None,
        }
    }

    /// Puts new credentials into the vault, where nobody uses them yet.
    pub(super) async fn stage(
        &self,
        integration: &Integration,
        values: &CredentialSet,
        version: Option<String>,
    ) -> Result<Candidate, Error> {
        let of = (integration.organization_id, integration.id);
        if let Some(current) = &integration.credentials {
            // A promotion that broke off, if any, is made up for: staging takes the label of its
            // version away, and Secrets Manager forgets versions without a label.
            self.credentials
                .promote(of.0, of.1, &current.version)
                .await?;
        }
        let now = self.sources.now();
        let version = version.unwrap_or_else(|| new_version(&self.sources, now));
        self.credentials
            .stage_next(of.0, of.1, values, &version)
            .await?;
        Ok(Candidate {
            version,
            key_id: None,
            fields: values.keys().cloned().collect(),
            expires_at: None,
            fields_expire_at: ends_of(values),
        })
    }
}

/// A version that no other credentials have: at least 32 characters, as Secrets Manager wants.
pub(super) fn new_version(sources: &Sources, now: Timestamp) -> String {
    format!("gatehouse-{}", sources.randomness.ulid(now))
}

/// Where new credentials come from, as the catalogue says.
pub(super) fn strategy_of(method: Option<&RotationMethod>) -> RotationStrategy {
    match method {
        Some(RotationMethod::ProviderApi { .. }) => RotationStrategy::ProviderApi,
        Some(RotationMethod::OauthClientSecret { keys: Some(_), .. }) => {
            RotationStrategy::OauthClientSecret
        }
        Some(RotationMethod::Asymmetric { .. }) => RotationStrategy::Asymmetric,
        Some(
            RotationMethod::OperatorSupplied { .. }
            | RotationMethod::OauthClientSecret { keys: None, .. },
        )
        | None => RotationStrategy::OperatorSupplied,
    }
}

/// Whether its steps make more than one version of the new credentials.
fn makes_versions(method: Option<&RotationMethod>) -> bool {
    let Some(RotationMethod::Asymmetric { keys, .. }) = method else {
        return false;
    };
    keys.as_ref().is_some_and(|keys| keys.id.is_some())
}

/// Whether a person has to hand in an integration's new credentials.
pub(super) fn is_by_person(integration: &Integration) -> bool {
    let profile = catalog::profile_of(integration);
    strategy_of(profile.rotation.as_ref()) == RotationStrategy::OperatorSupplied
}
