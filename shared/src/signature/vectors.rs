//! Runs test vectors through the engine: `cargo run -- verify FILE`, and our own tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use ulid::Ulid;

use super::vector_extra as extra;
use super::{
    InboundRequest, PublishedKeys, Received, Refusal, SchemeSettings, SigningSecret,
    receive_with_keys,
};
use crate::catalog::{self, Need, Scheme};

/// A request with the verdict that a strict verifier gives.
#[derive(Debug, Deserialize)]
pub struct Vector {
    /// Its name.
    pub id: String,
    /// Whose scheme it is for.
    pub provider: String,
    /// Which of the provider's schemes.
    pub scheme: String,
    #[serde(default, deserialize_with = "text_or_nothing")]
    secret: SecretString,
    #[serde(default, deserialize_with = "object_or_nothing")]
    extra: Map<String, Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default, deserialize_with = "object_or_nothing")]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_b64: Option<String>,
    now: f64,
    /// The verdict of a strict verifier.
    pub valid: bool,
    /// Whether a lenient verifier may differ.
    #[serde(default)]
    pub policy_dependent: bool,
    #[serde(default)]
    expect_response: Option<Value>,
}

/// Some sets keep their keys elsewhere and have something else, or nothing, for a secret.
fn text_or_nothing<'de, D: Deserializer<'de>>(input: D) -> Result<SecretString, D::Error> {
    let value = Value::deserialize(input)?;
    Ok(SecretString::from(value.as_str().unwrap_or_default()))
}

fn object_or_nothing<'de, D>(input: D) -> Result<Map<String, Value>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(input)?.unwrap_or_default())
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
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The method.
    pub method: Method,
    /// The URL as the provider called it.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Runs a vector at its own time, by the scheme that the catalogue says it is of.
#[must_use]
pub fn check(vector: &Vector) -> Verdict {
    match scheme_of(&vector.provider, &vector.scheme) {
        Some(scheme) => check_by(scheme, vector),
        None => Verdict::Unsupported,
    }
}

/// The scheme that names the set; or, where none does, the provider's: that of the set's name
/// (`gitlab/signed`), or the one that an endpoint of it has if it names none.
fn scheme_of(provider: &str, set: &str) -> Option<&'static Scheme> {
    let named = format!("{provider}/{set}");
    let mut schemes = catalog::schemes().into_values();
    let of_vectors = schemes.find(|scheme| scheme.vectors.contains(&named));
    of_vectors
        .or_else(|| catalog::scheme(&format!("{provider}-{set}")))
        .or_else(|| catalog::scheme(provider))
        .or_else(|| catalog::scheme(catalog::default_scheme(provider)?))
}

/// Runs a vector at its own time, by `scheme`.
#[must_use]
pub fn check_by(scheme: &Scheme, vector: &Vector) -> Verdict {
    let prepared = vector.prepare(scheme);
    let result = prepared.map(|prepared| prepared.judge(scheme));
    match (result, vector.valid) {
        (Some(Ok(received)), true) => vector.judge_answer(&received),
        (Some(Ok(_)), false) => Verdict::Differs("it was accepted".to_owned()),
        (Some(Err(refusal)), true) => {
            Verdict::Differs(format!("it was refused: {}", refusal.code()))
        }
        (None, true) => Verdict::Differs("it is no HTTP request".to_owned()),
        (Some(Err(_)) | None, false) => Verdict::Agrees,
    }
}

/// A vector's request, with all that an endpoint has to judge it by.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The request.
    pub request: Rebuilt,
    secrets: Vec<SigningSecret>,
    settings: SchemeSettings,
    keys: PublishedKeys,
    now: Timestamp,
}

impl Prepared {
    /// Verifies it by the function that verifies what providers send.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn judge(&self, scheme: &Scheme) -> Result<Received, Refusal> {
        let inbound = InboundRequest {
            method: &self.request.method,
            url: &self.request.url,
            headers: &self.request.headers,
            body: &self.request.body,
        };
        let secrets = self.secrets.iter();
        let secrets: Vec<_> = secrets.map(|secret| (Ulid::nil().into(), secret)).collect();
        receive_with_keys(
            scheme,
            &inbound,
            &secrets,
            &self.settings,
            &self.keys,
            self.now,
        )
    }
}

impl Vector {
    /// Puts the request together, and what an endpoint of `scheme` would have for it; nothing, if
    /// it is no HTTP request, or of no time.
    #[must_use]
    pub fn prepare(&self, scheme: &Scheme) -> Option<Prepared> {
        let now = SignedDuration::try_from_secs_f64(self.now).ok()?;
        Some(Prepared {
            request: self.rebuild()?,
            secrets: extra::secrets(scheme, self.configured(scheme), &self.extra),
            settings: extra::settings(scheme, &self.extra),
            keys: extra::keys(&self.extra),
            now: Timestamp::from_duration(now).ok()?,
        })
    }

    /// The secret that an endpoint would have. While the provider brings one, it has none.
    fn configured(&self, scheme: &Scheme) -> Option<SigningSecret> {
        let is_brought = scheme.secret() == Need::InBand && self.expect_response.is_some();
        (!is_brought).then(|| SigningSecret::from(self.secret.clone()))
    }

    fn judge_answer(&self, received: &Received) -> Verdict {
        let Some(expected) = &self.expect_response else {
            return Verdict::Agrees;
        };
        let (Received::Handshake(answer)
        | Received::Confirmation(_, answer)
        | Received::Secret(_, answer)) = received
        else {
            return Verdict::Differs("it is no handshake".to_owned());
        };
        let is_status = |status: &Value| *status == answer.status.as_u16();
        let is_text = |text: &Value| text.as_str().map(str::as_bytes) == Some(&answer.body);
        let is_json =
            |json: &Value| serde_json::from_slice(&answer.body).ok().as_ref() == Some(json);
        let is_called = |url: &Value| matches!(received, Received::Confirmation(called, _) if url.as_str() == Some(called.as_str()));
        let has =
            |name: &str, is_right: &dyn Fn(&Value) -> bool| expected.get(name).is_none_or(is_right);
        if has("status", &is_status)
            && has("body", &is_text)
            && has("body_json", &is_json)
            && has("confirm_get", &is_called)
            && has("headers", &|headers| extra::bears(answer, headers))
        {
            Verdict::Agrees
        } else {
            Verdict::Differs("the answer is another".to_owned())
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
            method: self.method.as_deref().unwrap_or("POST").parse().ok()?,
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
            let value = HeaderValue::from_bytes(value.as_str()?.as_bytes()).ok()?;
            map.append(name.clone(), value);
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
    let mut all = ["multiValueHeaders", "headers"].iter();
    let all = all.find_map(|name| event.get(*name)?.as_object())?;
    let query = text("/rawQueryString").filter(|query| !query.is_empty());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let path = text("/path").or(text("/rawPath"))?;
    Some(Rebuilt {
        method: text("/httpMethod")
            .or(text("/requestContext/http/method"))?
            .parse()
            .ok()?,
        url: format!("https://example.com{path}{query}"),
        headers: headers(all)?,
        body: if is_base64 {
            STANDARD.decode(body).ok()?
        } else {
            body.into()
        },
    })
}
