//! Hands an event to an SQS queue.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{
    AttemptOutcome, EndpointId, Event, EventId, IntegrationId, SqsTarget, Timestamp,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::State;
use crate::attempt::{Content, Handover};

/// What SQS takes in one message.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Sends one message: the event's facts, and its body as JSON where it is JSON, else in base64.
pub(crate) async fn send(
    state: &State,
    event: &Event,
    target: &SqsTarget,
    content: Content,
) -> Handover {
    let Some(message) = message(event, &content) else {
        return Handover::failed(AttemptOutcome::Permanent, "too_large");
    };
    let sent = state
        .sqs
        .send_message()
        .queue_url(target.queue_url.as_str())
        .message_body(message)
        .send()
        .await;
    match sent {
        Ok(_) => Handover {
            outcome: AttemptOutcome::Delivered,
            response_status: None,
            response_body: None,
            error: None,
            retry_after: None,
            gone: false,
        },
        Err(error) => {
            let error = error.into_service_error();
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a queue did not take an event"
            );
            Handover::failed(AttemptOutcome::Retryable, "queue")
        }
    }
}

/// The message, if SQS takes it.
fn message(event: &Event, content: &Content) -> Option<String> {
    if content.bytes.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let message = serde_json::to_string(&Message::of(event, content)).ok()?;
    (message.len() <= MAX_MESSAGE_BYTES).then_some(message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    id: EventId,
    #[serde(rename = "type")]
    event_type: Option<&'a str>,
    integration_id: IntegrationId,
    endpoint_id: EndpointId,
    provider_event_id: Option<&'a str>,
    scheme: &'a str,
    received_at: Timestamp,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl<'a> Message<'a> {
    fn of(event: &'a Event, content: &'a Content) -> Self {
        // Not parsed: that could take many times as much memory, and would change numbers.
        let body: Option<&RawValue> = serde_json::from_slice(&content.bytes).ok();
        Self {
            id: event.id,
            event_type: event.event_type.as_deref(),
            integration_id: event.integration_id,
            endpoint_id: event.endpoint_id,
            provider_event_id: event.provider_event_id.as_deref(),
            scheme: &event.scheme,
            received_at: event.received_at,
            content_type: &content.media_type,
            body,
            body_base64: body.is_none().then(|| STANDARD.encode(&content.bytes)),
        }
    }
}
