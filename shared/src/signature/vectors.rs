//! Runs test vectors through the engine: `cargo run -- verify FILE`, and our own tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use ulid::Ulid;

use super::{InboundRequest, Received, SchemeSettings, SigningSecret, receive};
use crate::catalog::{self, Scheme};

/// A request with the verdict that a strict verifier gives.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// Its name.
    pub id: String,
    /// Whose scheme it is for.
    pub provider: String,
    scheme: String,
    secret: SecretString,
    #[serde(default)]
    extra: Map<String, Value>,
    method: String,
    #[serde(default)]
    url: Option<String>,
    headers: Map<String, Value>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_b64: Option<String>,
    now: i64,
    /// The verdict of a strict verifier.
    pub valid: bool,
    /// Whether a lenient verifier may differ.
    #[serde(default)]
    pub policy_dependent: bool,
    #[serde(default)]
    expect_response: Option<Value>,
}

/// How a vector went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Agrees,
    /// Not as it says; what happened instead.
    Differs(String),
    /// No scheme of the catalogue is for it. An endpoint would refuse it.
    Unsupported,
}

/// A request put together from a vector.
struct Rebuilt {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Runs a vector at its own time.
#[must_use]
pub fn check(vector: &Vector) -> Verdict {
    let set = format!("{}/{}", vector.provider, vector.scheme);
    let schemes = catalog::schemes();
    let scheme = schemes
        .values()
        .find(|scheme| scheme.vectors.contains(&set));
    match (scheme, vector.rebuild()) {
        (None, _) => Verdict::Unsupported,
        (Some(_), None) => Verdict::Differs("the vector cannot be read".to_owned()),
        (Some(scheme), Some(request)) => vector.judge(scheme, &request),
    }
}

impl Vector {
    fn judge(&self, scheme: &Scheme, request: &Rebuilt) -> Verdict {
        let secret = SigningSecret::from(self.secret.clone());
        let Ok(now) = Timestamp::from_second(self.now) else {
            return Verdict::Differs("its time is out of range".to_owned());
        };
        let inbound = InboundRequest {
            method: &request.method,
            url: &request.url,
            headers: &request.headers,
            body: &request.body,
        };
        let secrets = [(Ulid::nil().into(), &secret)];
        match (
            receive(scheme, &inbound, &secrets, &SchemeSettings::default(), now),
            self.valid,
        ) {
            (Ok(received), true) => self.judge_answer(&received),
            (Err(_), false) => Verdict::Agrees,
            (Ok(_), false) => Verdict::Differs("it was accepted".to_owned()),
            (Err(refusal), true) => Verdict::Differs(format!("it was refused: {}", refusal.code())),
        }
    }

    fn judge_answer(&self, received: &Received) -> Verdict {
        let expected = self
            .expect_response
            .as_ref()
            .and_then(|response| response.get("body"));
        match (expected.and_then(Value::as_str), received) {
            (Some(body), Received::Handshake(answer)) if answer.body == body.as_bytes() => {
                Verdict::Agrees
            }
            (Some(_), _) => Verdict::Differs("the answer is another".to_owned()),
            (None, _) => Verdict::Agrees,
        }
    }

    fn rebuild(&self) -> Option<Rebuilt> {
        if let Some(event) = self.extra.get("event") {
            return from_gateway_event(event);
        }
        let body = match (&self.body_b64, &self.body) {
            (Some(base64), _) => STANDARD.decode(base64).ok()?,
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => Vec::new(),
        };
        Some(Rebuilt {
            method: self.method.parse().ok()?,
            url: self
                .url
                .clone()
                .unwrap_or_else(|| "https://example.com/".to_owned()),
            headers: headers(&self.headers)?,
            body,
        })
    }
}

/// A text, or a list of texts for a header that comes several times.
fn headers(headers: &Map<String, Value>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().ok()?;
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            map.append(name.clone(), HeaderValue::from_str(value.as_str()?).ok()?);
        }
    }
    Some(map)
}

/// An event of API Gateway (payload versions 1.0 and 2.0) or of a load balancer. Only what a
/// signature can cover is read; `lambda_http` wants the rest of an event too.
fn from_gateway_event(event: &Value) -> Option<Rebuilt> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let body = text("/body").unwrap_or_default();
    let is_base64 = event
        .get("isBase64Encoded")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    // Where both are there, `headers` holds only the last value of each.
    let all = event
        .get("multiValueHeaders")
        .or_else(|| event.get("headers"))?;
    Some(Rebuilt {
        method: text("/httpMethod")
            .or(text("/requestContext/http/method"))?
            .parse()
            .ok()?,
        url: format!("https://example.com{}", text("/path").or(text("/rawPath"))?),
        headers: headers(all.as_object()?)?,
        body: if is_base64 {
            STANDARD.decode(body).ok()?
        } else {
            body.into()
        },
    })
}
