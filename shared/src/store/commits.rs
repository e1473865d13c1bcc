//! The transaction that a [`ChangeSet`] is.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::Serialize;

use crate::domain::Timestamp;

use super::change_sets::{ChangeSet, Committed, CommittedVersions, RecordWrite};
use super::items::{self, EXPIRES_AT, Stored, VERSION, number};
use super::keys::ItemKey;
use super::table::Transacted;
use super::{Store, StoreError};

/// How long is kept what a run has seen and missed: longer than a run takes.
const PAGES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Operations, each with what is said if its condition is not met.
type Operations = Vec<(TransactWriteItem, Committed)>;

impl Store {
    /// Makes all changes of a set, or none of them.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] if a body has more than [`super::MAX_RECORD_BYTES`], or the set more than one
    /// transaction takes; [`StoreError::Rejected`] if it contradicts itself, which is a defect of ours; or
    /// the table does not answer. Nothing is written then, but where the table does not answer: there, all of
    /// it may be.
    pub async fn commit_changes(&self, set: &ChangeSet) -> Result<Committed, StoreError> {
        set.check()?;
        let mut operations = Operations::new();
        // The first condition that is not met is the one that is told, so the fences come first.
        if let Some(write) = &set.job {
            let key = ItemKey::SyncJob(set.organization, set.integration, write.job.id);
            let stored = stored(&write.job, write.version, write.expires_at);
            let put = self.swap_operation(key, &stored, None)?;
            operations.push((put, Committed::JobMoved));
        }
        if set.writes_state() {
            let entity = set.state.entity.digest();
            let key = ItemKey::EntityState(set.organization, set.integration, entity);
            let stored = stored(&set.state, set.before.version, None);
            let put = self.swap_operation(key, &stored, None)?;
            operations.push((put, Committed::StateMoved));
        }
        for (index, write) in set.changes.iter().enumerate() {
            self.record_operations(set, write, index, &mut operations)?;
        }
        for write in &set.conflicts {
            let id = write.conflict.id;
            let key = ItemKey::RecordConflict(set.organization, set.integration, id);
            let stored = stored(&write.conflict, write.version, write.expires_at);
            let put = self.swap_operation(key, &stored, None)?;
            operations.push((put, Committed::StateMoved));
        }
        for write in &set.links {
            let (key, stored) = write.item();
            let put = self.swap_operation(key, &stored, None)?;
            operations.push((put, Committed::LinkMoved));
        }
        self.other_operations(set, &mut operations)?;
        self.transact_all(set, operations).await
    }

    async fn transact_all(
        &self,
        set: &ChangeSet,
        operations: Operations,
    ) -> Result<Committed, StoreError> {
        let (operations, unmet): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
        let done = Committed::Done(CommittedVersions {
            state: set.before.version + u64::from(set.writes_state()),
            job: set.job.as_ref().map_or(0, |write| write.version + 1),
        });
        if operations.is_empty() {
            return Ok(done);
        }
        Ok(match self.transact(operations).await? {
            Transacted::Done => done,
            Transacted::Busy => Committed::Busy,
            Transacted::Unmet(index) => unmet.get(index).copied().unwrap_or(Committed::StateMoved),
        })
    }

    /// The head of a record, and its place in the feed.
    fn record_operations(
        &self,
        set: &ChangeSet,
        write: &RecordWrite,
        index: usize,
        operations: &mut Operations,
    ) -> Result<(), StoreError> {
        let unmet = Committed::RecordMoved(index);
        let entity = set.state.entity.digest();
        let head = ItemKey::RecordHead(set.organization, set.integration, entity, write.record);
        let place =
            |sequence| ItemKey::RecordChange(set.organization, set.integration, entity, sequence);
        let version = write.before.as_ref().map_or(0, |before| before.version);
        let stored_head = stored(&write.head, version, write.expires_at);
        let put = self.swap_operation(head, &stored_head, Some(set.now))?;
        operations.push((put, unmet));
        if let Some(change) = &write.change {
            let stored = stored(change, 0, write.expires_at);
            let put = self.put_operation(place(write.head.sequence), &stored, None)?;
            operations.push((put, unmet));
        }
        if let Some(before) = write.before.as_ref().filter(|_| write.moves()) {
            let delete = self.delete_operation(place(before.item.sequence))?;
            operations.push((delete, unmet));
        }
        Ok(())
    }

    /// What has no condition of its own.
    fn other_operations(
        &self,
        set: &ChangeSet,
        operations: &mut Operations,
    ) -> Result<(), StoreError> {
        let unmet = Committed::StateMoved;
        let end = set.now.plus(PAGES_KEPT);
        if let Some(page) = &set.seen {
            let key = ItemKey::SeenRecords(set.organization, page.job, page.page);
            let stored = Stored::first(page.pack()).until(end);
            operations.push((self.put_operation(key, &stored, None)?, unmet));
        }
        if let Some(page) = &set.missing {
            let key = ItemKey::MissingRecords(set.organization, page.job, page.page);
            let stored = Stored::first(page.pack()).until(end);
            operations.push((self.put_operation(key, &stored, None)?, unmet));
        }
        let owner = (set.organization, set.integration);
        let due = self.due_operations(owner, &set.before.item, &set.state)?;
        operations.extend(due.into_iter().map(|operation| (operation, unmet)));
        Ok(())
    }

    /// A put in a transaction in place of the item of the version before (of none, in the first). With an
    /// instant, an item that has expired by then counts as none.
    pub(super) fn swap_operation<T: Serialize>(
        &self,
        key: ItemKey,
        stored: &Stored<T>,
        now: Option<Timestamp>,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, stored)?));
        let expected = stored.version.saturating_sub(1);
        let put = match (expected, now) {
            (0, None) => put.condition_expression("attribute_not_exists(pk)"),
            (0, Some(now)) => put
                .condition_expression("attribute_not_exists(pk) OR #expires_at <= :second")
                .expression_attribute_names("#expires_at", EXPIRES_AT)
                .expression_attribute_values(":second", number(now.as_second())),
            _ => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(expected)),
        };
        let put = put
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// An item in place of the one that was read as `expected`.
fn stored<T: Clone>(data: &T, expected: u64, expires_at: Option<Timestamp>) -> Stored<T> {
    Stored {
        version: expected.saturating_add(1),
        expires_at: expires_at.map(Timestamp::as_second),
        data: data.clone(),
    }
}
