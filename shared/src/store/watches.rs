//! When integrations are looked at next. Each has one watch, and one entry in the index by time: the watch
//! says where, and both change in one transaction.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::domain::health::Watch;
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{self, Stored, VERSION, Versioned, number};
use super::keys::{Collection, Due, ItemKey, SHARDS};
use super::table::{ABSENT, Transacted};
use super::{Store, StoreError};

/// How often a mark is tried against other functions' writes, which are rare.
const TRIES: usize = 8;

/// An integration that has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueWatch {
    /// When.
    pub at: Timestamp,
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
}

/// What an entry of the index holds, besides its key: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {}

impl Store {
    /// What is known of when an integration is looked at.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn watch(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Versioned<Watch>>, StoreError> {
        let key = ItemKey::Watch(organization, integration);
        Ok(self.get::<Watch>(key).await?.map(Stored::into_versioned))
    }

    /// At most `limit` integrations that have to be looked at by `now`, of all organizations; those that
    /// have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_watches(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueWatch>, StoreError> {
        let reads = (0..SHARDS).map(|shard| self.due_watches_of(shard, limit));
        let shards = futures::future::try_join_all(reads).await?;
        let mut due: Vec<DueWatch> = shards
            .into_iter()
            .flatten()
            .filter(|due| due.at <= now)
            .collect();
        due.sort_by_key(|due| due.at);
        due.truncate(usize::from(limit));
        Ok(due)
    }

    async fn due_watches_of(&self, shard: u8, limit: u16) -> Result<Vec<DueWatch>, StoreError> {
        let collection = Collection::WatchesDue(shard);
        let found = self.query_up(collection, limit.max(1)).await?;
        let read = found.into_iter().map(|attributes| {
            let due: Due = collection.id_of(&attributes)?;
            Ok(DueWatch {
                at: due.at,
                organization: due.organization,
                integration: due.integration,
            })
        });
        read.collect()
    }

    /// Writes a watch in place of the one that was read, or of none. Whether it did: not if another
    /// function was faster.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_watch(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        watch: &Watch,
        before: Option<&Versioned<Watch>>,
    ) -> Result<bool, StoreError> {
        let owned = (organization, integration);
        let operations = self.watch_operations(owned, watch, before)?;
        Ok(self.transact(operations).await? == Transacted::Done)
    }

    /// Writes what `change` makes of a watch, as it is by then; none, if there is no watch.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn update_watch(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        change: impl Fn(&Watch) -> Watch + Send,
    ) -> Result<Option<Watch>, StoreError> {
        for _ in 0..TRIES {
            let Some(before) = self.watch(organization, integration).await? else {
                return Ok(None);
            };
            let watch = change(&before.item);
            if watch == before.item {
                return Ok(Some(watch));
            }
            let put = self.put_watch(organization, integration, &watch, Some(&before));
            if put.await? {
                return Ok(Some(watch));
            }
        }
        Err(contended())
    }

    /// Notes that something of `at` happened at an integration, so that it is rolled up.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn mark_watch(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let before = self.watch(organization, integration).await?;
            let watch = match &before {
                Some(before) => before.item.marked(at, now),
                None => {
                    let new = Watch::new(now, spread(integration));
                    new.marked(at, now)
                }
            };
            let Some(watch) = watch else {
                return Ok(());
            };
            let put = self.put_watch(organization, integration, &watch, before.as_ref());
            if put.await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Forgets an integration that is no more.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn drop_watch(&self, due: &DueWatch) -> Result<(), StoreError> {
        let watch = ItemKey::Watch(due.organization, due.integration);
        for key in [watch, due.key()] {
            match self.delete(key, None).await {
                Ok(()) | Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes an entry off the index that the watch does not know of.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_watch(&self, due: &DueWatch) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What a transaction has to do for the watch and its entry to be so.
    pub(super) fn watch_operations(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        watch: &Watch,
        before: Option<&Versioned<Watch>>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let entry = |at| DueWatch {
            at,
            organization,
            integration,
        };
        let key = ItemKey::Watch(organization, integration);
        let mut operations = vec![match before {
            None => self.put_operation(key, &Stored::first(watch.clone()), Some(ABSENT))?,
            Some(before) => self.next_version(key, watch, before.version)?,
        }];
        let known = before.map(|before| before.item.due_at);
        if known != Some(watch.due_at) {
            let due = entry(watch.due_at).key();
            operations.push(self.put_operation(due, &Stored::first(Entry {}), None)?);
            if let Some(at) = known {
                operations.push(self.delete_operation(entry(at).key())?);
            }
        }
        Ok(operations)
    }

    fn next_version(
        &self,
        key: ItemKey,
        watch: &Watch,
        expected: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(watch.clone())
        };
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, &stored)?))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", number(expected))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl DueWatch {
    fn key(&self) -> ItemKey {
        ItemKey::WatchDue(Due {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
        })
    }
}

/// What spreads the first checks of integrations: a number in `0.0..1.0` of its own.
pub(super) fn spread(integration: IntegrationId) -> f64 {
    let [first, second, ..] = *crate::domain::Digest::of(&integration.ulid().to_bytes()).as_bytes();
    f64::from(u16::from_be_bytes([first, second])) / 65_536.0
}
