use serde::{Deserialize, Serialize};

use crate::domain::{IntegrationId, OrganizationId, Sealed, Timestamp};

use super::items::Stored;
use super::keys::ItemKey;
use super::{Digest, Store, StoreError};

/// An answer of a provider that may be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedResponse {
    /// All that is known of it, compressed; how long it is fresh too, so that nobody who writes to
    /// the table can make it last.
    pub sealed: Sealed,
    /// The length of that before compression.
    pub plain_bytes: u64,
}

impl Store {
    /// The answer that is kept under `key`, if there is one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn cached_response(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        key: Digest,
        now: Timestamp,
    ) -> Result<Option<CachedResponse>, StoreError> {
        let key = ItemKey::CachedResponse(organization, integration, key);
        let stored = self.get::<CachedResponse>(key).await?;
        Ok(stored
            .filter(|stored| stored.is_alive(now))
            .map(|stored| stored.data))
    }

    /// Keeps an answer until `expires_at`, in place of another.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_cached_response(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        key: Digest,
        response: CachedResponse,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = ItemKey::CachedResponse(organization, integration, key);
        let stored = Stored::first(response).until(expires_at);
        let request = self.client().put_item();
        self.put_if(request, key, &stored).await?;
        Ok(())
    }

    /// Forgets what is kept under `key`, if there is anything.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_cached_response(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        key: Digest,
    ) -> Result<(), StoreError> {
        let key = ItemKey::CachedResponse(organization, integration, key);
        match self.delete(key, None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
