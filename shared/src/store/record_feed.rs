//! The feed of changes of one kind of record: each record once, at its newest change.
//!
//! Changes are numbered in the transaction that makes them, so whoever has read the feed up to the number
//! that the newest change had at some instant has seen all that had happened by then. A record that
//! changes while the feed is read moves to its end: who reads on finds it there.

use crate::domain::sync::{EntityName, RecordChange};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::items::{self, Attributes, Stored};
use super::keys::{Collection, ItemKey};
use super::{Page, Store, StoreError};

/// The highest number that a change can have in a key.
const LAST_SEQUENCE: u64 = 9_999_999_999_999_999;

/// Which changes to read.
#[derive(Clone, Copy, Debug)]
pub struct FeedQuery {
    /// Only those after this one; 0 for all.
    pub after: u64,
    /// Only those up to this one, included: the newest of when the reading began, so that no record is
    /// read twice.
    pub up_to: Option<u64>,
    /// At most this many.
    pub limit: u16,
    /// The current instant: deleted records that have expired are left out.
    pub now: Timestamp,
}

impl Store {
    /// At most `query.limit` changes, each with its number, oldest first. One request, so at most 1 MB: a
    /// page can be short, even empty, and still have a next one, which starts after its `next`.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn changes_after(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        query: FeedQuery,
    ) -> Result<Page<(u64, RecordChange), u64>, StoreError> {
        let feed = Feed::of(organization, integration, entity);
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        let low = query.after.saturating_add(1);
        let high = query.up_to.unwrap_or(LAST_SEQUENCE).min(LAST_SEQUENCE);
        if low > high {
            return Ok(page);
        }
        let range = (feed.key(low), feed.key(high));
        let found = self
            .query_between(feed.collection(), range, query.limit, false)
            .await?;
        for attributes in found.items {
            let (sequence, stored) = feed.read(attributes)?;
            page.next = found.more.then_some(sequence);
            if stored.is_alive(query.now) {
                page.items.push((sequence, stored.data));
            }
        }
        Ok(page)
    }

    /// The number after which the changes stand that were made after `instant`: all up to it were made at
    /// that instant or before. Some twenty small reads for a million records, as no change is earlier than
    /// one with a lower number.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn sequence_at(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
        instant: Timestamp,
    ) -> Result<u64, StoreError> {
        let feed = Feed::of(organization, integration, entity);
        let Some((newest, at)) = self.nearest(feed, (1, LAST_SEQUENCE), true).await? else {
            return Ok(0);
        };
        if at <= instant {
            return Ok(newest);
        }
        // Changes up to `low` are not later than the instant, those from `high` on are.
        let (mut low, mut high) = (0, newest);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            match self.nearest(feed, (middle, high - 1), false).await? {
                Some((sequence, at)) if at <= instant => low = sequence,
                // There is none between, or the first one is later.
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first change of a range, or its last, and when it was made.
    async fn nearest(
        &self,
        feed: Feed,
        (low, high): (u64, u64),
        last: bool,
    ) -> Result<Option<(u64, Timestamp)>, StoreError> {
        let range = (feed.key(low), feed.key(high));
        let found = self
            .query_between(feed.collection(), range, 1, last)
            .await?;
        let first = found.items.into_iter().next();
        let read = first.map(|attributes| feed.read(attributes)).transpose()?;
        Ok(read.map(|(sequence, stored)| (sequence, stored.data.changed_at)))
    }
}

/// The feed of one kind of record.
#[derive(Clone, Copy)]
struct Feed {
    organization: OrganizationId,
    integration: IntegrationId,
    entity: super::Digest,
}

impl Feed {
    fn of(organization: OrganizationId, integration: IntegrationId, entity: &EntityName) -> Self {
        Self {
            organization,
            integration,
            entity: entity.digest(),
        }
    }

    fn collection(self) -> Collection {
        Collection::RecordChanges(self.organization, self.integration, self.entity)
    }

    fn key(self, sequence: u64) -> ItemKey {
        ItemKey::RecordChange(self.organization, self.integration, self.entity, sequence)
    }

    fn read(self, attributes: Attributes) -> Result<(u64, Stored<RecordChange>), StoreError> {
        let sequence: u64 = self.collection().id_of(&attributes)?;
        let stored = items::read(self.key(sequence), attributes)?;
        Ok((sequence, stored))
    }
}
