use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ApiKey, ApiKeyId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::table::{ABSENT, TRIES, Transacted};
use super::{Page, Store, StoreError};

/// For so long after its end a key is still listed.
const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyOwner {
    organization_id: OrganizationId,
}

impl Store {
    /// Adds a key, and that it is its organization's, both or neither.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one with its id.
    pub async fn create_api_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let end = key.expires_at.plus(REMEMBERED);
        let owner = KeyOwner {
            organization_id: key.organization_id,
        };
        let owner = Stored::first(owner).until(end);
        let item = Stored::first(key.clone()).until(end);
        let operations = vec![
            self.put_operation(ItemKey::ApiKeyOwner(key.id), &owner, Some(ABSENT))?,
            self.put_operation(item_key(key), &item, Some(ABSENT))?,
        ];
        match self.transact(operations).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }

    /// A key by its id alone: who shows it has not yet said for whom it acts. Two reads. The only
    /// method besides that for the path of a webhook that takes no organization.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn api_key_by_id(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let owner = self.get::<KeyOwner>(ItemKey::ApiKeyOwner(id)).await?;
        let Some(owner) = owner else {
            return Ok(None);
        };
        let found = self.api_key(owner.data.organization_id, id).await?;
        Ok(found.map(|stored| stored.item))
    }

    /// A key.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn api_key(
        &self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<Versioned<ApiKey>>, StoreError> {
        let stored = self.get(ItemKey::ApiKey(organization, id)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// At most `limit` keys made before `after`, newest first; those that have ended, too.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn api_keys(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<ApiKeyId>,
    ) -> Result<Page<Versioned<ApiKey>, ApiKeyId>, StoreError> {
        let collection = Collection::ApiKeys(organization);
        let key_of = |id| ItemKey::ApiKey(organization, id);
        self.list(collection, key_of, limit, after).await
    }

    /// Revokes a key from `now` on. One that is revoked stays as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn revoke_api_key(
        &self,
        organization: OrganizationId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey, StoreError> {
        let key = ItemKey::ApiKey(organization, id);
        for _ in 0..TRIES {
            let found = self.api_key(organization, id).await?;
            let Versioned { mut item, version } =
                found.ok_or(StoreError::NotFound(key.item_type()))?;
            if item.revoked_at.is_some() {
                return Ok(item);
            }
            item.revoked_at = Some(now);
            let stored = Stored::first(item.clone()).until(item.expires_at.plus(REMEMBERED));
            if self.swap(key, stored, version).await?.is_ok() {
                return Ok(item);
            }
        }
        Err(contended())
    }
}

fn item_key(key: &ApiKey) -> ItemKey {
    ItemKey::ApiKey(key.organization_id, key.id)
}
