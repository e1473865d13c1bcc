use gatehouse::catalog;
use gatehouse::domain::{Error, Integration, Timestamp};
use gatehouse::store::{Digest, QuotaScope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// How many calls the provider's limits leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RateLimitHeadroom {
    /// The limits that are kept to, the shortest window first.
    pub(crate) limits: Vec<LimitState>,
    /// Until then no call is made, because the provider said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked_until: Option<Timestamp>,
}

/// How much of a limit is left.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitState {
    pub(crate) requests: u32,
    pub(crate) window_seconds: u64,
    /// What running functions have leased counts as used.
    pub(crate) free: u32,
}

/// What is left now of the limits of an integration as a whole.
pub(crate) async fn headroom(
    state: &State,
    integration: &Integration,
) -> Result<RateLimitHeadroom, Error> {
    let scope = QuotaScope {
        organization: integration.organization_id,
        integration: Some(integration.id),
        route: Digest::of(b""),
    };
    let quota = state.store.quota(scope).await?.item;
    let now = state.sources.now();
    let limits = catalog::limits_of(integration, &catalog::profile_of(integration)).limits();
    let free = quota.free(&limits, now);
    let limits = limits.iter().zip(free).map(|(limit, free)| LimitState {
        requests: limit.requests,
        window_seconds: limit.window.as_secs(),
        free,
    });
    Ok(RateLimitHeadroom {
        limits: limits.collect(),
        blocked_until: quota.blocked_until(now),
    })
}
