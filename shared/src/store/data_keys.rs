use serde::{Deserialize, Serialize};

use crate::domain::{OrganizationId, Timestamp};

use super::items::{self, Stored};
use super::keys::{Collection, ItemKey};
use super::{Store, StoreError};

/// A data key of an organization as it is stored: under KMS, of no use without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedKey {
    /// Counted from 1.
    pub number: u16,
    /// The key as KMS has wrapped it.
    #[serde(with = "serde_bytes")]
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// The data key with this number.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn data_key(
        &self,
        organization: OrganizationId,
        number: u16,
    ) -> Result<Option<WrappedKey>, StoreError> {
        let stored = self.get(ItemKey::DataKey(organization, number)).await?;
        Ok(stored.map(|stored| stored.data))
    }

    /// The data key with the highest number.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn newest_data_key(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<WrappedKey>, StoreError> {
        let collection = Collection::DataKeys(organization);
        let page = self.query_down(collection, None, Some(1)).await?;
        let Some(attributes) = page.items.into_iter().next() else {
            return Ok(None);
        };
        let key = ItemKey::DataKey(organization, collection.id_of(&attributes)?);
        items::read(key, attributes).map(|stored: Stored<WrappedKey>| Some(stored.data))
    }

    /// Adds a data key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one with its number: somebody else was faster, and
    /// theirs is the one to use.
    pub async fn put_data_key(
        &self,
        organization: OrganizationId,
        key: &WrappedKey,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(key.clone());
        self.create(ItemKey::DataKey(organization, key.number), &stored)
            .await
    }
}
