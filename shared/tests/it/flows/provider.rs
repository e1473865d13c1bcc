//! A provider that writes down when it is called, and a seed for what happens by chance.

use std::sync::Mutex;
use std::time::Duration;

use gatehouse::domain::{IntegrationId, OrganizationId, RateLimits, Timestamp};
use gatehouse::flows::{Demand, LimitError, Limiter, Permit};
use gatehouse::store::{Digest, QuotaScope};

use crate::account::{Account, TestClock};

/// When the provider was called.
#[derive(Debug, Default)]
pub(crate) struct Provider(Mutex<Vec<i64>>);

impl Provider {
    pub(crate) fn is_called(&self, at: Timestamp) {
        self.0.lock().unwrap().push(at.as_millisecond());
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The most calls that any window of this length has seen.
    pub(crate) fn most_in(&self, window: Duration) -> usize {
        let mut calls = self.0.lock().unwrap().clone();
        calls.sort_unstable();
        let window = i64::try_from(window.as_millis()).unwrap();
        let after = |first: i64| calls.partition_point(|call| *call <= first + window);
        let counts = calls.iter().enumerate();
        let counts = counts.map(|(index, first)| after(*first) - index);
        counts.max().unwrap_or_default()
    }
}

/// SplitMix64: the same numbers for the same seed.
#[derive(Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// An integration with limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limited {
    organization: OrganizationId,
    integration: IntegrationId,
    pub(crate) limits: RateLimits,
}

pub(crate) fn per_second(requests: u32) -> RateLimits {
    RateLimits {
        requests_per_second: Some(requests),
        ..UNLIMITED
    }
}

pub(crate) const UNLIMITED: RateLimits = RateLimits {
    requests_per_second: None,
    requests_per_minute: None,
    requests_per_hour: None,
    concurrent_requests: None,
};

impl Limited {
    pub(crate) fn new(account: &Account, limits: RateLimits) -> Self {
        Self {
            organization: account.id(),
            integration: account.id(),
            limits,
        }
    }

    pub(crate) fn scope(&self) -> QuotaScope {
        self.scope_of("")
    }

    pub(crate) fn scope_of(&self, route: &str) -> QuotaScope {
        QuotaScope {
            organization: self.organization,
            integration: Some(self.integration),
            route: Digest::of(route.as_bytes()),
        }
    }

    /// What a call of `caller` demands that has ended in a minute.
    pub(crate) fn demand<'a>(
        &'a self,
        account: &Account,
        scope: QuotaScope,
        limits: &'a RateLimits,
        caller: u32,
    ) -> Demand<'a> {
        Demand {
            scope,
            limits,
            caller,
            call: account.id(),
            ends_by: now(&account.clock).plus(Duration::from_secs(60)),
        }
    }

    pub(crate) async fn acquire(
        &self,
        account: &Account,
        limiter: &Limiter,
        caller: u32,
    ) -> Result<Permit, LimitError> {
        let demand = self.demand(account, self.scope(), &self.limits, caller);
        limiter.acquire(&[demand]).await
    }
}

pub(crate) fn now(clock: &TestClock) -> Timestamp {
    gatehouse::domain::Clock::now(clock)
}

/// Functions that have just started.
pub(crate) fn functions(account: &Account, count: usize) -> Vec<Limiter> {
    let start = |_| Limiter::new(account.store(), account.sources());
    (0..count).map(start).collect()
}

/// How long to wait, by a refusal.
pub(crate) fn wait(refused: Result<Permit, LimitError>) -> Duration {
    match refused {
        Err(LimitError::Limited { retry_after }) => retry_after,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
