//! What was fetched at some cost, kept for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::VaultError;
use crate::domain::Timestamp;

/// Values in memory, each for at most `max_age` and at most `capacity` of them.
///
/// Those who want a value at the same time wait for one call, and share its failure: were each to
/// try again in turn, the last would wait for as many time-outs as there are callers before it.
/// A failure is told to those who were waiting for it and to nobody after them.
pub(super) struct Cache<K, V> {
    max_age: Duration,
    capacity: usize,
    slots: Mutex<HashMap<K, Arc<Slot<V>>>>,
}

struct Slot<V> {
    /// How many calls have failed.
    failures: AtomicU64,
    state: tokio::sync::Mutex<State<V>>,
}

enum State<V> {
    Empty,
    Fresh { since: Timestamp, value: Arc<V> },
    Failed(Arc<VaultError>),
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self {
            failures: AtomicU64::new(0),
            state: tokio::sync::Mutex::new(State::Empty),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Cache<K, V> {
    pub(super) fn new(max_age: Duration, capacity: usize) -> Self {
        Self {
            max_age,
            capacity,
            slots: Mutex::default(),
        }
    }

    /// The value of `key`: the one that is kept, or else what `fetch` comes to.
    pub(super) async fn get(
        &self,
        key: K,
        now: Timestamp,
        fetch: impl Future<Output = Result<V, VaultError>>,
    ) -> Result<Arc<V>, VaultError> {
        let slot = self.slot(key, now);
        let failures = slot.failures.load(Ordering::SeqCst);
        let mut state = slot.state.lock().await;
        match &*state {
            State::Fresh { since, value } if now.since(*since) < self.max_age => {
                return Ok(Arc::clone(value));
            }
            State::Failed(error) if slot.failures.load(Ordering::SeqCst) != failures => {
                return Err(VaultError::shared(error));
            }
            State::Empty | State::Fresh { .. } | State::Failed(_) => {}
        }
        // Wiped before the call, so that a call that is given up leaves nothing stale.
        *state = State::Empty;
        match fetch.await {
            Ok(value) => {
                let value = Arc::new(value);
                *state = State::Fresh {
                    since: now,
                    value: Arc::clone(&value),
                };
                Ok(value)
            }
            Err(error) => {
                let error = Arc::new(error);
                *state = State::Failed(Arc::clone(&error));
                slot.failures.fetch_add(1, Ordering::SeqCst);
                Err(VaultError::shared(&error))
            }
        }
    }

    /// Keeps a value that was come by otherwise, unless somebody is fetching one.
    pub(super) fn keep(&self, key: &K, now: Timestamp, value: V) {
        let slot = self.slot(key.clone(), now);
        if let Ok(mut state) = slot.state.try_lock() {
            *state = State::Fresh {
                since: now,
                value: Arc::new(value),
            };
        }
    }

    fn slot(&self, key: K, now: Timestamp) -> Arc<Slot<V>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.capacity && !slots.contains_key(&key) {
            self.make_room(&mut slots, now);
        }
        if slots.len() >= self.capacity && !slots.contains_key(&key) {
            // All of them are being fetched: this one is not kept.
            return Arc::default();
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// Drops what has expired; if nothing has, the oldest value. What is being fetched stays.
    fn make_room(&self, slots: &mut HashMap<K, Arc<Slot<V>>>, now: Timestamp) {
        let since = |slot: &Slot<V>| match slot.state.try_lock().as_deref() {
            Ok(State::Fresh { since, .. }) => Some(*since),
            Ok(State::Empty | State::Failed(_)) => Some(Timestamp::UNIX_EPOCH),
            Err(_) => None,
        };
        let is_fresh = |since: Timestamp| now.since(since) < self.max_age;
        slots.retain(|_, slot| since(slot).is_none_or(is_fresh));
        if slots.len() < self.capacity {
            return;
        }
        let ages = slots
            .iter()
            .filter_map(|(key, slot)| Some((since(slot)?, key.clone())));
        if let Some((_, oldest)) = ages.min_by_key(|(since, _)| *since) {
            slots.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    async fn ok(value: u32) -> Result<u32, VaultError> {
        Ok(value)
    }

    #[tokio::test]
    async fn a_value_is_kept_for_as_long_as_it_may_be() {
        let cache = Cache::new(MINUTE, 10);
        assert_eq!(*cache.get(1, at(0), ok(1)).await.unwrap(), 1);
        assert_eq!(*cache.get(1, at(59), ok(2)).await.unwrap(), 1);
        assert_eq!(*cache.get(1, at(60), ok(3)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn those_who_come_at_the_same_time_share_one_call() {
        for fails in [false, true] {
            let (cache, calls) = (Cache::new(MINUTE, 10), AtomicUsize::new(0));
            let everybody_waits = Notify::new();
            let get = || {
                cache.get(1, at(0), async {
                    if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                        everybody_waits.notified().await;
                    }
                    if fails { Err(VaultError::NoKey) } else { Ok(7) }
                })
            };
            let waiting = join_all((0..20).map(|_| get()));
            let go = async { everybody_waits.notify_one() };
            let (ends, ()) = tokio::join!(waiting, go);
            assert_eq!(calls.load(Ordering::SeqCst), 1);
            assert!(ends.iter().all(|end| end.is_err() == fails));
        }
    }

    #[tokio::test]
    async fn what_was_come_by_otherwise_is_kept_unless_it_is_being_fetched() {
        let cache = Cache::new(MINUTE, 10);
        cache.keep(&1, at(0), 5);
        assert_eq!(*cache.get(1, at(59), ok(1)).await.unwrap(), 5);
        let mut fetching = Box::pin(cache.get(2, at(0), std::future::pending()));
        assert!(futures::poll!(&mut fetching).is_pending());
        cache.keep(&2, at(0), 5);
        drop(fetching);
        assert_eq!(*cache.get(2, at(0), ok(2)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let cache = Cache::new(MINUTE, 10);
        let failed = cache.get(1, at(0), async { Err(VaultError::NoKey) }).await;
        assert!(matches!(failed, Err(VaultError::NoKey)));
        assert_eq!(*cache.get(1, at(0), ok(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_is_made_again_by_the_next() {
        let cache = Cache::new(MINUTE, 10);
        let mut given_up = Box::pin(cache.get(1, at(0), std::future::pending()));
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!(*cache.get(1, at(0), ok(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn the_oldest_value_makes_room() {
        let cache = Cache::new(MINUTE, 2);
        for (key, seconds) in [(1, 0), (2, 1), (3, 2)] {
            cache.get(key, at(seconds), ok(key)).await.unwrap();
        }
        assert_eq!(cache.slots.lock().unwrap().len(), 2);
        assert_eq!(*cache.get(2, at(3), ok(20)).await.unwrap(), 2);
        assert_eq!(*cache.get(3, at(3), ok(30)).await.unwrap(), 3);
        assert_eq!(*cache.get(1, at(3), ok(10)).await.unwrap(), 10);
    }

    #[tokio::test]
    async fn what_has_expired_makes_room_for_all_at_once() {
        let cache = Cache::new(MINUTE, 3);
        for key in 1..=3 {
            cache.get(key, at(0), ok(key)).await.unwrap();
        }
        cache.get(4, at(60), ok(4)).await.unwrap();
        assert_eq!(cache.slots.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_being_fetched_is_not_pushed_out() {
        let cache = Cache::new(MINUTE, 1);
        let mut fetching = Box::pin(cache.get(1, at(0), std::future::pending()));
        assert!(futures::poll!(&mut fetching).is_pending());
        assert_eq!(*cache.get(2, at(0), ok(2)).await.unwrap(), 2);
        assert_eq!(*cache.get(2, at(0), ok(3)).await.unwrap(), 3);
        assert!(cache.slots.lock().unwrap().contains_key(&1));
    }
}
