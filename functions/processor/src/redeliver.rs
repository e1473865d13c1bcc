//! A delivery that is due again.

use bytes::Bytes;
use gatehouse::domain::{Delivery, DeliveryStatus, Destination, Event};
use gatehouse::queue::DeliveryDue;
use gatehouse::store::{DeliveryLease, Lease, Recorded};
use gatehouse::vault::SealContext;

use crate::attempt::{Parcel, deliver, given_up};
use crate::record::Again;
use crate::routes::retry_policy;
use crate::state::LEASE;
use crate::{State, filter};

/// Tries a delivery once more, records that, and schedules the next try if there is to be one.
pub(crate) async fn redeliver(state: &State, due: DeliveryDue) -> Result<(), Again> {
    let now = state.sources.now();
    if now < due.not_before {
        // SQS delays a message by at most 15 minutes; a longer wait goes in several hops.
        state.queue.send_deliveries(&[due], now).await?;
        return Ok(());
    }
    let lease = DeliveryLease {
        destination: due.destination_id,
        expected_attempts: due.attempt.saturating_sub(1),
        now,
        until: now.plus(LEASE),
    };
    let (organization, integration) = (due.organization_id, due.integration_id);
    match state
        .store
        .lease_delivery(organization, integration, due.event_id, &lease)
        .await?
    {
        Lease::Leased(event) => Box::pin(retry(state, *event, &due)).await,
        Lease::NotDue { until } => Err(Again::after(
            until.since(now),
            "another function works on this delivery",
        )),
        Lease::Gone => reschedule(state, &due).await,
    }
}

/// The message was overtaken: what it asks for has been done. If whoever did it broke off there, the
/// message for the next try may be missing, so it is sent again; one too many does no harm. How often
/// the message was received says nothing of that: a dead letter that was put back counts anew, and of
/// two that ask for the same, one may have been given up.
async fn reschedule(state: &State, due: &DeliveryDue) -> Result<(), Again> {
    let now = state.sources.now();
    let (organization, integration) = (due.organization_id, due.integration_id);
    match state
        .store
        .event(organization, integration, due.event_id, now)
        .await?
    {
        Some(event) => schedule(state, &event, event.delivery_to(due.destination_id)).await,
        None => {
            let (id, destination) = (due.event_id, due.destination_id);
            tracing::warn!(
                event.id = %id,
                destination.id = %destination,
                "{id} was to be tried again, and is deleted"
            );
            Ok(())
        }
    }
}

async fn schedule(state: &State, event: &Event, delivery: Option<&Delivery>) -> Result<(), Again> {
    let next = delivery.and_then(|delivery| DeliveryDue::of(event, delivery));
    state
        .queue
        .send_deliveries(next.as_slice(), state.sources.now())
        .await?;
    Ok(())
}

/// Makes the attempt that was leased.
async fn retry(state: &State, event: Event, due: &DeliveryDue) -> Result<(), Again> {
    let now = state.sources.now();
    let (organization, integration) = (due.organization_id, due.integration_id);
    let Some(delivery) = event.delivery_to(due.destination_id).cloned() else {
        return Ok(());
    };
    let before = delivery.attempts;
    let destination = state
        .routes
        .destination(organization, integration, due.destination_id, now)
        .await?;
    let (event, delivery) = match destination {
        Some(destination) => attempt(state, event, delivery, &destination).await?,
        None => (event, given_up(state, delivery, "destination_deleted", now)),
    };
    let recorded = state
        .store
        .record_attempt(organization, integration, event.id, &delivery, before)
        .await?;
    if recorded == Recorded::Superseded {
        return reschedule(state, due).await;
    }
    if delivery.status == DeliveryStatus::Retrying {
        schedule(state, &event, Some(&delivery)).await?;
    }
    Ok(())
}

async fn attempt(
    state: &State,
    event: Event,
    delivery: Delivery,
    destination: &Destination,
) -> Result<(Event, Delivery), Again> {
    let now = state.sources.now();
    let endpoint = state
        .routes
        .endpoint(
            event.organization_id,
            event.integration_id,
            event.endpoint_id,
            now,
        )
        .await?;
    let policy = retry_policy(destination, endpoint.as_deref());
    let context = SealContext::EventPayload {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let sealed = state.store.payload(&event).await?;
    let body = state
        .keys
        .open_payload(event.organization_id, &context, &sealed, event.body_bytes)
        .await?;
    let parcel = Parcel {
        event,
        body: Bytes::from(body),
    };
    let delivery = match filter::ask_again(state, &parcel, destination, delivery) {
        Ok(delivery) => deliver(state, &parcel, destination, &policy, delivery).await?,
        Err(ended) => *ended,
    };
    Ok((parcel.event, delivery))
}
