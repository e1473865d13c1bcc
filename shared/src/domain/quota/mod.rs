//! How many calls an integration may make, and who may make them.
//!
//! Many functions run at once, and each has to know that all of them together keep to the limit
//! without asking for every call. So a function takes a *lease*: a few calls that it may make until
//! a given instant. A [`Quota`] is what has been leased; it is one item of the table, changed by
//! one function at a time.
//!
//! What is guaranteed: in no window, wherever it begins, are more calls started than the limit
//! says. A lease may be used up to its end, so it counts against the limit until one whole window
//! after that; a margin allows for clocks that differ and for calls that take different times to
//! arrive. What that costs: under pressure, some of the limit stays unused (leases are kept short
//! then). A lease that is not used up is lost.

mod fairness;
mod window;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RateLimits, RequestId, Timestamp};

use window::Window;

/// How long a refusal by the provider is believed, at most.
const MAX_BLOCK: Duration = Duration::from_secs(60 * 60);
/// The longest lease, for when there is little to do.
const LONGEST_LEASE: Duration = Duration::from_secs(30);
/// The most calls of one lease.
const MOST_CALLS: u32 = 256;
/// What is lost of a window that is longer than this is lost for long.
const SHORT_WINDOW: Duration = Duration::from_secs(60);

/// At most so many calls in any window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The calls: at least one.
    pub requests: u32,
    /// The window's length.
    pub window: Duration,
}

/// A function's request for calls.
#[derive(Clone, Copy, Debug)]
pub struct QuotaRequest<'a> {
    /// What must be kept to.
    pub limits: &'a [RateLimit],
    /// How many calls may run at the same time.
    pub concurrent: Option<u32>,
    /// Who wants to call: any number that is the caller's own.
    pub caller: u32,
    /// How many calls are to be started at once: at least one.
    pub wanted: u32,
    /// How many calls are expected in a minute, these among them.
    pub per_minute: u32,
    /// How long the table took to write the last lease: this one has to last for longer.
    pub written_in: Duration,
    /// The call that is to run, and the instant by which it has ended, come what may.
    pub call: (RequestId, Timestamp),
}

/// Calls that may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLease {
    /// So many.
    pub calls: u32,
    /// Before this instant.
    pub until: Timestamp,
}

/// What has been leased of an integration's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    #[serde(default)]
    windows: Vec<Window>,
    /// The calls that run, where their number is limited.
    #[serde(default)]
    running: Vec<(RequestId, Timestamp)>,
    /// The provider takes no calls before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked_until: Option<Timestamp>,
}

impl RateLimits {
    /// The limits, the shortest window first.
    #[must_use]
    pub fn limits(&self) -> Vec<RateLimit> {
        let limits = [
            (self.requests_per_second, 1),
            (self.requests_per_minute, 60),
            (self.requests_per_hour, 3_600),
        ];
        let limits = limits.into_iter().filter_map(|(requests, seconds)| {
            Some(RateLimit {
                requests: requests.filter(|requests| *requests > 0)?,
                window: Duration::from_secs(seconds),
            })
        });
        limits.collect()
    }
}

impl Quota {
    /// Leases calls, or says how long to wait before asking again.
    ///
    /// # Errors
    ///
    /// The time to wait. The quota has changed all the same: the caller is known to be waiting,
    /// which is what the others' share is counted by.
    pub fn lease(
        &mut self,
        request: &QuotaRequest<'_>,
        now: Timestamp,
    ) -> Result<QuotaLease, Duration> {
        self.forget(request.limits, now);
        if let Some(until) = self.blocked_until {
            return Err(until.since(now));
        }
        if let Some(most) = request.concurrent {
            self.start(most, request.call, now)?;
        }
        let granted = self.calls(request, now);
        if granted.is_err() {
            self.end(request.call.0);
        }
        granted
    }

    /// A call has ended.
    pub fn end(&mut self, call: RequestId) {
        self.running.retain(|(running, _)| *running != call);
    }

    /// The provider takes no calls for `wait` from `now` on; believed for an hour at most.
    pub fn block(&mut self, wait: Duration, now: Timestamp) {
        let until = now.plus(wait.min(MAX_BLOCK));
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    /// When nothing of it matters any more.
    #[must_use]
    pub fn ends_at(&self, now: Timestamp) -> Timestamp {
        let windows = self.windows.iter().filter_map(Window::ends_at);
        let running = self.running.iter().map(|(_, until)| *until);
        let ends = windows.chain(running).chain(self.blocked_until);
        ends.max().unwrap_or(now)
    }

    /// How many calls of each limit are free now, in the order of `limits`.
    #[must_use]
    pub fn free(&self, limits: &[RateLimit], now: Timestamp) -> Vec<u32> {
        let mut quota = self.clone();
        quota.forget(limits, now);
        let pairs = quota.windows.iter().zip(limits);
        pairs
            .map(|(window, limit)| limit.requests.saturating_sub(window.used()))
            .collect()
    }

    /// The instant before which the provider takes no calls, if it said so.
    #[must_use]
    pub fn blocked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.blocked_until.filter(|until| now < *until)
    }

    /// How many calls run at `now`, as far as their number is limited.
    #[must_use]
    pub fn running(&self, now: Timestamp) -> usize {
        let running = self.running.iter();
        running.filter(|(_, until)| now < *until).count()
    }

    /// Whether `call` holds one of the places of calls that run.
    #[must_use]
    pub fn runs(&self, call: RequestId) -> bool {
        self.running.iter().any(|(running, _)| *running == call)
    }

    /// Drops what no longer counts, and fits the windows to the limits as they are now.
    pub fn forget(&mut self, limits: &[RateLimit], now: Timestamp) {
        let mut old = std::mem::take(&mut self.windows);
        self.windows = limits
            .iter()
            .map(|limit| {
                let known = old.iter().position(|window| window.is_of(limit));
                known.map_or_else(|| Window::of(limit), |index| old.swap_remove(index))
            })
            .collect();
        for window in &mut self.windows {
            window.forget(now);
        }
        self.running.retain(|(_, until)| now < *until);
        self.blocked_until = self.blocked_until(now);
    }

    fn start(
        &mut self,
        most: u32,
        call: (RequestId, Timestamp),
        now: Timestamp,
    ) -> Result<(), Duration> {
        self.end(call.0);
        if self.running.len() >= most as usize {
            // Most calls end long before they have to.
            let ends = self.running.iter().map(|(_, until)| until.since(now));
            let first = ends.min().unwrap_or_default();
            return Err(first.min(Duration::from_secs(1)));
        }
        self.running.push(call);
        Ok(())
    }

    fn calls(
        &mut self,
        request: &QuotaRequest<'_>,
        now: Timestamp,
    ) -> Result<QuotaLease, Duration> {
        let mut most = MOST_CALLS;
        for (window, limit) in self.windows.iter_mut().zip(request.limits) {
            let free = limit.requests.saturating_sub(window.used());
            if free == 0 {
                window.note(request.caller, now);
                return Err(window.frees_at(now).since(now));
            }
            // One function does not take all that is left: others may be about to ask.
            let share = (free / 2).max(1);
            most = most.min(share).min(limit.most_of_one_lease());
            if let Err(wait) = window.share(limit, request.caller, &mut most, now) {
                window.note(request.caller, now);
                return Err(wait);
            }
        }
        let (calls, length) = self.size(request, most);
        let until = now.plus(length);
        for window in &mut self.windows {
            window.add(request.caller, calls, until);
        }
        Ok(QuotaLease { calls, until })
    }

    /// How many calls, and for how long: the longest lease for which calls are expected besides
    /// those that start at once, and that leaves half of each limit free. Under pressure leases are
    /// short, so that what is not used up is lost for a short time only; but never so short that
    /// they may have ended when they are written.
    fn size(&self, request: &QuotaRequest<'_>, most: u32) -> (u32, Duration) {
        let shortest = request.limits.iter().map(|limit| limit.window).min();
        let window = shortest.unwrap_or(LONGEST_LEASE);
        let at_once = request.wanted.clamp(1, most.max(1));
        let usable = request.written_in * 2;
        let last = (window / 10).max(usable).min(LONGEST_LEASE);
        if request.concurrent.is_some() {
            // Each call is counted on its own, so leases in advance would save nothing.
            return (1, last);
        }
        let lengths = [window * 2, window, window / 2, window / 4];
        let lengths = lengths.map(|length| length.max(usable).min(LONGEST_LEASE));
        let sizes = lengths.map(|length| (request.expected(length).min(most), length));
        let mut sizes = sizes.into_iter();
        let fitting = sizes.find(|(calls, _)| *calls > at_once && self.is_calm(request, *calls));
        fitting.unwrap_or_else(|| (request.expected(last).clamp(at_once, most.max(1)), last))
    }

    /// Whether at least half of each limit stays free.
    fn is_calm(&self, request: &QuotaRequest<'_>, calls: u32) -> bool {
        let mut pairs = self.windows.iter().zip(request.limits);
        pairs.all(|(window, limit)| window.used().saturating_add(calls) <= limit.requests / 2)
    }
}

impl RateLimit {
    /// A lease that is not used up is lost: for long, if the window is.
    fn most_of_one_lease(&self) -> u32 {
        let part = if self.window > SHORT_WINDOW { 50 } else { 4 };
        (self.requests / part).max(1)
    }
}

impl QuotaRequest<'_> {
    /// How many calls are expected in this time.
    fn expected(&self, length: Duration) -> u32 {
        let calls = u128::from(self.per_minute) * length.as_millis() / 60_000;
        u32::try_from(calls).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
