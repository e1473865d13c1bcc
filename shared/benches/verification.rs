//! Verifies one webhook of a scheme a given number of times. `scripts/bench` counts the
//! instructions of two runs; their difference is what the verifications cost, without the start.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong ends the measuring"
)]

use std::hint::black_box;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::catalog;
use gatehouse::signature::{InboundRequest, SchemeSettings, SigningSecret, receive};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ulid::Ulid;

const SECOND: i64 = 1_790_000_000;
const BODY_BYTES: usize = 1_024;

/// What a scheme's provider sends, and what it is verified with.
struct Signed {
    headers: Vec<(&'static str, String)>,
    secret: String,
}

fn main() {
    // Cargo adds an argument of its own to a bench's.
    let arguments = std::env::args().skip(1);
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    let slug = arguments.next().unwrap_or_else(|| "stripe".to_owned());
    let times: usize = arguments.next().map_or(1, |times| times.parse().unwrap());
    verify(&slug, times);
}

fn verify(slug: &str, times: usize) {
    let body = body();
    let signed = match slug {
        "stripe" => stripe(&body),
        "github" => github(&body),
        "sendgrid" => sendgrid(&body),
        _ => panic!("there is no sample of `{slug}`"),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in signed.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::try_from(value).unwrap(),
        );
    }
    let inbound = InboundRequest {
        method: &Method::POST,
        url: "https://gatehouse.example/webhooks/x",
        headers: &headers,
        body: &body,
    };
    let (scheme, settings) = (catalog::scheme(slug).unwrap(), SchemeSettings::default());
    let secret = SigningSecret::from(secrecy::SecretString::from(signed.secret));
    let now = jiff::Timestamp::from_second(SECOND).unwrap();
    for _ in 0..times {
        let secrets = [(Ulid::nil().into(), &secret)];
        black_box(receive(
            scheme,
            black_box(&inbound),
            &secrets,
            &settings,
            now,
        ))
        .unwrap();
    }
}

/// JSON, because the id and the type of an event are read once its signature holds.
fn body() -> Vec<u8> {
    let start = r#"{"id":"evt_1","type":"invoice.paid","data":""#;
    let rest = "x".repeat(BODY_BYTES - start.len() - 2);
    format!("{start}{rest}\"}}").into_bytes()
}

fn hmac_of(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, message))
}

fn stripe(body: &[u8]) -> Signed {
    let secret = "whsec_of_a_sample".to_owned();
    let message = [format!("{SECOND}.").as_bytes(), body].concat();
    let signature = format!("t={SECOND},v1={}", hmac_of(&secret, &message));
    Signed {
        headers: vec![("stripe-signature", signature)],
        secret,
    }
}

fn github(body: &[u8]) -> Signed {
    let secret = "secret of a sample".to_owned();
    let signature = format!("sha256={}", hmac_of(&secret, body));
    Signed {
        headers: vec![("x-hub-signature-256", signature)],
        secret,
    }
}

fn sendgrid(body: &[u8]) -> Signed {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let message = [SECOND.to_string().as_bytes(), body].concat();
    let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
    Signed {
        headers: vec![
            (
                "x-twilio-email-event-webhook-signature",
                STANDARD.encode(signature),
            ),
            ("x-twilio-email-event-webhook-timestamp", SECOND.to_string()),
        ],
        secret: STANDARD.encode(public.as_ref()),
    }
}
