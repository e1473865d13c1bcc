//! The newest items of an owner that are spread over shards: each shard is in the order of
//! ids, and all are merged into one descending sequence.
//!
//! A page ends at a position in that order, not at an offset. Items that arrive meanwhile are newer
//! than the position, so going on from it neither repeats an item nor skips an older one.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use ulid::Ulid;

use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::items::{Attributes, Stored};
use super::keys::{Collection, ItemKey, PK, SHARDS, SK};
use super::{Page, Store, StoreError};

/// After reading this many items a page is returned as it is, however short.
const MAX_READ: usize = 1_000;

/// The most items read from one shard at a time: what is read and not reached is read again by
/// the next page.
const MAX_SHARD_PAGE: usize = 64;

/// Whose items they are, if they belong to an integration.
pub(crate) type Owner = (OrganizationId, IntegrationId);

/// A kind of item that is spread over shards by its id.
pub(crate) trait Sharded {
    /// Whose items they are.
    type Owner: Copy;
    /// Its id. The time part of the ULID in it is the instant by which it is listed.
    type Id: Copy + Ord + Display + FromStr + From<Ulid> + Into<Ulid>;
    /// What is read of it.
    type Data: DeserializeOwned;

    /// One of its shards.
    fn collection(owner: Self::Owner, shard: u8) -> Collection;

    /// The key of one item.
    fn key(owner: Self::Owner, id: Self::Id) -> ItemKey;

    /// The attributes that a list reads, and the names in them.
    fn projection() -> (String, HashMap<String, String>);

    /// Reads what the projection left.
    fn read(key: ItemKey, attributes: Attributes) -> Result<Stored<Self::Data>, StoreError>;
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// Only items of this instant or later.
    pub(crate) from: Option<Timestamp>,
    /// Only items of before this instant.
    pub(crate) to: Option<Timestamp>,
    /// Only items below this one.
    pub(crate) after: Option<Ulid>,
    /// At most this many.
    pub(crate) limit: u16,
}

impl Range {
    /// The lowest and the highest ULID to read; `None` if nothing lies between.
    fn bounds(&self) -> Option<(Ulid, Ulid)> {
        let low = self.from.map_or(0, lowest);
        let end = self.to.map_or(u128::MAX, lowest);
        let end = end.min(self.after.map_or(u128::MAX, u128::from));
        let high = end.checked_sub(1)?;
        (low <= high).then(|| (low.into(), high.into()))
    }
}

/// The lowest ULID of an instant.
fn lowest(instant: Timestamp) -> u128 {
    let millisecond = u64::try_from(instant.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(millisecond, 0).into()
}

impl Store {
    /// The newest items in `range` that `accepts` lets pass. Work is bounded: a page can be short,
    /// even empty, and still have a next one.
    pub(crate) async fn newest<K: Sharded>(
        &self,
        owner: K::Owner,
        range: Range,
        accepts: impl Fn(&Stored<K::Data>) -> bool,
    ) -> Result<Page<K::Data, K::Id>, StoreError> {
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        let Some(bounds) = range.bounds() else {
            return Ok(page);
        };
        let wanted = usize::from(range.limit.max(1));
        let mut merge = Merge::<K>::new(self, owner, bounds, wanted);
        while page.items.len() < wanted {
            let Some((id, stored)) = merge.next().await? else {
                break;
            };
            page.next = Some(id);
            if accepts(&stored) {
                page.items.push(stored.data);
            }
        }
        page.next = page.next.filter(|_| !merge.is_at_end());
        Ok(page)
    }
}

/// So many items are read from a shard at a time where all are read.
const WHOLE_PAGE: usize = 500;

impl Store {
    /// Every item from `from` until before `to`, in no order: a shard at a time is read no faster than all
    /// at once. What is written meanwhile may be among them, or not.
    pub(crate) async fn each<K: Sharded>(
        &self,
        owner: K::Owner,
        (from, to): (Timestamp, Timestamp),
        mut fold: impl FnMut(Stored<K::Data>),
    ) -> Result<(), StoreError> {
        let range = Range {
            from: Some(from),
            to: Some(to),
            after: None,
            limit: u16::MAX,
        };
        let Some((low, high)) = range.bounds() else {
            return Ok(());
        };
        let mut shards: Vec<Shard<K>> = (0..SHARDS)
            .map(|number| Shard::from(number, high))
            .collect();
        while shards.iter().any(|shard| shard.rest.is_some()) {
            let left = shards.iter_mut().filter(|shard| shard.rest.is_some());
            let reads: Vec<_> = left
                .map(|shard| self.read_shard(shard, owner, low, WHOLE_PAGE))
                .collect();
            futures::future::try_join_all(reads).await?;
            for shard in &mut shards {
                for (_, stored) in shard.buffer.drain(..) {
                    fold(stored);
                }
            }
        }
        Ok(())
    }
}

/// The shards of an owner as one descending sequence.
pub(crate) struct Merge<'a, K: Sharded> {
    store: &'a Store,
    owner: K::Owner,
    low: Ulid,
    shards: Vec<Shard<K>>,
    /// How many items are read from a shard the next time.
    page: usize,
    /// How many have been read.
    read: usize,
}

struct Shard<K: Sharded> {
    number: u8,
    buffer: VecDeque<(K::Id, Stored<K::Data>)>,
    /// Where reading goes on; `None` once everything is read.
    rest: Option<Ulid>,
}

impl<'a, K: Sharded> Merge<'a, K> {
    pub(crate) fn new(
        store: &'a Store,
        owner: K::Owner,
        (low, high): (Ulid, Ulid),
        wanted: usize,
    ) -> Self {
        let shards: Vec<Shard<K>> = (0..SHARDS)
            .map(|number| Shard::from(number, high))
            .collect();
        // Ids spread evenly; a few more than a shard's share save most second reads.
        let page = (wanted / shards.len().max(1) + 8).min(MAX_SHARD_PAGE);
        Self {
            store,
            owner,
            low,
            shards,
            page,
            read: 0,
        }
    }

    /// The next item; none at the end, or when enough has been read.
    pub(crate) async fn next(&mut self) -> Result<Option<(K::Id, Stored<K::Data>)>, StoreError> {
        while self.shards.iter().any(Shard::is_dry) {
            if self.read >= MAX_READ {
                return Ok(None);
            }
            self.refill().await?;
        }
        let newest = self
            .shards
            .iter_mut()
            .max_by_key(|shard| shard.buffer.front().map(|(id, _)| *id));
        Ok(newest.and_then(|shard| shard.buffer.pop_front()))
    }

    fn is_at_end(&self) -> bool {
        let done = |shard: &Shard<K>| shard.buffer.is_empty() && shard.rest.is_none();
        self.shards.iter().all(done)
    }

    /// Reads on in every shard that nothing is known of, at the same time.
    async fn refill(&mut self) -> Result<(), StoreError> {
        let (store, low, page) = (self.store, self.low, self.page);
        let owner = self.owner;
        let dry = self.shards.iter_mut().filter(|shard| shard.is_dry());
        let reads = dry.map(|shard| async move { store.read_shard(shard, owner, low, page).await });
        let read = futures::future::try_join_all(reads).await?;
        // An empty answer counts too, so that the work stays bounded.
        self.read += read.iter().map(|count| (*count).max(1)).sum::<usize>();
        self.page = (self.page * 2).min(MAX_SHARD_PAGE);
        Ok(())
    }
}

impl<K: Sharded> Shard<K> {
    /// One of which nothing was read yet, from this item down.
    fn from(number: u8, high: Ulid) -> Self {
        Self {
            number,
            buffer: VecDeque::new(),
            rest: Some(high),
        }
    }

    /// Whether its next item is unknown.
    fn is_dry(&self) -> bool {
        self.buffer.is_empty() && self.rest.is_some()
    }
}

impl Store {
    /// Reads up to `page` items from where the shard's reading stands, and says how many.
    async fn read_shard<K: Sharded>(
        &self,
        shard: &mut Shard<K>,
        owner: K::Owner,
        low: Ulid,
        page: usize,
    ) -> Result<usize, StoreError> {
        let Some(high) = shard.rest.filter(|high| low <= *high) else {
            shard.rest = None;
            return Ok(0);
        };
        let collection = K::collection(owner, shard.number);
        let (pk, prefix) = collection.render();
        let bound = |ulid: Ulid| AttributeValue::S(format!("{prefix}{}", K::Id::from(ulid)));
        let (projection, names) = K::projection();
        let request = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :low AND :high")
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":low", bound(low))
            .expression_attribute_values(":high", bound(high))
            .projection_expression(projection)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(page).unwrap_or(i32::MAX));
        let output = Box::pin(request.send()).await?;
        let items = output.items.unwrap_or_default();
        let count = items.len();
        for attributes in items {
            let id: K::Id = collection.id_of(&attributes)?;
            let stored = K::read(K::key(owner, id), attributes)?;
            shard.buffer.push_back((id, stored));
        }
        shard.rest = match output.last_evaluated_key {
            Some(last) => {
                let last: K::Id = collection.id_of(&last)?;
                let last: Ulid = last.into();
                u128::from(last).checked_sub(1).map(Ulid::from)
            }
            None => None,
        };
        Ok(count)
    }
}
