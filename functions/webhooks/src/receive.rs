use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gatehouse::domain::{
    Endpoint, EndpointPath, Error, EventId, Randomness, Timestamp, TraceParent,
};
use gatehouse::flows::MAX_KEYS_OF_REQUEST;
use gatehouse::http::{ApiError, ClientAddress};
use gatehouse::lambda::metrics::Metric;
use gatehouse::queue::ReceivedEvent;
use gatehouse::signature::{self, BatchedEvent, InboundRequest, PublishedKeys, Received, Refusal};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use lambda_http::RequestExt as _;

use crate::State;
use crate::endpoints::{OpenEndpoint, Taken};
use crate::handshakes;

/// The largest body that is read: Lambda hands over no more than 6 MB in one invocation.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// Names the event that a request was accepted as. The body is empty, because providers differ in
/// what they make of one.
const EVENT_ID: HeaderName = HeaderName::from_static("gatehouse-event-id");
/// The same where a request held several events, or none: how many.
const EVENT_COUNT: HeaderName = HeaderName::from_static("gatehouse-event-count");

/// Takes one request of a provider.
pub(crate) async fn receive(
    Shared(state): Shared<State>,
    client: ClientAddress,
    request: Request,
) -> Result<Response, ApiError> {
    let now = state.sources.now();
    state.refusals.count_ended(now);
    let (parts, body) = request.into_parts();
    let Some((path, endpoint)) = find(&state, &parts, now).await? else {
        state.refusals.note(None, "unknown_path", now);
        return Err(Error::NotFound("endpoint").into());
    };
    let refuse = |reason: &'static str, error: Error| {
        state.refusals.note(Some(endpoint.endpoint.id), reason, now);
        Err(ApiError::from(error))
    };
    if !allows(&endpoint.endpoint, &client) {
        return refuse("source_address", Error::SourceRefused);
    }
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return refuse(
            "too_large",
            Error::TooLarge {
                limit_bytes: MAX_BODY_BYTES as u64,
            },
        );
    };
    let received = match verify(&state, &path, &endpoint, &parts, &body, now).await? {
        Ok(received) => received,
        Err(refusal) => return refuse(refusal.code(), refusal_error(&refusal)),
    };
    let answer = match received {
        Received::Event(facts) => {
            let event = BatchedEvent {
                facts,
                payload: body,
            };
            return accept(&state, &endpoint, &parts, vec![event], now).await;
        }
        Received::Batch(events) => return accept(&state, &endpoint, &parts, events, now).await,
        Received::Handshake(answer) => answer,
        Received::Confirmation(url, answer) => {
            handshakes::confirm(&state, &endpoint.endpoint, &url).await?;
            answer
        }
        Received::Secret(secret, answer) => {
            let taken = state
                .endpoints
                .take_secret(&endpoint.endpoint, &secret, &state.sources)
                .await?;
            if taken == Taken::Refused {
                return refuse("second_secret", Error::SignatureRefused);
            }
            answer
        }
    };
    state.metrics.count(Metric::HandshakesAnswered, now);
    Ok(handshakes::answer(answer))
}

async fn find(
    state: &State,
    parts: &Parts,
    now: Timestamp,
) -> Result<Option<(EndpointPath, Arc<OpenEndpoint>)>, Error> {
    let Ok(path) = path_of(parts).parse::<EndpointPath>() else {
        return Ok(None);
    };
    let endpoint = state.endpoints.at(&path, now).await?;
    Ok(endpoint.map(|endpoint| (path, endpoint)))
}

/// The path as it was called. Behind a REST API, the URI's path begins with the stage.
fn path_of(parts: &Parts) -> &str {
    match parts.raw_http_path() {
        "" => parts.uri.path(),
        path => path,
    }
}

/// Whether the request comes from where the endpoint allows.
fn allows(endpoint: &Endpoint, client: &ClientAddress) -> bool {
    endpoint.takes_from(client.0)
}

/// Verifies with what is remembered of the endpoint and, where that refuses the signature, once
/// more with what is stored: a secret may have been added.
async fn verify(
    state: &State,
    path: &EndpointPath,
    endpoint: &OpenEndpoint,
    parts: &Parts,
    body: &Bytes,
    now: Timestamp,
) -> Result<Result<Received, Refusal>, Error> {
    let url = public_url(state, parts);
    let request = InboundRequest {
        method: &parts.method,
        url: &url,
        headers: &parts.headers,
        body,
    };
    let verdict = verify_with(state, endpoint, &request, now).await?;
    if matches!(verdict, Err(Refusal::BadSignature | Refusal::NoSecret))
        && let Some(newer) = state.endpoints.at_if_newer(path, now).await?
    {
        return verify_with(state, &newer, &request, now).await;
    }
    Ok(verdict)
}

/// Verifies, and fetches the published keys that it takes. Without one of them nothing is known of
/// the request, and its provider is to come again.
async fn verify_with(
    state: &State,
    endpoint: &OpenEndpoint,
    request: &InboundRequest<'_>,
    now: Timestamp,
) -> Result<Result<Received, Refusal>, Error> {
    let (scheme, settings) = (endpoint.scheme, &endpoint.settings);
    let secrets = endpoint.secrets(now);
    let mut keys = PublishedKeys::default();
    loop {
        let verdict =
            signature::receive_with_keys(scheme, request, &secrets, settings, &keys, now.into());
        match verdict {
            Err(Refusal::NeedsKey(location)) if keys.len() < MAX_KEYS_OF_REQUEST => {
                let key = state.published.key(&location, now).await;
                let key = key.map_err(|error| Error::Unavailable(error.into()))?;
                keys.insert(*location, key);
            }
            verdict => return Ok(verdict),
        }
    }
}

/// The URL as the provider called it: the configured origin, never one that a header claims.
fn public_url(state: &State, parts: &Parts) -> String {
    let origin = state.public_url.as_str().trim_end_matches('/');
    let path = path_of(parts);
    match parts.uri.query() {
        Some(query) => format!("{origin}{path}?{query}"),
        None => format!("{origin}{path}"),
    }
}

/// Makes the events durable, all of them before anything is answered. If some are not, the provider
/// comes again with all, and those that are durable are recognised: the id of an event is the
/// provider's, or made of what it says, and so the same each time.
async fn accept(
    state: &State,
    endpoint: &OpenEndpoint,
    parts: &Parts,
    events: Vec<BatchedEvent>,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let randomness = state.sources.randomness.as_ref();
    let received = |event: BatchedEvent| {
        let event = received_event(&endpoint.endpoint, parts, event, now, randomness);
        (event, TraceParent::generate(randomness))
    };
    let events: Vec<_> = events.into_iter().map(received).collect();
    let endpoint_id = endpoint.endpoint.id;
    if let Err(error) = state.queue.send_events(&events).await {
        let error = Error::from(error);
        if let Some(reason) = refusal_reason(&error) {
            state.refusals.note(Some(endpoint_id), reason, now);
        }
        return Err(error.into());
    }
    for (event, trace) in &events {
        state.metrics.count(Metric::EventsAccepted, now);
        let id = event.id;
        tracing::info!(
            event.id = %id,
            endpoint.id = %endpoint_id,
            organization.id = %event.organization_id,
            body_bytes = event.body.len(),
            trace_id = trace.trace_id(),
            "{endpoint_id} accepted {id}"
        );
    }
    let mut answer = match &endpoint.scheme.accepted {
        Some(accepted) => (
            [(header::CONTENT_TYPE, accepted.content_type.as_str())],
            accepted.body.as_str(),
        )
            .into_response(),
        None => StatusCode::OK.into_response(),
    };
    if let [(event, _)] = events.as_slice()
        && let Ok(id) = HeaderValue::try_from(event.id.to_string())
    {
        answer.headers_mut().insert(EVENT_ID, id);
    } else {
        let count = HeaderValue::from(events.len());
        answer.headers_mut().insert(EVENT_COUNT, count);
    }
    Ok(answer)
}

fn received_event(
    endpoint: &Endpoint,
    parts: &Parts,
    event: BatchedEvent,
    now: Timestamp,
    randomness: &dyn Randomness,
) -> ReceivedEvent {
    ReceivedEvent {
        id: EventId::generate(now, randomness),
        organization_id: endpoint.organization_id,
        integration_id: endpoint.integration_id,
        endpoint_id: endpoint.id,
        received_at: now,
        scheme: endpoint.scheme.clone(),
        provider_event_id: event.facts.provider_event_id,
        event_type: event.facts.event_type,
        occurred_at: event
            .facts
            .occurred_at
            .and_then(|at| Timestamp::from_millisecond(at.as_millisecond())),
        verified_with: event.facts.verified_with,
        content_type: content_type(parts),
        body: event.payload,
    }
}

/// Why an event that was verified is refused all the same, where that is not a failure of ours.
fn refusal_reason(error: &Error) -> Option<&'static str> {
    match error {
        Error::EventTooLarge { .. } | Error::TooLarge { .. } => Some("too_large"),
        Error::RateLimited { .. } => Some("throttled"),
        _ => None,
    }
}

/// The media type as sent, if it is one that can be passed on.
fn content_type(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    (value.len() <= 256).then(|| value.to_owned())
}

/// What the provider is told. Which part of a signature was wrong is not.
fn refusal_error(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::MethodNotAllowed { allow } => Error::MethodNotAllowed {
            allow: allow.clone(),
        },
        Refusal::TooMany => Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES as u64,
        },
        Refusal::Malformed => Error::Malformed("the request is not of the expected form".into()),
        _ => Error::SignatureRefused,
    }
}
