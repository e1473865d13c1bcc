//! Counts refused requests and writes the security log, at a bounded rate: what is refused is what
//! an attacker sends, and must not become our bill.
//!
//! Every refusal is counted, and few of them write a line. In an interval of [`QUIET`], an endpoint
//! and a reason write one line of the log, and a reason one line of metrics at its first, second,
//! fourth, eighth… refusal, each with what has come since the line before. What is left when the
//! interval ends is written by the next request, whatever becomes of it. A function that is never
//! called again takes less than half of its last interval's refusals with it, uncounted; Lambda
//! tells nobody when it ends one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehouse::domain::{EndpointId, Timestamp};
use gatehouse::lambda::WarmCache;
use gatehouse::lambda::metrics::{Metric, Metrics};

/// How long an interval is.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Refusals {
    metrics: Metrics,
    logged: WarmCache<(Option<EndpointId>, &'static str), ()>,
    intervals: Mutex<BTreeMap<&'static str, Interval>>,
}

/// The refusals for one reason since some instant.
#[derive(Clone, Copy, Debug)]
struct Interval {
    began: Timestamp,
    refusals: u64,
    /// How many of them are in no line yet.
    uncounted: u64,
}

impl Refusals {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            logged: WarmCache::new(1_000, QUIET),
            intervals: Mutex::default(),
        }
    }

    /// Takes note of a request that was refused for `reason`, by `endpoint` if it has one.
    pub(crate) fn note(&self, endpoint: Option<EndpointId>, reason: &'static str, now: Timestamp) {
        self.count(reason, now);
        let key = (endpoint, reason);
        if self.logged.get(&key, now).is_some() {
            return;
        }
        self.logged.insert(key, (), now);
        match endpoint {
            Some(endpoint) => {
                tracing::warn!(endpoint.id = %endpoint, reason, "{endpoint} refused a request: {reason}");
            }
            None => tracing::warn!(reason, "a request was refused: {reason}"),
        }
    }

    fn count(&self, reason: &'static str, now: Timestamp) {
        self.count_ended(now);
        let mut intervals = self
            .intervals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let interval = intervals.entry(reason).or_insert(Interval {
            began: now,
            refusals: 0,
            uncounted: 0,
        });
        interval.refusals += 1;
        interval.uncounted += 1;
        if interval.refusals.is_power_of_two() {
            let uncounted = std::mem::take(&mut interval.uncounted);
            self.write(reason, uncounted, now);
        }
    }

    /// Counts what is left of intervals that have ended.
    pub(crate) fn count_ended(&self, now: Timestamp) {
        let mut intervals = self
            .intervals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        intervals.retain(|reason, interval| {
            let goes_on = now.since(interval.began) < QUIET;
            if !goes_on && interval.uncounted > 0 {
                self.write(reason, interval.uncounted, interval.began);
            }
            goes_on
        });
    }

    fn write(&self, reason: &'static str, times: u64, at: Timestamp) {
        self.metrics
            .count_many(Metric::RequestsRefused, times, reason, at);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;

    /// The lines that were written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        /// What each line counts for `reason`.
        fn counts(&self, reason: &str) -> Vec<u64> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines
                .filter(|line| line["reason"] == reason)
                .map(|line| line["RequestsRefused"].as_u64().unwrap())
                .collect()
        }
    }

    fn refusals() -> (Refusals, Lines) {
        let lines = Lines::default();
        let metrics = Metrics::with_writer("webhooks", lines.clone());
        (Refusals::new(metrics), lines)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn many_refusals_cost_few_lines_and_each_is_counted() {
        let (refusals, lines) = refusals();
        for _ in 0..1000 {
            refusals.note(None, "bad_signature", at(0));
        }
        refusals.note(None, "stale", at(0));
        assert_eq!(
            lines.counts("bad_signature"),
            [1, 1, 2, 4, 8, 16, 32, 64, 128, 256]
        );
        assert_eq!(lines.counts("stale"), [1]);
        refusals.count_ended(at(9));
        assert_eq!(lines.counts("bad_signature").len(), 10);
        refusals.count_ended(at(10));
        refusals.count_ended(at(30));
        assert_eq!(lines.counts("bad_signature").iter().sum::<u64>(), 1000);
        assert_eq!(lines.counts("bad_signature").len(), 11);
        assert_eq!(lines.counts("stale"), [1]);
    }

    #[test]
    fn a_new_interval_begins_anew() {
        let (refusals, lines) = refusals();
        for second in [0, 1, 2, 11, 12] {
            refusals.note(None, "stale", at(second));
        }
        assert_eq!(lines.counts("stale"), [1, 1, 1, 1, 1]);
    }
}
