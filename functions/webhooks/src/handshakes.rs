//! Answers to handshakes.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use gatehouse::domain::{Endpoint, Error};
use gatehouse::egress::OutboundRequest;
use gatehouse::signature::HandshakeResponse;
use http::{HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::State;

/// Providers wait for some ten seconds for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What is echoed may be somebody else's: no browser is to make of it what it likes.
const SAFE: [(HeaderName, HeaderValue); 2] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

pub(crate) fn answer(answer: HandshakeResponse) -> Response {
    let kind = [(header::CONTENT_TYPE, answer.content_type)];
    let mut response = match answer.body.is_empty() {
        true => answer.status.into_response(),
        false => (answer.status, kind, answer.body).into_response(),
    };
    response.headers_mut().extend(answer.headers);
    response.headers_mut().extend(SAFE);
    response
}

/// Calls the URL by which a provider has something confirmed. It was signed, and is the
/// provider's.
///
/// # Errors
///
/// If it does not answer with 2xx: the provider asks again.
pub(crate) async fn confirm(state: &State, endpoint: &Endpoint, url: &Url) -> Result<(), Error> {
    let mut request = OutboundRequest::new(Method::GET, url.clone(), TIMEOUT);
    request.max_response_bytes = MAX_ANSWER_BYTES;
    let answer = state.egress.send(request).await;
    let answer = answer.map_err(|error| Error::Unavailable(error.into()))?;
    if answer.status.is_success() {
        let id = endpoint.id;
        tracing::info!(endpoint.id = %id, "{id} confirmed its subscription");
        Ok(())
    } else {
        let status = answer.status.as_u16();
        Err(Error::Unavailable(
            format!("the confirmation was answered with {status}").into(),
        ))
    }
}
