//! One circuit breaker for each integration, and the generation of its cached answers.
//!
//! Failures in a row are counted in memory, by each running function for itself, and written only
//! when they open the breaker. Every function reads that through a cache of five seconds: so all
//! stop calling a provider that fails within that time, and a warm call reads nothing. When the
//! time is over, the one whose conditional write renews the opening may try; the others wait on.

mod states;

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::domain::{
    Breaker, BreakerPolicy, CredentialUse, GatewayState, IntegrationId, OrganizationId, Passage,
    Sources, Timestamp,
};
use crate::lambda::telemetry::chain;
use crate::store::{Store, StoreError};

use states::States;

/// A use of credentials is written if the last one that was is older.
const USE_INTERVAL: Duration = Duration::from_secs(5 * 60);
const POLICY: BreakerPolicy = BreakerPolicy {
    failures_to_open: 10,
    first_opening: Duration::from_secs(10),
    longest_opening: Duration::from_secs(10 * 60),
};

/// The circuit breakers of outbound calls. Cheap to clone.
#[derive(Clone)]
pub struct Circuit {
    states: States,
}

/// How a circuit breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls are made.
    Closed,
    /// No call is made before this instant; or, if one is a probe, before that has ended.
    Open(Timestamp),
    /// The next call is a probe.
    HalfOpen,
}

/// How a call to a provider ended, as far as it tells whether the provider works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The provider answered with this status.
    Answered(u16),
    /// It gave no answer: no connection, no time left, an answer that breaks off.
    Unreachable,
}

impl CallEnd {
    /// Whether it counts against the provider. A refusal, 429 among them, is the answer of one
    /// that works.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Answered(status) => status >= 500,
            Self::Unreachable => true,
        }
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").finish_non_exhaustive()
    }
}

impl Circuit {
    /// The circuit breakers that are kept in `store`.
    #[must_use]
    pub fn new(store: Store, sources: Sources) -> Self {
        Self {
            states: States::new(store, sources),
        }
    }

    /// Whether the provider may be called. Who gets a [`Passage::Probe`] is the only one, and has
    /// to tell how the call ended; until then, the others wait as if it had failed.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn passage(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Passage, StoreError> {
        let owned = (organization, integration);
        let state = self.states.recent(owned).await?;
        let passage = POLICY.passage(state.breaker, self.states.sources.now());
        let Passage::Probe(_) = passage else {
            return Ok(passage);
        };
        // The others may have been faster: what they left says whether there is a passage.
        let mut passage = passage;
        let renew = |state: &GatewayState, now: Timestamp| {
            passage = POLICY.passage(state.breaker, now);
            let Passage::Probe(renewed) = passage else {
                return None;
            };
            Some(with_breaker(state, Some(renewed)))
        };
        self.states.change(owned, renew).await?;
        Ok(passage)
    }

    /// Takes note of how a call ended for which there was `passage`; the state, if that opened the
    /// breaker. What cannot be written is logged, and found out again by later calls.
    pub async fn ended(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        passage: Passage,
        end: CallEnd,
    ) -> Option<Breaker> {
        if end.is_failure() {
            self.failed(organization, integration, passage).await
        } else {
            self.succeeded(organization, integration, passage).await;
            None
        }
    }

    /// The provider works. Only a probe closes the breaker: another call may have begun before it
    /// opened.
    pub async fn succeeded(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        passage: Passage,
    ) {
        let slot = self.states.slot((organization, integration));
        slot.failures.store(0, Ordering::Relaxed);
        if let Passage::Probe(renewed) = passage {
            let closed = self.exchange(organization, integration, Some(renewed), None);
            if written(closed.await, integration) {
                tracing::info!(integration.id = %integration, "{integration} takes calls again");
            }
        }
    }

    /// The provider fails. The state, if that opened the breaker.
    pub async fn failed(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        passage: Passage,
    ) -> Option<Breaker> {
        // A probe renewed the opening before it began.
        let Passage::Free = passage else {
            return None;
        };
        let slot = self.states.slot((organization, integration));
        let failures = slot
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if failures < POLICY.failures_to_open {
            return None;
        }
        slot.failures.store(0, Ordering::Relaxed);
        let opened = POLICY.opened(self.states.sources.now());
        let open = self.exchange(organization, integration, None, Some(opened));
        if !written(open.await, integration) {
            return None;
        }
        tracing::warn!(
            integration.id = %integration,
            open_until = %opened.open_until,
            "{integration} failed too often in a row: no calls are made"
        );
        Some(opened)
    }

    /// The probe was not made, and the next call may be one.
    pub async fn given_back(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        passage: Passage,
    ) {
        if let Passage::Probe(renewed) = passage {
            let before = Breaker {
                open_until: self.states.sources.now(),
                openings: renewed.openings.saturating_sub(1),
                is_held: false,
            };
            let back = self.exchange(organization, integration, Some(renewed), Some(before));
            written(back.await, integration);
        }
    }

    /// How the breaker stands, as the table says now.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn state(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<CircuitState, StoreError> {
        let state = self
            .states
            .store
            .gateway_state(organization, integration)
            .await?;
        let passage = POLICY.passage(state.item.breaker, self.states.sources.now());
        Ok(match passage {
            Passage::Free => CircuitState::Closed,
            Passage::Barred(until) => CircuitState::Open(until),
            Passage::Probe(_) => CircuitState::HalfOpen,
        })
    }

    /// The number under which answers are cached: another one than five seconds ago, if they were
    /// purged meanwhile.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn generation(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<u64, StoreError> {
        let state = self.states.recent((organization, integration)).await?;
        Ok(state.cache_generation)
    }

    /// Makes all cached answers of the integration void, in every function within five seconds.
    /// The new generation.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn purge(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<u64, StoreError> {
        let next = |state: &GatewayState, _| {
            Some(GatewayState {
                cache_generation: state.cache_generation.saturating_add(1),
                ..state.clone()
            })
        };
        let purged = self.states.change((organization, integration), next);
        Ok(purged.await?.unwrap_or_default().cache_generation)
    }

    /// Takes note that the credentials of `version` are used. That is written once in five minutes:
    /// it tells which credentials are in use, not how often.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn used(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        version: &str,
    ) -> Result<(), StoreError> {
        let owned = (organization, integration);
        let is_known = |state: &GatewayState, now: Timestamp| {
            let last = state.credential_use.as_ref();
            last.is_some_and(|last| last.version == version && now.since(last.at) < USE_INTERVAL)
        };
        let state = self.states.recent(owned).await?;
        if is_known(&state, self.states.sources.now()) {
            return Ok(());
        }
        let note = |state: &GatewayState, now: Timestamp| {
            (!is_known(state, now)).then(|| GatewayState {
                credential_use: Some(CredentialUse {
                    version: version.to_owned(),
                    at: now,
                }),
                ..state.clone()
            })
        };
        self.states.change(owned, note).await?;
        Ok(())
    }

    /// Puts one state of the breaker in the place of another. Whether it did: not if the
    /// other does not stand there any more.
    async fn exchange(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        expected: Option<Breaker>,
        breaker: Option<Breaker>,
    ) -> Result<bool, StoreError> {
        let change = |state: &GatewayState, _| {
            (state.breaker == expected).then(|| with_breaker(state, breaker))
        };
        let changed = self.states.change((organization, integration), change);
        Ok(changed.await?.is_some())
    }
}

fn with_breaker(state: &GatewayState, breaker: Option<Breaker>) -> GatewayState {
    GatewayState {
        breaker,
        ..state.clone()
    }
}

fn written(result: Result<bool, StoreError>, integration: IntegrationId) -> bool {
    result.unwrap_or_else(|error| {
        tracing::warn!(
            integration.id = %integration,
            cause = chain(&error),
            "the circuit breaker of {integration} cannot be written"
        );
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_failure() {
        let answered = [200, 302, 404, 408, 429, 499].map(CallEnd::Answered);
        assert!(answered.iter().all(|end| !end.is_failure()));
        let failed = [500, 502, 503, 504, 599].map(CallEnd::Answered);
        assert!(failed.iter().all(|end| end.is_failure()));
        assert!(CallEnd::Unreachable.is_failure());
    }
}
