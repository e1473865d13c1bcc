//! What people are owed: notices that wait to be sent, by the instant at which they are due.
//!
//! Whoever sends one moves it first to when it is tried again: so of two that meet one sends, and one that
//! dies while it sends is followed by the next. What was sent is deleted. A notice whose sender died after
//! the provider took it is sent a second time; none is lost.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::domain::alert::NoticeBody;
use crate::domain::{ChannelId, NoticeId, OrganizationId, Timestamp};

use super::items::{self, Stored};
use super::keys::{AlertKey, Collection, ItemKey, NoticeDue, SHARDS};
use super::table::Transacted;
use super::{Store, StoreError};

/// The most notices that are moved at once: of each, one place is deleted and one is written.
pub const MAX_NOTICES: usize = 40;

/// A notice that waits to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedNotice {
    /// Its id.
    pub id: NoticeId,
    /// Whom it belongs to.
    pub organization: OrganizationId,
    /// When it is due.
    pub due_at: Timestamp,
    /// What is said.
    pub body: NoticeBody,
    /// The channels that have not got it yet; all that want it, before the first try.
    pub channels: Option<BTreeSet<ChannelId>>,
    /// How often it was tried.
    pub attempts: u16,
    /// Since when it is owed.
    pub owed_at: Timestamp,
    /// Whether it waited for a silence to end.
    pub was_muted: bool,
    /// Those that were sent together once are sent together again, so that it is seen that they are the same:
    /// the first of them.
    pub group: Option<NoticeId>,
}

/// What is stored of one, besides its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    body: NoticeBody,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channels: Option<BTreeSet<ChannelId>>,
    #[serde(default)]
    attempts: u16,
    owed_at: Timestamp,
    #[serde(default)]
    was_muted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<NoticeId>,
}

impl OwedNotice {
    fn due(&self) -> NoticeDue {
        NoticeDue {
            at: self.due_at,
            organization: self.organization,
            notice: self.id,
        }
    }

    fn read(due: NoticeDue, entry: Entry) -> Self {
        Self {
            id: due.notice,
            organization: due.organization,
            due_at: due.at,
            body: entry.body,
            channels: entry.channels,
            attempts: entry.attempts,
            owed_at: entry.owed_at,
            was_muted: entry.was_muted,
            group: entry.group,
        }
    }
}

impl Store {
    /// Has a notice sent at its time.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn owe_notice(&self, notice: &OwedNotice) -> Result<(), StoreError> {
        self.transact(vec![self.owe_operation(notice)?]).await?;
        Ok(())
    }

    /// At most `limit` notices of each of 8 partitions that are due by `now`, of all organizations: those of
    /// one organization follow each other, those that have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_notices(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<OwedNotice>, StoreError> {
        let reads = (0..SHARDS).map(|shard| self.due_notices_of(shard, now, limit));
        let shards = futures::future::try_join_all(reads).await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn due_notices_of(
        &self,
        shard: u8,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<OwedNotice>, StoreError> {
        let collection = Collection::NoticesDue(shard);
        let mut due = Vec::new();
        for attributes in self.query_up(collection, limit.max(1)).await? {
            let place: NoticeDue = collection.id_of(&attributes)?;
            if place.at > now {
                break;
            }
            let entry: Stored<Entry> =
                items::read(ItemKey::OfAlerts(AlertKey::Notice(place)), attributes)?;
            due.push(OwedNotice::read(place, entry.data));
        }
        Ok(due)
    }

    /// Has notices wait elsewhere, all of them or none: `after` are the same as `before`, at most
    /// [`MAX_NOTICES`]. Whether they do: if not, somebody else has moved one of them.
    ///
    /// # Errors
    ///
    /// If the table does not answer; then they may.
    pub async fn move_notices(
        &self,
        before: &[OwedNotice],
        after: &[OwedNotice],
    ) -> Result<bool, StoreError> {
        let mut operations = Vec::with_capacity(before.len() * 2);
        for (old, new) in before.iter().zip(after) {
            // One request cannot delete and put the same item: one that stays where it is, is written over,
            // and is not brought back if somebody else has taken it from there.
            if old.due_at == new.due_at {
                operations.push(self.put_notice(new, Some("attribute_exists(pk)"))?);
            } else {
                operations.push(self.take_operation(old)?);
                operations.push(self.owe_operation(new)?);
            }
        }
        if operations.is_empty() {
            return Ok(true);
        }
        Ok(self.transact(operations).await? == Transacted::Done)
    }

    /// Takes off what was sent, or is no longer owed.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn settle_notice(&self, notice: &OwedNotice) -> Result<(), StoreError> {
        match self
            .delete(ItemKey::OfAlerts(AlertKey::Notice(notice.due())), None)
            .await
        {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A put in a transaction.
    pub(super) fn owe_operation(
        &self,
        notice: &OwedNotice,
    ) -> Result<TransactWriteItem, StoreError> {
        self.put_notice(notice, None)
    }

    fn put_notice(
        &self,
        notice: &OwedNotice,
        condition: Option<&str>,
    ) -> Result<TransactWriteItem, StoreError> {
        let entry = Entry {
            body: notice.body.clone(),
            channels: notice.channels.clone(),
            attempts: notice.attempts,
            owed_at: notice.owed_at,
            was_muted: notice.was_muted,
            group: notice.group,
        };
        self.put_operation(
            ItemKey::OfAlerts(AlertKey::Notice(notice.due())),
            &Stored::first(entry),
            condition,
        )
    }

    /// A delete in a transaction of a notice that has to be there.
    fn take_operation(&self, notice: &OwedNotice) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(
                ItemKey::OfAlerts(AlertKey::Notice(notice.due())).attributes(),
            ))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
