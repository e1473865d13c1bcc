//! How long organizations want what has ended kept.

use crate::domain::OrganizationId;
use crate::domain::sync::RecordRetention;

use super::items::{Stored, Versioned};
use super::keys::ItemKey;
use super::{ChangeSet, Store, StoreError};

impl Store {
    /// What an organization says; nothing in version 0, before it has said anything.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn record_retention(
        &self,
        organization: OrganizationId,
    ) -> Result<Versioned<RecordRetention>, StoreError> {
        let key = ItemKey::RecordRetention(organization);
        let stored = self.get::<RecordRetention>(key).await?;
        Ok(stored.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Replaces what was read in version `expected` (0: nothing was there), and returns the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is in another version: read again, and decide again.
    pub async fn replace_record_retention(
        &self,
        organization: OrganizationId,
        retention: RecordRetention,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let key = ItemKey::RecordRetention(organization);
        let swapped = self.swap(key, Stored::first(retention), expected).await?;
        swapped.map_err(|_| StoreError::Conflict)
    }

    /// Has what stops existing with a set kept for as long as its organization says, if it says anything.
    /// Reads nothing if nothing stops existing.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn keep_as_wanted(&self, set: &mut ChangeSet) -> Result<(), StoreError> {
        if set.lets_expire() {
            let retention = self.record_retention(set.organization).await?.item;
            if let Some(kept) = retention.duration() {
                set.expire_at(set.now.plus(kept));
            }
        }
        Ok(())
    }
}
