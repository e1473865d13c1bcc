use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// The state of a circuit breaker while it is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Until then nothing is sent; after it, one at a time tries.
    pub open_until: Timestamp,
    /// How often it has opened without a success in between.
    pub openings: u32,
    /// Whether somebody holds calls back on purpose: no failure has opened it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
}

/// When a circuit breaker opens, and for how long.
///
/// Whoever tries once the time is over renews the opening first, in a conditional write: so only
/// one tries, and one that dies while it tries leaves the breaker as a failure would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// So many failures in a row open it.
    pub failures_to_open: u32,
    /// How long it stays open the first time; doubled with every opening after that.
    pub first_opening: Duration,
    /// How long it stays open at most.
    pub longest_opening: Duration,
}

/// Whether something that a circuit breaker guards may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Free,
    /// It may by the one who can write this.
    Probe(Breaker),
    /// Not before this instant.
    Barred(Timestamp),
}

impl BreakerPolicy {
    /// Decides whether there is a passage at `now`.
    #[must_use]
    pub fn passage(&self, breaker: Option<Breaker>, now: Timestamp) -> Passage {
        match breaker {
            None => Passage::Free,
            Some(breaker) if now < breaker.open_until => Passage::Barred(breaker.open_until),
            Some(breaker) => Passage::Probe(self.reopened(breaker.openings, now)),
        }
    }

    /// The state after the failures in a row that open it.
    #[must_use]
    pub fn opened(&self, now: Timestamp) -> Breaker {
        self.reopened(0, now)
    }

    /// The state after one more opening at `now`.
    fn reopened(&self, openings: u32, now: Timestamp) -> Breaker {
        let factor = 1_u32.checked_shl(openings.min(16)).unwrap_or(1);
        let wait = self.first_opening.saturating_mul(factor);
        Breaker {
            open_until: now.plus(wait.min(self.longest_opening)),
            openings: openings.saturating_add(1),
            is_held: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failures_to_open: 10,
        first_opening: Duration::from_secs(30),
        longest_opening: Duration::from_secs(3_600),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn breaker(until: i64, openings: u32) -> Breaker {
        Breaker {
            open_until: at(until),
            openings,
            is_held: false,
        }
    }

    #[test]
    fn an_open_one_bars_until_its_time_and_then_lets_one_probe() {
        let open = Some(POLICY.opened(at(0)));
        assert_eq!(open, Some(breaker(30, 1)));
        assert_eq!(POLICY.passage(open, at(29)), Passage::Barred(at(30)));
        let renewed = Passage::Probe(breaker(90, 2));
        assert_eq!(POLICY.passage(open, at(30)), renewed);
        assert_eq!(POLICY.passage(None, at(0)), Passage::Free);
    }

    #[test]
    fn it_stays_open_longer_each_time_up_to_its_bound() {
        let mut open = POLICY.opened(at(0));
        let mut waits = Vec::new();
        for _ in 0..9 {
            let now = open.open_until;
            let Passage::Probe(renewed) = POLICY.passage(Some(open), now) else {
                panic!("barred at {now}");
            };
            waits.push(renewed.open_until.since(now).as_secs());
            open = renewed;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        let worn = Some(breaker(0, u32::MAX));
        let renewed = Passage::Probe(breaker(3_600, u32::MAX));
        assert_eq!(POLICY.passage(worn, at(0)), renewed);
    }
}
