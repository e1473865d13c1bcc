use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    Breaker, CredentialInfo, DestinationId, DestinationStatus, EndpointId, EndpointStatus,
    EventStatus, IntegrationId, IntegrationStatus, Timestamp,
};
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::store::EventQuery;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;
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
    pub(crate) webhooks: WebhookStatus,
    pub(crate) endpoints: Vec<EndpointState>,
    pub(crate) destinations: Vec<DestinationState>,
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
    let newest = EventQuery::newest(RECENT, state.sources.now());
    let events = state.store.events(organization, id, &newest).await?.items;
    let mut recent_by_status: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        *recent_by_status
            .entry(name(event.status).to_owned())
            .or_default() += 1;
    }
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
        status: integration.status,
        credentials: integration.credentials,
        webhooks: WebhookStatus {
            last_received_at: events.first().map(|event| event.received_at),
            recent_events: events.len(),
            recent_by_status,
        },
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

fn name(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Retrying => "retrying",
        EventStatus::Delivered => "delivered",
        EventStatus::Failed => "failed",
        EventStatus::Unrouted => "unrouted",
        EventStatus::Filtered => "filtered",
    }
}
