use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    Delivery, DeliveryId, DeliveryStatus, Destination, DestinationId, Error, Event, EventId,
    EventStatus, Expression, IntegrationId, RetryPolicy, Timestamp,
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

/// A delivery that is due for so long is not about to be tried: whoever was to enqueue it died, or could not.
const OVERDUE: Duration = Duration::from_secs(60);

/// Which deliveries of an event are made again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// Only those to these destinations, however they stand. If absent, those that failed, and those
    /// that should have been tried a minute ago.
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
            None => delivery.status == DeliveryStatus::Failed || is_overdue(delivery, now),
        })
        .map(|delivery| delivery.id)
        .collect();
    let additional = additional(state, event, wanted).await?;
    if again.is_empty() && additional.is_empty() {
        return Ok(None);
    }
    let keep_until = now.plus(RetryPolicy::OUTLIVED);
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

/// Whether it waits for a message that seems to be lost. If that comes after all, one of the two makes the
/// attempt, and the other finds it made.
fn is_overdue(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.status == DeliveryStatus::Retrying
        && (delivery.next_attempt_at).is_some_and(|due| due.plus(OVERDUE) <= now)
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
    let document = if needs_body {
        Expression::document(&body(state, event).await?)
    } else {
        Ok(None)
    };
    let now = state.sources.now();
    let event_type = event.event_type.as_deref();
    let chosen = destinations.iter().filter_map(|destination| {
        let asked = match wanted {
            Some(wanted) => Ok(wanted.contains(&destination.id)),
            None if event.addressee().is_some() => Ok(true),
            None => destination.wants(event_type, &document),
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

async fn body(state: &State, event: &Event) -> Result<Vec<u8>, Error> {
    let sealed = state.store.payload(event).await?;
    let context = SealContext::EventPayload {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let body = state
        .keys
        .open_payload(event.organization_id, &context, &sealed, event.body_bytes);
    Ok(body.await?)
}
