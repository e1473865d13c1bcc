use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::health::{Check, CheckKind, CheckState, Window};
use gatehouse::domain::{
    Breaker, CredentialInfo, CredentialUse, DestinationId, DestinationStatus, EndpointId,
    EndpointStatus, Error, EventStatus, Integration, IntegrationId, IntegrationStatus, Timestamp,
};
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::store::EventQuery;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;
use crate::health::{LimitState, MetricsSummary, headroom, measured_now};
use crate::integrations::{ALL, find};

/// So many of the newest events are counted.
const RECENT: u16 = 100;

/// How an integration is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusView {
    pub(crate) id: IntegrationId,
    pub(crate) status: IntegrationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<CredentialInfo>,
    /// The worst of what the last checks found; absent, if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<CheckState>,
    /// What the last checks found.
    pub(crate) checks: Vec<Check>,
    /// What was measured in the last hour.
    pub(crate) metrics: MetricsSummary,
    pub(crate) calls: CallStatus,
    pub(crate) webhooks: WebhookStatus,
    pub(crate) endpoints: Vec<EndpointState>,
    pub(crate) destinations: Vec<DestinationState>,
}

/// Whether the provider can be called now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallStatus {
    /// The circuit breaker, while it is not closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaker: Option<Breaker>,
    /// Until then no call is made, because the provider said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked_until: Option<Timestamp>,
    /// The limits that are kept to, the shortest window first.
    pub(crate) limits: Vec<LimitState>,
}

/// The newest events of an integration, at most 100.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_received_at: Option<Timestamp>,
    pub(crate) recent_events: usize,
    /// How many of them stand how.
    pub(crate) recent_by_status: BTreeMap<String, usize>,
}

/// How an endpoint stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointState {
    pub(crate) id: EndpointId,
    pub(crate) scheme: String,
    /// Whether requests are verified: they are, unless the scheme is `none`.
    pub(crate) verified: bool,
    pub(crate) status: EndpointStatus,
}

/// How a destination stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationState {
    pub(crate) id: DestinationId,
    pub(crate) status: DestinationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaker: Option<Breaker>,
}

/// How an integration is doing.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let integration = find(&state, organization, id).await?.item;
    let (calls, credential_use) = calls(&state, &integration).await?;
    let (measured, watch) = measured_now(&state, &integration, Window::Hour).await?;
    let checks = watch.map(|watch| watch.checks).unwrap_or_default();
    let webhooks = webhooks(&state, &integration).await?;
    let endpoints = state
        .store
        .endpoints(organization, id, ALL, None)
        .await?
        .items;
    let destinations = state
        .store
        .destinations(organization, id, ALL, None)
        .await?
        .items;
    Ok(Json(StatusView {
        id,
        status: shown(integration.status, &checks),
        health: checks.iter().map(|check| check.found.state).max(),
        checks,
        metrics: MetricsSummary::new(Window::Hour, &measured),
        credentials: with_last_use(integration.credentials, credential_use),
        calls,
        webhooks,
        endpoints: endpoints
            .into_iter()
            .map(|stored| EndpointState {
                id: stored.item.id,
                verified: stored.item.is_verified(),
                status: stored.item.status,
                scheme: stored.item.scheme,
            })
            .collect(),
        destinations: destinations
            .into_iter()
            .map(|stored| DestinationState {
                id: stored.item.id,
                status: stored.item.status,
                breaker: stored.item.breaker,
            })
            .collect(),
    }))
}

async fn webhooks(state: &State, integration: &Integration) -> Result<WebhookStatus, Error> {
    let newest = EventQuery::newest(RECENT, state.sources.now());
    let events = state
        .store
        .events(integration.organization_id, integration.id, &newest)
        .await?
        .items;
    let mut recent_by_status: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        *recent_by_status
            .entry(name(event.status).to_owned())
            .or_default() += 1;
    }
    Ok(WebhookStatus {
        last_received_at: events.first().map(|event| event.received_at),
        recent_events: events.len(),
        recent_by_status,
    })
}

/// An integration in use whose credentials the provider did not accept the last time is in error.
fn shown(status: IntegrationStatus, checks: &[Check]) -> IntegrationStatus {
    let fails = |check: &Check| {
        check.found.kind == CheckKind::Verification && check.found.state == CheckState::Failed
    };
    match status {
        IntegrationStatus::Active if checks.iter().any(fails) => IntegrationStatus::Error,
        status => status,
    }
}

async fn calls(
    state: &State,
    integration: &Integration,
) -> Result<(CallStatus, Option<CredentialUse>), Error> {
    let (organization, id) = (integration.organization_id, integration.id);
    let (shared, headroom) = tokio::try_join!(
        async { Ok(state.store.gateway_state(organization, id).await?) },
        headroom(state, integration),
    )?;
    let calls = CallStatus {
        breaker: shared.item.breaker,
        blocked_until: headroom.blocked_until,
        limits: headroom.limits,
    };
    Ok((calls, shared.item.credential_use))
}

/// What is told of credentials, with their last use if it is theirs.
pub(crate) fn with_last_use(
    credentials: Option<CredentialInfo>,
    used: Option<CredentialUse>,
) -> Option<CredentialInfo> {
    credentials.map(|info| CredentialInfo {
        last_used_at: used
            .filter(|used| used.version == info.version)
            .map(|used| used.at),
        ..info
    })
}

fn name(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Retrying => "retrying",
        EventStatus::Delivered => "delivered",
        EventStatus::Failed => "failed",
        EventStatus::Unrouted => "unrouted",
        EventStatus::Filtered => "filtered",
    }
}
