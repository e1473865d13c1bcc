//! What comes in and goes out of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gatehouse::domain::{CacheUse, Error, FieldError, Origin, RequestId, Timestamp, UpstreamError};
use gatehouse::flows::outbound::{OutboundAnswer, OutboundCall};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::values::{self, BodyEncoding};

const MAX_TIMEOUT_MS: u32 = 25_000;

/// A call to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"method": "POST", "endpoint": "/contacts", "body": {"name": "Ada"}}))]
pub(crate) struct NewRequest {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`.
    #[schema(examples("GET"))]
    pub(crate) method: String,
    /// The path under the integration's base URL, perhaps with a query; or one of the provider's
    /// own absolute URLs, as its lists give them.
    #[schema(max_length = 8192, examples("/v1/charges"))]
    pub(crate) endpoint: String,
    /// Headers by name. Those that the integration does not let pass are left out.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Parameters of the query: a text, a number, a boolean, or a list of these.
    #[serde(default)]
    pub(crate) params: BTreeMap<String, Parameter>,
    /// The body: an object or a list as JSON (an object as a form, if `headers` say so), a text as
    /// it is.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) body: Option<Box<RawValue>>,
    /// How `body` stands for bytes, if it is a text that does.
    pub(crate) body_encoding: Option<BodyEncoding>,
    /// For everything, repetitions included, in milliseconds; the integration's own, if absent.
    #[schema(minimum = 100, maximum = 25_000)]
    pub(crate) timeout: Option<u32>,
    /// By which the provider recognises the call, if it can; in a batch, where there is no header.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) idempotency_key: Option<String>,
}

/// The value of a parameter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Parameter {
    /// One.
    One(Scalar),
    /// The parameter as often as there are items.
    Many(Vec<Scalar>),
}

/// A text, a number or a boolean.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(String),
    #[schema(value_type = f64)]
    Number(serde_json::Number),
    Boolean(bool),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
        }
    }
}

impl NewRequest {
    /// The call, with `key` as its idempotency key if it names none itself.
    pub(crate) fn into_call(
        self,
        key: Option<&str>,
        origin: Origin,
    ) -> Result<OutboundCall, Error> {
        let mut errors = Vec::new();
        let mut headers = self.read_headers(&mut errors);
        let method = self.method.parse::<Method>().unwrap_or_else(|_| {
            errors.push(FieldError::new("/method", "expected a method of HTTP"));
            Method::GET
        });
        let is_key = |key: &String| {
            (1..=255).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        if !self.idempotency_key.as_ref().is_none_or(is_key) {
            let message = "expected 1 to 255 printable ASCII characters";
            errors.push(FieldError::new("/idempotencyKey", message));
        }
        if !self
            .timeout
            .is_none_or(|timeout| (100..=MAX_TIMEOUT_MS).contains(&timeout))
        {
            let message = "must be from 100 to 25000 milliseconds";
            errors.push(FieldError::new("/timeout", message));
        }
        let body = match &self.body {
            Some(body) => values::to_bytes(body, self.body_encoding, &mut headers)?,
            None => Bytes::new(),
        };
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let mut params = Vec::new();
        for (name, value) in self.params {
            let values = match value {
                Parameter::One(value) => vec![value],
                Parameter::Many(values) => values,
            };
            let values = values.into_iter().map(Scalar::into_text);
            params.extend(values.map(|value| (name.clone(), value)));
        }
        Ok(OutboundCall {
            method,
            endpoint: self.endpoint,
            params,
            headers,
            body,
            timeout: self.timeout.map(|ms| Duration::from_millis(ms.into())),
            idempotency_key: self.idempotency_key.or_else(|| key.map(str::to_owned)),
            origin,
        })
    }

    fn read_headers(&self, errors: &mut Vec<FieldError>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => {
                    headers.insert(name, value);
                }
                _ => {
                    let message = "expected headers with names and values as HTTP has them";
                    errors.push(FieldError::new("/headers", message));
                }
            }
        }
        headers
    }
}

/// What the provider answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestAnswer {
    /// The call, as it stands in the log.
    pub(crate) id: RequestId,
    /// The provider's status.
    pub(crate) status: u16,
    /// The provider's headers; the values of one that comes repeatedly are joined by commas.
    pub(crate) headers: BTreeMap<String, String>,
    /// The provider's body: JSON if it is, or a text.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) body: Option<Box<RawValue>>,
    /// How `body` stands for bytes that are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_encoding: Option<BodyEncoding>,
    /// When the call began.
    pub(crate) timestamp: Timestamp,
    /// How long it took in all, in milliseconds.
    pub(crate) duration: u64,
    /// How often the provider was called.
    pub(crate) attempts: u16,
    /// What the cache had to do with it.
    pub(crate) cache: CacheUse,
}

impl RequestAnswer {
    /// # Errors
    ///
    /// [`Error::Upstream`], if the provider's answer is an error.
    pub(crate) fn of(answer: OutboundAnswer) -> Result<Self, Error> {
        if let Some(problem) = answer.problem {
            return Err(Error::Upstream(Box::new(UpstreamError::answered(
                answer.id,
                problem,
                answer.is_repeatable,
            ))));
        }
        let (body, body_encoding) = values::to_json(&answer.headers, &answer.body);
        Ok(Self {
            id: answer.id,
            status: answer.status.as_u16(),
            headers: joined(&answer.headers),
            body,
            body_encoding,
            timestamp: answer.started_at,
            duration: u64::try_from(answer.duration.as_millis()).unwrap_or(u64::MAX),
            attempts: answer.attempts,
            cache: answer.cache,
        })
    }
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers.keys();
    let join = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    };
    names.map(|name| (name.to_string(), join(name))).collect()
}
