//! Tells whoever follows the feed of changes that there may be more of it.
//!
//! The feed is the outbox: what follows from a change is found in it, by the one that reads on from where
//! it was last. That one is called twice: once before the change is written, for later than the writer can
//! still run, and once after it, at once. So no change is written of which nobody is told, wherever the
//! writer dies; and usually it is told at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Kind;
use crate::domain::{Destination, Error, IntegrationId, Sources};
use crate::lambda::WarmCache;
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::Store;

/// Longer than a function may run that writes changes.
const MAKING_SURE: Duration = Duration::from_secs(180);
/// How long it is remembered whether destinations want to be told of records.
const MAX_AGE: Duration = Duration::from_secs(5);
const CAPACITY: usize = 1_000;

/// Tells of changes. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Hints {
    store: Store,
    queue: SyncQueue,
    sources: Sources,
    destinations: Arc<WarmCache<IntegrationId, Arc<[Destination]>>>,
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").finish_non_exhaustive()
    }
}

impl Hints {
    /// Tells by `queue`, where `store` says that somebody wants to know.
    #[must_use]
    pub fn new(store: Store, queue: SyncQueue, sources: Sources) -> Self {
        Self {
            store,
            queue,
            sources,
            destinations: Arc::new(WarmCache::new(CAPACITY, MAX_AGE)),
        }
    }

    /// Whether anybody wants to know of each change: a linked record, or a destination.
    pub(super) async fn are_wanted(&self, kind: Kind<'_>) -> Result<bool, Error> {
        Ok(kind.rules.target.is_some() || !self.destinations(kind).await?.is_empty())
    }

    /// The destinations that are told of changes of records.
    pub(super) async fn destinations(&self, kind: Kind<'_>) -> Result<Arc<[Destination]>, Error> {
        let (organization, integration) = (kind.organization, kind.integration);
        let now = self.sources.now();
        if let Some(known) = self.destinations.get(&integration, now) {
            return Ok(known);
        }
        let all = (self.store).all_destinations(organization, integration);
        let all = all.await?.into_iter();
        let wanting: Arc<[Destination]> = all.filter(Destination::names_records).collect();
        (self.destinations).insert(integration, Arc::clone(&wanting), now);
        Ok(wanting)
    }

    /// Before changes are written.
    pub(super) async fn before(&self, kind: Kind<'_>) -> Result<(), Error> {
        self.queue.send(&message(kind), MAKING_SURE).await?;
        Ok(())
    }

    /// After they were. If it fails, the message from before is still on its way.
    pub(super) async fn after(&self, kind: Kind<'_>) {
        if let Err(error) = self.queue.send(&message(kind), Duration::ZERO).await {
            let id = kind.integration;
            tracing::warn!(
                integration.id = %id,
                error = &error as &dyn std::error::Error,
                "what follows from changes of {id} follows later"
            );
        }
    }
}

fn message(kind: Kind<'_>) -> SyncMessage {
    SyncMessage::Feed {
        organization: kind.organization,
        integration: kind.integration,
        entity: kind.entity.clone(),
    }
}
