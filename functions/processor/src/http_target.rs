//! Hands an event to an HTTP destination.

use std::time::Duration;

use gatehouse::domain::gateway::retry_after;
use gatehouse::domain::{AttemptOutcome, Destination, Error, Event, HttpTarget, Timestamp};
use gatehouse::egress::{EgressError, OutboundRequest, OutboundResponse};
use gatehouse::vault::SealContext;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::State;
use crate::attempt::{Content, Handover};
use crate::excerpt::excerpt;
use crate::standard_webhooks;

/// More of an answer is not read.
const MAX_RESPONSE_BYTES: usize = 16 * 1024;

/// Sends one attempt: `POST`, signed, with the same id as every other attempt.
pub(crate) async fn send(
    state: &State,
    event: &Event,
    destination: &Destination,
    target: &HttpTarget,
    content: Content,
    (number, now): (u16, Timestamp),
) -> Handover {
    let signature = match sign(state, event, destination, &content, now).await {
        Ok(signature) => signature,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a delivery was not signed"
            );
            return Handover::failed(AttemptOutcome::Retryable, "signing_failed");
        }
    };
    let Some(headers) = headers(event, &content, &signature, number, now) else {
        return Handover::failed(AttemptOutcome::Permanent, "headers_invalid");
    };
    let timeout = Duration::from_millis(target.timeout_ms.into());
    let mut request = OutboundRequest::new(Method::POST, target.url.clone(), timeout);
    request.headers = headers;
    request.body = content.bytes;
    request.max_response_bytes = MAX_RESPONSE_BYTES;
    match state.egress.send(request).await {
        Ok(response) => answered(&response, now),
        Err(error) => Handover::failed(outcome_of(&error), error.code()),
    }
}

async fn sign(
    state: &State,
    event: &Event,
    destination: &Destination,
    content: &Content,
    now: Timestamp,
) -> Result<String, Error> {
    let mut keys = Vec::with_capacity(destination.secrets.len());
    for secret in destination
        .secrets
        .iter()
        .filter(|secret| secret.is_valid_at(now))
    {
        let owner = destination.id.ulid();
        let context = SealContext::SigningSecret {
            owner,
            secret: secret.id,
        };
        let text = state
            .keys
            .open(destination.organization_id, &context, &secret.sealed)
            .await?;
        let key = standard_webhooks::key(&text);
        keys.push(key.ok_or_else(|| Error::Internal("a signing secret is not valid".into()))?);
    }
    Ok(standard_webhooks::signature(
        &keys,
        event.id,
        now,
        &content.bytes,
    ))
}

fn headers(
    event: &Event,
    content: &Content,
    signature: &str,
    number: u16,
    now: Timestamp,
) -> Option<HeaderMap> {
    let id = event.id.to_string();
    let mut headers = HeaderMap::new();
    let mut insert = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).ok()?;
        headers.insert(HeaderName::from_static(name), value);
        Some(())
    };
    insert("content-type", &content.media_type)?;
    insert("webhook-id", &id)?;
    insert("webhook-timestamp", &now.as_second().to_string())?;
    insert("webhook-signature", signature)?;
    insert("idempotency-key", &id)?;
    insert(
        "gatehouse-integration-id",
        &event.integration_id.to_string(),
    )?;
    insert("gatehouse-endpoint-id", &event.endpoint_id.to_string())?;
    insert("gatehouse-scheme", &event.scheme)?;
    insert("gatehouse-attempt", &number.to_string())?;
    if let Some(event_type) = &event.event_type {
        insert("gatehouse-event-type", event_type)?;
    }
    Some(headers)
}

fn answered(response: &OutboundResponse, now: Timestamp) -> Handover {
    let status = response.status;
    let (outcome, error) = if status.is_success() {
        (AttemptOutcome::Delivered, None)
    } else if status == StatusCode::GONE {
        (AttemptOutcome::Permanent, Some("gone"))
    } else {
        (AttemptOutcome::Retryable, Some("status"))
    };
    Handover {
        outcome,
        response_status: Some(status.as_u16()),
        response_body: Some(excerpt(&response.body)),
        error,
        retry_after: retry_after(&response.headers, now),
        gone: status == StatusCode::GONE,
    }
}

fn outcome_of(error: &EgressError) -> AttemptOutcome {
    if error.is_retryable() {
        AttemptOutcome::Retryable
    } else {
        AttemptOutcome::Permanent
    }
}
