//! An accepted event, on its first way through.

use std::time::Duration;

use futures::future::try_join_all;
use gatehouse::domain::{
    Delivery, DeliveryId, DeliveryStatus, Destination, Endpoint, Event, EventStatus,
    ExpressionError, PayloadLocation, RetryPolicy, Sealed, Timestamp, TraceParent,
};
use gatehouse::lambda::metrics::Metric;
use gatehouse::queue::{DeliveryDue, ReceivedEvent, SyncMessage};
use gatehouse::store::{Claim, EventClaim, PutEvent, StoreError};
use gatehouse::vault::SealContext;

use crate::attempt::{Parcel, deliver};
use crate::record::Again;
use crate::routes::{is_filtered, retry_policy};
use crate::state::LEASE;
use crate::{State, filter};

/// How long a provider's repetition of an event is recognised: longer than any of them repeats.
const DEDUPLICATION: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Claims the event, routes it, tries each delivery once, stores it, and schedules what is left.
pub(crate) async fn receive(
    state: &State,
    received: ReceivedEvent,
    trace: TraceParent,
) -> Result<(), Again> {
    let now = state.sources.now();
    match claim(state, &received, now).await? {
        Claim::Won => {}
        // An earlier try may have got as far as storing the event, and perhaps no farther.
        Claim::Resumed => {
            if let Some(event) = stored(state, &received).await? {
                return schedule(state, &event, now).await;
            }
        }
        Claim::Lost { owner } => {
            let id = received.id;
            state.metrics.count(Metric::EventsRepeated, now);
            tracing::info!(event.id = %id, first.id = %owner, "{id} repeats {owner} and is dropped");
            return Ok(());
        }
        Claim::Held { until } => {
            return match stored(state, &received).await? {
                Some(event) => schedule(state, &event, now).await,
                None => Err(Again::after(
                    until.since(now),
                    "another function works on this event",
                )),
            };
        }
    }
    let event = process(state, received, trace, now).await?;
    note(state, &event).await;
    let expires_at = expiry(state, &event);
    if state.store.put_event(&event, expires_at).await? == PutEvent::AlreadyStored {
        // Another function has worked on it beside this one. What it has stored stands, and it may be
        // gone before it has sent a message for what is left to be done.
        return schedule_stored(state, &event).await;
    }
    state.metrics.count(Metric::EventsProcessed, now);
    let (id, status) = (event.id, event.status);
    tracing::info!(
        event.id = %id,
        organization.id = %event.organization_id,
        endpoint.id = %event.endpoint_id,
        trace_id = event.trace_id,
        deliveries = event.deliveries.len(),
        ?status,
        error = event.error.as_deref(),
        "{id} is stored: {status:?}"
    );
    schedule(state, &event, state.sources.now()).await
}

/// When the event may be deleted: not before it has been kept for as long as is set, however long it has
/// waited in the queue, and not while a delivery may still be tried.
fn expiry(state: &State, event: &Event) -> Timestamp {
    let now = state.sources.now();
    let kept = now.max(event.received_at).plus(state.retention);
    match event.status {
        EventStatus::Retrying => kept.max(now.plus(RetryPolicy::OUTLIVED)),
        _ => kept,
    }
}

/// Notes that the integration is in use, before there is an event of it to be counted.
async fn note(state: &State, event: &Event) {
    if event.scheme != Event::RECORDS {
        let (organization, integration) = (event.organization_id, event.integration_id);
        let received_at = event.received_at;
        state
            .activity
            .note(organization, integration, received_at)
            .await;
    }
}

/// As [`schedule`], for the event as it is stored.
async fn schedule_stored(state: &State, event: &Event) -> Result<(), Again> {
    let (organization, integration) = (event.organization_id, event.integration_id);
    let now = state.sources.now();
    let stored = state
        .store
        .event(organization, integration, event.id, now)
        .await?;
    match stored {
        Some(stored) => schedule(state, &stored, now).await,
        None => Ok(()),
    }
}

async fn stored(state: &State, received: &ReceivedEvent) -> Result<Option<Event>, StoreError> {
    let (organization, integration) = (received.organization_id, received.integration_id);
    state
        .store
        .event(organization, integration, received.id, state.sources.now())
        .await
}

async fn claim(
    state: &State,
    received: &ReceivedEvent,
    now: Timestamp,
) -> Result<Claim, StoreError> {
    let claim = EventClaim {
        organization: received.organization_id,
        endpoint: received.endpoint_id,
        provider_event_id: received.provider_event_id.as_deref(),
        event: received.id,
        now,
        leased_until: now.plus(LEASE),
        expires_at: now.plus(DEDUPLICATION),
    };
    state.store.claim_event(&claim).await
}

/// Routes an event and tries each of its deliveries once, all at the same time. Where a filter
/// fails, the delivery fails with it: an event that nobody may have decided on is not dropped.
async fn process(
    state: &State,
    received: ReceivedEvent,
    trace: TraceParent,
    now: Timestamp,
) -> Result<Event, Again> {
    let (organization, integration) = (received.organization_id, received.integration_id);
    let endpoint = state
        .routes
        .endpoint(organization, integration, received.endpoint_id, now)
        .await?;
    let destinations = state
        .routes
        .destinations(organization, integration, now)
        .await?;
    let body = received.body.clone();
    let sealed = seal(state, &received).await?;
    let mut parcel = Parcel {
        event: unrouted(received, trace, sealed),
        body,
    };
    if is_filtered(endpoint.as_deref(), parcel.event.event_type.as_deref()) {
        parcel.event.status = EventStatus::Filtered;
        return Ok(parcel.event);
    }
    if destinations.is_empty() && is_orphaned(state, &parcel.event).await? {
        parcel.event.status = EventStatus::Failed;
        parcel.event.error = Some("integration_deleted".to_owned());
        return Ok(parcel.event);
    }
    let wanting = filter::wanting(&parcel, &destinations);
    let deliveries = deliver_all(state, &parcel, &wanting, endpoint.as_deref()).await?;
    parcel.event.status = EventStatus::of(&deliveries);
    parcel.event.deliveries = deliveries;
    Ok(parcel.event)
}

/// Whether the event's integration has been deleted: it took its destinations along, so only of an
/// event without any it is asked.
async fn is_orphaned(state: &State, event: &Event) -> Result<bool, StoreError> {
    let (organization, integration) = (event.organization_id, event.integration_id);
    let found = state.store.integration(organization, integration).await?;
    Ok(found.is_none())
}

async fn deliver_all(
    state: &State,
    parcel: &Parcel,
    destinations: &[(&Destination, Result<(), ExpressionError>)],
    endpoint: Option<&Endpoint>,
) -> Result<Vec<Delivery>, StoreError> {
    let now = state.sources.now();
    try_join_all(
        destinations
            .iter()
            .map(|(destination, filtered)| async move {
                let delivery = Delivery {
                    id: DeliveryId::generate(now, state.sources.randomness.as_ref()),
                    destination_id: destination.id,
                    status: DeliveryStatus::Retrying,
                    attempts: 0,
                    earlier_attempts: 0,
                    started_at: parcel.event.received_at,
                    next_attempt_at: Some(now),
                    leased_until: None,
                    error: None,
                    last_attempt: None,
                };
                if let Err(error) = filtered {
                    return Ok(filter::failed(state, delivery, error, now));
                }
                deliver(
                    state,
                    parcel,
                    destination,
                    &retry_policy(destination, endpoint),
                    delivery,
                )
                .await
            }),
    )
    .await
}

/// The event as it stands before it is routed.
fn unrouted(received: ReceivedEvent, trace: TraceParent, sealed: Sealed) -> Event {
    Event {
        id: received.id,
        organization_id: received.organization_id,
        integration_id: received.integration_id,
        endpoint_id: received.endpoint_id,
        provider_event_id: received.provider_event_id,
        event_type: received.event_type,
        occurred_at: received.occurred_at,
        scheme: received.scheme,
        verified_with: received.verified_with,
        status: EventStatus::Unrouted,
        error: None,
        received_at: received.received_at,
        content_type: received.content_type,
        body_bytes: u64::try_from(received.body.len()).unwrap_or(u64::MAX),
        payload: PayloadLocation::Inline(sealed),
        deliveries: Vec::new(),
        trace_id: Some(trace.trace_id()),
    }
}

/// The body as it is kept for later tries and replays.
async fn seal(state: &State, received: &ReceivedEvent) -> Result<Sealed, Again> {
    let context = SealContext::EventPayload {
        endpoint: received.endpoint_id,
        event: received.id,
    };
    Ok(state
        .keys
        .seal_payload(received.organization_id, &context, &received.body)
        .await?)
}

/// Puts a message into the queue for each delivery that is to be tried again, and for the records that
/// the event may hold.
async fn schedule(state: &State, event: &Event, now: Timestamp) -> Result<(), Again> {
    let due: Vec<DeliveryDue> = event
        .deliveries
        .iter()
        .filter_map(|delivery| DeliveryDue::of(event, delivery))
        .collect();
    state.queue.send_deliveries(&due, now).await?;
    tell_records(state, event, now).await
}

/// Has records learn of what the event says of them. Who is told twice sees that it is the same.
async fn tell_records(state: &State, event: &Event, now: Timestamp) -> Result<(), Again> {
    if event.is_ours() || event.status == EventStatus::Filtered {
        return Ok(());
    }
    let (organization, integration) = (event.organization_id, event.integration_id);
    let event_type = event.event_type.as_deref();
    let holds = (state.routes).holds_records(organization, integration, event_type, now);
    if holds.await? {
        let message = SyncMessage::Event {
            organization,
            integration,
            event: event.id,
        };
        state.sync_queue.send(&message, Duration::ZERO).await?;
    }
    Ok(())
}
