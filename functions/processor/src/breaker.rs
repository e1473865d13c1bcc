//! One circuit breaker for each destination.
//!
//! Failures in a row are counted in memory, by each running function for itself: a write for each
//! would cost more than it tells. Opening is written to the destination, which every function
//! reads through a short cache, so that all stop calling it within seconds. When the time is over,
//! the one whose conditional write renews the opening may try; the others wait on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehouse::domain::{Breaker, BreakerPolicy, Destination, DestinationId, Passage, Timestamp};

const POLICY: BreakerPolicy = BreakerPolicy {
    failures_to_open: 10,
    first_opening: Duration::from_secs(30),
    longest_opening: Duration::from_secs(60 * 60),
};
/// More destinations than one function ever serves at a time.
const CAPACITY: usize = 10_000;

/// Decides whether `destination` may be called at `now`.
pub(crate) fn passage(destination: &Destination, now: Timestamp) -> Passage {
    POLICY.passage(destination.breaker, now)
}

/// Failures in a row, by destination.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<DestinationId, u32>>);

impl Breakers {
    /// Takes note of a failed attempt; the state to write, if that opens the breaker.
    pub(crate) fn failed(&self, destination: DestinationId, now: Timestamp) -> Option<Breaker> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= CAPACITY && !failures.contains_key(&destination) {
            failures.clear();
        }
        let count = failures.entry(destination).or_default();
        *count += 1;
        if *count < POLICY.failures_to_open {
            return None;
        }
        failures.remove(&destination);
        Some(POLICY.opened(now))
    }

    /// Takes note of a delivery that was made.
    pub(crate) fn succeeded(&self, destination: DestinationId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&destination);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let breakers = Breakers::default();
        let id = "dst_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
        for _ in 0..9 {
            assert_eq!(breakers.failed(id, at(0)), None);
        }
        breakers.succeeded(id);
        for _ in 0..9 {
            assert_eq!(breakers.failed(id, at(0)), None);
        }
        assert_eq!(
            breakers.failed(id, at(0)),
            Some(Breaker {
                open_until: at(30),
                openings: 1,
                is_held: false,
            })
        );
    }
}
