//! Keeps calls to the limits that all running functions share.
//!
//! A function leases calls in the table ([`Quota`] says what that guarantees) and starts them from
//! memory: a warm call mostly writes nothing. How many it leases follows from how fast it used the
//! last ones. Those who find nothing left wait for one write, which leases for all of them.
//!
//! What costs no access to the table at all: a call that is refused before the time that an
//! earlier refusal named. What costs one read every five seconds for each scope in use: seeing that
//! another function has been told by the provider to wait. For so long at most, this one goes on
//! calling; that holds where no limit is configured, too.
//!
//! A call that has a permit should be sent at once: the limit counts from then on.

mod demand;
mod local;
mod slot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::slots::Slots;
use crate::domain::{RateLimits, RequestId, Sources, Timestamp};
use crate::lambda::telemetry::chain;
use crate::store::{QuotaScope, Store, StoreError, Versioned, contended};

pub use demand::{Demand, Headroom, LimitError, Outlook, Permit};
use local::{Known, Local};
use slot::{Draft, Slot};

/// Scopes that one function remembers.
const CAPACITY: usize = 1_000;
/// How often a write is tried against other functions' writes. Each that loses learns what stands
/// there, and one of those that meet always wins.
const TRIES: usize = 8;
/// How long to wait where other functions were faster every time: at least, and up to so much more.
const BUSY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(150));
/// A refusal by the provider that ends later by less than this is the one that is known.
const SAME_BLOCK: Duration = Duration::from_secs(1);

/// The limits of outbound calls, as one running function keeps to them. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    store: Store,
    sources: Sources,
    slots: Arc<Slots<QuotaScope, Slot>>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

impl Limiter {
    /// The limits that are kept in `store`.
    #[must_use]
    pub fn new(store: Store, sources: Sources) -> Self {
        Self {
            store,
            sources,
            slots: Arc::new(Slots::new(CAPACITY)),
        }
    }

    /// Takes a call out of every scope, or out of none.
    ///
    /// # Errors
    ///
    /// [`LimitError::Limited`] if one of them refuses, or too many functions ask at the same time;
    /// [`LimitError::Store`] if the table does not answer.
    pub async fn acquire(&self, demands: &[Demand<'_>]) -> Result<Permit, LimitError> {
        let mut permit = Permit {
            call: demands.first().map(|demand| demand.call),
            places: Vec::new(),
        };
        self.refuse_early(demands).await?;
        for (index, demand) in demands.iter().enumerate() {
            if let Err(error) = self.take(demand).await {
                self.give_back(demands.get(..index).unwrap_or_default(), permit)
                    .await;
                return Err(error);
            }
            if demand.needs_place() {
                permit.places.push(demand.scope);
            }
        }
        Ok(permit)
    }

    /// The call has ended. Where that cannot be written, its place becomes free when its time is
    /// over.
    pub async fn release(&self, permit: Permit) {
        for scope in permit.places {
            if let Some(call) = permit.call {
                self.free(scope, call).await;
            }
        }
    }

    /// The provider takes no calls for `wait`: nor shall any function make one. Others know of it
    /// when they next lease calls, or five seconds later.
    ///
    /// # Errors
    ///
    /// If the table does not answer. This function knows of it all the same.
    pub async fn block(&self, scope: QuotaScope, wait: Duration) -> Result<(), StoreError> {
        let slot = self.slots.of(scope);
        let mut local = slot.local.lock().await;
        for _ in 0..TRIES {
            let now = self.sources.now();
            let Versioned { item, version } = local.known().clone();
            let mut quota = item;
            let known = quota.blocked_until(now);
            quota.block(wait, now);
            let wanted = quota.blocked_until(now);
            if known.is_some_and(|known| wanted <= Some(known.plus(SAME_BLOCK))) {
                return Ok(());
            }
            let replaced = self.store.replace_quota(scope, quota.clone(), version, now);
            match replaced.await {
                Ok(Ok(version)) => {
                    local.saw(Versioned::new(quota, version), now);
                    return Ok(());
                }
                Ok(Err(found)) => local.saw(found, now),
                Err(error) => {
                    local.blocked(wanted);
                    return Err(error);
                }
            }
            local.blocked(wanted);
        }
        Err(contended())
    }

    /// What is free of `limits`, as the table says now.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn headroom(
        &self,
        scope: QuotaScope,
        limits: &RateLimits,
    ) -> Result<Headroom, StoreError> {
        let quota = self.store.quota(scope).await?.item;
        let now = self.sources.now();
        let limits = limits.limits();
        let free = quota.free(&limits, now);
        Ok(Headroom {
            limits: limits.into_iter().zip(free).collect(),
            running: quota.running(now),
            blocked_until: quota.blocked_until(now),
        })
    }

    /// What this function knows of a scope without asking the table: how many calls are left of
    /// `limits`, and for how long they are refused. Others may have made calls since.
    pub async fn outlook(&self, demand: &Demand<'_>) -> Outlook {
        let slot = self.slots.of(demand.scope);
        let local = slot.local.lock().await;
        local.outlook(&demand.limits.limits(), demand.caller, self.sources.now())
    }

    /// Where it is known that one scope refuses, nothing is taken from the others.
    async fn refuse_early(&self, demands: &[Demand<'_>]) -> Result<(), LimitError> {
        for demand in demands.get(1..).unwrap_or_default() {
            let slot = self.slots.of(demand.scope);
            let mut local = slot.local.lock().await;
            local.adapt(demand.limits);
            if let Some(wait) = local.refusal(demand.caller, self.sources.now()) {
                return Err(LimitError::limited(wait));
            }
        }
        Ok(())
    }

    async fn take(&self, demand: &Demand<'_>) -> Result<(), LimitError> {
        let slot = self.slots.of(demand.scope);
        let _waiting = slot.wait(demand.caller);
        let mut local = slot.local.lock().await;
        let Err(error) = self.start(&slot, &mut local, demand).await else {
            return Ok(());
        };
        if let LimitError::Limited { retry_after } = error {
            local.refused(demand.caller, retry_after, self.sources.now());
        }
        let keeps_place = demand.needs_place() && local.known().item.runs(demand.call);
        drop(local);
        if keeps_place {
            self.free(demand.scope, demand.call).await;
        }
        Err(error)
    }

    async fn start(
        &self,
        slot: &Slot,
        local: &mut Local,
        demand: &Demand<'_>,
    ) -> Result<(), LimitError> {
        let mut is_current = false;
        for _ in 0..TRIES {
            let now = self.sources.now();
            match local.take(demand.limits, demand.caller, now) {
                Known::Taken => return Ok(()),
                Known::Refused(wait) => return Err(LimitError::limited(wait)),
                Known::Unseen => self.look(local, demand.scope, now).await?,
                Known::Empty => {
                    let draft = Draft::of(local, demand, slot.waiting(demand.caller), now);
                    if draft.is_idle && !is_current {
                        // What is known may be old: it has to be refused for what holds now.
                        self.look(local, demand.scope, now).await?;
                    } else if self.lease(local, demand, draft, now).await? {
                        return Ok(());
                    }
                }
            }
            is_current = true;
        }
        Err(LimitError::limited(self.busy()))
    }

    /// Writes the draft. Whether that gives a call; if not, it is worth another try.
    async fn lease(
        &self,
        local: &mut Local,
        demand: &Demand<'_>,
        draft: Draft,
        now: Timestamp,
    ) -> Result<bool, LimitError> {
        let Draft {
            quota,
            leased,
            is_idle,
        } = draft;
        if !is_idle {
            let expected = local.known().version;
            let replaced = self
                .store
                .replace_quota(demand.scope, quota.clone(), expected, now);
            match replaced.await.map_err(|error| self.failed(error))? {
                Ok(version) => local.saw(Versioned::new(quota, version), now),
                Err(found) => {
                    local.saw(found, now);
                    return Ok(false);
                }
            }
        }
        match leased {
            Ok(lease) => Ok(local.granted(demand.caller, lease, now, self.sources.now())),
            Err(wait) => Err(LimitError::limited(wait)),
        }
    }

    async fn look(
        &self,
        local: &mut Local,
        scope: QuotaScope,
        now: Timestamp,
    ) -> Result<(), LimitError> {
        let read = self.store.quota(scope).await;
        local.saw(read.map_err(|error| self.failed(error))?, now);
        Ok(())
    }

    async fn give_back(&self, taken: &[Demand<'_>], permit: Permit) {
        for demand in taken {
            if !demand.needs_place() {
                let slot = self.slots.of(demand.scope);
                slot.local.lock().await.give_back(demand.caller);
            }
        }
        self.release(permit).await;
    }

    async fn free(&self, scope: QuotaScope, call: RequestId) {
        if let Err(error) = self.end(scope, call).await {
            let integration = scope.integration.map(|id| id.to_string());
            tracing::warn!(
                organization.id = %scope.organization,
                integration.id = integration,
                cause = chain(&error),
                "a call that has ended keeps its place for a while"
            );
        }
    }

    async fn end(&self, scope: QuotaScope, call: RequestId) -> Result<(), StoreError> {
        let slot = self.slots.of(scope);
        let mut local = slot.local.lock().await;
        let mut is_current = false;
        for _ in 0..TRIES {
            let now = self.sources.now();
            let Versioned { item, version } = local.known().clone();
            if !item.runs(call) {
                if is_current {
                    return Ok(());
                }
                local.saw(self.store.quota(scope).await?, now);
                is_current = true;
                continue;
            }
            let mut quota = item;
            quota.end(call);
            let replaced = self.store.replace_quota(scope, quota.clone(), version, now);
            match replaced.await? {
                Ok(version) => {
                    local.saw(Versioned::new(quota, version), now);
                    local.freed();
                    return Ok(());
                }
                Err(found) => local.saw(found, now),
            }
            is_current = true;
        }
        Err(contended())
    }

    /// A table that is busy is a limit as well; one that fails is not.
    fn failed(&self, error: StoreError) -> LimitError {
        match error {
            StoreError::Throttled(_) => LimitError::limited(self.busy()),
            error => LimitError::Store(error),
        }
    }

    fn busy(&self) -> Duration {
        let (least, more) = BUSY;
        least + more.mul_f64(self.sources.randomness.fraction())
    }
}
