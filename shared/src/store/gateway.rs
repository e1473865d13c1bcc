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
        Ok(stored.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Writes it in place of the one that was read as `expected`; the new version. If another
    /// function has written meanwhile, says what stands there.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn replace_gateway_state(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        state: GatewayState,
        expected: u64,
    ) -> Result<Result<u64, Versioned<GatewayState>>, StoreError> {
        let key = ItemKey::Gateway(organization, integration);
        let swapped = self.swap(key, Stored::first(state), expected).await?;
        Ok(swapped.map_err(Option::unwrap_or_default))
    }
}
