use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gatehouse::domain::{Endpoint, EndpointPath, Error, EventId, Timestamp, TraceParent};
use gatehouse::http::{ApiError, ClientAddress};
use gatehouse::lambda::metrics::Metric;
use gatehouse::queue::ReceivedEvent;
use gatehouse::signature::{
    self, EventFacts, HandshakeResponse, InboundRequest, Received, Refusal,
};
use http::{HeaderName, StatusCode, header, request::Parts};
use lambda_http::RequestExt as _;

use crate::State;
use crate::endpoints::OpenEndpoint;

/// The largest body that is read: Lambda hands over no more than 6 MB in one invocation.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// Names the event that a request was accepted as. The body is empty, because providers differ in
/// what they make of one.
const EVENT_ID: HeaderName = HeaderName::from_static("gatehouse-event-id");

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
    match verify(&state, &path, &endpoint, &parts, &body, now).await? {
        Ok(Received::Handshake(answer)) => {
            state.metrics.count(Metric::HandshakesAnswered, now);
            Ok(answer_handshake(answer))
        }
        Ok(Received::Event(facts)) => {
            accept(&state, &endpoint.endpoint, &parts, facts, body, now).await
        }
        Err(refusal) => refuse(refusal.code(), refusal_error(&refusal)),
    }
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

/// Whether the request comes from where the endpoint allows. Without a known source address, a
/// list of networks allows nothing.
fn allows(endpoint: &Endpoint, client: &ClientAddress) -> bool {
    let networks = &endpoint.allowed_networks;
    networks.is_empty()
        || client
            .0
            .is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
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
    let verdict = verify_with(endpoint, &request, now);
    if matches!(verdict, Err(Refusal::BadSignature | Refusal::NoSecret))
        && let Some(newer) = state.endpoints.at_if_newer(path, now).await?
    {
        return Ok(verify_with(&newer, &request, now));
    }
    Ok(verdict)
}

fn verify_with(
    endpoint: &OpenEndpoint,
    request: &InboundRequest<'_>,
    now: Timestamp,
) -> Result<Received, Refusal> {
    let (scheme, settings) = (endpoint.scheme, &endpoint.settings);
    signature::receive(
        scheme,
        request,
        &endpoint.secrets(now),
        settings,
        now.into(),
    )
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

async fn accept(
    state: &State,
    endpoint: &Endpoint,
    parts: &Parts,
    facts: EventFacts,
    body: Bytes,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let randomness = state.sources.randomness.as_ref();
    let trace = TraceParent::generate(randomness);
    let event = ReceivedEvent {
        id: EventId::generate(now, randomness),
        organization_id: endpoint.organization_id,
        integration_id: endpoint.integration_id,
        endpoint_id: endpoint.id,
        received_at: now,
        scheme: endpoint.scheme.clone(),
        provider_event_id: facts.provider_event_id,
        event_type: facts.event_type,
        verified_with: facts.verified_with,
        content_type: content_type(parts),
        body,
    };
    if let Err(error) = state.queue.send_event(&event, trace).await {
        let error = Error::from(error);
        if let Some(reason) = refusal_reason(&error) {
            state.refusals.note(Some(endpoint.id), reason, now);
        }
        return Err(error.into());
    }
    state.metrics.count(Metric::EventsAccepted, now);
    let (id, endpoint_id) = (event.id, endpoint.id);
    tracing::info!(
        event.id = %id,
        endpoint.id = %endpoint_id,
        organization.id = %endpoint.organization_id,
        body_bytes = event.body.len(),
        trace_id = trace.trace_id(),
        "{endpoint_id} accepted {id}"
    );
    Ok((StatusCode::OK, [(EVENT_ID, id.to_string())]).into_response())
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

fn answer_handshake(answer: HandshakeResponse) -> Response {
    (
        answer.status,
        [(header::CONTENT_TYPE, answer.content_type)],
        answer.body,
    )
        .into_response()
}

/// What the provider is told. Which part of a signature was wrong is not.
fn refusal_error(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::MethodNotAllowed { allow } => Error::MethodNotAllowed {
            allow: allow.clone(),
        },
        Refusal::Malformed => Error::Malformed("the request is not of the expected form".into()),
        _ => Error::SignatureRefused,
    }
}
