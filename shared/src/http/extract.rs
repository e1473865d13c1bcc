use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use lambda_http::request::RequestContext;
use serde::de::DeserializeOwned;

use super::{ApiError, RequestId};
use crate::domain::{Error, Origin};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// The query of a URL.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) = query.map_err(|rejection| unreadable(&rejection))?;
        Ok(Self(query))
    }
}

/// Names the parameter, where the rejection begins with a name, and never quotes its value.
fn unreadable(rejection: &QueryRejection) -> Error {
    let text = rejection.body_text();
    let is_name = |name: &&str| {
        let mut bytes = name.bytes();
        (1..=32).contains(&name.len())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let (name, reason) = text
        .strip_prefix("Failed to deserialize query string: ")
        .and_then(|text| text.split_once(": "))
        .unwrap_or_default();
    let name = Some(name).filter(is_name);
    let message = match (name, reason.starts_with("unknown field ")) {
        (Some(name), true) => format!("there is no query parameter `{name}`"),
        (Some(name), false) => format!("the query parameter `{name}` is not valid"),
        (None, true) => "there is a query parameter that is not known".to_owned(),
        (None, false) => "a query parameter is not valid".to_owned(),
    };
    Error::Malformed(message)
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

/// The version that a change rests on, from `If-Match`. An `Option` of it is for what may be done
/// without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut headers = parts.headers.get_all(header::IF_MATCH).iter();
        let header = headers.next().ok_or(Error::PreconditionRequired)?;
        let text = header.to_str().ok().filter(|_| headers.next().is_none());
        let version = text.and_then(|text| version_of(text.trim()));
        version
            .map(Self)
            .ok_or_else(|| Error::PreconditionFailed.into())
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        if parts.headers.contains_key(header::IF_MATCH) {
            <Self as FromRequestParts<S>>::from_request_parts(parts, state)
                .await
                .map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The version in an entity tag of ours. Anything else names no current version, a weak tag
/// neither (RFC 9110 section 8.8.3.2): to update needs to have read.
fn version_of(text: &str) -> Option<u64> {
    let tag = text.strip_prefix('"')?.strip_suffix('"')?;
    let version = tag.parse().ok()?;
    (text == quoted(version)).then_some(version)
}

fn quoted(version: u64) -> String {
    format!("\"{version}\"")
}

/// The `ETag` of an item of `version`.
#[must_use]
pub fn etag(version: u64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, quoted(version))]
}

/// The `Idempotency-Key` of a request, if it has one.
///
/// # Errors
///
/// [`Error::Malformed`], if there are several, or it is not 1 to 255 printable ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let is_printable = |key: &&str| key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len()))
        .filter(is_printable)
        .filter(|_| values.next().is_none())
        .map(Some)
        .ok_or_else(|| {
            Error::Malformed(
                "the idempotency key must be one text of 1 to 255 printable ASCII characters"
                    .to_owned(),
            )
        })
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
        let address = text.and_then(|text| text.parse::<IpAddr>().ok());
        Ok(Self(address.map(|address| address.to_canonical())))
    }
}

/// Where a request comes from, and what it is called.
#[derive(Clone, Debug)]
pub struct OriginOf(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for OriginOf {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let ClientAddress(source) = ClientAddress::from_request_parts(parts, state).await?;
        let id = parts.extensions.get::<RequestId>();
        Ok(Self(Origin {
            source,
            request_id: id.map(|RequestId(id)| id.clone()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn if_match_is_one_strong_tag_with_a_version() {
        assert_eq!(version_of("\"7\""), Some(7));
        for other in [
            "",
            "7",
            "*",
            "\"",
            "\"\"",
            "\"7",
            "7\"",
            "\"07\"",
            "\"+7\"",
            "\"-1\"",
            "\"7 \"",
            "\"x\"",
            "W/\"7\"",
            "\"7\", \"8\"",
        ] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_printable_characters() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            idempotency_key(&headers).map(|key| key.map(str::to_owned))
        };
        let longest = "k".repeat(255);
        assert_eq!(read(&[]).unwrap(), None);
        for key in ["k", "a b~!", &longest] {
            assert_eq!(read(&[key.as_bytes()]).unwrap().as_deref(), Some(key));
        }
        let too_long = "k".repeat(256);
        for broken in [
            [b"".as_slice()].as_slice(),
            &[too_long.as_bytes()],
            &[b"a\tb"],
            &["clé".as_bytes()],
            &[b"\xff"],
            &[b"a", b"a"],
        ] {
            assert!(
                matches!(read(broken), Err(Error::Malformed(_))),
                "{broken:?}"
            );
        }
    }
}
