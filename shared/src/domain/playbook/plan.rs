use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    Breaker, Endpoint, EndpointId, GatewayState, Integration, IntegrationStatus, Timestamp,
};

/// The most networks that one endpoint blocks.
pub const MAX_BLOCKED_NETWORKS: usize = 50;

/// What a step would do with the present state of something.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan<T> {
    /// It would put `item` in its place.
    Change {
        /// What would stand there.
        item: T,
        /// What has to be known to undo it.
        memo: StepMemo,
        /// What that means, in words.
        says: String,
    },
    /// It has no need to: it is so already.
    Nothing(String),
    /// It has no need to either, and builds on what is there: it is written again, so that nobody who has
    /// brought it about undoes it.
    Keep {
        /// What stands there.
        item: T,
        /// What that means, in words.
        says: String,
    },
    /// It cannot.
    Cannot(String),
}

/// What undoing a step would do with the present state of something.
#[derive(Clone, Debug, PartialEq)]
pub enum Undoing<T> {
    /// It would put this in its place.
    Change {
        /// What would stand there.
        item: T,
        /// What that means, in words.
        says: String,
    },
    /// Nothing, since what the step did does not stand any more.
    Moved(String),
}

/// What has to be known of what a step found and left, to undo it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepMemo {
    /// Of a circuit breaker.
    Breaker {
        /// What the step set.
        set: Breaker,
        /// What was there before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Breaker>,
    },
    /// Of an integration.
    Status {
        /// The status that it had.
        before: IntegrationStatus,
        /// The version that the step wrote. In another one somebody has written it since.
        #[serde(default)]
        version: u64,
    },
    /// Of an endpoint.
    Network {
        /// Which.
        endpoint: EndpointId,
        /// The network that it blocks since.
        #[schema(value_type = String)]
        network: IpNet,
        /// The version that the step wrote.
        #[serde(default)]
        version: u64,
    },
}

impl Plan<GatewayState> {
    /// Opening the circuit breaker until `until`. One that is open for longer stays as it is.
    #[must_use]
    pub fn open_breaker(state: &GatewayState, until: Timestamp) -> Self {
        if let Some(open) = state.breaker.filter(|open| open.open_until >= until) {
            let says = format!(
                "no calls are made before {} already: the circuit breaker is open",
                open.open_until
            );
            return Self::Nothing(says);
        }
        let set = Breaker {
            open_until: until,
            openings: state.breaker.map_or(1, |open| open.openings.max(1)),
            is_held: true,
        };
        Self::Change {
            memo: StepMemo::Breaker {
                set,
                before: state.breaker,
            },
            item: GatewayState {
                breaker: Some(set),
                ..state.clone()
            },
            says: format!("no calls are made before {until}; then one is tried"),
        }
    }
}

impl Undoing<GatewayState> {
    /// Closing the circuit breaker again, if it is still the one that the step opened. One that was open
    /// before stays open for as long as it would have been.
    #[must_use]
    pub fn close_breaker(
        state: &GatewayState,
        (set, before): (Breaker, Option<Breaker>),
        now: Timestamp,
    ) -> Self {
        if state.breaker != Some(set) {
            let says = "the circuit breaker does not stand as the step left it any more";
            return Self::Moved(says.to_owned());
        }
        let before = before.filter(|open| now < open.open_until);
        Self::Change {
            item: GatewayState {
                breaker: before,
                ..state.clone()
            },
            says: match before {
                Some(open) => format!("calls are made again after {}", open.open_until),
                None => "calls are made again".to_owned(),
            },
        }
    }
}

impl Plan<Integration> {
    /// Switching off the integration, which is in this version.
    #[must_use]
    pub fn suspend(integration: &Integration, version: u64, now: Timestamp) -> Self {
        if integration.status == IntegrationStatus::Inactive {
            return Self::Keep {
                item: Integration {
                    updated_at: now,
                    ..integration.clone()
                },
                says: "the integration is switched off already".to_owned(),
            };
        }
        Self::Change {
            memo: StepMemo::Status {
                before: integration.status,
                version: version.saturating_add(1),
            },
            item: Integration {
                status: IntegrationStatus::Inactive,
                updated_at: now,
                ..integration.clone()
            },
            says: "the integration is switched off: no calls are made, and no webhooks are taken"
                .to_owned(),
        }
    }
}

impl Undoing<Integration> {
    /// Giving the integration its status back, if it is switched off, and by the step. `is_untouched`: only
    /// its own run has written it since.
    #[must_use]
    pub fn resume(
        integration: &Integration,
        before: IntegrationStatus,
        is_untouched: bool,
        now: Timestamp,
    ) -> Self {
        if integration.status != IntegrationStatus::Inactive {
            return Self::Moved("the integration is switched on already".to_owned());
        }
        if !is_untouched {
            let says =
                "the integration was changed since: whether it may be used again is for a person";
            return Self::Moved(says.to_owned());
        }
        Self::Change {
            item: Integration {
                status: before,
                updated_at: now,
                ..integration.clone()
            },
            says: match before {
                IntegrationStatus::Pending => "the integration waits for a person to set it up",
                _ => "the integration is used again",
            }
            .to_owned(),
        }
    }
}

impl Plan<Endpoint> {
    /// Taking no requests from `network`, at the endpoint, which is in this version.
    #[must_use]
    pub fn block(endpoint: &Endpoint, version: u64, network: IpNet, now: Timestamp) -> Self {
        let blocked = &endpoint.blocked_networks;
        if let Some(wider) = blocked.iter().find(|one| one.contains(&network)) {
            return Self::Keep {
                says: format!("{} takes nothing from {wider} already", endpoint.id),
                item: Endpoint {
                    updated_at: now,
                    ..endpoint.clone()
                },
            };
        }
        if blocked.len() >= MAX_BLOCKED_NETWORKS {
            let id = endpoint.id;
            let says =
                format!("{id} blocks {MAX_BLOCKED_NETWORKS} networks, and can block no more");
            return Self::Cannot(says);
        }
        let mut item = endpoint.clone();
        item.blocked_networks.push(network);
        item.updated_at = now;
        Self::Change {
            memo: StepMemo::Network {
                endpoint: endpoint.id,
                network,
                version: version.saturating_add(1),
            },
            item,
            says: format!("{} takes no requests from {network}", endpoint.id),
        }
    }
}

impl Undoing<Endpoint> {
    /// Taking requests from `network` again, as far as nothing else keeps them out. `is_untouched`: only the
    /// step's own run has written the endpoint since.
    #[must_use]
    pub fn unblock(
        endpoint: &Endpoint,
        network: IpNet,
        is_untouched: bool,
        now: Timestamp,
    ) -> Self {
        if !endpoint.blocked_networks.contains(&network) {
            let says = format!("{} does not block {network} any more", endpoint.id);
            return Self::Moved(says);
        }
        if !is_untouched {
            let says = format!(
                "{} was changed since: whether it may take requests from {network} again is for a person",
                endpoint.id
            );
            return Self::Moved(says);
        }
        let mut item = endpoint.clone();
        item.blocked_networks.retain(|one| *one != network);
        item.updated_at = now;
        Self::Change {
            says: format!("{} takes requests from {network} again", endpoint.id),
            item,
        }
    }
}
