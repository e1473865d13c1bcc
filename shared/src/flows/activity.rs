//! Notes which integrations are in use, so that what happened there is rolled up.
//!
//! What happened is in the log of requests and among the events; a mark only says that there is something
//! to look at. It is written before the call is made, or after the event is stored, and by each running
//! function once in five minutes for each integration: for all other calls and events it costs nothing.

use std::fmt;
use std::sync::Arc;

use super::slots::Slots;
use crate::domain::health::Gate;
use crate::domain::{IntegrationId, OrganizationId, Sources, Timestamp};
use crate::lambda::telemetry::chain;
use crate::store::Store;

/// Integrations that one function remembers.
const CAPACITY: usize = 1_000;

type Owned = (OrganizationId, IntegrationId);

/// Marks integrations that are in use. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Activity {
    store: Store,
    sources: Sources,
    /// Who holds one marks for all who wait for it.
    gates: Arc<Slots<Owned, tokio::sync::Mutex<Gate>>>,
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity").finish_non_exhaustive()
    }
}

impl Activity {
    /// Marks in `store`.
    #[must_use]
    pub fn new(store: Store, sources: Sources) -> Self {
        Self {
            store,
            sources,
            gates: Arc::new(Slots::new(CAPACITY)),
        }
    }

    /// Notes that something of `at` is stored of an integration. If that cannot be written, the next one
    /// tries again: nothing fails for want of a mark.
    pub async fn note(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        at: Timestamp,
    ) {
        let gate = self.gates.of((organization, integration));
        let mut gate = gate.lock().await;
        let now = self.sources.now();
        if !gate.needs_mark(at, now) {
            return;
        }
        match (self.store.mark_watch(organization, integration, at, now)).await {
            Ok(()) => gate.marked(at, now),
            Err(error) => tracing::warn!(
                integration.id = %integration,
                cause = chain(&error),
                "that {integration} is in use is not noted"
            ),
        }
    }
}
