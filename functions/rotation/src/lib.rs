//! `rotation`: replaces credentials when they are due, step by step, renews grants that nobody
//! uses, before their refresh tokens lapse, and replaces data keys of organizations.
//!
//! It is run by a schedule, and by Secrets Manager where that rotates a secret by itself. What is
//! due is in five indexes: of rotations, of emergencies, of signing secrets and of data keys by
//! instant, and of grants by day. Each
//! grant that can lapse has an entry in an index by day. A run takes the entries whose time has come, those that have waited longest first, and moves each to where it has to be looked at next:
//! so a run that ends early, or dies, leaves the rest to the next one.
//!
//! What it guarantees: one integration that fails holds up no other; its entry moves on like the
//! rest. What it does not: that a grant whose authorization server fails until the refresh token
//! lapses is kept. The alarm on `GrantsAtRisk` says so days before.

mod due;
mod secrets;
mod secrets_manager;
mod state;
mod visit;

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use gatehouse::domain::Timestamp;
use gatehouse::flows::data_keys::{DATA_KEY_TIME, DataKeyReport};
use gatehouse::flows::rotation::{EMERGENCY_TIME, EmergencyReport};
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{DueGrant, StoreError};
use serde::Serialize;
use serde_json::Value;

pub use due::Rotations;
pub use secrets::SigningSecrets;
pub use secrets_manager::{Step, StepError, StepEvent};
pub use state::State;

/// How many grants one run looks at.
const MOST: usize = 1_000;
/// How many are looked at in one go, and at the same time.
const PAGE: u16 = 50;
const AT_ONCE: usize = 8;
/// No run begins another page after this; its function has twice as long.
const ENOUGH: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A first run looks so many days back.
const FIRST_DAYS: u32 = 31;

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Grants that were renewed.
    pub renewed: usize,
    /// Grants that did not have to be.
    pub early: usize,
    /// Grants that could not be, and are looked at again.
    pub failed: usize,
    /// Entries of grants that are no more.
    pub dropped: usize,
    /// Entries that stay where they are: the table did not answer.
    pub left: usize,
    /// What was done about rotations.
    pub rotations: Rotations,
    /// What was done about emergencies of many integrations.
    pub emergencies: EmergencyReport,
    /// What was done about signing secrets.
    pub signing_secrets: SigningSecrets,
    /// What was done about data keys of organizations.
    pub data_keys: DataKeyReport,
}

/// Why a run, or a step, came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An index cannot be read, or its beginning not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A step of Secrets Manager's could not be made.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The event is neither a step nor a schedule's.
    #[error("the event is not understood")]
    Event,
}

impl Report {
    fn total(&self) -> usize {
        self.renewed + self.early + self.failed + self.dropped + self.left
    }
}

/// Makes the step that the event asks for, or looks at all that is due: a schedule's event says
/// nothing but that it is time.
///
/// # Errors
///
/// [`RunError`].
pub async fn handle(state: &State, event: Value) -> Result<Value, RunError> {
    if event.get("Step").is_some() {
        let event: StepEvent = serde_json::from_value(event).map_err(|_| RunError::Event)?;
        Box::pin(secrets_manager::handle(state, &event)).await?;
        return Ok(Value::Null);
    }
    let report = scheduled(state).await?;
    Ok(serde_json::to_value(report).unwrap_or_default())
}

/// Looks at the rotations and the grants whose time has come.
///
/// # Errors
///
/// If an index cannot be read or its beginning not be written.
pub async fn scheduled(state: &State) -> Result<Report, StoreError> {
    let began = state.sources.now();
    // First, so that the rotations that they start are gone on with in this run.
    let emergencies = Box::pin(state.emergencies.run(began.plus(EMERGENCY_TIME))).await;
    // At the same time: none has to wait for another's providers.
    let (rotations, signing_secrets, grants, data_keys) = tokio::join!(
        Box::pin(due::run(state, state.sources.now())),
        Box::pin(secrets::run(state, state.sources.now())),
        Box::pin(due_grants(state, began)),
        Box::pin(state.data_keys.run(began.plus(DATA_KEY_TIME)))
    );
    let report = Report {
        rotations: rotations?,
        emergencies: emergencies?,
        signing_secrets: signing_secrets?,
        data_keys: data_keys?,
        ..grants?
    };
    tracing::info!(?report, "what is due was looked at");
    Ok(report)
}

/// Looks at the grants whose time has come.
async fn due_grants(state: &State, began: Timestamp) -> Result<Report, StoreError> {
    let known = state.store.grants_due_from().await?;
    let mut day = known.unwrap_or_else(|| began.minus(DAY * FIRST_DAYS));
    let mut report = Report::default();
    let mut left = HashSet::new();
    let mut first = None;
    loop {
        let is_done = the_day(state, day, began, &mut report, &mut left).await?;
        if !is_done && first.is_none() {
            first = Some(day);
        }
        if is_over(state, began, &report) || day.plus(DAY) > end_of_day(began) {
            break;
        }
        day = day.plus(DAY);
    }
    // Clocks differ, and so yesterday may still get an entry.
    let from = first.unwrap_or(day).min(began.minus(DAY));
    if known.is_none_or(|known| known < from) {
        state.store.put_grants_due_from(from).await?;
    }
    Ok(report)
}

/// Looks at the entries of one day. Whether none is left whose time has come.
async fn the_day(
    state: &State,
    day: Timestamp,
    began: Timestamp,
    report: &mut Report,
    left: &mut HashSet<DueGrant>,
) -> Result<bool, StoreError> {
    loop {
        let page = state.store.due_grants(day, began, PAGE).await?;
        let new: Vec<DueGrant> = page.into_iter().filter(|due| !left.contains(due)).collect();
        if new.is_empty() {
            return Ok(left.is_empty());
        }
        if is_over(state, began, report) {
            return Ok(false);
        }
        let visits = futures::stream::iter(new.into_iter().map(|due| async move {
            let visited = Box::pin(visit::visit(state, &due)).await;
            (due, visited)
        }));
        let ends: Vec<_> = visits.buffer_unordered(AT_ONCE).collect().await;
        for (due, visited) in ends {
            if let Err(error) = &visited {
                let integration = due.integration;
                tracing::error!(
                    integration.id = %integration,
                    cause = chain(error),
                    "the grant of {integration} could not be looked at"
                );
                left.insert(due);
            }
            visit::count(state, &visited, report);
        }
    }
}

/// Whether the rest is for the next run.
fn is_over(state: &State, began: Timestamp, report: &Report) -> bool {
    report.total() >= MOST || state.sources.now().since(began) >= ENOUGH
}

fn end_of_day(at: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_secs()).unwrap_or(i64::MAX);
    let next = at.as_second().div_euclid(day).saturating_add(1);
    Timestamp::from_second(next.saturating_mul(day)).unwrap_or(at)
}
