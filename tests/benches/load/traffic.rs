//! Requests at a fixed rate, whether or not those before are answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::clock::now;
use crate::tenant::{Kind, Tenant};

/// How one request went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) took: Duration,
    /// None, if there was no answer.
    pub(crate) status: Option<u16>,
}

impl Sample {
    pub(crate) fn is_good(&self) -> bool {
        self.status.is_some_and(|it| (200..300).contains(&it))
    }
}

/// Has a tenant ask for the same thing again and again until an instant.
pub(crate) async fn ask(
    tenant: Arc<Tenant>,
    kind: Kind,
    every: Duration,
    until: Instant,
) -> Vec<Sample> {
    let mut ticks = interval(every);
    // What was late is made up for: the rate is kept.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = sleep_until(until) => break,
            _ = ticks.tick() => {}
        }
        let tenant = Arc::clone(&tenant);
        requests.spawn(async move {
            let began = now();
            let status = tenant.send(kind).await;
            Sample {
                took: began.elapsed(),
                status,
            }
        });
    }
    requests.join_all().await
}

/// The 99th of a hundred, and the middle one.
pub(crate) fn percentiles(samples: &[Sample]) -> (Duration, Duration) {
    let mut took: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    (at(99), at(50))
}

/// How many were answered with a status from 200 to 299.
pub(crate) fn good(samples: &[Sample]) -> usize {
    samples.iter().filter(|sample| sample.is_good()).count()
}
