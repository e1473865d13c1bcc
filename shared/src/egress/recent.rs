use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Values that are dear to make: the most recently used so many.
pub(super) struct Recent<K, V> {
    limit: usize,
    /// The most recently used first. Few enough to look at one by one.
    entries: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Mutex::default(),
        }
    }

    /// The value of `key`, which is made if it is not there. Callers wait for each other, so that
    /// none makes what another is making.
    pub(super) fn get_or_make<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        // Whoever panicked in `make` has changed nothing.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().position(|(other, _)| *other == key);
        let entry = match found.and_then(|at| entries.remove(at)) {
            Some(entry) => entry,
            None => (key, make()?),
        };
        let value = entry.1.clone();
        entries.push_front(entry);
        entries.truncate(self.limit);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_all(recent: &Recent<char, char>, keys: &str) -> String {
        let mut made = String::new();
        for key in keys.chars() {
            let make = || {
                made.push(key);
                Ok::<_, ()>(key)
            };
            assert_eq!(recent.get_or_make(key, make), Ok(key));
        }
        made
    }

    #[test]
    fn the_least_recently_used_is_dropped() {
        let recent = Recent::new(2);
        assert_eq!(use_all(&recent, "ababab"), "ab");
        assert_eq!(use_all(&recent, "acacb"), "cb");
        assert_eq!(recent.entries.lock().unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_made_is_made_anew_the_next_time() {
        let recent = Recent::new(2);
        assert_eq!(recent.get_or_make('a', || Err("no")), Err("no"));
        assert_eq!(use_all(&recent, "aa"), "a");
    }
}
