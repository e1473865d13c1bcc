use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use gatehouse::access::Caller;
use gatehouse::domain::gateway::{Passage, headers_to_caller};
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::flows::outbound::{MAX_BODY_BYTES, OutboundCall};
use gatehouse::http::{ApiError, OriginOf, idempotency_key};
use http::{HeaderName, HeaderValue, Uri};

use crate::State;

/// Names the call, as it stands in the log of requests.
const REQUEST_ID: HeaderName = HeaderName::from_static("gatehouse-request-id");
/// What comes before the provider's path, after the integration's id.
const PREFIX: &str = "proxy/";

/// Passes a request on to the provider, and the provider's answer back: status and body as they
/// are, headers but for those that belong to one side or hold credentials.
///
/// Behind API Gateway the path has been decoded once: an encoded slash in it is a slash here. What
/// needs one goes by way of `/requests`.
pub(crate) async fn forward(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (integration, endpoint) = target(&parts.uri).ok_or(Error::NotFound("resource"))?;
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| Error::TooLarge {
            limit_bytes: MAX_BODY_BYTES as u64,
        })?;
    let key = idempotency_key(&parts.headers)?.map(str::to_owned);
    let call = OutboundCall {
        method: parts.method,
        endpoint,
        params: Vec::new(),
        headers: parts.headers,
        body,
        timeout: None,
        idempotency_key: key,
        origin,
    };
    let answer = state
        .outbound
        .execute_request(&caller, integration, call)
        .await?;
    let headers = headers_to_caller(&answer.headers, Passage::Forwarded);
    let mut response = (answer.status, answer.body).into_response();
    // Of a body of bytes, axum guesses the media type; the provider's is what counts.
    response.headers_mut().clear();
    response.headers_mut().extend(headers);
    if let Ok(id) = HeaderValue::from_str(&answer.id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// The integration, and the endpoint with its query, byte for byte as they were called.
fn target(uri: &Uri) -> Option<(IntegrationId, String)> {
    let (_, rest) = uri.path().split_once("/portal/integrations/")?;
    let (integration, rest) = rest.split_once('/')?;
    let path = rest.strip_prefix(PREFIX)?;
    let endpoint = match uri.query() {
        Some(query) => format!("/{path}?{query}"),
        None => format!("/{path}"),
    };
    Some((integration.parse().ok()?, endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "int_01K72Z5QSW0123456789ABCDEF";

    fn endpoint(path: &str) -> Option<String> {
        let uri = format!("/portal/integrations/{ID}{path}").parse().unwrap();
        target(&uri).map(|(_, endpoint)| endpoint)
    }

    #[test]
    fn the_endpoint_is_what_follows_to_the_byte() {
        for (path, expected) in [
            ("/proxy/v1/a", Some("/v1/a")),
            (
                "/proxy/v1/%C3%A4%2fb?x=%20&y",
                Some("/v1/%C3%A4%2fb?x=%20&y"),
            ),
            ("/proxy//v1", Some("//v1")),
            ("/proxy/../v1", Some("/../v1")),
            ("/proxy/", Some("/")),
            ("/prox/a", None),
        ] {
            assert_eq!(endpoint(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_stage_in_front_is_passed_over() {
        let uri = format!("/prod/portal/integrations/{ID}/proxy/a");
        let (integration, endpoint) = target(&uri.parse().unwrap()).unwrap();
        assert_eq!(
            (integration.to_string().as_str(), endpoint.as_str()),
            (ID, "/a")
        );
    }
}
