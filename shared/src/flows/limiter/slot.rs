use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::demand::Demand;
use super::local::Local;
use crate::domain::{Quota, QuotaLease, QuotaRequest, Timestamp};

/// What one function knows of one scope. Who holds `local` asks the table for all who wait for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// How many calls of each caller wait for `local`.
    waiting: Mutex<HashMap<u32, u32>>,
    pub(super) local: tokio::sync::Mutex<Local>,
}

/// A call that waits, until this is dropped.
pub(super) struct Waiting<'a> {
    slot: &'a Slot,
    caller: u32,
}

/// What a lease would make of the quota.
pub(super) struct Draft {
    pub(super) quota: Quota,
    pub(super) leased: Result<QuotaLease, Duration>,
    /// Whether it would leave the quota as it is.
    pub(super) is_idle: bool,
}

impl Slot {
    pub(super) fn wait(&self, caller: u32) -> Waiting<'_> {
        *self.counts().entry(caller).or_default() += 1;
        Waiting { slot: self, caller }
    }

    pub(super) fn waiting(&self, caller: u32) -> u32 {
        self.counts().get(&caller).copied().unwrap_or_default()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut counts = self.slot.counts();
        if let Some(count) = counts.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.caller);
            }
        }
    }
}

impl Draft {
    pub(super) fn of(local: &Local, demand: &Demand<'_>, waiting: u32, now: Timestamp) -> Self {
        let limits = demand.limits.limits();
        let request = QuotaRequest {
            limits: &limits,
            concurrent: demand.limits.concurrent_requests,
            caller: demand.caller,
            wanted: waiting.max(1),
            per_minute: local.per_minute(demand.caller, now),
            written_in: local.written_in(),
            call: (demand.call, demand.ends_by),
        };
        let mut before = local.known().item.clone();
        before.forget(&limits, now);
        let mut quota = before.clone();
        let leased = quota.lease(&request, now);
        Self {
            is_idle: quota == before,
            quota,
            leased,
        }
    }
}
