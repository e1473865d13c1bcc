use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;

/// What a warm function remembers between invocations: at most `capacity` values, each for at
/// most `max_age`.
///
/// It never answers with anything older than that, so what is deleted or revoked elsewhere is
/// gone here after `max_age`.
#[derive(Debug)]
pub struct WarmCache<K, V> {
    entries: Mutex<HashMap<K, (Timestamp, V)>>,
    capacity: usize,
    max_age: Duration,
}

impl<K: Eq + Hash + Clone, V: Clone> WarmCache<K, V> {
    /// An empty cache.
    #[must_use]
    pub fn new(capacity: usize, max_age: Duration) -> Self {
        Self {
            entries: Mutex::default(),
            capacity,
            max_age,
        }
    }

    /// The value of `key`, if it is fresh at `now`.
    #[must_use]
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        self.get_with_age(key, now).map(|(value, _)| value)
    }

    /// The value of `key` with its age, if it is fresh at `now`.
    #[must_use]
    pub fn get_with_age(&self, key: &K, now: Timestamp) -> Option<(V, Duration)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (stored_at, value) = entries.get(key)?;
        let age = now.since(*stored_at);
        (age < self.max_age).then(|| (value.clone(), age))
    }

    /// Remembers `value` from `now` on. A full cache first forgets what is stale, then what is
    /// oldest.
    pub fn insert(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            entries.retain(|_, (stored_at, _)| now.since(*stored_at) < self.max_age);
        }
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            let oldest = entries.iter().min_by_key(|(_, (stored_at, _))| *stored_at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        entries.insert(key, (now, value));
    }

    /// Forgets `key`.
    pub fn remove(&self, key: &K) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_value_is_forgotten_when_it_is_too_old() {
        let cache = WarmCache::new(2, Duration::from_secs(5));
        cache.insert("a", 1, at(0));
        assert_eq!(
            cache.get_with_age(&"a", at(4)),
            Some((1, Duration::from_secs(4)))
        );
        assert_eq!(cache.get(&"a", at(5)), None);
    }

    #[test]
    fn a_full_cache_forgets_the_stale_and_then_the_oldest() {
        let cache = WarmCache::new(2, Duration::from_secs(5));
        cache.insert("a", 1, at(0));
        cache.insert("b", 2, at(4));
        cache.insert("c", 3, at(6));
        assert_eq!(cache.get(&"b", at(6)), Some(2));
        cache.insert("d", 4, at(7));
        assert_eq!(cache.get(&"b", at(7)), None);
        assert_eq!(cache.get(&"c", at(7)), Some(3));
        assert_eq!(cache.get(&"d", at(7)), Some(4));
    }
}
