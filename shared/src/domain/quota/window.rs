use serde::{Deserialize, Serialize};

use super::RateLimit;
use crate::domain::Timestamp;

/// The ends of leases are rounded up to this part of the window, so that few entries are kept.
const STEPS: i64 = 20;

/// What has been leased of one limit, and still counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Window {
    window_ms: u64,
    /// By the end of the lease and the caller; at most a few per step and caller.
    #[serde(default)]
    pub(super) leases: Vec<Leased>,
}

/// Calls of one caller whose leases end in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leased {
    #[serde(rename = "u")]
    pub(super) until: i64,
    #[serde(rename = "n")]
    pub(super) calls: u32,
    #[serde(rename = "c")]
    pub(super) caller: u32,
}

impl Window {
    pub(super) fn of(limit: &RateLimit) -> Self {
        Self {
            window_ms: u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX),
            leases: Vec::new(),
        }
    }

    pub(super) fn is_of(&self, limit: &RateLimit) -> bool {
        u128::from(self.window_ms) == limit.window.as_millis()
    }

    /// For so long after its end a lease counts: one window, and a margin for clocks that differ
    /// and for calls that arrive later than others.
    fn tail(&self) -> i64 {
        let margin = (self.window_ms / 100).clamp(100, 5_000);
        i64::try_from(self.window_ms.saturating_add(margin)).unwrap_or(i64::MAX)
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        let (now, tail) = (now.as_millisecond(), self.tail());
        self.leases
            .retain(|lease| now < lease.until.saturating_add(tail));
    }

    pub(super) fn used(&self) -> u32 {
        let calls = self.leases.iter().map(|lease| lease.calls);
        calls.fold(0, u32::saturating_add)
    }

    /// When the next call becomes free.
    pub(super) fn frees_at(&self, now: Timestamp) -> Timestamp {
        let taken = self.leases.iter().filter(|lease| lease.calls > 0);
        self.instant_after(taken.map(|lease| lease.until).min(), now)
    }

    /// The instant from which leases that end at `until` no longer count.
    pub(super) fn instant_after(&self, until: Option<i64>, now: Timestamp) -> Timestamp {
        until
            .and_then(|until| Timestamp::from_millisecond(until.saturating_add(self.tail())))
            .unwrap_or(now)
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        let last = self.leases.iter().map(|lease| lease.until).max()?;
        Timestamp::from_millisecond(last.saturating_add(self.tail()))
    }

    pub(super) fn add(&mut self, caller: u32, calls: u32, until: Timestamp) {
        let step = (i64::try_from(self.window_ms).unwrap_or(i64::MAX) / STEPS).max(1);
        let until = until.as_millisecond();
        let until = until
            .saturating_add(step - 1)
            .div_euclid(step)
            .saturating_mul(step);
        let same = |lease: &&mut Leased| lease.until == until && lease.caller == caller;
        if let Some(lease) = self.leases.iter_mut().find(same) {
            lease.calls = lease.calls.saturating_add(calls);
        } else {
            self.leases.push(Leased {
                until,
                calls,
                caller,
            });
        }
    }
}
