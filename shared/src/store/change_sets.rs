//! What changes records, as one transaction. Nothing else writes records.
//!
//! The state of the kind of record is written with every change, under the version that was read: so
//! changes have one order, their numbers are in it, and of those that decide on the same reading only one
//! writes. A job that is given is a second fence: a step is committed once, however often it is done.

use crate::domain::sync::{EntityState, RecordChange, RecordConflict, RecordHead, SyncJob};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::items::Versioned;
use super::record_sides::LinkWrite;
use super::sync_pages::{MissingPage, SeenPage};
use super::{Digest, StoreError};

/// The most changes of records in one set: of each, the head is written, the new place in the feed, and the
/// old one is deleted.
pub const MAX_CHANGES: usize = 30;
/// The most bytes that a record's sealed body may have.
pub const MAX_RECORD_BYTES: usize = 300_000;
/// What DynamoDB takes in one transaction.
pub(super) const MAX_OPERATIONS: usize = 100;
/// The operations that are left to what is no change of a record, nor a conflict: the state, the job, a
/// page of what was seen and one of what was missed, an entry of the index that moves, and links.
const OTHER_OPERATIONS: usize = 6 + MAX_LINKS;
/// The most links in one set: the two of a pair.
pub const MAX_LINKS: usize = 2;
/// What a set may hold in all, of the 4 MB that DynamoDB takes.
const MAX_BYTES: usize = 3_500_000;
/// More than a head takes, and all of a change but its body; or all of a conflict but its sides.
const ITEM_BYTES: usize = 4_000;

/// Changes of records of one kind that are made together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSet {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration whose records they are.
    pub integration: IntegrationId,
    /// The current instant: what has expired by then is as if it were not there.
    pub now: Timestamp,
    /// The state as it was read, before the heads were.
    pub before: Versioned<EntityState>,
    /// The state as it becomes: [`EntityState::take_change`] gives each change its number. It is written
    /// if anything in it changes, and then only over the version that was read.
    pub state: EntityState,
    /// The records that change; each once, at most [`MAX_CHANGES`].
    pub changes: Vec<RecordWrite>,
    /// The job whose step this is, or a part of it.
    pub job: Option<JobWrite>,
    /// What the job has seen on the page.
    pub seen: Option<SeenPage>,
    /// What the job has missed.
    pub missing: Option<MissingPage>,
    /// Conflicts that are opened or settled.
    pub conflicts: Vec<ConflictWrite>,
    /// Links that change with the records; at most [`MAX_LINKS`].
    pub links: Vec<LinkWrite>,
}

/// A record that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordWrite {
    /// The digest of its id.
    pub record: Digest,
    /// Its head as it was read; none, if there was none.
    pub before: Option<Versioned<RecordHead>>,
    /// Its head as it becomes. Its sequence is that of `before` if the record does not move in the feed: if
    /// nothing changes that readers of the feed see.
    pub head: RecordHead,
    /// What stands at that place of the feed; none, if that stays as it is. One that does not move keeps its
    /// `changed_at`.
    pub change: Option<RecordChange>,
    /// When both stop existing: of a deleted record, after the retention.
    pub expires_at: Option<Timestamp>,
}

/// A job that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct JobWrite {
    /// As it becomes.
    pub job: SyncJob,
    /// In which version it was read; 0, if it is new.
    pub version: u64,
    /// When it stops existing: after the retention, once it has ended.
    pub expires_at: Option<Timestamp>,
}

/// A conflict that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictWrite {
    /// As it becomes.
    pub conflict: RecordConflict,
    /// In which version it was read; 0, if it is new.
    pub version: u64,
    /// When it stops existing: after the retention, once it is settled.
    pub expires_at: Option<Timestamp>,
}

/// What came of a set of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All is written.
    Done(CommittedVersions),
    /// Nothing is: the job is not in the version that was read. Somebody else does the same step.
    JobMoved,
    /// Nothing is: the state, or a conflict, is not in the version that was read. Read again, and decide
    /// again. A set whose answer was lost is found to have moved as well.
    StateMoved,
    /// Nothing is: the head of the change with this index is not in the version that was read.
    RecordMoved(usize),
    /// Nothing is: a link is not in the version that was read.
    LinkMoved,
    /// Nothing is: another transaction is writing one of the items. Try again.
    Busy,
}

/// The versions of what is there now, for the next set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedVersions {
    /// Of the state.
    pub state: u64,
    /// Of the job; 0, if none was given.
    pub job: u64,
}

impl ChangeSet {
    /// Of nothing yet: what the state becomes is what it was.
    #[must_use]
    pub fn new(
        organization: OrganizationId,
        integration: IntegrationId,
        before: Versioned<EntityState>,
        now: Timestamp,
    ) -> Self {
        Self {
            organization,
            integration,
            now,
            state: before.item.clone(),
            before,
            changes: Vec::new(),
            job: None,
            seen: None,
            missing: None,
            conflicts: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Whether one more change fits, with so many sealed bytes in its body, and with the conflict that may
    /// be opened by it.
    #[must_use]
    pub fn has_room_for(&self, body_bytes: usize, conflict: Option<&RecordConflict>) -> bool {
        let sides = conflict.map_or(0, |conflict| ITEM_BYTES + conflict.sides.as_bytes().len());
        let operations = self.record_operations() + 3 + usize::from(conflict.is_some());
        self.changes.len() < MAX_CHANGES
            && operations + OTHER_OPERATIONS <= MAX_OPERATIONS
            && self.bytes() + ITEM_BYTES + body_bytes + sides <= MAX_BYTES
    }

    /// Whether the state has to be written: it has changed, or has given a change its number.
    pub(super) fn writes_state(&self) -> bool {
        self.before.version == 0 || self.state != self.before.item || !self.changes.is_empty()
    }

    /// Whether anything of it stops existing some day.
    pub(super) fn lets_expire(&self) -> bool {
        let job = self.job.as_ref().and_then(|write| write.expires_at);
        let changes = self.changes.iter().filter_map(|write| write.expires_at);
        let conflicts = self.conflicts.iter().filter_map(|write| write.expires_at);
        changes.chain(conflicts).chain(job).next().is_some()
    }

    /// Has what stops existing do so at `instant`.
    pub(super) fn expire_at(&mut self, instant: Timestamp) {
        let job = self.job.iter_mut().map(|write| &mut write.expires_at);
        let changes = self.changes.iter_mut().map(|write| &mut write.expires_at);
        let conflicts = self.conflicts.iter_mut().map(|write| &mut write.expires_at);
        for expires_at in job.chain(changes).chain(conflicts) {
            *expires_at = expires_at.and(Some(instant));
        }
    }

    /// How many operations changes and conflicts may take.
    fn record_operations(&self) -> usize {
        self.changes.len() * 3 + self.conflicts.len()
    }

    fn bytes(&self) -> usize {
        let changes = self.changes.iter().map(|write| {
            let body = write.change.as_ref().map(|change| change.body.as_bytes());
            ITEM_BYTES + body.map_or(0, <[u8]>::len)
        });
        let conflicts = self.conflicts.iter().map(|write| {
            let sides = write.conflict.sides.as_bytes();
            ITEM_BYTES + sides.len()
        });
        let seen = self.seen.as_ref().map_or(0, SeenPage::bytes);
        let missing = self.missing.as_ref().map_or(0, MissingPage::bytes);
        let links = self.links.iter().map(|write| {
            let held = write.link.held.as_ref();
            ITEM_BYTES + held.map_or(0, |held| held.as_bytes().len())
        });
        let of_records = changes.sum::<usize>() + conflicts.sum::<usize>();
        of_records + links.sum::<usize>() + seen + missing
    }

    /// Refuses what would break what everybody else relies on.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let bodies = self
            .changes
            .iter()
            .filter_map(|write| write.change.as_ref());
        let largest = bodies.map(|change| change.body.as_bytes().len()).max();
        if largest.is_some_and(|bytes| bytes > MAX_RECORD_BYTES) {
            let limit_bytes = MAX_RECORD_BYTES as u64;
            return Err(StoreError::TooLarge { limit_bytes });
        }
        if self.bytes() > MAX_BYTES {
            let limit_bytes = MAX_BYTES as u64;
            return Err(StoreError::TooLarge { limit_bytes });
        }
        let defect = self.defect();
        defect.map_or(Ok(()), |defect| Err(StoreError::Rejected(defect.into())))
    }

    fn defect(&self) -> Option<&'static str> {
        let operations = self.record_operations() + OTHER_OPERATIONS;
        if self.changes.len() > MAX_CHANGES || operations > MAX_OPERATIONS {
            return Some("a set of too many changes");
        }
        if self.links.len() > MAX_LINKS {
            return Some("a set of too many links");
        }
        if self.state.entity != self.before.item.entity {
            return Some("a set with the state of another kind of record");
        }
        let strangers = self.job.as_ref().is_some_and(|write| {
            let job = &write.job;
            (job.organization_id, job.integration_id) != (self.organization, self.integration)
                || job.entity != self.state.entity
        });
        let strange_conflict = self.conflicts.iter().any(|write| {
            let conflict = &write.conflict;
            let owner = (conflict.organization_id, conflict.integration_id);
            owner != (self.organization, self.integration) || conflict.entity != self.state.entity
        });
        if strangers || strange_conflict {
            return Some("a set with a job or a conflict of something else");
        }
        let records: std::collections::HashSet<Digest> =
            self.changes.iter().map(|write| write.record).collect();
        if records.len() != self.changes.len() {
            return Some("a set that changes a record twice");
        }
        if self.changes.iter().any(|write| !write.is_consistent()) {
            return Some("a change that does not fit its head");
        }
        if !self.is_counted() {
            return Some("a set whose state counts other records than it has");
        }
        if !self.is_in_order() {
            return Some("a set whose changes do not follow those before it");
        }
        None
    }

    /// Whether the state counts as many records more, or fewer, as there are after the changes.
    fn is_counted(&self) -> bool {
        let was = |write: &&RecordWrite| {
            RecordHead::is_there(write.before.as_ref().map(|before| &before.item))
        };
        let is = |write: &&RecordWrite| RecordHead::is_there(Some(&write.head));
        let gone = self.changes.iter().filter(was).count() as u64;
        let come = self.changes.iter().filter(is).count() as u64;
        let before = self.before.item.records.saturating_add(come);
        self.state.records.saturating_add(gone) == before
    }

    /// Whether each change that moves has a number of its own above those that were given before, and none
    /// is earlier than one with a lower number.
    fn is_in_order(&self) -> bool {
        let moved = self.changes.iter().filter(|write| write.moves());
        let mut places: Vec<(u64, Option<Timestamp>)> = moved
            .map(|write| {
                let at = write.change.as_ref().map(|change| change.changed_at);
                (write.head.sequence, at)
            })
            .collect();
        places.sort_unstable();
        places.push((self.state.sequence.saturating_add(1), self.state.changed_at));
        let mut last = (self.before.item.sequence, self.before.item.changed_at);
        places.into_iter().all(|place| {
            let follows = place.0 > last.0 && place.1 >= last.1;
            last = place;
            follows
        })
    }
}

impl RecordWrite {
    /// Whether the record moves to the end of the feed.
    pub(super) fn moves(&self) -> bool {
        let before = self.before.as_ref().map(|before| before.item.sequence);
        before != Some(self.head.sequence)
    }

    fn is_consistent(&self) -> bool {
        match &self.change {
            Some(change) => {
                change.digest == self.record.to_string()
                    && change.version == self.head.version
                    && change.deleted == self.head.deleted
            }
            None => !self.moves(),
        }
    }
}
