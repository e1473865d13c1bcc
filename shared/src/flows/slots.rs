use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// What a running function remembers of each key: at most `capacity` of them.
///
/// A value has locks of its own, so that who holds one can ask the table on behalf of all who wait
/// for it. A value that is in use is never dropped: else two would ask.
#[derive(Debug)]
pub(super) struct Slots<K, T> {
    slots: Mutex<HashMap<K, Arc<T>>>,
    capacity: usize,
}

impl<K: Eq + Hash, T: Default> Slots<K, T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slots: Mutex::default(),
            capacity,
        }
    }

    /// The value of `key`. Where there is no room for another, all those that nobody uses make
    /// some; they cost a read to learn again.
    pub(super) fn of(&self, key: K) -> Arc<T> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= self.capacity && !slots.contains_key(&key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_the_rest_makes_room() {
        let slots: Slots<u32, Mutex<u32>> = Slots::new(2);
        let used = slots.of(1);
        *used.lock().unwrap() = 7;
        *slots.of(2).lock().unwrap() = 8;
        *slots.of(3).lock().unwrap() = 9;
        assert!(Arc::ptr_eq(&used, &slots.of(1)));
        assert_eq!(*slots.of(3).lock().unwrap(), 9);
        assert_eq!(*slots.of(2).lock().unwrap(), 0);
    }
}
