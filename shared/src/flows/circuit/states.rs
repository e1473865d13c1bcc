use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::domain::{GatewayState, IntegrationId, OrganizationId, Sources, Timestamp};
use crate::flows::slots::Slots;
use crate::store::{Store, StoreError, Versioned, contended};

/// For how long what was read is believed.
const MAX_AGE: Duration = Duration::from_secs(5);
/// Integrations that one function remembers.
const CAPACITY: usize = 1_000;
/// How often a write is tried against other functions' writes, which are rare.
const TRIES: usize = 8;

/// An integration and its owner.
pub(super) type Owned = (OrganizationId, IntegrationId);

/// What the functions share of each integration, as one of them knows it.
#[derive(Clone)]
pub(super) struct States {
    pub(super) store: Store,
    pub(super) sources: Sources,
    slots: Arc<Slots<Owned, Slot>>,
}

/// One integration. Who holds `known` asks the table for all who wait for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Failures in a row that this function has seen.
    pub(super) failures: AtomicU32,
    known: tokio::sync::Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    state: Versioned<GatewayState>,
    seen_at: Option<Timestamp>,
}

impl States {
    pub(super) fn new(store: Store, sources: Sources) -> Self {
        Self {
            store,
            sources,
            slots: Arc::new(Slots::new(CAPACITY)),
        }
    }

    pub(super) fn slot(&self, owned: Owned) -> Arc<Slot> {
        self.slots.of(owned)
    }

    /// The state, at most five seconds old.
    pub(super) async fn recent(&self, owned: Owned) -> Result<GatewayState, StoreError> {
        let slot = self.slot(owned);
        let mut known = slot.known.lock().await;
        self.refresh(&mut known, owned).await?;
        Ok(known.state.item.clone())
    }

    /// Writes what `change` makes of the state, as it is by then; what it has become. `None`, if
    /// `change` wants nothing written.
    pub(super) async fn change(
        &self,
        owned: Owned,
        mut change: impl FnMut(&GatewayState, Timestamp) -> Option<GatewayState> + Send,
    ) -> Result<Option<GatewayState>, StoreError> {
        let slot = self.slot(owned);
        let mut known = slot.known.lock().await;
        self.refresh(&mut known, owned).await?;
        for _ in 0..TRIES {
            let now = self.sources.now();
            let Some(state) = change(&known.state.item, now) else {
                return Ok(None);
            };
            let (organization, integration) = owned;
            let replaced = self
                .store
                .replace_gateway_state(
                    organization,
                    integration,
                    state.clone(),
                    known.state.version,
                )
                .await?;
            known.seen_at = Some(now);
            match replaced {
                Ok(version) => {
                    known.state = Versioned::new(state.clone(), version);
                    return Ok(Some(state));
                }
                Err(found) => known.state = found,
            }
        }
        Err(contended())
    }

    async fn refresh(&self, known: &mut Known, owned: Owned) -> Result<(), StoreError> {
        let now = self.sources.now();
        // Where the clock has gone back, nobody can say how old it is.
        let seen = known.seen_at.filter(|seen| *seen <= now);
        if seen.is_none_or(|seen| now.since(seen) >= MAX_AGE) {
            let (organization, integration) = owned;
            known.state = self.store.gateway_state(organization, integration).await?;
            known.seen_at = Some(now);
        }
        Ok(())
    }
}
