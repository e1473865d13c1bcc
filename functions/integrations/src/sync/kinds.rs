//! The kinds of record that an integration has.

use std::collections::BTreeSet;

use gatehouse::catalog;
use gatehouse::domain::sync::{EntityName, EntitySync, SyncConfig};
use gatehouse::domain::{Error, Integration, IntegrationId, OrganizationId};
use gatehouse::flows::outbound::OpenIntegration;
use gatehouse::flows::sync::Kind;
use gatehouse::store::Versioned;

use crate::State;
use crate::integrations::find as find_integration;

/// A kind of record of an integration.
pub(crate) struct FoundKind {
    pub(crate) integration: Versioned<Integration>,
    pub(crate) entity: EntityName,
    /// How it is synchronized.
    pub(crate) rules: EntitySync,
}

impl FoundKind {
    pub(crate) fn kind(&self) -> Kind<'_> {
        Kind {
            organization: self.integration.item.organization_id,
            integration: self.integration.item.id,
            entity: &self.entity,
            rules: &self.rules,
        }
    }
}

/// What an integration's `syncConfig` says.
///
/// # Errors
///
/// [`Error::Conflict`], if it is not understood: it was stored by another version.
pub(crate) fn config_of(integration: &Integration) -> Result<SyncConfig, Error> {
    SyncConfig::stored(integration.sync_config.as_ref()).map_err(|error| {
        let (pointer, message) = (error.pointer, error.message);
        Error::Conflict(format!(
            "the integration cannot be used: `{pointer}` {message}"
        ))
    })
}

/// The kinds of record that the integration itself, or the catalogue, speaks of.
pub(crate) fn named(integration: &Integration) -> Result<BTreeSet<EntityName>, Error> {
    let mut names: BTreeSet<EntityName> = config_of(integration)?.entities.into_keys().collect();
    let profile = catalog::profile_of(integration);
    names.extend(profile.entities.keys().filter_map(|name| name.parse().ok()));
    Ok(names)
}

/// A kind of record that is known, or of which there are records.
///
/// # Errors
///
/// [`Error::NotFound`], if there is no such integration, or nothing is known of that kind.
pub(crate) async fn find(
    state: &State,
    organization: OrganizationId,
    (integration, entity): (IntegrationId, EntityName),
) -> Result<FoundKind, Error> {
    let found = find_integration(state, organization, integration).await?;
    let rules = config_of(&found.item)?.entity(&entity);
    if !named(&found.item)?.contains(&entity) {
        let store = &state.store;
        let left = store.entity_state(organization, integration, &entity);
        if left.await?.version == 0 {
            return Err(Error::NotFound("entity"));
        }
    }
    Ok(FoundKind {
        integration: found,
        entity,
        rules,
    })
}

/// Whether the provider may be called at all.
///
/// # Errors
///
/// [`Error::Conflict`] or [`Error::ConsentNeeded`], if not.
pub(crate) fn check_usable(integration: &Integration) -> Result<(), Error> {
    OpenIntegration::new(integration.clone())?.check_usable()
}
