use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::SecretString;
use ulid::Ulid;

use super::keys::{P256_SPKI, decode};
use super::vectors::{Vector, Verdict, check};
use super::*;
use crate::catalog::{self, Encoding, KeyForm, Location};

const NOW: i64 = 1_760_000_000;
const SECRET: &str = "canary-0123456789";

fn secret() -> SigningSecret {
    SigningSecret::from(SecretString::from(SECRET))
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

fn run(
    slug: &str,
    pairs: &[(&str, &str)],
    body: &[u8],
    settings: &SchemeSettings,
) -> Result<Received, Refusal> {
    let headers = headers(pairs);
    let request = InboundRequest {
        method: &Method::POST,
        url: "https://example.com/webhooks/a",
        headers: &headers,
        body,
    };
    let now = Timestamp::from_second(NOW).unwrap();
    let scheme = catalog::scheme(slug).unwrap();
    receive(
        scheme,
        &request,
        &[(Ulid::nil().into(), &secret())],
        settings,
        now,
    )
}

fn sign(message: &[u8]) -> Vec<u8> {
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
        message,
    )
    .as_ref()
    .to_vec()
}

fn stripe(body: &[u8], timestamp: i64) -> String {
    let message = [timestamp.to_string().as_bytes(), b".", body].concat();
    format!("t={timestamp},v1={}", hex::encode(sign(&message)))
}

/// Those signed and judged by the providers' own libraries, and those for schemes that had none.
const VECTORS: [&str; 3] = [
    include_str!("../../tests/vectors/webhooks.json"),
    include_str!("../../tests/vectors/declared.json"),
    include_str!("../../tests/vectors/coded.json"),
];

#[test]
fn every_vector_of_our_schemes_is_judged_as_a_strict_verifier_does() {
    let vectors = VECTORS.map(|text| serde_json::from_str::<Vec<Vector>>(text).unwrap());
    let schemes = catalog::schemes();
    let named: BTreeSet<&String> = schemes
        .values()
        .flat_map(|scheme| &scheme.vectors)
        .collect();
    let mut judged: BTreeMap<String, usize> = BTreeMap::new();
    let mut differing = BTreeSet::new();
    let mut wrong = Vec::new();
    for vector in vectors.iter().flatten() {
        let set = format!("{}/{}", vector.provider, vector.scheme);
        *judged.entry(set).or_default() += 1;
        match check(vector) {
            Verdict::Agrees => {}
            Verdict::Differs(_) if vector.policy_dependent => {
                differing.insert(vector.id.as_str());
            }
            Verdict::Differs(how) => wrong.push(format!("{}: {how}", vector.id)),
            Verdict::Unsupported => wrong.push(format!("{}: no scheme", vector.id)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let sets: BTreeSet<&String> = judged.keys().collect();
    assert_eq!(
        sets, named,
        "a set without a scheme, or a scheme's without vectors"
    );
    assert!(judged.values().sum::<usize>() > 1500, "{judged:?}");
    let documentation = include_str!("../../../docs/webhook-schemes.md");
    let rows = documentation.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.filter_map(|row| row.split('`').nth(1).filter(|id| id.contains('/')));
    assert_eq!(rows.collect::<BTreeSet<_>>(), differing, "the page differs");
}

#[test]
fn a_set_that_no_scheme_names_is_for_the_schemes_of_its_provider() {
    let vector = |set: &str, signature: &str| -> Vector {
        let (provider, scheme) = set.split_once('/').unwrap();
        serde_json::from_value(serde_json::json!({
            "id": set, "provider": provider, "scheme": scheme, "secret": SECRET, "now": NOW,
            "headers": {"x-gitlab-token": SECRET, "x-hub-signature-256": signature},
            "body": "{}", "valid": true,
        }))
        .unwrap()
    };
    let signature = format!("sha256={}", hex::encode(sign(b"{}")));
    let verdict = |set: &str| check(&vector(set, &signature));
    assert_eq!(verdict("gitlab/another-name"), Verdict::Agrees);
    assert_eq!(verdict("github/another-name"), Verdict::Agrees);
    assert_ne!(
        verdict("gitlab/signed"),
        Verdict::Agrees,
        "another scheme of GitLab's"
    );
    assert_eq!(verdict("unknown/sha256"), Verdict::Unsupported);
}

#[test]
fn each_reason_to_refuse_has_its_code() {
    let body = b"{}";
    let good = stripe(body, NOW);
    let settings = SchemeSettings::default();
    let code = |pairs: &[(&str, &str)]| run("stripe", pairs, body, &settings).unwrap_err().code();
    let name = "stripe-signature";
    assert!(run("stripe", &[(name, &good)], body, &settings).is_ok());
    assert_eq!(code(&[]), "missing_header");
    assert_eq!(code(&[(name, &good), (name, &good)]), "repeated_header");
    assert_eq!(
        code(&[(name, &format!("{good},t={NOW}"))]),
        "repeated_header"
    );
    assert_eq!(code(&[(name, "v1=00")]), "missing_header");
    assert_eq!(code(&[(name, "t=soon,v1=00")]), "bad_form");
    assert_eq!(code(&[(name, &format!("t={NOW},v1=00"))]), "bad_signature");
    assert_eq!(code(&[(name, &stripe(body, NOW - 301))]), "stale");
    assert_eq!(code(&[(name, &stripe(body, NOW + 301))]), "stale");
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    let headers = headers(&[("stripe-signature", &stripe(b"", NOW))]);
    let request = InboundRequest {
        method: &Method::POST,
        url: "",
        headers: &headers,
        body: b"",
    };
    let now = Timestamp::from_second(NOW).unwrap();
    let scheme = catalog::scheme("stripe").unwrap();
    let settings = SchemeSettings::default();
    assert_eq!(
        receive(scheme, &request, &[], &settings, now),
        Err(Refusal::NoSecret)
    );
}

#[test]
fn an_endpoints_own_tolerance_goes_before_the_schemes() {
    let settings = SchemeSettings {
        tolerance_seconds: Some(10),
        ..SchemeSettings::default()
    };
    let old = stripe(b"", NOW - 11);
    let result = run("stripe", &[("stripe-signature", &old)], b"", &settings);
    assert_eq!(result, Err(Refusal::Stale));
}

#[test]
fn the_generic_scheme_takes_its_header_and_form_from_the_endpoint() {
    let body = br#"{"kind": "paid", "n": 7}"#;
    let mac = sign(body);
    for (encoding, text) in [
        ("hex", hex::encode(&mac)),
        ("base64", STANDARD.encode(&mac)),
        ("base64url", URL_SAFE_NO_PAD.encode(&mac)),
    ] {
        let settings = SchemeSettings {
            header: Some("X-Signature".to_owned()),
            prefix: Some("sha256=".to_owned()),
            encoding: Some(encoding.to_owned()),
            event_id: Some(Location::Body("/n".to_owned())),
            event_type: Some(Location::Body("/kind".to_owned())),
            ..SchemeSettings::default()
        };
        settings
            .check(catalog::scheme("hmac-sha256").unwrap())
            .unwrap();
        let value = format!("sha256={text}");
        let received = run("hmac-sha256", &[("x-signature", &value)], body, &settings).unwrap();
        let Received::Event(facts) = received else {
            panic!("{received:?}")
        };
        assert_eq!(facts.provider_event_id.as_deref(), Some("7"));
        assert_eq!(facts.event_type.as_deref(), Some("paid"));
        assert!(run("hmac-sha256", &[("x-signature", &text)], body, &settings).is_err());
        assert!(run("hmac-sha1", &[("x-signature", &value)], body, &settings).is_err());
    }
}

#[test]
fn an_event_has_its_id_and_type_whatever_else_its_body_holds() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for other in [r#""\ud83d""#, "1e999", &deep] {
        let body = format!(r#"{{"id": "evt_1", "type": "paid", "other": {other}}}"#);
        let signature = stripe(body.as_bytes(), NOW);
        let pairs = [("stripe-signature", signature.as_str())];
        let settings = SchemeSettings::default();
        let received = run("stripe", &pairs, body.as_bytes(), &settings).unwrap();
        let Received::Event(facts) = received else {
            panic!("{received:?}")
        };
        assert_eq!(facts.provider_event_id.as_deref(), Some("evt_1"), "{other}");
        assert_eq!(facts.event_type.as_deref(), Some("paid"), "{other}");
    }
}

#[test]
fn a_slack_handshake_is_verified_and_answered_and_is_no_event() {
    let body = br#"{"type": "url_verification", "challenge": "<b>3eZbrw1a</b>"}"#;
    let timestamp = NOW.to_string();
    let message = [b"v0:", timestamp.as_bytes(), b":", body].concat();
    let signature = format!("v0={}", hex::encode(sign(&message)));
    let settings = SchemeSettings::default();
    let pairs = [
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", &timestamp),
    ];
    let Received::Handshake(answer) = run("slack", &pairs, body, &settings).unwrap() else {
        panic!("not a handshake")
    };
    assert_eq!(answer.body, "<b>3eZbrw1a</b>");
    assert_eq!(answer.content_type, "text/plain; charset=utf-8");
    let forged = [
        ("x-slack-signature", "v0=00"),
        ("x-slack-request-timestamp", &timestamp),
    ];
    assert!(run("slack", &forged, body, &settings).is_err());
}

#[test]
fn settings_and_secrets_are_checked_against_the_scheme() {
    let settings =
        |json: serde_json::Value| -> SchemeSettings { serde_json::from_value(json).unwrap() };
    let problem = |slug: &str, json: serde_json::Value| {
        settings(json)
            .check(catalog::scheme(slug).unwrap())
            .unwrap_err()
            .to_string()
    };
    use serde_json::json;
    assert_eq!(
        problem("hmac-sha256", json!({})),
        "`header` is required by this scheme"
    );
    assert_eq!(
        problem("stripe", json!({"header": "x"})),
        "`header` has no meaning for this scheme"
    );
    assert_eq!(
        problem("hmac-sha256", json!({"header": "x y"})),
        "`header` must be the name of a header"
    );
    assert_eq!(
        problem("hmac-sha256", json!({"header": "x", "encoding": "rot13"})),
        "`encoding` must be `hex`, `base64` or `base64url`"
    );
    let check = |slug: &str, text: &str| {
        let secret = SigningSecret::from(SecretString::from(text));
        secret.check(catalog::scheme(slug).unwrap(), &SchemeSettings::default())
    };
    assert_eq!(check("stripe", ""), Err(SecretError::Empty));
    assert_eq!(check("stripe", "whsec_abc"), Ok(()));
    let form = |expected: &str| Err(SecretError::Form(expected.to_owned()));
    assert_eq!(
        check("standard-webhooks", "whsec_~"),
        form("`whsec_` with base64 after it, or `whpk_` with base64 after it")
    );
    let short = check("standard-webhooks", "whpk_MDEyMzQ1Njc4OQ==");
    assert!(short.is_err(), "ten bytes are no Ed25519 key");
    assert_eq!(check("slack", "abc\n"), Err(SecretError::Padded));
    assert_eq!(check("standard-webhooks", "whsec_MDEyMzQ1Njc4OQ=="), Ok(()));
    let p256 = "a P-256 public key in base64, as the provider shows it";
    assert_eq!(check("sendgrid", "MDEyMzQ1Njc4OQ=="), form(p256));
    let off_the_curve = [&P256_SPKI[..], &[4], &[7; 64]].concat();
    assert_eq!(
        check("sendgrid", &STANDARD.encode(off_the_curve)),
        form(p256)
    );
}

#[test]
fn a_declaration_from_a_text_verifies() {
    let text = r#"
name = "New"
documentation = "https://example.com/"
sources = [{ from = "example", read = "2026-11-24" }]
[webhooks.new]
title = "New"
event_id = [{ body = "/id" }]
[webhooks.new.verification]
kind = "signature"
headers = [{ signature = "new-signature", timestamp = "new-time" }]
grammar = { kind = "single", prefix = "v9=" }
signed = "{timestamp}|{url}|{body}"
tolerance = { unit = "milliseconds", seconds = 60 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#;
    let provider = catalog::parse("generic/new.toml", text).unwrap();
    let (body, time) = (br#"{"id": "e1"}"#, (NOW * 1000).to_string());
    let url = "https://example.com/webhooks/new";
    let message = [time.as_bytes(), b"|", url.as_bytes(), b"|", body].concat();
    let signature = format!("v9={}", hex::encode(sign(&message)));
    let headers = headers(&[("new-signature", &signature), ("new-time", &time)]);
    let request = InboundRequest {
        method: &Method::POST,
        url,
        headers: &headers,
        body,
    };
    let now = Timestamp::from_second(NOW).unwrap();
    let secrets = [(Ulid::nil().into(), &secret())];
    let received = receive(
        &provider.webhooks["new"],
        &request,
        &secrets,
        &SchemeSettings::default(),
        now,
    );
    let Ok(Received::Event(facts)) = received else {
        panic!("{received:?}")
    };
    assert_eq!(facts.provider_event_id.as_deref(), Some("e1"));
}

#[test]
fn a_secret_is_not_shown() {
    assert!(!format!("{:?}", secret()).contains("canary"));
}

proptest! {
    #[test]
    fn a_flipped_bit_is_refused(body: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
        let good = stripe(&body, NOW);
        let settings = SchemeSettings::default();
        let pairs = [("stripe-signature", good.as_str())];
        prop_assert!(run("stripe", &pairs, &body, &settings).is_ok());
        if !body.is_empty() {
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert!(run("stripe", &pairs, &changed, &settings).is_err());
        }
        let mut header = good.into_bytes();
        let index = at.index(header.len());
        header[index] ^= 1 << bit;
        if let Ok(header) = String::from_utf8(header)
            && HeaderValue::from_str(&header).is_ok()
        {
            let pairs = [("stripe-signature", header.as_str())];
            prop_assert!(run("stripe", &pairs, &body, &settings).is_err());
        }
    }

    #[test]
    fn no_request_makes_it_panic(
        slug in prop::sample::select(vec!["stripe", "standard-webhooks", "slack", "twilio", "sendgrid"]),
        value in "[ -~]{0,200}",
        body: Vec<u8>,
    ) {
        let names = [
            "stripe-signature", "webhook-signature", "webhook-id", "webhook-timestamp",
            "x-slack-signature", "x-slack-request-timestamp", "x-twilio-signature",
            "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp",
        ];
        let pairs: Vec<_> = names.iter().map(|name| (*name, value.as_str())).collect();
        prop_assert!(run(slug, &pairs, &body, &SchemeSettings::default()).is_err());
    }

    /// There is one spelling of each signature: what is read is what would be written.
    #[test]
    fn what_is_decoded_is_written_so(text in "[0-9A-Fa-f]{0,66}|[A-Za-z0-9+/_-]{0,90}={0,3}|\\PC{0,20}") {
        for (encoding, written) in [
            (Encoding::Hex, (|bytes| hex::encode(bytes)) as fn(&[u8]) -> String),
            (Encoding::Base64, |bytes| STANDARD.encode(bytes)),
            (Encoding::Base64url, |bytes| URL_SAFE_NO_PAD.encode(bytes)),
        ] {
            if let Some(bytes) = decode(encoding, text.as_bytes()) {
                prop_assert_eq!(written(&bytes), text.as_str());
            }
        }
    }

    #[test]
    fn what_is_written_is_decoded(bytes: Vec<u8>) {
        for (encoding, text) in [
            (Encoding::Hex, hex::encode(&bytes)),
            (Encoding::Base64, STANDARD.encode(&bytes)),
            (Encoding::Base64url, URL_SAFE_NO_PAD.encode(&bytes)),
        ] {
            prop_assert_eq!(decode(encoding, text.as_bytes()), Some(bytes.clone()));
        }
    }

    /// No secret makes it panic, in whatever form it is to be read.
    #[test]
    fn every_secret_is_a_key_or_none(text in "(-----BEGIN PUBLIC KEY-----)?\\PC{0,80}(&[#a-zX0-9]{0,8};?){0,4}(-----END PUBLIC KEY-----)?") {
        let secret = SigningSecret::from(SecretString::from(text.as_str()));
        for form in [
            KeyForm::Text, KeyForm::HtmlText, KeyForm::Hex, KeyForm::P256Spki, KeyForm::RsaSpki,
            KeyForm::Base64 { prefix: "whsec_".to_owned(), optional: true },
        ] {
            let key = secret.key(&form);
            prop_assert!(key.is_none_or(|key| !key.is_empty()));
        }
    }
}
