use std::collections::BTreeSet;
use std::time::Duration;

use super::RateLimit;
use super::window::Window;
use crate::domain::Timestamp;

/// More callers than this share one share: an item of the table has its limits.
const CALLERS: usize = 100;
/// Up to this part of the limit nobody is asked to leave room: eight tenths.
const FREE_FOR_ALL: (u32, u32) = (8, 10);

impl Window {
    /// Bounds `calls` by the caller's share, once most of the limit is in use: an equal part for
    /// each caller that has called, or has been refused, in the window.
    pub(super) fn share(
        &self,
        limit: &RateLimit,
        caller: u32,
        calls: &mut u32,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let callers: BTreeSet<u32> = self.leases.iter().map(|lease| lease.caller).collect();
        let others = callers.iter().filter(|other| **other != caller).count();
        let (part, of) = FREE_FOR_ALL;
        let free_for_all = limit.requests / of * part + limit.requests % of * part / of;
        let room = free_for_all.saturating_sub(self.used());
        if others == 0 || *calls <= room {
            return Ok(());
        }
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        let fair = limit.requests.div_ceil(others.saturating_add(1));
        let of_caller = self.leases.iter().filter(|lease| lease.caller == caller);
        let mine = of_caller.clone().map(|lease| lease.calls);
        let mine = mine.fold(0, u32::saturating_add);
        let left = fair.saturating_sub(mine).max(room);
        if left == 0 {
            let oldest = of_caller.filter(|lease| lease.calls > 0);
            let oldest = oldest.map(|lease| lease.until).min();
            return Err(self.instant_after(oldest, now).since(now));
        }
        *calls = (*calls).min(left);
        Ok(())
    }

    /// Remembers for a window that the caller wants to call.
    pub(super) fn note(&mut self, caller: u32, now: Timestamp) {
        let is_known = self.leases.iter().any(|lease| lease.caller == caller);
        if !is_known && self.leases.len() < CALLERS {
            self.add(caller, 0, now);
        }
    }
}
