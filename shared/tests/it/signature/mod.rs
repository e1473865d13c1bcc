//! The engine, from outside: by declarations, settings and vectors only.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy takes for other code"
)]

mod declarations;
mod event_ids;
mod exhaustive;
mod facts;
mod fuzz;
mod pages;
mod placeholders;
mod samples;
mod strictness;
mod tokens;
mod unverified;
mod wycheproof;

use gatehouse::catalog::{self, Scheme};
use gatehouse::domain::SecretId;
use gatehouse::signature::vectors::Vector;
use gatehouse::signature::{
    EventFacts, InboundRequest, Received, Refusal, SchemeSettings, SigningSecret, receive,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

const NOW: i64 = 1_760_000_000;
const VECTORS: &str = include_str!("../../vectors/webhooks.json");

fn vectors() -> Vec<Vector> {
    serde_json::from_str(VECTORS).unwrap()
}

/// Those, and our own.
fn all_vectors() -> Vec<Vector> {
    let own = [
        include_str!("../../vectors/declared.json"),
        include_str!("../../vectors/coded.json"),
    ];
    let read = |text| serde_json::from_str::<Vec<Vector>>(text).unwrap();
    vectors()
        .into_iter()
        .chain(own.into_iter().flat_map(read))
        .collect()
}

fn raw_vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

/// A request under construction, with what an endpoint has to judge it.
#[derive(Clone, Debug)]
struct Case {
    secret: String,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    settings: SchemeSettings,
    now: Timestamp,
}

impl Case {
    fn new(secret: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        Self {
            secret: secret.to_owned(),
            method: Method::POST,
            url: "https://example.com/webhooks/a".to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            settings: SchemeSettings::default(),
            now: Timestamp::from_second(NOW).unwrap(),
        }
        .with(headers)
    }

    /// With more headers; those that are there stay.
    fn with(mut self, headers: &[(&str, &str)]) -> Self {
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            self.headers
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        self
    }

    fn by(&self, slug: &str) -> Result<Received, Refusal> {
        self.by_scheme(catalog::scheme(slug).unwrap())
    }

    fn by_scheme(&self, scheme: &Scheme) -> Result<Received, Refusal> {
        let request = InboundRequest {
            method: &self.method,
            url: &self.url,
            headers: &self.headers,
            body: &self.body,
        };
        let secret = SigningSecret::from(SecretString::from(self.secret.as_str()));
        let id = SecretId::from(ulid::Ulid::nil());
        receive(scheme, &request, &[(id, &secret)], &self.settings, self.now)
    }

    fn facts(&self, slug: &str) -> EventFacts {
        match self.by(slug) {
            Ok(Received::Event(facts)) => facts,
            other => panic!("{other:?}"),
        }
    }
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// A request that GitHub could have sent.
fn github(body: &[u8]) -> Case {
    let signature = hex::encode(hmac_sha256(b"secret", body));
    let signature = format!("sha256={signature}");
    Case::new("secret", &[("x-hub-signature-256", &signature)], body)
}

/// A request that Slack could have sent.
fn slack(content_type: &str, body: &[u8]) -> Case {
    let message = [format!("v0:{NOW}:").as_bytes(), body].concat();
    let signature = format!("v0={}", hex::encode(hmac_sha256(b"secret", &message)));
    let time = NOW.to_string();
    let headers = [
        ("content-type", content_type),
        ("x-slack-request-timestamp", &time),
        ("x-slack-signature", &signature),
    ];
    Case::new("secret", &headers, body)
}
