//! Counts refused requests and writes the security log, at a bounded rate.

use std::time::Duration;

use gatehouse::domain::{EndpointId, Timestamp};
use gatehouse::lambda::WarmCache;
use gatehouse::lambda::metrics::{Metric, Metrics};

/// At most one log line for an endpoint and a reason in this time: what is refused is what an
/// attacker sends, and must not become our bill. The counter counts all of them.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Refusals {
    metrics: Metrics,
    logged: WarmCache<(Option<EndpointId>, &'static str), ()>,
}

impl Refusals {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            logged: WarmCache::new(1_000, QUIET),
        }
    }

    /// Takes note of a request that was refused for `reason`, by `endpoint` if it has one.
    pub(crate) fn note(&self, endpoint: Option<EndpointId>, reason: &'static str, now: Timestamp) {
        self.metrics.count_for(Metric::RequestsRefused, reason, now);
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
}
