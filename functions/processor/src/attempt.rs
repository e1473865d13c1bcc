//! One try of a delivery, and what follows from it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gatehouse::domain::{
    Attempt, AttemptOutcome, Breaker, Delivery, DeliveryStatus, Destination, DestinationStatus,
    DestinationTarget, DisabledReason, Event, Expression, ExpressionError, Passage, Retry,
    RetryPolicy, Timestamp,
};
use gatehouse::lambda::metrics::Metric;
use gatehouse::store::StoreError;
use serde_json::Value;

use crate::breaker::passage;
use crate::{State, http_target, sqs_target};

/// The longest result of a transform. No event's body is longer.
const MAX_TRANSFORMED_BYTES: usize = 6 * 1024 * 1024;

/// An event with its body, on its way to destinations.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) event: Event,
    pub(crate) body: Bytes,
}

/// Documents take many times as much memory as their texts: a function holds one at a time, however many
/// messages it works on.
static DOCUMENT: Mutex<()> = Mutex::new(());

impl Parcel {
    /// What `read` makes of the body's [document](Expression::document).
    pub(crate) fn with_document<T>(
        &self,
        read: impl FnOnce(&Result<Option<Value>, ExpressionError>) -> T,
    ) -> T {
        let _alone = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
        read(&Expression::document(&self.body))
    }
}

/// What a destination is sent.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// How handing over ended.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) outcome: AttemptOutcome,
    pub(crate) response_status: Option<u16>,
    pub(crate) response_body: Option<String>,
    pub(crate) error: Option<&'static str>,
    pub(crate) retry_after: Option<Duration>,
    /// The destination says that it wants nothing any more.
    pub(crate) gone: bool,
}

impl Handover {
    pub(crate) fn failed(outcome: AttemptOutcome, error: &'static str) -> Self {
        Self {
            outcome,
            response_status: None,
            response_body: None,
            error: Some(error),
            retry_after: None,
            gone: false,
        }
    }
}

/// Tries `delivery` once, if its destination may be called now, and decides what becomes of it.
///
/// # Errors
///
/// If the destination's state cannot be written: then nothing has been tried, or the try is to be
/// repeated.
pub(crate) async fn deliver(
    state: &State,
    parcel: &Parcel,
    destination: &Destination,
    policy: &RetryPolicy,
    delivery: Delivery,
) -> Result<Delivery, StoreError> {
    let now = state.sources.now();
    if destination.status == DestinationStatus::Disabled {
        return Ok(given_up(state, delivery, "destination_disabled", now));
    }
    match passage(destination, now) {
        Passage::Free => {}
        Passage::Barred(until) => return Ok(held_back(state, delivery, policy, until, now)),
        Passage::Probe(renewed) => {
            if !set_breaker(state, destination, Some(renewed)).await? {
                return Ok(held_back(state, delivery, policy, renewed.open_until, now));
            }
            let probed = Destination {
                breaker: Some(renewed),
                ..destination.clone()
            };
            return attempt(state, parcel, &probed, policy, delivery, now).await;
        }
    }
    attempt(state, parcel, destination, policy, delivery, now).await
}

async fn attempt(
    state: &State,
    parcel: &Parcel,
    destination: &Destination,
    policy: &RetryPolicy,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    let number = delivery.attempts.saturating_add(1);
    let handover = hand_over(state, parcel, destination, number, now).await;
    let ended = state.sources.now();
    let attempt = Attempt {
        number,
        started_at: now,
        duration_ms: u64::try_from(ended.since(now).as_millis()).unwrap_or(u64::MAX),
        outcome: handover.outcome,
        response_status: handover.response_status,
        response_body: handover.response_body.clone(),
        error: handover.error.map(str::to_owned),
    };
    note(state, destination, &handover, ended).await?;
    Ok(settle(
        state,
        parcel,
        policy,
        delivery,
        (attempt, handover.retry_after),
    ))
}

async fn hand_over(
    state: &State,
    parcel: &Parcel,
    destination: &Destination,
    number: u16,
    now: Timestamp,
) -> Handover {
    let content = match content(parcel, destination) {
        Ok(content) => content,
        Err(error) => return Handover::failed(AttemptOutcome::Permanent, error),
    };
    match &destination.target {
        DestinationTarget::Http(target) => {
            http_target::send(
                state,
                &parcel.event,
                destination,
                target,
                content,
                (number, now),
            )
            .await
        }
        DestinationTarget::Sqs(target) => {
            sqs_target::send(state, &parcel.event, target, content).await
        }
    }
}

/// The body as it came, or what the destination's transform makes of it.
fn content(parcel: &Parcel, destination: &Destination) -> Result<Content, &'static str> {
    // A transform is made for what the provider sends.
    let transform = destination.transform.as_ref();
    let Some(transform) = transform.filter(|_| parcel.event.addressee().is_none()) else {
        let media_type = parcel.event.content_type.clone();
        return Ok(Content {
            media_type: media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            bytes: parcel.body.clone(),
        });
    };
    let id = destination.id;
    let transformed = parcel.with_document(|document| match document {
        Ok(Some(document)) => transform
            .evaluate_within(document, MAX_TRANSFORMED_BYTES)
            .map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error.clone()),
    });
    let transformed = transformed.map_err(|error| {
        let reason = error.to_string();
        tracing::warn!(destination.id = %id, reason, "the transform of {id} has no result");
        match error {
            ExpressionError::TooLarge => "transform_too_large",
            _ => "transform_failed",
        }
    })?;
    let bytes = transformed.ok_or("transform_needs_json")?;
    Ok(Content {
        media_type: "application/json".to_owned(),
        bytes: bytes.into(),
    })
}

/// Lets the circuit breaker and the destination's own status follow from the attempt.
async fn note(
    state: &State,
    destination: &Destination,
    handover: &Handover,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = destination.id;
    if handover.gone {
        disable(state, destination).await?;
        tracing::warn!(destination.id = %id, "{id} answered 410 and is disabled");
        return Ok(());
    }
    match handover.outcome {
        AttemptOutcome::Delivered => {
            state.breakers.succeeded(id);
            if destination.breaker.is_some() {
                set_breaker(state, destination, None).await?;
                tracing::info!(destination.id = %id, "{id} takes deliveries again");
            }
        }
        AttemptOutcome::Retryable => {
            let opened = state.breakers.failed(id, now);
            if let Some(opened) = opened.filter(|_| destination.breaker.is_none()) {
                set_breaker(state, destination, Some(opened)).await?;
                state.metrics.count(Metric::BreakersOpened, now);
                tracing::warn!(
                    destination.id = %id,
                    open_until = %opened.open_until,
                    "{id} failed too often in a row: deliveries wait"
                );
            }
        }
        AttemptOutcome::Permanent => {}
    }
    Ok(())
}

/// Changes the breaker, unless somebody else has, or the destination is gone. Whether it did.
async fn set_breaker(
    state: &State,
    destination: &Destination,
    breaker: Option<Breaker>,
) -> Result<bool, StoreError> {
    let Destination {
        organization_id,
        integration_id,
        id,
        breaker: expected,
        ..
    } = destination;
    let set = state
        .store
        .set_breaker(*organization_id, *integration_id, *id, breaker, *expected)
        .await;
    state.routes.forget_destinations(*integration_id);
    match set {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn disable(state: &State, destination: &Destination) -> Result<(), StoreError> {
    let Destination {
        organization_id,
        integration_id,
        id,
        ..
    } = destination;
    let disabled = state
        .store
        .disable_destination(*organization_id, *integration_id, *id, DisabledReason::Gone)
        .await;
    state.routes.forget_destinations(*integration_id);
    match disabled {
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What becomes of a delivery after an attempt.
fn settle(
    state: &State,
    parcel: &Parcel,
    policy: &RetryPolicy,
    delivery: Delivery,
    (attempt, retry_after): (Attempt, Option<Duration>),
) -> Delivery {
    let now = state.sources.now();
    let attempts_of_round = attempt.number.saturating_sub(delivery.earlier_attempts);
    let randomness = state.sources.randomness.as_ref();
    let retry = match attempt.outcome {
        AttemptOutcome::Retryable => policy.after(
            attempts_of_round,
            delivery.started_at,
            now,
            retry_after,
            randomness,
        ),
        AttemptOutcome::Delivered | AttemptOutcome::Permanent => Retry::Exhausted,
    };
    let (status, next_attempt_at, metric) = match (attempt.outcome, retry) {
        (AttemptOutcome::Delivered, _) => (DeliveryStatus::Delivered, None, Metric::DeliveriesMade),
        (_, Retry::At(at)) => (
            DeliveryStatus::Retrying,
            Some(at),
            Metric::DeliveriesRetried,
        ),
        (_, Retry::Exhausted) => (DeliveryStatus::Failed, None, Metric::DeliveriesFailed),
    };
    state.metrics.count(metric, now);
    let (id, event, destination) = (delivery.id, parcel.event.id, delivery.destination_id);
    if status == DeliveryStatus::Delivered {
        let latency = now.since(parcel.event.received_at).as_millis();
        state.metrics.measure(
            Metric::EndToEndLatency,
            u64::try_from(latency).unwrap_or(u64::MAX),
            now,
        );
    }
    tracing::info!(
        delivery.id = %id,
        event.id = %event,
        destination.id = %destination,
        attempt = attempt.number,
        duration_ms = attempt.duration_ms,
        response_status = attempt.response_status,
        error = attempt.error.as_deref(),
        status = ?status,
        "attempt {} to get {event} to {destination}: {status:?}",
        attempt.number
    );
    Delivery {
        status,
        attempts: attempt.number,
        next_attempt_at,
        leased_until: None,
        error: None,
        last_attempt: Some(attempt),
        ..delivery
    }
}

/// A delivery that waits until its destination's circuit breaker lets it through: that costs no
/// attempt, but its age still counts.
fn held_back(
    state: &State,
    delivery: Delivery,
    policy: &RetryPolicy,
    until: Timestamp,
    now: Timestamp,
) -> Delivery {
    let wait = until.since(now);
    let randomness = state.sources.randomness.as_ref();
    let unlimited = RetryPolicy {
        max_attempts: None,
        ..*policy
    };
    match unlimited.after(1, delivery.started_at, now, Some(wait), randomness) {
        Retry::At(at) => Delivery {
            next_attempt_at: Some(at),
            leased_until: None,
            error: Some("breaker_open".to_owned()),
            ..delivery
        },
        Retry::Exhausted => given_up(state, delivery, "breaker_open", now),
    }
}

/// A delivery that ends without an attempt.
pub(crate) fn given_up(
    state: &State,
    delivery: Delivery,
    error: &'static str,
    now: Timestamp,
) -> Delivery {
    state.metrics.count(Metric::DeliveriesFailed, now);
    let (id, destination) = (delivery.id, delivery.destination_id);
    tracing::warn!(delivery.id = %id, destination.id = %destination, error, "{id} failed: {error}");
    Delivery {
        status: DeliveryStatus::Failed,
        next_attempt_at: None,
        leased_until: None,
        error: Some(error.to_owned()),
        ..delivery
    }
}
