use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::future::try_join_all;
use gatehouse::access::Caller;
use gatehouse::domain::{
    Attempt, Delivery, Endpoint, EndpointId, Error, Event, EventId, EventPattern, EventStatus,
    IntegrationId, OrganizationId, SecretId, Timestamp,
};
use gatehouse::http::{ApiError, Cursor, Json, PathId, PathIds, Query};
use gatehouse::store::EventQuery;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::bodies::ListOf;
use crate::integrations::find as find_integration;

const MAX_LIMIT: u16 = 200;
const DEFAULT_LIMIT: u16 = 100;

/// Which events are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    status: Option<EventStatus>,
    event_type: Option<EventPattern>,
    endpoint: Option<EndpointId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// An event in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventView {
    pub(crate) id: EventId,
    pub(crate) endpoint_id: EndpointId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_event_id: Option<String>,
    /// When it happened, as the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) status: EventStatus,
    /// Why it failed without having been sent anywhere: `integration_deleted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) scheme: String,
    /// Whether its signature was verified: it was, unless the scheme is `none`.
    pub(crate) verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verified_with: Option<SecretId>,
    pub(crate) received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    pub(crate) body_bytes: u64,
    /// How many attempts were made, over all deliveries.
    pub(crate) attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

/// An event with its deliveries and all their attempts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventDetail {
    #[serde(flatten)]
    pub(crate) event: EventView,
    pub(crate) deliveries: Vec<DeliveryDetail>,
}

/// A delivery with all its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    pub(crate) delivery: Delivery,
    /// The attempts before `lastAttempt`, newest first; at most 100.
    pub(crate) earlier_attempts_made: Vec<Attempt>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            endpoint_id: event.endpoint_id,
            event_type: event.event_type.clone(),
            provider_event_id: event.provider_event_id.clone(),
            occurred_at: event.occurred_at,
            status: event.status,
            error: event.error.clone(),
            scheme: event.scheme.clone(),
            verified: event.scheme != Endpoint::UNVERIFIED_SCHEME,
            verified_with: event.verified_with,
            received_at: event.received_at,
            content_type: event.content_type.clone(),
            body_bytes: event.body_bytes,
            attempts: event
                .deliveries
                .iter()
                .map(|delivery| u32::from(delivery.attempts))
                .sum(),
            trace_id: event.trace_id.clone(),
        }
    }
}

/// An integration's events, newest first. They outlive it: what was accepted can be seen until it
/// expires.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<LogQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Malformed("`limit` must be from 1 to 200".to_owned()).into());
    }
    let list = format!("events/{integration}");
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| Cursor::read(&list, cursor))
        .transpose()?;
    let wanted = EventQuery {
        endpoint: query.endpoint,
        statuses: Vec::from_iter(query.status),
        event_type: query.event_type,
        from: query.from,
        to: query.to,
        after,
        ..EventQuery::newest(limit, state.sources.now())
    };
    let page = state
        .store
        .events(organization, integration, &wanted)
        .await?;
    if page.items.is_empty() {
        check_known(&state, organization, integration).await?;
    }
    let items = page.items.iter().map(EventView::from).collect();
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf::<EventView> { items, next_cursor }))
}

/// Whether there is such an integration, or was one that has left events.
async fn check_known(
    state: &State,
    organization: OrganizationId,
    integration: IntegrationId,
) -> Result<(), Error> {
    let any = EventQuery::newest(1, state.sources.now());
    let left = state.store.events(organization, integration, &any).await?;
    if left.items.is_empty() {
        find_integration(state, organization, integration).await?;
    }
    Ok(())
}

/// One event, with its deliveries and attempts.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EventId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let event = find(&state, organization, integration, id).await?;
    let deliveries = try_join_all(event.deliveries.iter().map(|delivery| async {
        let earlier = match delivery.attempts {
            0 | 1 => Vec::new(),
            _ => {
                state
                    .store
                    .earlier_attempts(organization, delivery.id)
                    .await?
            }
        };
        Ok::<_, Error>(DeliveryDetail {
            delivery: delivery.clone(),
            earlier_attempts_made: earlier,
        })
    }))
    .await?;
    Ok(Json(EventDetail {
        event: EventView::from(&event),
        deliveries,
    }))
}

/// An event of an integration of `organization`; not found, if there is none.
pub(crate) async fn find(
    state: &State,
    organization: OrganizationId,
    integration: IntegrationId,
    id: EventId,
) -> Result<Event, Error> {
    let found = state
        .store
        .event(organization, integration, id, state.sources.now())
        .await?;
    found.ok_or(Error::NotFound("event"))
}
