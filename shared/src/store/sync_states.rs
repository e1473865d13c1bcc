//! What is known of each kind of record of an integration as a whole.

use crate::domain::sync::{EntityName, EntityState};
use crate::domain::{IntegrationId, OrganizationId};

use super::items::{self, Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::{Digest, Store, StoreError};

impl Store {
    /// How a kind of record stands. If nothing was ever written of it: as a new one, in version 0.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn entity_state(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
    ) -> Result<Versioned<EntityState>, StoreError> {
        let key = ItemKey::EntityState(organization, integration, entity.digest());
        let found = self.get::<EntityState>(key).await?;
        Ok(found.map_or_else(
            || Versioned::new(EntityState::new(entity.clone()), 0),
            Stored::into_versioned,
        ))
    }

    /// How all kinds of record of an integration stand that anything was ever written of, by name. There
    /// are as many as its configuration and the catalogue name, so they are read whole.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn entity_states(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Vec<Versioned<EntityState>>, StoreError> {
        let collection = Collection::EntityStates(organization, integration);
        let mut states = Vec::new();
        let mut after = None;
        loop {
            let found = self.query_down(collection, after, None).await?;
            for attributes in found.items {
                let entity: Digest = collection.id_of(&attributes)?;
                let key = ItemKey::EntityState(organization, integration, entity);
                let stored: Stored<EntityState> = items::read(key, attributes)?;
                states.push(stored.into_versioned());
                after = Some(key);
            }
            if !found.more {
                break;
            }
        }
        states.sort_by(|one, other| one.item.entity.cmp(&other.item.entity));
        Ok(states)
    }
}
