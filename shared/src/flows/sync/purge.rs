//! Deletes what an integration leaves behind when it is deleted.
//!
//! What it guarantees:
//! - Nothing of an integration that is there is deleted. A deletion that was asked for and did not come to
//!   be ends in nothing.
//! - Nothing is left. Whoever has read the integration before it was deleted may still write for it: so
//!   nothing is deleted before all of these have ended, from when it was first seen to be gone. Who reads it
//!   later finds it gone, and writes nothing.
//! - What leads other functions to find the integration gone, and to end what they do for it, stays until
//!   they have.
//! - A message deletes a bounded number of items, and is sent on until there are none. It can be handled
//!   twice, by two at a time, or break off anywhere.

use std::time::Duration;

use crate::domain::{Error, IntegrationId, OrganizationId, Sources, Timestamp};
use crate::lambda::metrics::{Metric, Metrics};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::Store;

/// When is looked for the first time whether the integration is gone: longer than its deletion takes.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// How long is waited between looks while it is not gone.
const NEXT_LOOK: Duration = Duration::from_secs(300);
/// After so long its deletion has not come to be, and never will: none runs for longer.
const NOT_DELETED: Duration = Duration::from_secs(3_600);
/// Longer than any function runs that has read the integration, and than it remembers it; also how long is
/// waited for others to see that it is gone. SQS hides no message for longer.
const AT_REST: Duration = Duration::from_secs(900);
/// After so long the functions that have to find the integration gone do not run: each looks once a day at
/// least. What waits for them stays.
const NOT_SEEN: Duration = Duration::from_secs(2 * 24 * 3_600);
/// How many items are deleted for one message: some ten seconds.
const ITEMS: usize = 20_000;

/// Deletes what deleted integrations leave behind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Purger {
    store: Store,
    queue: SyncQueue,
    metrics: Metrics,
    sources: Sources,
    items: usize,
}

/// An integration that is to be purged, once it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeDue {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// When its deletion was asked for.
    pub asked_at: Timestamp,
    /// When it was first seen to be gone.
    pub gone_at: Option<Timestamp>,
}

impl Purger {
    /// Deletes in `store`, in turns that are sent by `queue`; counts by `metrics` what is deleted.
    #[must_use]
    pub fn new(store: Store, queue: SyncQueue, metrics: Metrics, sources: Sources) -> Self {
        Self {
            store,
            queue,
            metrics,
            sources,
            items: ITEMS,
        }
    }

    /// The same, deleting some `items` items for one message.
    #[must_use]
    pub fn in_steps_of(self, items: usize) -> Self {
        Self { items, ..self }
    }

    /// Has an integration purged that is about to be deleted. If it is not deleted after all, nothing of
    /// it is.
    ///
    /// # Errors
    ///
    /// If the queue does not answer. Then the integration is not to be deleted, as it might never be
    /// purged.
    pub async fn ask(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        let due = PurgeDue {
            organization,
            integration,
            asked_at: self.sources.now(),
            gone_at: None,
        };
        self.later(due, FIRST_LOOK).await
    }

    /// Does what can be done now of a purge, and has the rest done later.
    ///
    /// # Errors
    ///
    /// If the table or the queue does not answer: the message is to come again.
    pub async fn purge(&self, due: PurgeDue) -> Result<(), Error> {
        let (organization, integration) = (due.organization, due.integration);
        let now = self.sources.now();
        let found = self.store.integration(organization, integration).await?;
        if found.is_some() {
            if now.since(due.asked_at) < NOT_DELETED {
                let gone_at = None;
                return self.later(PurgeDue { gone_at, ..due }, NEXT_LOOK).await;
            }
            tracing::warn!(integration.id = %integration, "{integration} was to be deleted, and is still there; nothing of it is purged");
            return Ok(());
        }
        let gone_at = due.gone_at.unwrap_or(now);
        let due = PurgeDue {
            gone_at: Some(gone_at),
            ..due
        };
        let rested = now.since(gone_at);
        if rested < AT_REST {
            return self.later(due, AT_REST.saturating_sub(rested)).await;
        }
        let purging = (self.store).purge_integration(organization, integration, self.items);
        let purged = purging.await?;
        let (records, items, is_done) = (purged.records, purged.items, purged.is_done);
        tracing::info!(integration.id = %integration, organization.id = %organization, records, items, is_done, "{items} items of {integration} were purged");
        if records > 0 {
            let metrics = &self.metrics;
            metrics.count_many(Metric::RecordsChanged, records, "purged", now);
        }
        if is_done {
            return Ok(());
        }
        if !purged.waits {
            return self.later(due, Duration::ZERO).await;
        }
        if rested < NOT_SEEN {
            return self.later(due, AT_REST).await;
        }
        tracing::error!(integration.id = %integration, organization.id = %organization, "that {integration} is gone was not seen by `monitor`, or by `rotation`: something of it is left");
        Ok(())
    }

    async fn later(&self, due: PurgeDue, wait: Duration) -> Result<(), Error> {
        let message = SyncMessage::Purge {
            organization: due.organization,
            integration: due.integration,
            asked_at: due.asked_at,
            gone_at: due.gone_at,
        };
        self.queue.send(&message, wait).await?;
        Ok(())
    }
}
