//! The index of what has to be synchronized, or looked at, next. Each kind of record of an integration has
//! one entry at most: its state says where, and both change in one transaction.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::domain::sync::{EntityName, EntityState};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::change_sets::{ChangeSet, Committed};
use super::items::{self, Stored, Versioned};
use super::keys::{Collection, ItemKey, SHARDS, SyncDue};
use super::{Store, StoreError};

/// A kind of record that has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSync {
    /// When.
    pub at: Timestamp,
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The kind of record.
    pub entity: EntityName,
}

/// What an entry of the index holds, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    entity: EntityName,
}

impl Store {
    /// At most `limit` kinds of record that have to be looked at by `now`, of all organizations; those that
    /// have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_syncs(&self, now: Timestamp, limit: u16) -> Result<Vec<DueSync>, StoreError> {
        let reads = (0..SHARDS).map(|shard| self.due_syncs_of(shard, limit));
        let shards = futures::future::try_join_all(reads).await?;
        let mut due: Vec<DueSync> = shards
            .into_iter()
            .flatten()
            .filter(|due| due.at <= now)
            .collect();
        due.sort_by_key(|due| due.at);
        due.truncate(usize::from(limit));
        Ok(due)
    }

    async fn due_syncs_of(&self, shard: u8, limit: u16) -> Result<Vec<DueSync>, StoreError> {
        let collection = Collection::SyncsDue(shard);
        let found = self.query_up(collection, limit.max(1)).await?;
        let read = found.into_iter().map(|attributes| {
            let due: SyncDue = collection.id_of(&attributes)?;
            let key = ItemKey::SyncDue(due);
            let entry: Stored<Entry> = items::read(key, attributes)?;
            let entity = entry.data.entity;
            if entity.digest() != due.entity {
                return Err(StoreError::corrupt(key, items::DATA));
            }
            Ok(DueSync {
                at: due.at,
                organization: due.organization,
                integration: due.integration,
                entity,
            })
        });
        read.collect()
    }

    /// Has a kind of record looked at at another time, or not at all, if its state is still as it was read.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn move_due_sync(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        state: Versioned<EntityState>,
        due_at: Option<Timestamp>,
    ) -> Result<Committed, StoreError> {
        // No record is written, so it doesn't matter what has expired.
        let now = Timestamp::UNIX_EPOCH;
        let mut set = ChangeSet::new(organization, integration, state, now);
        set.state.due_at = due_at;
        self.commit_changes(&set).await
    }

    /// Takes an entry off the index that no state knows of: its integration is gone, or its kind of record
    /// is to be looked at at another time.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_sync(&self, due: &DueSync) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What a transaction has to do for the entry to be where the state says.
    pub(super) fn due_operations(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        before: &EntityState,
        after: &EntityState,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut operations = Vec::new();
        if before.due_at == after.due_at {
            return Ok(operations);
        }
        let entry = |at| DueSync {
            at,
            organization,
            integration,
            entity: after.entity.clone(),
        };
        if let Some(at) = before.due_at {
            operations.push(self.delete_operation(entry(at).key())?);
        }
        if let Some(at) = after.due_at {
            let due = entry(at);
            let key = due.key();
            let entity = due.entity;
            operations.push(self.put_operation(key, &Stored::first(Entry { entity }), None)?);
        }
        Ok(operations)
    }
}

impl DueSync {
    pub(super) fn key(&self) -> ItemKey {
        ItemKey::SyncDue(SyncDue {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
            entity: self.entity.digest(),
        })
    }
}
