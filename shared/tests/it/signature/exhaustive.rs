//! Each single bit of what is signed counts.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::catalog::{Scheme, Verification};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::fuzz::SEEDS;
use super::{Case, raw_vectors};

/// Scheme, vector, and the headers that are signed or are the signature.
const ACCEPTED: &[(&str, &str, &[&str])] = &[
    (
        "standard-webhooks",
        "standard-webhooks/v1/valid",
        &["webhook-id", "webhook-timestamp", "webhook-signature"],
    ),
    (
        "standard-webhooks",
        "standard-webhooks/v1a-ed25519/valid",
        &["webhook-id", "webhook-timestamp", "webhook-signature"],
    ),
    (
        "svix",
        "svix/v1/valid",
        &["svix-id", "svix-timestamp", "svix-signature"],
    ),
    ("stripe", "stripe/v1/valid", &["stripe-signature"]),
    ("github", "github/sha256/valid", &["x-hub-signature-256"]),
    (
        "slack",
        "slack/v0/valid",
        &["x-slack-request-timestamp", "x-slack-signature"],
    ),
    (
        "shopify",
        "shopify/webhooks/valid",
        &["x-shopify-hmac-sha256"],
    ),
    (
        "sendgrid",
        "sendgrid/ecdsa-p256/valid",
        &[
            "x-twilio-email-event-webhook-timestamp",
            "x-twilio-email-event-webhook-signature",
        ],
    ),
    (
        "twilio",
        "twilio/sha1-url-params/valid",
        &["x-twilio-signature"],
    ),
    (
        "twilio",
        "twilio/sha1-url-bodySHA256/valid",
        &["x-twilio-signature"],
    ),
    (
        "twilio-shared-key",
        "twilio/sharedkey-sha256/valid",
        &["x-twilio-signature"],
    ),
];

fn case(vector: &Value) -> Case {
    let text = |name: &str| vector[name].as_str();
    let pairs = vector["headers"].as_object().unwrap().iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = match text("body_b64") {
        Some(base64) => STANDARD.decode(base64).unwrap(),
        None => text("body").unwrap().into(),
    };
    let mut case = Case::new(text("secret").unwrap(), &pairs, &body);
    case.now = jiff::Timestamp::from_second(vector["now"].as_i64().unwrap()).unwrap();
    case.url = text("url").unwrap_or("https://example.com/").to_owned();
    case.method = text("method").unwrap().parse().unwrap();
    case
}

/// The same parameters, spelled otherwise (`%c3` and `%C3`), are the same to Twilio.
fn same_form(slug: &str, left: &[u8], right: &[u8]) -> bool {
    let parameters = |body| {
        form_urlencoded::parse(body)
            .into_owned()
            .collect::<Vec<_>>()
    };
    slug.starts_with("twilio") && parameters(left) == parameters(right)
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

fn flipped_headers<'a>(
    headers: &'a HeaderMap,
    names: &'a [&str],
) -> impl Iterator<Item = (&'a str, HeaderValue)> {
    let values = names.iter().map(|name| (*name, headers[*name].as_bytes()));
    values.flat_map(|(name, value)| {
        let changed = flips(value).filter_map(|bytes| HeaderValue::from_bytes(&bytes).ok());
        changed.map(move |value| (name, value))
    })
}

#[test]
fn no_bit_of_a_signed_request_can_be_flipped() {
    let vectors = raw_vectors();
    for (slug, id, names) in ACCEPTED {
        let good = case(vectors.iter().find(|vector| vector["id"] == *id).unwrap());
        assert!(good.by(slug).is_ok(), "{id}");
        let mut tried = 0;
        for body in flips(&good.body).filter(|body| !same_form(slug, body, &good.body)) {
            let changed = Case {
                body,
                ..good.clone()
            };
            assert!(changed.by(slug).is_err(), "{id}: body");
            tried += 1;
        }
        for (name, value) in flipped_headers(&good.headers, names) {
            let mut changed = good.clone();
            changed
                .headers
                .insert(name.parse::<http::HeaderName>().unwrap(), value);
            let verdict = changed.by(slug);
            assert!(verdict.is_err(), "{id}: {name} {:?}", changed.headers);
            tried += 1;
        }
        assert!(tried > 500, "{id}: {tried}");
    }
}

#[test]
fn another_schemes_request_is_refused() {
    let vectors = raw_vectors();
    for (slug, ..) in ACCEPTED {
        for (other, id, _) in ACCEPTED.iter().filter(|(other, ..)| other != slug) {
            let good = case(vectors.iter().find(|vector| vector["id"] == *id).unwrap());
            // Svix reads the headers of Standard Webhooks, and signs as they do.
            let related = *slug == "svix" && id.starts_with("standard-webhooks/v1/");
            assert_eq!(good.by(slug).is_ok(), related, "{slug} of {other}");
        }
    }
}

/// The headers that a declaration looks at.
fn looked_at(scheme: &Scheme) -> Vec<&str> {
    let Verification::Signature { headers, .. } = &scheme.verification else {
        return Vec::new();
    };
    let families = headers.iter();
    let names = families.flat_map(|family| {
        let others = family.timestamp.iter().chain(&family.id);
        others.chain([&family.signature]).map(String::as_str)
    });
    names.collect()
}

#[test]
fn no_bit_of_a_header_and_no_byte_can_be_changed_of_what_any_declaration_signs() {
    let mut tried = BTreeSet::new();
    for seed in SEEDS.iter().filter(|seed| tried.insert(seed.slug)) {
        let good = &seed.case.request;
        let names = looked_at(seed.scheme);
        if names.is_empty() {
            continue;
        }
        let there = names
            .into_iter()
            .filter(|name| good.headers.contains_key(*name));
        for (name, value) in flipped_headers(&good.headers, &there.collect::<Vec<_>>()) {
            let mut changed = seed.case.clone();
            let name: http::HeaderName = name.parse().unwrap();
            changed.request.headers.insert(name.clone(), value);
            let verdict = changed.judge(seed.scheme);
            assert!(verdict.is_err(), "{}: {name} {changed:?}", seed.slug);
        }
        // A bit of each byte, and each bit of some: all of them are what the test above takes.
        for body in flips(&good.body).step_by(7) {
            let mut changed = seed.case.clone();
            changed.request.body = body;
            let verdict = changed.judge(seed.scheme);
            assert!(verdict.is_err(), "{}: body", seed.slug);
        }
    }
    assert!(tried.len() > 60, "{tried:?}");
}
