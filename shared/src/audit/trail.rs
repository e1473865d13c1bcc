//! Adds to the trail.
//!
//! A running function writes a lane of its own for each organization, so that no two writers ever
//! wait for each other. Entries that come while a page is on its way wait, and go together as the next
//! one: an entry costs one write at most, and what is acknowledged is always a beginning of the lane.
//! A write that fails leaves it open whether the page is there. Nobody goes on behind it: those who
//! wait are told, and the next entry opens another lane.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use ulid::Ulid;

use super::chain::{self, Place};
use super::error::AuditError;
use super::spine;
use crate::domain::{
    AuditEntry, AuditId, LaneHead, LaneId, NewAuditEntry, OrganizationId, Sources, Timestamp,
};
use crate::store::{Store, StoreError, contended};

/// The most entries in one page. Each has 4 KB at most, and an item 400 KB.
pub(super) const MAX_PAGE: usize = 50;
/// So many organizations have lanes in one running function; those that wait for nothing are
/// forgotten then.
const MAX_LANES: usize = 1_000;
/// A lane is closed after so long, or so many entries: what is not closed has to be remembered while
/// a trail is verified in parts.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_ENTRIES: u64 = 100_000;
/// How often a link is added to the spine if others are faster. One of those who meet succeeds.
const TRIES: usize = 24;

/// The audit trails of all organizations. Cheap to clone; clones share their lanes.
#[derive(Clone)]
pub struct Trail(Arc<Inner>);

struct Inner {
    store: Store,
    sources: Sources,
    function: &'static str,
    retention: Duration,
    lanes: Mutex<HashMap<OrganizationId, Arc<Lane>>>,
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").finish_non_exhaustive()
    }
}

/// One organization's lane in this running function.
#[derive(Default)]
struct Lane(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    is_writing: bool,
    end: End,
}

/// An entry that somebody waits for.
struct Waiting {
    new: NewAuditEntry,
    done: oneshot::Sender<Result<AuditId, AuditError>>,
}

/// Where a lane stands.
#[derive(Clone, Copy, Default)]
struct End {
    /// Its last entry that is known to be there.
    last: Option<Last>,
    /// Whether a page may be there that is not known of.
    is_uncertain: bool,
}

#[derive(Clone, Copy)]
struct Last {
    head: LaneHead,
    id: Ulid,
    opened_at: Timestamp,
}

impl Last {
    fn is_worn(&self, now: Timestamp) -> bool {
        self.head.sequence >= MAX_ENTRIES || now.since(self.opened_at) >= MAX_AGE
    }
}

impl Trail {
    /// Trails in `store` that `function` adds to; entries are kept for `retention`.
    #[must_use]
    pub fn new(
        store: Store,
        sources: Sources,
        function: &'static str,
        retention: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            sources,
            function,
            retention,
            lanes: Mutex::default(),
        }))
    }

    /// Adds an entry to the trail of `organization`, and waits until it is durable.
    ///
    /// # Errors
    ///
    /// If it may not be: what was to be recorded must not be done then.
    pub async fn record(
        &self,
        organization: OrganizationId,
        new: NewAuditEntry,
    ) -> Result<AuditId, AuditError> {
        let (done, end) = oneshot::channel();
        let lane = self.lane(organization);
        if lane.push(Waiting { new, done }) {
            // A task of its own: a caller that goes away must not leave a page half known.
            tokio::spawn(write_all(self.clone(), organization, lane));
        }
        end.await.unwrap_or(Err(AuditError::Lost))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.sources.now()
    }

    /// The function that adds.
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.0.function
    }

    fn lane(&self, organization: OrganizationId) -> Arc<Lane> {
        let mut lanes = lock(&self.0.lanes);
        if lanes.len() >= MAX_LANES && !lanes.contains_key(&organization) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        Arc::clone(lanes.entry(organization).or_default())
    }

    /// Writes a page, and says where the lane stands then, and which ids its entries have.
    async fn write(
        &self,
        organization: OrganizationId,
        end: End,
        page: Vec<NewAuditEntry>,
    ) -> Result<(Last, Vec<AuditId>), StoreError> {
        let now = self.now();
        let goes_on = end
            .last
            .filter(|last| !end.is_uncertain && !last.is_worn(now));
        let entries = self.linked(organization, goes_on, now, page);
        let ids = entries.iter().map(|entry| entry.id).collect();
        let last = entries.last().map(|entry| Last {
            head: entry.into(),
            id: entry.id.ulid(),
            opened_at: goes_on.map_or(entry.at, |last| last.opened_at),
        });
        let last = last.ok_or(StoreError::Conflict)?;
        if goes_on.is_some() {
            let store = &self.0.store;
            store.add_audit_page(organization, entries).await?;
        } else {
            let closed = end.last.map(|last| last.head);
            self.open(organization, closed, entries).await?;
        }
        Ok((last, ids))
    }

    /// The entries of a page, each linked to the one before it.
    fn linked(
        &self,
        organization: OrganizationId,
        goes_on: Option<Last>,
        now: Timestamp,
        page: Vec<NewAuditEntry>,
    ) -> Vec<AuditEntry> {
        let randomness = &self.0.sources.randomness;
        // A clock that goes back does not take the lane with it.
        let at = goes_on.map_or(now, |last| last.head.at.max(now));
        let mut id = after(goes_on.map(|last| last.id), randomness.ulid(at));
        let lane = goes_on.map_or_else(
            || LaneId::generate(now, randomness.as_ref()),
            |last| last.head.lane,
        );
        let mut head = goes_on.map(|last| last.head);
        let mut entries = Vec::with_capacity(page.len());
        for new in page {
            let place = Place {
                organization,
                lane,
                id: id.into(),
                at,
                expires_at: whole_second(at.plus(self.0.retention)),
            };
            let entry = chain::link(place, head.as_ref(), new);
            head = Some(LaneHead::from(&entry));
            id = after(Some(id), id);
            entries.push(entry);
        }
        entries
    }

    /// Opens a lane with its first page, and says how far the one before it had come.
    async fn open(
        &self,
        organization: OrganizationId,
        closed: Option<LaneHead>,
        entries: Vec<AuditEntry>,
    ) -> Result<(), StoreError> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let mut said = vec![LaneHead::from(first)];
        said.extend(closed);
        let new = spine::opening(self.0.function, first.lane);
        let added = self.add_link(organization, new, &said, Some((first.at, &entries)));
        added.await.map(|_| ())
    }

    /// Adds a link to the spine; with the first page of the lane that it opens, if it does.
    pub(super) async fn add_link(
        &self,
        organization: OrganizationId,
        new: NewAuditEntry,
        said: &[LaneHead],
        first: Option<(Timestamp, &Vec<AuditEntry>)>,
    ) -> Result<AuditEntry, StoreError> {
        let store = &self.0.store;
        for _ in 0..TRIES {
            let last = store.spine_end(organization).await?;
            let previous = last.map(|link| match link.entry {
                Some(entry) => (LaneHead::from(&entry), entry.id.ulid()),
                // Somebody has spoilt it. That is to be found, and it stops nobody.
                None => (unreadable(link.place), Ulid::nil()),
            });
            let now = first.map_or_else(|| self.now(), |(at, _)| at);
            let at = previous.map_or(now, |(head, _)| head.at.max(now));
            let id = self.0.sources.randomness.ulid(at);
            let kept = whole_second(at.plus(self.0.retention));
            let place = Place {
                organization,
                lane: chain::spine_lane(),
                id: after(previous.map(|(_, id)| id), id).into(),
                at,
                // A later link is never gone before an earlier one, whatever the retention was.
                expires_at: previous.map_or(kept, |(head, _)| head.expires_at.max(kept)),
            };
            let previous = previous.map(|(head, _)| head);
            let link = chain::link(place, previous.as_ref(), new.clone());
            let link = chain::with_detail(link, spine::write(said));
            let is_added = match first {
                Some((_, page)) => {
                    let page = page.clone();
                    store.open_audit_lane(organization, page, &link).await?
                }
                None => store.add_spine_link(organization, &link).await?,
            };
            if is_added {
                return Ok(link);
            }
        }
        Err(contended())
    }
}

/// Writes what waits, page by page, until nothing does.
async fn write_all(trail: Trail, organization: OrganizationId, lane: Arc<Lane>) {
    while let Some((end, page)) = lane.next_page() {
        let (news, waiting): (Vec<_>, Vec<_>) = page
            .into_iter()
            .map(|entry| (entry.new, entry.done))
            .unzip();
        match trail.write(organization, end, news).await {
            Ok((last, ids)) => {
                lane.stands_at(End {
                    last: Some(last),
                    is_uncertain: false,
                });
                for (done, id) in waiting.into_iter().zip(ids) {
                    // Who has gone away does not want to know.
                    let _ = done.send(Ok(id));
                }
            }
            Err(error) => {
                lane.stands_at(End {
                    is_uncertain: true,
                    ..end
                });
                let error = Arc::new(error);
                for done in waiting {
                    let _ = done.send(Err(AuditError::NotWritten(Arc::clone(&error))));
                }
            }
        }
    }
}

impl Lane {
    /// Adds an entry to those that wait; whether nobody is writing, so that the caller has to.
    fn push(&self, entry: Waiting) -> bool {
        let mut state = lock(&self.0);
        state.waiting.push_back(entry);
        !std::mem::replace(&mut state.is_writing, true)
    }

    /// What is to be written next. None, if nothing waits: the writing has ended then.
    fn next_page(&self) -> Option<(End, Vec<Waiting>)> {
        let mut state = lock(&self.0);
        if state.waiting.is_empty() {
            state.is_writing = false;
            return None;
        }
        let most = state.waiting.len().min(MAX_PAGE);
        let page = state.waiting.drain(..most).collect();
        Some((state.end, page))
    }

    fn stands_at(&self, end: End) {
        lock(&self.0).end = end;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `next`, or what follows `last` if that is higher: ids rise within a lane.
fn after(last: Option<Ulid>, next: Ulid) -> Ulid {
    let least = last.map_or(0, |last| u128::from(last).saturating_add(1));
    Ulid::from(u128::from(next).max(least))
}

/// DynamoDB counts in seconds.
fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

fn unreadable(place: u64) -> LaneHead {
    LaneHead {
        lane: chain::spine_lane(),
        sequence: place,
        hash: crate::domain::EntryHash::ZERO,
        at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
    }
}
