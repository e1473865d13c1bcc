//! How many of a kind there may be, kept to exactly though many functions add at the same time.
//!
//! Whoever adds one reads the kind's guard, and writes the new item together with the next version of
//! the guard. Of those that do so at the same time one can write; the others begin again.
//!
//! The guard says how many there are at most: as many as were counted once, and those that were added
//! since. A deletion leaves it alone, so it is never too low, and while it leaves room nothing has to be
//! counted: adding costs the same however many there are. What is there is counted where it leaves none,
//! so nobody is refused for what was deleted; and once in a day, so nothing that went wrong stays wrong.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Select, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

use super::error::contended;
use super::items::{Stored, VERSION, number};
use super::keys::{Collection, ItemKey};
use super::table::{ABSENT, TRIES, Transacted};
use super::{Store, StoreError};

/// Longer than anybody is between reading a guard and writing it.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// A count is believed for so long: while there is no limit, what is added passes the guard by.
const BELIEVED: Duration = Duration::from_secs(24 * 60 * 60);

/// At most so many of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtMost {
    /// What there may be no more of.
    pub(super) what: &'static str,
    pub(super) max: u32,
    /// Where they are.
    pub(super) collection: Collection,
    /// What changes with each that is added.
    pub(super) guard: ItemKey,
}

/// An item whose version changes with each that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Guard {
    /// None in one of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<Count>,
}

/// How many there are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    at_most: u32,
    /// When they were counted; those that were added since are in it.
    counted_at: Timestamp,
}

impl Count {
    /// With one more.
    fn next(self) -> Self {
        Self {
            at_most: self.at_most.saturating_add(1),
            ..self
        }
    }

    /// Whether it shows that there is room.
    fn leaves_room(&self, max: u32, now: Timestamp) -> bool {
        self.at_most < max && now.since(self.counted_at) < BELIEVED
    }
}

impl Store {
    /// Runs `operations`, which add one more, where that leaves no more than there may be. What
    /// comes of it is theirs: the condition of the guard is the last one, and is never reported.
    pub(super) async fn add_within(
        &self,
        limit: AtMost,
        operations: &[TransactWriteItem],
        now: Timestamp,
    ) -> Result<Transacted, StoreError> {
        for _ in 0..TRIES {
            let seen = self.get::<Guard>(limit.guard).await?;
            let known = seen.as_ref().and_then(|guard| guard.data.count);
            let seen = seen.map_or(0, |guard| guard.version);
            let count = match known.filter(|known| known.leaves_room(limit.max, now)) {
                Some(known) => known,
                None => self.count(limit, now).await?,
            };
            let mut all = operations.to_vec();
            all.push(self.next_guard(limit.guard, seen, count.next(), now)?);
            match self.transact(all).await? {
                Transacted::Unmet(place) if place >= operations.len() => {}
                Transacted::Busy => {}
                done => return Ok(done),
            }
        }
        Err(contended())
    }

    fn next_guard(
        &self,
        key: ItemKey,
        seen: u64,
        count: Count,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let guard = Guard { count: Some(count) };
        let stored = Stored {
            version: seen.saturating_add(1),
            ..Stored::first(guard).until(now.plus(LIFETIME))
        };
        if seen == 0 {
            return self.put_operation(key, &stored, Some(ABSENT));
        }
        let put = aws_sdk_dynamodb::types::Put::builder()
            .table_name(self.table())
            .set_item(Some(super::items::write(key, &stored)?))
            .condition_expression("#version = :seen")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":seen", number(seen))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Counts what is there; [`StoreError::LimitReached`], if it is as many as there may be.
    async fn count(&self, limit: AtMost, now: Timestamp) -> Result<Count, StoreError> {
        let (mut counted, mut after) = (0_u32, None);
        loop {
            let request = self
                .query(limit.collection)
                .select(Select::Count)
                .set_exclusive_start_key(after);
            let page = Box::pin(request.send()).await?;
            counted = counted.saturating_add(u32::try_from(page.count).unwrap_or_default());
            after = page.last_evaluated_key;
            if counted >= limit.max {
                return Err(StoreError::LimitReached {
                    what: limit.what,
                    limit: limit.max,
                });
            }
            if after.is_none() {
                return Ok(Count {
                    at_most: counted,
                    counted_at: now,
                });
            }
        }
    }
}
