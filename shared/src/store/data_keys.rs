use serde::{Deserialize, Serialize};

use super::items;
use super::keys::ItemKey;
use super::{Store, StoreError};
use crate::domain::{OrganizationId, Timestamp};

/// An organization's data key as KMS has wrapped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedDataKey {
    /// What KMS returned as `CiphertextBlob`.
    #[serde(with = "serde_bytes")]
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// An organization's data key of a version.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn data_key(
        &self,
        organization: OrganizationId,
        version: u32,
    ) -> Result<Option<WrappedDataKey>, StoreError> {
        let stored = self.get_as(ItemKey::DataKey(organization, version)).await?;
        Ok(stored.map(|stored| stored.item))
    }

    /// Stores a new data key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if that version exists: it must never be replaced, because what
    /// was sealed under it could not be opened any more.
    pub async fn create_data_key(
        &self,
        organization: OrganizationId,
        version: u32,
        key: &WrappedDataKey,
    ) -> Result<(), StoreError> {
        self.create(items::item(
            ItemKey::DataKey(organization, version),
            key,
            1,
            None,
        )?)
        .await
    }
}
