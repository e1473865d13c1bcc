//! Signing secrets whose time has come.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use gatehouse::domain::Timestamp;
use gatehouse::flows::secret_rotation::{SecretRotationError, SecretsVisited};
use gatehouse::lambda::telemetry::chain;
use gatehouse::store::{DueSecrets, StoreError};
use serde::Serialize;

use crate::State;

/// How many destinations and endpoints one run looks at.
const MOST: usize = 500;
/// How many are looked at in one go, and at the same time.
const PAGE: usize = 32;
const AT_ONCE: usize = 8;
/// No run begins another page after this; its function has twice as long.
const ENOUGH: Duration = Duration::from_secs(90);

/// What a run has done about signing secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningSecrets {
    /// Destinations that got a new one.
    pub made: usize,
    /// Destinations and endpoints whose people were reminded.
    pub reminded: usize,
    /// Those that lost nothing but old ones.
    pub forgot: usize,
    /// Those that somebody else has changed meanwhile.
    pub moved: usize,
    /// Entries of what is gone, or is due at another time.
    pub dropped: usize,
    /// Entries that stay where they are: something did not answer.
    pub left: usize,
}

impl SigningSecrets {
    fn total(&self) -> usize {
        self.made + self.reminded + self.forgot + self.moved + self.dropped + self.left
    }

    fn count(&mut self, visited: &Result<SecretsVisited, SecretRotationError>) {
        let counted = match visited {
            Ok(SecretsVisited::Made) => &mut self.made,
            Ok(SecretsVisited::Reminded) => &mut self.reminded,
            Ok(SecretsVisited::Forgot) => &mut self.forgot,
            Ok(SecretsVisited::Moved) => &mut self.moved,
            Ok(SecretsVisited::Dropped) => &mut self.dropped,
            Err(_) => &mut self.left,
        };
        *counted = counted.saturating_add(1);
    }
}

/// Looks at the signing secrets whose time has come, those that have waited longest first. Each visit
/// moves its entry, so what is not reached is left to the next run; one that fails holds up no other.
pub(crate) async fn run(state: &State, began: Timestamp) -> Result<SigningSecrets, StoreError> {
    let mut report = SigningSecrets::default();
    let mut seen: HashSet<DueSecrets> = HashSet::new();
    loop {
        let limit = u16::try_from(PAGE + seen.len()).unwrap_or(u16::MAX);
        let page = state.store.due_secrets(began, limit).await?;
        let new: Vec<DueSecrets> = page.into_iter().filter(|due| seen.insert(*due)).collect();
        let is_over = state.sources.now().since(began) >= ENOUGH || report.total() >= MOST;
        if new.is_empty() || is_over {
            return Ok(report);
        }
        let visits = futures::stream::iter(new.into_iter().map(|due| async move {
            let visited = Box::pin(state.secret_rotator.visit(&due)).await;
            (due, visited)
        }));
        let ends: Vec<_> = visits.buffer_unordered(AT_ONCE).collect().await;
        for (due, visited) in ends {
            if let Err(error) = &visited {
                let owner = due.owner;
                tracing::error!(
                    integration.id = %due.integration,
                    cause = chain(error),
                    "the signing secrets of {owner} could not be looked at"
                );
            }
            report.count(&visited);
        }
    }
}
