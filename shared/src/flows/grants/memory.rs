use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{GrantError, Key};
use crate::auth::GrantedToken;
use crate::domain::{Grant, Next, Timestamp};
use crate::flows::slots::Slots;

/// For so long, what another function has done to a grant goes unnoticed here.
const MAX_AGE: Duration = Duration::from_secs(5);
/// How many grants are remembered.
const CAPACITY: usize = 1_000;

/// What a running function remembers of grants.
pub(super) struct Memory(Slots<Key, Slot>);

/// What is remembered of one grant.
#[derive(Default)]
pub(super) struct Slot(Mutex<Known>);

#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// The version of the tokens that the provider has refused.
    refused: Option<u64>,
    /// The task that looks at the grant, if there is one.
    flight: Option<Flight>,
}

/// A grant as it was read.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) grant: Grant,
    pub(super) token: Option<Arc<GrantedToken>>,
    pub(super) read_at: Timestamp,
}

/// What a task that looks at a grant has come to; nothing, while it runs.
pub(super) type Flight = watch::Receiver<Option<Result<Looked, GrantError>>>;

/// What a look at a grant has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// What is remembered is what stands in the table.
    Seen,
    /// Another function is renewing it.
    Waiting,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Slots::new(CAPACITY))
    }
}

impl Memory {
    pub(super) fn slot(&self, key: Key) -> Arc<Slot> {
        self.0.of(key)
    }

    /// Forgets what was read of a grant.
    pub(super) fn forget(&self, key: Key) {
        self.slot(key).known().held = None;
    }
}

impl Slot {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered, however old it is.
    pub(super) fn held(&self) -> Option<Held> {
        self.known().held.clone()
    }

    /// Remembers what stands in the table. Tokens that were refused and have been replaced are
    /// nothing to remember.
    pub(super) fn hold(&self, held: Held) {
        let mut known = self.known();
        let version = held.grant.tokens_version;
        known.refused = known.refused.filter(|refused| *refused == version);
        known.held = Some(held);
    }

    pub(super) fn set_refused(&self, version: Option<u64>) {
        self.known().refused = version;
    }

    pub(super) fn refused(&self) -> Option<u64> {
        self.known().refused
    }

    /// The token, and what is to be done for somebody who wants one, as far as is remembered from
    /// the last seconds.
    pub(super) fn recent(
        &self,
        basis: &str,
        now: Timestamp,
    ) -> Option<(Next, Option<Arc<GrantedToken>>)> {
        let known = self.known();
        let held = known.held.as_ref();
        let held = held.filter(|held| now.since(held.read_at) < MAX_AGE)?;
        Some((
            held.grant.next(basis, known.refused, now),
            held.token.clone(),
        ))
    }

    /// The task that looks at the grant: the one that runs, or the one that `start` starts, which
    /// tells by the sender what it has come to. Whether it is a new one.
    pub(super) fn flight(
        &self,
        start: impl FnOnce(watch::Sender<Option<Result<Looked, GrantError>>>),
    ) -> (Flight, bool) {
        let mut known = self.known();
        let running = known.flight.as_ref().filter(|flight| is_running(flight));
        if let Some(flight) = running {
            return (flight.clone(), false);
        }
        let (sender, receiver) = watch::channel(None);
        known.flight = Some(receiver.clone());
        drop(known);
        start(sender);
        (receiver, true)
    }

    /// Whether a task looks at the grant.
    pub(super) fn is_in_flight(&self) -> bool {
        self.known().flight.as_ref().is_some_and(is_running)
    }
}

/// Whether a task has not come to an end, in one way or another.
fn is_running(flight: &Flight) -> bool {
    flight.borrow().is_none() && flight.has_changed().is_ok()
}
