use crate::domain::{GatewayState, IntegrationId, OrganizationId};

use super::items::{Stored, Versioned};
use super::keys::ItemKey;
use super::{Store, StoreError};

impl Store {
    /// What the functions that call an integration's provider share.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn gateway_state(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Versioned<GatewayState>, StoreError> {
        let key = ItemKey::Gateway(organization, integration);
        let stored = self.get::<GatewayState>(key).await?;
        Ok(stored.map_or_else(
            || Versioned {
                item: GatewayState::default(),
                version: 0,
            },
            Stored::into_versioned,
        ))
    }

    /// Writes it in place of the one that was read as `expected`; the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if another function has written meanwhile.
    pub async fn replace_gateway_state(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        state: GatewayState,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let key = ItemKey::Gateway(organization, integration);
        if expected == 0 {
            self.create(key, &Stored::first(state)).await?;
            return Ok(1);
        }
        self.replace(key, state, expected).await
    }
}
