//! Providers, which sign what they say, repeat it, and come again where it was not taken; and those who
//! only say that they are providers.

use aws_lc_rs::hmac;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::super::canary::CANARY;

/// How a provider signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// One event a request, with the time in the signature.
    Stripe,
    /// Several.
    GoCardless,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::GoCardless => "gocardless",
        }
    }

    /// The event with that number, of the integration that is the `line`th.
    pub(crate) fn event(self, line: usize, number: usize) -> Value {
        let text = format!("{CANARY}body {line} {number}");
        // Different providers count the same way.
        let id = format!("evt_{number}");
        match self {
            Self::Stripe => json!({"id": id, "type": "invoice.paid", "line": line, "text": text}),
            Self::GoCardless => json!({"id": id, "resource_type": "payments", "action": "paid",
                "line": line, "text": text}),
        }
    }

    /// What a destination is sent for an event: one of a batch is put where it would stand alone.
    pub(crate) fn event_of(self, body: &[u8]) -> Value {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        match self {
            Self::Stripe => body,
            Self::GoCardless => {
                assert_eq!(body["events"].as_array().unwrap().len(), 1);
                body["events"][0].take()
            }
        }
    }

    /// A request with these events, signed with `secret` at that second.
    pub(crate) fn request(
        self,
        path: &str,
        events: &[Value],
        secret: &str,
        second: i64,
    ) -> Request<Body> {
        let body = match self {
            Self::Stripe => events[0].to_string(),
            Self::GoCardless => json!({"events": events}).to_string(),
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let sign = |text: &str| hex::encode(hmac::sign(&key, text.as_bytes()));
        let (name, signature) = match self {
            Self::Stripe => {
                let signature = sign(&format!("{second}.{body}"));
                ("stripe-signature", format!("t={second},v1={signature}"))
            }
            Self::GoCardless => ("webhook-signature", sign(&body)),
        };
        let request = Request::post(path).header(name, signature);
        let request = request.header("content-type", "application/json");
        request.body(Body::from(body)).unwrap()
    }
}
