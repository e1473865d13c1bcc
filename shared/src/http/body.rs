use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ApiError;
use crate::domain::{Error, FieldError, Object};

/// The largest body that [`Json`] reads, in bytes. Put into a request's extensions
/// (`.layer(axum::Extension(BodyLimit(…)))`) by routes that want another than the default of 1 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    /// API Gateway takes 10 MB; nobody here needs that.
    fn default() -> Self {
        Self(1024 * 1024)
    }
}

const JSON: &str = "application/json";
/// The media type of a merge patch (RFC 7396, section 4).
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON body, in and out.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Json<T> {
    /// Reads a part of a body as a whole body is read.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`], if it is no JSON; [`Error::Invalid`] with the first wrong field.
    pub fn read(bytes: &[u8]) -> Result<T, Error> {
        parse(bytes)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parse(&bytes_of(request, JSON, &[JSON]).await?)?))
    }
}

/// A JSON body that says what is to change, by the rules of a merge patch (RFC 7396). It comes as
/// `application/merge-patch+json`, or as any JSON.
#[derive(Clone, Copy, Debug)]
pub struct MergePatch<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let bytes = bytes_of(request, MERGE_PATCH, &[MERGE_PATCH, JSON]).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// Reads a body of one of the media types `taken`.
async fn bytes_of(
    request: Request,
    expected: &'static str,
    taken: &[&str],
) -> Result<Bytes, Error> {
    let media_type = media_type(request.headers().get(header::CONTENT_TYPE));
    if !taken.iter().any(|one| media_type.eq_ignore_ascii_case(one)) {
        return Err(Error::UnsupportedMediaType { expected });
    }
    let limit = request.extensions().get::<BodyLimit>().copied();
    read(request.into_body(), limit.unwrap_or_default()).await
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    /// A request without a content type has no body to be read. One with it may still have none, or
    /// `null`, as clients send that name the type whatever follows.
    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Self::Rejection> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        let bytes = bytes_of(request, JSON, &[JSON]).await?;
        match bytes.trim_ascii() {
            b"" | b"null" => Ok(None),
            text => Ok(Some(Self(parse(text)?))),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

async fn read(body: Body, BodyLimit(limit): BodyLimit) -> Result<Bytes, Error> {
    let collected = Limited::new(body, limit).collect().await;
    collected.map(Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Error::TooLarge {
                limit_bytes: limit as u64,
            }
        } else {
            Error::Malformed("the body ended too soon".to_owned())
        }
    })
}

/// A content type without its parameters.
fn media_type(content_type: Option<&HeaderValue>) -> &str {
    let text = content_type.and_then(|value| value.to_str().ok());
    let media_type = text.unwrap_or_default().split(';').next();
    media_type.unwrap_or_default().trim()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let Object(parsed) = parsed.map_err(|error| {
        let pointer = FieldError::pointer("", error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            Error::Invalid(vec![FieldError::described(&pointer, &inner)])
        } else {
            Error::Malformed("the body is not JSON".to_owned())
        }
    })?;
    match deserializer.end() {
        Ok(()) => Ok(parsed),
        Err(_) => Err(Error::Malformed("the body is not JSON".to_owned())),
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
        kind: Option<Kind>,
        url: Option<url::Url>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        ApiKey,
        Oauth2,
    }

    fn problem(text: &str) -> (String, String) {
        match parse::<Body>(text.as_bytes()).unwrap_err() {
            Error::Invalid(errors) => (errors[0].pointer.clone(), errors[0].message.clone()),
            error => (String::new(), error.to_string()),
        }
    }

    #[tokio::test]
    async fn a_body_that_may_be_left_out_may_be_null_or_nothing() {
        let read = async |content_type: Option<&str>, text: &'static str| {
            let mut request = Request::new(text.into());
            if let Some(content_type) = content_type {
                let value = HeaderValue::from_str(content_type).unwrap();
                request.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            let read = <Json<Body> as OptionalFromRequest<()>>::from_request(request, &()).await;
            read.map(|body| body.map(|Json(body)| body.name))
                .map_err(|error| error.status().as_u16())
        };
        let name = Some("a".to_owned());
        for (content_type, text, expected) in [
            (None, r#"{"name": 1}"#, Ok(None)),
            (Some(JSON), "", Ok(None)),
            (Some(JSON), " null\n", Ok(None)),
            (Some(JSON), r#" {"name": "a"}"#, Ok(name)),
            (Some(JSON), "{}", Err(400)),
            (Some(JSON), "[]", Err(400)),
            (Some(JSON), "nul", Err(400)),
            (Some("text/plain"), "null", Err(415)),
        ] {
            assert_eq!(read(content_type, text).await, expected, "{text}");
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
        assert_eq!(problem("{}"), text("/name", "is required"));
        assert_eq!(
            problem(r#"{"name": "a", "x": 1}"#),
            text(
                "/x",
                "unknown field `x`, expected one of `name`, `credentials`, `kind`, `url`"
            )
        );
        let list = r#"["a", null, null, null]"#;
        assert_eq!(problem(list), text("", "expected an object"));
        assert_eq!(problem("{"), text("", "the body is not JSON"));
        assert_eq!(
            problem(r#"{"name": "a"} x"#),
            text("", "the body is not JSON")
        );
    }

    #[test]
    fn a_value_is_not_quoted_even_if_it_talks_like_serde() {
        for (value, message) in [
            ("canary", "expected u32"),
            ("canary, expected canary at line 7", "expected u32"),
            ("canary at line 1 column 2", "expected u32"),
        ] {
            let body = serde_json::json!({"name": "a", "credentials": [value]}).to_string();
            assert_eq!(problem(&body).1, message);
            let body = serde_json::json!({"name": "a", "kind": value}).to_string();
            let (pointer, message) = problem(&body);
            assert_eq!(pointer, "/kind");
            assert_eq!(message, "expected `api_key` or `oauth2`");
        }
    }

    #[test]
    fn a_url_is_not_quoted_either() {
        for (value, message) in [
            ("canary", "relative URL without a base"),
            ("https://me:canary@example.com:99999", "is not valid"),
            ("https://[canary: \"", "is not valid"),
        ] {
            let body = serde_json::json!({"name": "a", "url": value}).to_string();
            assert_eq!(problem(&body), ("/url".to_owned(), message.to_owned()));
        }
    }

    #[test]
    fn a_pointer_escapes_what_a_name_may_hold() {
        let error = parse::<std::collections::BTreeMap<String, u32>>(br#"{"a/b~c": "x"}"#);
        match error.unwrap_err() {
            Error::Invalid(errors) => assert_eq!(errors[0].pointer, "/a~1b~0c"),
            error => panic!("{error}"),
        }
    }
}
