//! Hands an event to an SQS queue.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{AttemptOutcome, Event, SqsTarget};
use serde_json::{Value, json};

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
    let message = message(event, &content).to_string();
    if message.len() > MAX_MESSAGE_BYTES {
        return Handover::failed(AttemptOutcome::Permanent, "too_large");
    }
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

fn message(event: &Event, content: &Content) -> Value {
    let mut message = json!({
        "id": event.id,
        "type": event.event_type,
        "integrationId": event.integration_id,
        "endpointId": event.endpoint_id,
        "providerEventId": event.provider_event_id,
        "scheme": event.scheme,
        "receivedAt": event.received_at,
        "contentType": content.media_type,
    });
    let body = match serde_json::from_slice::<Value>(&content.bytes) {
        Ok(body) => ("body", body),
        Err(_) => ("bodyBase64", STANDARD.encode(&content.bytes).into()),
    };
    if let Some(fields) = message.as_object_mut() {
        fields.insert(body.0.to_owned(), body.1);
    }
    message
}
