//! Answers to handshakes.

use axum::response::{IntoResponse, Response};
use gatehouse::domain::{Endpoint, Error};
use gatehouse::signature::HandshakeResponse;
use http::{HeaderName, HeaderValue, header};
use url::Url;

use crate::State;

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
    let answer = state.fetch.fetch(url).await;
    answer.map_err(Error::Unavailable)?;
    let id = endpoint.id;
    tracing::info!(endpoint.id = %id, "{id} confirmed its subscription");
    Ok(())
}
