//! A delivery that is due again.

use bytes::Bytes;
use gatehouse::domain::{Delivery, DeliveryStatus, Destination, Event, PayloadLocation};
use gatehouse::queue::DeliveryDue;
use gatehouse::store::Lease;
use gatehouse::vault::SealContext;

use crate::State;
use crate::attempt::{Parcel, deliver, given_up};
use crate::record::Again;
use crate::routes::retry_policy;
use crate::state::LEASE;

/// Tries a delivery once more, records that, and schedules the next try if there is to be one.
pub(crate) async fn redeliver(
    state: &State,
    due: DeliveryDue,
    repeated: bool,
) -> Result<(), Again> {
    let now = state.sources.now();
    if now < due.not_before {
        // SQS delays a message by at most 15 minutes; a longer wait goes in several hops.
        state.queue.send_deliveries(&[due], now).await?;
        return Ok(());
    }
    let (organization, integration) = (due.organization_id, due.integration_id);
    let Some(event) = state
        .store
        .event(organization, integration, due.event_id)
        .await?
    else {
        tracing::info!(event.id = %due.event_id, "a delivery outlived its event");
        return Ok(());
    };
    let Some(delivery) = event.delivery_to(due.destination_id).cloned() else {
        return Ok(());
    };
    if delivery.status != DeliveryStatus::Retrying || delivery.attempts >= due.attempt {
        return settled_before(state, &event, &delivery, repeated).await;
    }
    match state
        .store
        .lease_delivery(&event, &delivery, now.plus(LEASE), now)
        .await?
    {
        Lease::Won => {}
        Lease::Held { until } => {
            return Err(Again::after(
                until.since(now),
                "another function works on this delivery",
            ));
        }
        Lease::Stale => return settled_before(state, &event, &delivery, repeated).await,
    }
    let destination = state
        .routes
        .destination(organization, integration, due.destination_id, now)
        .await?;
    let before = delivery.attempts;
    let (event, delivery) = match destination {
        Some(destination) => retry(state, event, delivery, &destination).await?,
        None => {
            let delivery = given_up(state, delivery, "destination_deleted", now);
            (event, delivery)
        }
    };
    state
        .store
        .record_attempt(&event, &delivery, before)
        .await?;
    schedule(state, &event, &delivery).await
}

/// The message was overtaken: what it asks for has been done. If its last handling broke off, the
/// message for the next try may be missing, so it is sent again; one too many does no harm.
async fn settled_before(
    state: &State,
    event: &Event,
    delivery: &Delivery,
    repeated: bool,
) -> Result<(), Again> {
    if repeated {
        schedule(state, event, delivery).await
    } else {
        Ok(())
    }
}

async fn schedule(state: &State, event: &Event, delivery: &Delivery) -> Result<(), Again> {
    let now = state.sources.now();
    let due: Vec<DeliveryDue> = DeliveryDue::of(event, delivery).into_iter().collect();
    state.queue.send_deliveries(&due, now).await?;
    Ok(())
}

async fn retry(
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
    let body = open_payload(state, &event).await?;
    let parcel = Parcel::new(event, body);
    let delivery = deliver(state, &parcel, destination, &policy, delivery).await?;
    Ok((parcel.event, delivery))
}

async fn open_payload(state: &State, event: &Event) -> Result<Bytes, Again> {
    let context = SealContext::EventPayload {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let sealed = match &event.payload {
        PayloadLocation::Inline(sealed) => sealed.clone(),
        PayloadLocation::Parts(parts) => {
            state
                .store
                .payload(event.organization_id, event.id, *parts)
                .await?
        }
    };
    let opened = state
        .keys
        .open(event.organization_id, &context, &sealed)
        .await?;
    Ok(Bytes::copy_from_slice(&opened))
}
