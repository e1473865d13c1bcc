//! What one running function holds of one quota.

use std::collections::HashMap;
use std::time::Duration;

use super::demand::Outlook;
use crate::domain::{Quota, QuotaLease, RateLimit, RateLimits, Timestamp};
use crate::store::Versioned;

/// For so long what was seen of a quota is taken to say whether the provider refuses calls.
const MAX_AGE: Duration = Duration::from_secs(5);
/// A burst is not taken for more calls than in this time.
const SHORTEST_SPAN: Duration = Duration::from_millis(50);
/// More callers than one function serves within a lease.
const CALLERS: usize = 1_000;

/// A function's part of a quota, and what it knows of the rest.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// The item as it was last read or written.
    known: Versioned<Quota>,
    seen_at: Option<Timestamp>,
    limits: Option<RateLimits>,
    /// What the provider has told this function, and the table may not know.
    blocked_until: Option<Timestamp>,
    /// How long the table took to write the last lease.
    written_in: Duration,
    callers: HashMap<u32, Share>,
}

/// What one caller has.
#[derive(Clone, Copy, Debug)]
struct Share {
    /// Calls that may still be started.
    left: u32,
    granted: u32,
    /// How many were expected in a minute.
    per_minute: u32,
    /// When they were granted: before that, the clock has gone back, and they are not used.
    since: Timestamp,
    until: Timestamp,
    /// Before this instant it is of no use to ask again.
    refused_until: Option<Timestamp>,
}

/// What is known without asking the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A call may be started; it has been taken from what is left.
    Taken,
    /// No call may be started before so long.
    Refused(Duration),
    /// Whether the provider refuses calls has to be looked up first.
    Unseen,
    /// There is nothing left: more has to be leased.
    Empty,
}

impl Local {
    /// Takes a call out of what is left, if that can be done without asking.
    pub(super) fn take(&mut self, limits: &RateLimits, caller: u32, now: Timestamp) -> Known {
        self.adapt(limits);
        if let Some(wait) = self.refusal(caller, now) {
            return Known::Refused(wait);
        }
        let seen = self.seen_at.filter(|seen| *seen <= now);
        let is_seen = seen.is_some_and(|seen| now.since(seen) < MAX_AGE);
        let is_limited = !limits.limits().is_empty() || limits.concurrent_requests.is_some();
        match self.callers.get_mut(&caller) {
            _ if !is_limited && is_seen => Known::Taken,
            _ if !is_limited => Known::Unseen,
            Some(share) if share.left > 0 && share.is_valid(now) => {
                if !is_seen {
                    return Known::Unseen;
                }
                share.left -= 1;
                Known::Taken
            }
            _ => Known::Empty,
        }
    }

    /// How long a call has to wait at least, as far as is known.
    pub(super) fn refusal(&self, caller: u32, now: Timestamp) -> Option<Duration> {
        let blocked = self.known.item.blocked_until(now).max(self.blocked_until);
        let share = self.callers.get(&caller);
        let refused = share.and_then(|share| share.refused_until);
        let until = blocked.max(refused).filter(|until| now < *until)?;
        Some(until.since(now))
    }

    /// What is left of `limits`, with what this function has leased for the caller and not used.
    pub(super) fn outlook(&self, limits: &[RateLimit], caller: u32, now: Timestamp) -> Outlook {
        let refused_for = self.refusal(caller, now);
        let free = self.known.item.free(limits, now).into_iter().min();
        let share = self
            .callers
            .get(&caller)
            .filter(|share| share.is_valid(now));
        let leased = share.map_or(0, |share| share.left);
        let left = free.unwrap_or(u32::MAX).saturating_add(leased);
        Outlook {
            remaining: if refused_for.is_some() { 0 } else { left },
            refused_for,
        }
    }

    /// How many calls are expected in a minute: as many as since the last lease began, and to an
    /// equal part as were expected then.
    pub(super) fn per_minute(&self, caller: u32, now: Timestamp) -> u32 {
        let Some(share) = self.callers.get(&caller) else {
            return 0;
        };
        let span = now.since(share.since).max(SHORTEST_SPAN).as_millis();
        let used = share.granted.saturating_sub(share.left);
        let seen = u128::from(used) * 60_000 / span;
        let mean = (u128::from(share.per_minute) + seen) / 2;
        u32::try_from(mean).unwrap_or(u32::MAX)
    }

    /// Has leased calls, and takes one of them. Whether that was in time.
    pub(super) fn granted(
        &mut self,
        caller: u32,
        lease: QuotaLease,
        since: Timestamp,
        now: Timestamp,
    ) -> bool {
        let share = Share {
            left: lease.calls.saturating_sub(1),
            granted: lease.calls,
            per_minute: self.per_minute(caller, since),
            since,
            until: lease.until,
            refused_until: None,
        };
        self.written_in = now.since(since);
        let is_valid = share.is_valid(now);
        self.put(caller, share, now);
        is_valid
    }

    /// Was refused, and need not ask again before `wait` is over.
    pub(super) fn refused(&mut self, caller: u32, wait: Duration, now: Timestamp) {
        if self.refusal(caller, now).is_some() {
            return;
        }
        let until = now.plus(wait);
        let share = self.callers.get(&caller).copied();
        let share = share.unwrap_or(Share {
            left: 0,
            granted: 0,
            per_minute: 0,
            since: now,
            until: now,
            refused_until: None,
        });
        let share = Share {
            refused_until: Some(until),
            ..share
        };
        self.put(caller, share, now);
    }

    /// A call that was taken is not made.
    pub(super) fn give_back(&mut self, caller: u32) {
        if let Some(share) = self.callers.get_mut(&caller) {
            share.left = share.left.saturating_add(1).min(share.granted);
        }
    }

    /// A call has ended: whoever waited for its place may ask again.
    pub(super) fn freed(&mut self) {
        for share in self.callers.values_mut() {
            share.refused_until = None;
        }
    }

    /// The provider takes no calls before this instant.
    pub(super) fn blocked(&mut self, until: Option<Timestamp>) {
        self.blocked_until = self.blocked_until.max(until);
    }

    pub(super) fn written_in(&self) -> Duration {
        self.written_in
    }

    pub(super) fn known(&self) -> &Versioned<Quota> {
        &self.known
    }

    /// This is what the item is at `now`.
    pub(super) fn saw(&mut self, quota: Versioned<Quota>, now: Timestamp) {
        self.known = quota;
        self.seen_at = Some(now);
    }

    /// Under other limits, neither what was granted nor what was refused holds.
    pub(super) fn adapt(&mut self, limits: &RateLimits) {
        if self.limits != Some(*limits) {
            self.limits = Some(*limits);
            self.callers.clear();
        }
    }

    fn put(&mut self, caller: u32, share: Share, now: Timestamp) {
        if self.callers.len() >= CALLERS && !self.callers.contains_key(&caller) {
            self.callers.retain(|_, share| share.matters(now));
        }
        if self.callers.len() < CALLERS || self.callers.contains_key(&caller) {
            self.callers.insert(caller, share);
        }
    }
}

impl Share {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }

    fn matters(&self, now: Timestamp) -> bool {
        let has_calls = self.left > 0 && self.is_valid(now);
        has_calls || self.refused_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn limits(per_second: u32) -> RateLimits {
        RateLimits {
            requests_per_second: Some(per_second),
            requests_per_minute: None,
            requests_per_hour: None,
            concurrent_requests: None,
        }
    }

    /// Has a lease of `calls` from 0 to 4 s, one of which is taken.
    fn holding(calls: u32) -> Local {
        let mut local = Local::default();
        local.saw(Versioned::default(), at(0));
        assert_eq!(local.take(&limits(9), 1, at(0)), Known::Empty);
        let until = at(4);
        assert!(local.granted(1, QuotaLease { calls, until }, at(0), at(0)));
        local
    }

    #[test]
    fn what_is_left_is_used_up_and_by_its_caller_only() {
        let mut local = holding(3);
        assert_eq!(local.take(&limits(9), 2, at(1)), Known::Empty);
        assert_eq!(local.take(&limits(9), 1, at(1)), Known::Taken);
        assert_eq!(local.take(&limits(9), 1, at(1)), Known::Taken);
        assert_eq!(local.take(&limits(9), 1, at(1)), Known::Empty);
        local.give_back(1);
        assert_eq!(local.take(&limits(9), 1, at(1)), Known::Taken);
    }

    #[test]
    fn a_lease_is_used_within_its_time_only() {
        assert_eq!(holding(3).take(&limits(9), 1, at(3)), Known::Taken);
        assert_eq!(holding(3).take(&limits(9), 1, at(4)), Known::Empty);
        // The clock has gone back, and nobody can say by how much the lease lasts longer.
        let mut local = holding(3);
        local.saw(Versioned::default(), at(-9));
        assert_eq!(local.take(&limits(9), 1, at(-1)), Known::Empty);
        // The answer took longer than the lease.
        let until = at(4);
        assert!(!local.granted(1, QuotaLease { calls: 3, until }, at(0), at(4)));
    }

    #[test]
    fn demand_is_learnt_from_what_was_used() {
        let mut local = holding(40);
        for _ in 1..20 {
            assert_eq!(local.take(&limits(9), 1, at(1)), Known::Taken);
        }
        // Twenty in two seconds, after none that were known of.
        assert_eq!(local.per_minute(1, at(2)), 300);
        let lease = QuotaLease {
            calls: 40,
            until: at(9),
        };
        assert!(local.granted(1, lease, at(2), at(2)));
        // One in a minute.
        assert_eq!(local.per_minute(1, at(62)), 150);
        assert_eq!(local.per_minute(2, at(2)), 0);
    }

    #[test]
    fn a_burst_is_not_taken_for_what_goes_on() {
        let mut local = holding(10);
        while local.take(&limits(9), 1, at(0)) == Known::Taken {}
        assert_eq!(local.per_minute(1, at(0)), 10 * 20 * 60 / 2);
    }

    #[test]
    fn a_refusal_is_remembered_until_its_time_or_until_a_place_is_free() {
        let mut local = holding(1);
        local.refused(1, SECOND * 3, at(1));
        let refused = Known::Refused(SECOND * 2);
        assert_eq!(local.take(&limits(9), 1, at(2)), refused);
        assert_eq!(local.take(&limits(9), 2, at(2)), Known::Empty);
        assert_eq!(local.take(&limits(9), 1, at(4)), Known::Empty);
        local.refused(1, SECOND * 3, at(1));
        local.freed();
        assert_eq!(local.take(&limits(9), 1, at(2)), Known::Empty);
    }

    #[test]
    fn other_limits_make_everything_void() {
        let mut local = holding(3);
        local.refused(2, SECOND * 3, at(0));
        assert_eq!(local.take(&limits(8), 1, at(1)), Known::Empty);
        assert_eq!(local.take(&limits(8), 2, at(1)), Known::Empty);
    }

    #[test]
    fn a_block_is_seen_within_five_seconds_whatever_is_left() {
        let mut local = holding(3);
        let mut quota = Quota::default();
        quota.block(SECOND * 2, at(1));
        local.saw(
            Versioned {
                item: quota,
                version: 1,
            },
            at(1),
        );
        let blocked = Known::Refused(SECOND * 2);
        assert_eq!(local.take(&limits(9), 1, at(1)), blocked);
        assert_eq!(local.take(&limits(9), 1, at(3)), Known::Taken);
        let lease = QuotaLease {
            calls: 3,
            until: at(9),
        };
        assert!(local.granted(1, lease, at(3), at(3)));
        assert_eq!(local.take(&limits(9), 1, at(5)), Known::Taken);
        assert_eq!(local.take(&limits(9), 1, at(6)), Known::Unseen);
        let nothing = RateLimits {
            requests_per_second: None,
            ..limits(1)
        };
        assert_eq!(local.take(&nothing, 1, at(5)), Known::Taken);
        assert_eq!(local.take(&nothing, 1, at(6)), Known::Unseen);
    }
}
