use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use lambda_http::request::RequestContext;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ApiError;
use crate::domain::{Error, FieldError};

/// The largest body of an API request: API Gateway takes 10 MB, nobody here needs that.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A JSON body, in and out.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        if !is_json(request.headers().get(header::CONTENT_TYPE)) {
            return Err(Error::UnsupportedMediaType {
                expected: "application/json",
            }
            .into());
        }
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(|_| Error::TooLarge {
                limit_bytes: MAX_BODY_BYTES as u64,
            })?;
        parse(&bytes).map(Self).map_err(ApiError::from)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    /// A request without a content type has no body to be read.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Self::Rejection> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            <Self as FromRequest<S>>::from_request(request, state)
                .await
                .map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            Error::Invalid(vec![FieldError::new(pointer, without_position(&inner))])
        } else {
            Error::Malformed("the body is not JSON".to_owned())
        }
    })?;
    match deserializer.end() {
        Ok(()) => Ok(parsed),
        Err(_) => Err(Error::Malformed("the body is not JSON".to_owned())),
    }
}

/// serde quotes the value that it found, which may be a secret; what was expected is enough.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match text.split_once("expected ") {
        Some((before, expected)) if before.starts_with("invalid") => format!("expected {expected}"),
        _ if text.starts_with("invalid") => "is not valid".to_owned(),
        _ => text.to_owned(),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// The query of a URL.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) =
            query.map_err(|_| Error::Malformed("a query parameter is not valid".to_owned()))?;
        Ok(Self(query))
    }
}

/// The id in a path. A text that is no id is as unknown as an id that is not
/// there.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<A: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut ids = ids(parts, state).await?.into_iter();
        next(&mut ids).map(Self)
    }
}

/// Two ids in a path.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut ids = ids(parts, state).await?.into_iter();
        Ok(Self(next(&mut ids)?, next(&mut ids)?))
    }
}

async fn ids<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, ApiError> {
    let parameters = RawPathParams::from_request_parts(parts, state).await;
    let parameters = parameters.map_err(|_| Error::NotFound("resource"))?;
    Ok(parameters
        .iter()
        .map(|(_, value)| value.to_owned())
        .collect())
}

fn next<T: FromStr>(ids: &mut impl Iterator<Item = String>) -> Result<T, ApiError> {
    let id = ids.next().and_then(|id| id.parse().ok());
    id.ok_or_else(|| Error::NotFound("resource").into())
}

/// The version that an update rests on, from `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = parts
            .headers
            .get(header::IF_MATCH)
            .ok_or(Error::PreconditionRequired)?;
        let version = header.to_str().ok().and_then(|text| {
            text.trim()
                .strip_prefix('"')?
                .strip_suffix('"')?
                .parse()
                .ok()
        });
        version
            .map(Self)
            .ok_or_else(|| Error::PreconditionFailed.into())
    }
}

/// The `ETag` of an item of `version`.
#[must_use]
pub fn etag(version: u64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// Where a request comes from, as API Gateway has seen it; unknown without it. Headers that claim
/// an address are never believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
            _ => None,
        };
        Ok(Self(text.and_then(|text| text.parse().ok())))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Body {
        name: String,
        credentials: Option<Vec<u32>>,
    }

    fn problem(text: &str) -> (String, String) {
        match parse::<Body>(text.as_bytes()).unwrap_err() {
            Error::Invalid(errors) => (errors[0].pointer.clone(), errors[0].message.clone()),
            error => (String::new(), error.to_string()),
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at_and_never_quoted() {
        let text = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
        assert_eq!(
            problem(r#"{"name": 1}"#),
            text("/name", "expected a string")
        );
        assert_eq!(
            problem(r#"{"name": "a", "credentials": [1, "canary"]}"#),
            text("/credentials/1", "expected u32")
        );
        assert_eq!(problem("{}"), text("", "missing field `name`"));
        assert_eq!(
            problem(r#"{"name": "a", "x": 1}"#),
            text("/x", "unknown field `x`, expected `name` or `credentials`")
        );
        assert_eq!(problem("{"), text("", "the body is not JSON"));
        assert_eq!(
            problem(r#"{"name": "a"} x"#),
            text("", "the body is not JSON")
        );
    }
}
