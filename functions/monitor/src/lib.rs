//! `monitor`: rolls up what happened at integrations, and checks them; has alerts fire, makes incidents of
//! them, and goes on with runs of playbooks.
//!
//! Each integration has an entry in an index by time. A run takes the entries whose time has come, those
//! that have waited longest first, and moves each to where it has to be looked at next: so a run that ends
//! early, or dies, leaves the rest to the next one. What is rolled up is computed from the log of requests
//! and from the events, and put whole: to do it twice changes nothing, and no run can lose anything.
//!
//! What it guarantees: one integration that fails, or is slow, holds up no other; and people are told what
//! they are owed beside the visits, however long those take. What it does not: that a check is
//! made exactly once each hour. The alarm on `MonitorLag` says when runs cannot keep up.

mod alerts;
mod incidents;
mod state;
mod visit;

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use gatehouse::domain::{Error, Timestamp};
use gatehouse::lambda::metrics::Metric;
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{DueWatch, StoreError};
use serde::Serialize;
use serde_json::Value;

use visit::Visited;

pub use state::State;

/// How many integrations one run looks at.
const MOST: usize = 5_000;
/// How many are looked at in one go, and at the same time.
const PAGE: u16 = 100;
const AT_ONCE: usize = 64;
/// No visit begins after this; its function has twice as long.
const ENOUGH: Duration = Duration::from_secs(50);
/// A visit may take so long: longer than a name and a call, which are waited for 30 seconds.
const A_VISIT: Duration = Duration::from_secs(40);
/// Runs of playbooks are gone on with until then.
const RUN_UNTIL: Duration = Duration::from_secs(65);
/// What people are owed is sent until then.
const TOLD_UNTIL: Duration = Duration::from_secs(70);

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Integrations that were looked at.
    pub visited: usize,
    /// Roll-ups that were put.
    pub rolled_up: usize,
    /// Probes that were made.
    pub checks: usize,
    /// Alerts that fired, or were over.
    pub alerts: usize,
    /// Runs of playbooks that went on.
    pub runs: usize,
    /// Notices of alerts that reached everybody who wants them.
    pub told: usize,
    /// Entries of integrations that are no more, or that are looked at another time.
    pub dropped: usize,
    /// Entries that stay where they are: something did not answer.
    pub left: usize,
}

impl Report {
    fn total(&self) -> usize {
        self.visited + self.dropped + self.left
    }
}

/// Looks at the integrations whose time has come. The event says nothing but that it is time.
///
/// # Errors
///
/// If the index cannot be read.
pub async fn handle(state: &State, _event: Value) -> Result<Report, StoreError> {
    let began = state.sources.now();
    // A provider that does not answer holds up its own visit, and nobody who is owed something.
    let (visits, runs, told) = tokio::join!(
        Box::pin(visit_all(state, began)),
        go_on(state, began),
        pay(state, began)
    );
    let mut report = visits?;
    // What the visits have brought about.
    report.runs = runs.saturating_add(go_on(state, began).await);
    report.told = told.saturating_add(pay(state, began).await);
    tracing::info!(?report, "integrations were looked at");
    Ok(report)
}

/// Looks at the integrations whose time has come, as far as this run's time goes.
async fn visit_all(state: &State, began: Timestamp) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut left = HashSet::new();
    let mut waits_since = None;
    while !is_over(state, began, &report) {
        let limit = PAGE.saturating_add(u16::try_from(left.len()).unwrap_or(u16::MAX));
        let page = state.store.due_watches(began, limit).await?;
        let new: Vec<DueWatch> = page.into_iter().filter(|due| !left.contains(due)).collect();
        waits_since = new.first().map(|due| due.at);
        if new.is_empty() {
            break;
        }
        let visits = new.into_iter();
        let visits = visits.map(|due| Box::pin(visit_in_time(state, due, began)));
        let visits = futures::stream::iter(visits).buffer_unordered(AT_ONCE);
        let ends: Vec<_> = visits.collect().await;
        for (due, visited) in ends {
            if let Err(error) = &visited {
                let integration = due.integration;
                tracing::error!(
                    integration.id = %integration,
                    cause = chain(error),
                    "{integration} could not be looked at"
                );
            }
            if matches!(visited, Err(_) | Ok(Visited::Late)) {
                left.insert(due);
            }
            visit::count(&visited, &mut report);
        }
    }
    tell(state, began, waits_since, &left);
    Ok(report)
}

/// Looks at one integration, unless the run's time is over. A visit that takes too long is left to the next
/// run, in which it is not checked at once again.
async fn visit_in_time(
    state: &State,
    due: DueWatch,
    began: Timestamp,
) -> (DueWatch, Result<Visited, Error>) {
    if state.sources.now().since(began) >= ENOUGH {
        return (due, Ok(Visited::Late));
    }
    let visiting = Box::pin(visit::visit(state, &due));
    let visited = tokio::time::timeout(A_VISIT, visiting).await;
    let visited = visited.unwrap_or_else(|_| {
        let id = due.integration;
        tracing::warn!(integration.id = %id, "{id} took too long to be looked at");
        Ok(Visited::Late)
    });
    (due, visited)
}

/// Goes on with runs of playbooks whose time has come. Those that are left are the next run's.
async fn go_on(state: &State, began: Timestamp) -> usize {
    match Box::pin(state.playbooks.tick(began.plus(RUN_UNTIL))).await {
        Ok(report) => report.moved,
        Err(error) => {
            tracing::error!(cause = chain(&error), "runs of playbooks could not go on");
            0
        }
    }
}

/// Tells people what they are owed. What is not told now is by the next run.
async fn pay(state: &State, began: Timestamp) -> usize {
    match Box::pin(state.notifier.pay(began.plus(TOLD_UNTIL))).await {
        Ok(paid) => paid.told,
        Err(error) => {
            tracing::error!(cause = chain(&error), "nobody could be told of alerts");
            0
        }
    }
}

/// Says how long the integration has waited that has waited longest, and is not looked at.
fn tell(state: &State, began: Timestamp, waits_since: Option<Timestamp>, left: &HashSet<DueWatch>) {
    let oldest = left.iter().map(|due| due.at).chain(waits_since).min();
    let lag = oldest.map_or(Duration::ZERO, |at| began.since(at));
    let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
    state.metrics.measure(Metric::MonitorLag, lag, began);
}

/// Whether the rest is for the next run.
fn is_over(state: &State, began: Timestamp, report: &Report) -> bool {
    report.total() >= MOST || state.sources.now().since(began) >= ENOUGH
}
