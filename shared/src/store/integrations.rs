use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::domain::health::Watch;
use crate::domain::{Integration, IntegrationId, OrganizationId};

use super::error::contended;
use super::guards::AtMost;
use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::table::{ABSENT, Transacted};
use super::watches::spread;
use super::{Page, Store, StoreError};

impl Store {
    /// Adds an integration.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is another one with its id.
    pub async fn create_integration(&self, integration: &Integration) -> Result<(), StoreError> {
        let added = self.transact(self.added(integration)?).await?;
        self.integration_created(integration, added).await
    }

    /// Adds an integration, if its organization has less than `max` then.
    ///
    /// # Errors
    ///
    /// [`StoreError::LimitReached`]; [`StoreError::Conflict`] if there is another one with its id.
    pub async fn create_integration_within(
        &self,
        integration: &Integration,
        max: u32,
    ) -> Result<(), StoreError> {
        let organization = integration.organization_id;
        let limit = AtMost {
            what: "integrations",
            max,
            collection: Collection::Integrations(organization),
            guard: ItemKey::IntegrationsGuard(organization),
        };
        let now = integration.created_at;
        let operations = self.added(integration)?;
        let added = self.add_within(limit, &operations, now).await?;
        self.integration_created(integration, added).await
    }

    /// The integration, and its watch: so it is looked at from the beginning.
    fn added(&self, integration: &Integration) -> Result<Vec<TransactWriteItem>, StoreError> {
        let stored = Stored::first(integration.clone());
        let put = self.put_operation(key(integration), &stored, Some(ABSENT))?;
        let owned = (integration.organization_id, integration.id);
        let watch = Watch::new(integration.created_at, spread(integration.id));
        let mut operations = vec![put];
        operations.extend(self.watch_operations(owned, &watch, None)?);
        Ok(operations)
    }

    async fn integration_created(
        &self,
        integration: &Integration,
        added: Transacted,
    ) -> Result<(), StoreError> {
        match added {
            Transacted::Done => Ok(()),
            Transacted::Busy => Err(contended()),
            Transacted::Unmet(_) => {
                // Ours already, if the answer to an earlier try was lost.
                let organization = integration.organization_id;
                let found = self.integration(organization, integration.id).await?;
                let is_ours = found.is_some_and(|found| found.item == *integration);
                is_ours.then_some(()).ok_or(StoreError::Conflict)
            }
        }
    }

    /// Reads an integration.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn integration(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Versioned<Integration>>, StoreError> {
        let key = ItemKey::Integration(organization, integration);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// At most `limit` integrations made before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn integrations(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<IntegrationId>,
    ) -> Result<Page<Versioned<Integration>, IntegrationId>, StoreError> {
        let collection = Collection::Integrations(organization);
        let key_of = |id| ItemKey::Integration(organization, id);
        self.list(collection, key_of, limit, after).await
    }

    /// Replaces the integration that was read in version `expected`; returns the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn update_integration(
        &self,
        integration: &Integration,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let data = integration.clone();
        self.replace(key(integration), data, expected).await
    }

    /// Deletes an integration, in version `expected` if one is given. What belongs to it stays:
    /// without its integration an endpoint takes nothing and nothing can be added. The rest is for
    /// [`Store::purge_integration`].
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn delete_integration(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        let key = ItemKey::Integration(organization, integration);
        self.delete(key, expected).await
    }
}

fn key(integration: &Integration) -> ItemKey {
    ItemKey::Integration(integration.organization_id, integration.id)
}
