//! How many of a kind there may be, kept to exactly though many functions add at the same time.
//!
//! Whoever adds one reads the kind's guard, counts what is there, and writes the new item together
//! with the next version of the guard. Of those that counted at the same time one can write; the
//! others count again. What is counted is what there is: no counter can go wrong. A deletion
//! leaves the guard alone, since a count that is too high only refuses, and is made anew each time.

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

/// An item whose version is all that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Guard {}

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
            let seen = seen.map_or(0, |guard| guard.version);
            if self.has_as_many(limit.collection, limit.max).await? {
                return Err(StoreError::LimitReached {
                    what: limit.what,
                    limit: limit.max,
                });
            }
            let mut all = operations.to_vec();
            all.push(self.next_guard(limit.guard, seen, now)?);
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
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let stored = Stored {
            version: seen.saturating_add(1),
            ..Stored::first(Guard {}).until(now.plus(LIFETIME))
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

    /// Whether a collection has `max` items or more.
    async fn has_as_many(&self, collection: Collection, max: u32) -> Result<bool, StoreError> {
        let (mut counted, mut after) = (0_u32, None);
        loop {
            let request = self
                .query(collection)
                .select(Select::Count)
                .set_exclusive_start_key(after);
            let page = Box::pin(request.send()).await?;
            counted = counted.saturating_add(u32::try_from(page.count).unwrap_or_default());
            after = page.last_evaluated_key;
            if counted >= max || after.is_none() {
                return Ok(counted >= max);
            }
        }
    }
}
