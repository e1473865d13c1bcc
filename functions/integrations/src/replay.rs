use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    Delivery, DeliveryId, DeliveryStatus, Destination, DestinationId, Error, Event, EventId,
    EventStatus, IntegrationId,
};
use gatehouse::http::{ApiError, Json, PathIds};
use gatehouse::queue::DeliveryDue;
use gatehouse::store::{Replay, Replayed};
use gatehouse::vault::SealContext;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::events::find;
use crate::integrations::ALL;

/// Longer than any retry policy goes on: a replayed event outlives its new round.
const KEEP: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// Which deliveries of an event are made again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// Only those to these destinations, however they stand. Those that failed, if absent.
    pub(crate) destinations: Option<Vec<DestinationId>>,
}

/// What a retry has begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Retried {
    pub(crate) event_id: EventId,
    pub(crate) status: EventStatus,
    /// So many deliveries are made again.
    pub(crate) deliveries: usize,
}

/// Makes the failed deliveries of an event again, or sends it to destinations that it never went
/// to.
pub(crate) async fn retry(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EventId>,
    body: Option<Json<RetryRequest>>,
) -> Result<impl IntoResponse, ApiError> {
    let event = find(&state, caller.organization_id, integration, id).await?;
    let wanted = body.and_then(|Json(body)| body.destinations);
    match replay(&state, &event, wanted.as_deref()).await? {
        Some(retried) => Ok((StatusCode::ACCEPTED, Json(retried))),
        None => {
            Err(Error::Conflict("no delivery of the event is to be made again".to_owned()).into())
        }
    }
}

/// Begins the new round and enqueues it; `None` if there is nothing to do.
pub(crate) async fn replay(
    state: &State,
    event: &Event,
    wanted: Option<&[DestinationId]>,
) -> Result<Option<Retried>, Error> {
    let now = state.sources.now();
    let again: Vec<DeliveryId> = event
        .deliveries
        .iter()
        .filter(|delivery| match wanted {
            Some(wanted) => wanted.contains(&delivery.destination_id),
            None => delivery.status == DeliveryStatus::Failed,
        })
        .map(|delivery| delivery.id)
        .collect();
    let additional = additional(state, event, wanted).await?;
    if again.is_empty() && additional.is_empty() {
        return Ok(None);
    }
    let keep_until = now.plus(KEEP);
    let replay = Replay {
        deliveries: &again,
        additional: &additional,
        now,
        keep_until,
    };
    let (organization, integration) = (event.organization_id, event.integration_id);
    let Replayed { begun, status } = state
        .store
        .replay(organization, integration, event.id, &replay)
        .await?;
    let due: Vec<_> = begun
        .iter()
        .filter_map(|delivery| DeliveryDue::of(event, delivery))
        .collect();
    state.queue.send_deliveries(&due, now).await?;
    let id = event.id;
    tracing::info!(event.id = %id, deliveries = due.len(), "{id} is delivered again");
    Ok(Some(Retried {
        event_id: id,
        status,
        deliveries: due.len(),
    }))
}

/// New deliveries: to the destinations that are named, or, if none is and the event never went
/// anywhere, to those that want it now.
async fn additional(
    state: &State,
    event: &Event,
    wanted: Option<&[DestinationId]>,
) -> Result<Vec<Delivery>, Error> {
    if wanted.is_none() && !event.deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let (organization, integration) = (event.organization_id, event.integration_id);
    let page = state
        .store
        .destinations(organization, integration, ALL, None)
        .await?;
    let destinations: Vec<Destination> = page
        .items
        .into_iter()
        .map(|stored| stored.item)
        .filter(|destination| event.delivery_to(destination.id).is_none())
        .filter(|destination| event.addressee().is_none_or(|only| only == destination.id))
        .collect();
    let needs_body = wanted.is_none()
        && destinations
            .iter()
            .any(|destination| destination.filter.is_some());
    let body = if needs_body {
        body(state, event).await?
    } else {
        None
    };
    let now = state.sources.now();
    let event_type = event.event_type.as_deref();
    let chosen = destinations.iter().filter_map(|destination| {
        let asked = match wanted {
            Some(wanted) => Ok(wanted.contains(&destination.id)),
            None if event.addressee().is_some() => Ok(true),
            None => destination.wants(event_type, body.as_ref()),
        };
        match asked {
            Ok(chosen) => chosen.then_some((destination, None)),
            // The processor asks the filter again, and the delivery fails where people look.
            Err(_) => Some((destination, Some(Delivery::FILTER_FAILED.to_owned()))),
        }
    });
    Ok(chosen
        .map(|(destination, error)| Delivery {
            id: DeliveryId::generate(now, state.sources.randomness.as_ref()),
            destination_id: destination.id,
            status: DeliveryStatus::Retrying,
            attempts: 0,
            earlier_attempts: 0,
            started_at: now,
            next_attempt_at: Some(now),
            leased_until: None,
            error,
            last_attempt: None,
        })
        .collect())
}

/// The event's body, if it is JSON.
async fn body(state: &State, event: &Event) -> Result<Option<serde_json::Value>, Error> {
    let sealed = state.store.payload(event).await?;
    let context = SealContext::EventPayload {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let bytes = state
        .keys
        .open_payload(event.organization_id, &context, &sealed, event.body_bytes)
        .await?;
    Ok(serde_json::from_slice(&bytes).ok())
}
