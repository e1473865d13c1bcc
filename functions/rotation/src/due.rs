//! Rotations whose time has come.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use gatehouse::domain::Timestamp;
use gatehouse::domain::rotation::RotationState;
use gatehouse::flows::rotation::{RotationError, Visited};
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{DueRotation, StoreError};
use serde::Serialize;

use crate::State;

/// How many integrations one run looks at.
const MOST: usize = 500;
/// How many are looked at in one go, and at the same time.
const PAGE: usize = 32;
const AT_ONCE: usize = 8;
/// No run begins another page after this; its function has twice as long.
const ENOUGH: Duration = Duration::from_secs(90);

/// What a run has done about rotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotations {
    /// Those that did all that they had to.
    pub done: usize,
    /// Those that ended in another way.
    pub failed: usize,
    /// Those that go on later.
    pub going_on: usize,
    /// Integrations about which nothing was to be done.
    pub early: usize,
    /// Entries of integrations that are no more.
    pub dropped: usize,
    /// Entries that stay where they are: something did not answer.
    pub left: usize,
}

impl Rotations {
    fn total(&self) -> usize {
        self.done + self.failed + self.going_on + self.early + self.dropped + self.left
    }

    fn count(&mut self, visited: &Result<Visited, RotationError>) {
        let counted = match visited {
            Ok(Visited::Went(RotationState::Done)) => &mut self.done,
            Ok(Visited::Went(RotationState::Failed | RotationState::OrphanPossible)) => {
                &mut self.failed
            }
            Ok(Visited::Went(_)) => &mut self.going_on,
            Ok(Visited::Early) => &mut self.early,
            Ok(Visited::Dropped) => &mut self.dropped,
            Err(_) => &mut self.left,
        };
        *counted = counted.saturating_add(1);
    }
}

/// Looks at the integrations whose time has come, those that have waited longest first. Each visit
/// moves its entry, so what is not reached is left to the next run; one that fails holds up no other.
pub(crate) async fn run(state: &State, began: Timestamp) -> Result<Rotations, StoreError> {
    let mut report = Rotations::default();
    let mut seen: HashSet<DueRotation> = HashSet::new();
    loop {
        let limit = u16::try_from(PAGE + seen.len()).unwrap_or(u16::MAX);
        let page = state.store.due_rotations(began, limit).await?;
        let new: Vec<DueRotation> = page.into_iter().filter(|due| seen.insert(*due)).collect();
        let is_over = state.sources.now().since(began) >= ENOUGH || report.total() >= MOST;
        if new.is_empty() || is_over {
            return Ok(report);
        }
        let visits = futures::stream::iter(new.into_iter().map(|due| async move {
            let visited = Box::pin(state.rotator.visit(&due)).await;
            (due, visited)
        }));
        let ends: Vec<_> = visits.buffer_unordered(AT_ONCE).collect().await;
        for (due, visited) in ends {
            if let Err(error) = &visited {
                let integration = due.integration;
                tracing::error!(
                    integration.id = %integration,
                    cause = chain(error),
                    "the rotation of {integration} could not be gone on with"
                );
            }
            report.count(&visited);
        }
    }
}
