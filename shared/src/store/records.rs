//! Records by their digests: heads, and what they hold.

use crate::domain::sync::{EntityName, RecordChange, RecordHead};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{self, Stored, Versioned};
use super::keys::{Collection, ItemKey, SHARDS};
use super::table::TRIES;
use super::{Digest, Page, Store, StoreError};

/// In how many parts the heads of one kind of record are kept.
pub const RECORD_SHARDS: u8 = SHARDS;

/// Which heads to read: those of one part, in the order of their digests.
#[derive(Clone, Copy, Debug)]
pub struct HeadQuery {
    /// The part, below [`RECORD_SHARDS`].
    pub shard: u8,
    /// At most this many.
    pub limit: u16,
    /// Go on after this record: the `next` of the page before.
    pub after: Option<Digest>,
    /// The current instant: what has expired is not read.
    pub now: Timestamp,
}

/// A record whole: its head, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// Its head.
    pub head: Versioned<RecordHead>,
    /// Its newest change.
    pub change: RecordChange,
}

impl Store {
    /// The heads of records, in the order of their digests as they are given; none, where there is none, or
    /// it has expired.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn record_heads(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        records: &[Digest],
        now: Timestamp,
    ) -> Result<Vec<Option<Versioned<RecordHead>>>, StoreError> {
        let entity = entity.digest();
        let key = |record: &Digest| ItemKey::RecordHead(organization, integration, entity, *record);
        let keys: Vec<ItemKey> = records.iter().map(key).collect();
        let found = self.batch(&keys).await?;
        let heads = keys.into_iter().zip(found).map(|(key, attributes)| {
            let Some(attributes) = attributes else {
                return Ok(None);
            };
            let stored: Stored<RecordHead> = items::read(key, attributes)?;
            Ok(Some(stored)
                .filter(|stored| stored.is_alive(now))
                .map(Stored::into_versioned))
        });
        heads.collect()
    }

    /// What stands at places of the feed: what the records hold whose heads name them; none, where the
    /// record has moved on.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn record_changes(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        sequences: &[u64],
    ) -> Result<Vec<Option<RecordChange>>, StoreError> {
        let entity = entity.digest();
        let key =
            |sequence: &u64| ItemKey::RecordChange(organization, integration, entity, *sequence);
        let keys: Vec<ItemKey> = sequences.iter().map(key).collect();
        let found = self.batch(&keys).await?;
        let changes = keys.into_iter().zip(found).map(|(key, attributes)| {
            let read = |attributes| items::read::<RecordChange>(key, attributes);
            Ok(attributes.map(read).transpose()?.map(|stored| stored.data))
        });
        changes.collect()
    }

    /// A record with what it holds. Both belong together: if it changes between the two reads, both are
    /// made again.
    ///
    /// # Errors
    ///
    /// If the table does not answer, an item is corrupt, or the record changes all the time.
    pub async fn record(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        record: Digest,
        now: Timestamp,
    ) -> Result<Option<StoredRecord>, StoreError> {
        let entity = entity.digest();
        let head_key = ItemKey::RecordHead(organization, integration, entity, record);
        for _ in 0..TRIES {
            let head = self.get::<RecordHead>(head_key).await?;
            let Some(head) = head.filter(|head| head.is_alive(now)) else {
                return Ok(None);
            };
            let sequence = head.data.sequence;
            let key = ItemKey::RecordChange(organization, integration, entity, sequence);
            if let Some(change) = self.get::<RecordChange>(key).await? {
                let (head, change) = (head.into_versioned(), change.data);
                return Ok(Some(StoredRecord { head, change }));
            }
        }
        Err(contended())
    }

    /// At most `query.limit` heads of one part. A page may have fewer and not be the last.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn record_heads_of(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        query: HeadQuery,
    ) -> Result<Page<(Digest, Versioned<RecordHead>), Digest>, StoreError> {
        let entity = entity.digest();
        let collection = Collection::RecordHeads(organization, integration, entity, query.shard);
        let key_of = |record| ItemKey::RecordHead(organization, integration, entity, record);
        let found = self
            .query_down(
                collection,
                query.after.map(key_of),
                Some(query.limit.max(1)),
            )
            .await?;
        let mut page = Page {
            items: Vec::with_capacity(found.items.len()),
            next: None,
        };
        for attributes in found.items {
            let record: Digest = collection.id_of(&attributes)?;
            let stored: Stored<RecordHead> = items::read(key_of(record), attributes)?;
            page.next = found.more.then_some(record);
            if stored.is_alive(query.now) {
                page.items.push((record, stored.into_versioned()));
            }
        }
        Ok(page)
    }
}
