//! One circuit breaker for each destination.
//!
//! Failures in a row are counted in memory, by each running function for itself: a write for each
//! would cost more than it tells. Opening is written to the destination, which every function
//! reads through a short cache, so that all stop calling it within seconds. When the time is over,
//! the one whose conditional write renews the opening may try; the others wait on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehouse::domain::{Breaker, Destination, DestinationId, Timestamp};

/// So many failed attempts in a row open the breaker.
const FAILURES_TO_OPEN: u32 = 10;
/// How long it stays open the first time; doubled with every opening after that.
const FIRST_OPENING: Duration = Duration::from_secs(30);
const LONGEST_OPENING: Duration = Duration::from_secs(60 * 60);
/// More destinations than one function ever serves at a time.
const CAPACITY: usize = 10_000;

/// Whether a destination may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It may.
    Free,
    /// It may by the one who can write this.
    Probe(Breaker),
    /// Not before this instant.
    Barred(Timestamp),
}

/// Decides whether `destination` may be called at `now`.
pub(crate) fn passage(destination: &Destination, now: Timestamp) -> Passage {
    match destination.breaker {
        None => Passage::Free,
        Some(breaker) if now < breaker.open_until => Passage::Barred(breaker.open_until),
        Some(breaker) => Passage::Probe(reopened(breaker.openings, now)),
    }
}

/// The state after one more opening at `now`.
fn reopened(openings: u32, now: Timestamp) -> Breaker {
    let factor = 1_u32.checked_shl(openings.min(16)).unwrap_or(1);
    let wait = FIRST_OPENING.saturating_mul(factor).min(LONGEST_OPENING);
    Breaker {
        open_until: now.plus(wait),
        openings: openings.saturating_add(1),
    }
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
        if *count < FAILURES_TO_OPEN {
            return None;
        }
        failures.remove(&destination);
        Some(reopened(0, now))
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

    fn destination(breaker: Option<Breaker>) -> Destination {
        let value = serde_json::json!({
            "id": "dst_01K72Z5QSW0123456789ABCDEF",
            "organizationId": "org_01K72Z5QSW0123456789ABCDEF",
            "integrationId": "int_01K72Z5QSW0123456789ABCDEF",
            "type": "http",
            "url": "https://example.com/",
            "status": "active",
            "createdAt": "2025-10-09T08:53:20.000Z",
            "updatedAt": "2025-10-09T08:53:20.000Z",
        });
        Destination {
            breaker,
            ..serde_json::from_value(value).unwrap()
        }
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let breakers = Breakers::default();
        let id = destination(None).id;
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
                openings: 1
            })
        );
    }

    #[test]
    fn an_open_one_bars_until_its_time_and_then_lets_one_probe() {
        let open = destination(Some(Breaker {
            open_until: at(30),
            openings: 1,
        }));
        assert_eq!(passage(&open, at(29)), Passage::Barred(at(30)));
        assert_eq!(
            passage(&open, at(30)),
            Passage::Probe(Breaker {
                open_until: at(90),
                openings: 2
            })
        );
        assert_eq!(passage(&destination(None), at(0)), Passage::Free);
    }

    #[test]
    fn it_stays_open_longer_each_time_up_to_an_hour() {
        let open = destination(Some(Breaker {
            open_until: at(0),
            openings: u32::MAX,
        }));
        assert_eq!(
            passage(&open, at(0)),
            Passage::Probe(Breaker {
                open_until: at(3600),
                openings: u32::MAX
            })
        );
    }
}
