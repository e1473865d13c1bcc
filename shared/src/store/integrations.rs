use super::items::{self, Versioned};
use super::keys::{ItemKey, organization_partition, prefix};
use super::table::Order;
use super::{Store, StoreError};
use crate::domain::{Integration, IntegrationId, OrganizationId};

impl Store {
    /// Stores a new integration.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its id exists.
    pub async fn create_integration(&self, integration: &Integration) -> Result<(), StoreError> {
        self.create(items::item(key(integration), integration, 1, None)?)
            .await
    }

    /// An integration of `organization`.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn integration(
        &self,
        organization: OrganizationId,
        id: IntegrationId,
    ) -> Result<Option<Versioned<Integration>>, StoreError> {
        self.get_as(ItemKey::Integration(organization, id)).await
    }

    /// At most `limit` integrations of `organization`, newest first, from after `after` on.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn integrations(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<IntegrationId>,
    ) -> Result<Vec<Versioned<Integration>>, StoreError> {
        let partition = organization_partition(organization);
        let after = after.map(|id| ItemKey::Integration(organization, id).render().1);
        let found = self
            .query(
                &partition,
                prefix::INTEGRATION,
                Order::NewestFirst,
                limit.into(),
                after,
            )
            .await?;
        found
            .into_iter()
            .map(|item| items::read_as("integration", item))
            .collect()
    }

    /// Replaces an integration of version `expected`; the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is of another version by now, or gone.
    pub async fn update_integration(
        &self,
        integration: &Integration,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.replace(key(integration), integration, expected).await
    }

    /// Deletes an integration's own item, if it exists. Its endpoints and destinations are apart.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_integration(
        &self,
        organization: OrganizationId,
        id: IntegrationId,
    ) -> Result<(), StoreError> {
        self.delete(ItemKey::Integration(organization, id)).await
    }
}

fn key(integration: &Integration) -> ItemKey<'static> {
    ItemKey::Integration(integration.organization_id, integration.id)
}
