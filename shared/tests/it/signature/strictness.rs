//! One spelling of everything, and every refusal for its reason.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use gatehouse::catalog;
use gatehouse::signature::{Received, Refusal, SchemeSettings};
use http::Method;

use super::declarations::declare;
use super::{Case, NOW, github, hmac_sha256};

/// A body whose code needs padding and both of the characters in which the alphabets differ.
fn telling_body() -> (Vec<u8>, Vec<u8>) {
    (0_u32..)
        .map(|n| n.to_string().into_bytes())
        .map(|body| (hmac_sha256(b"secret", &body), body))
        .find(|(code, _)| {
            let text = STANDARD.encode(code);
            text.contains('+') && text.contains('/') && text.ends_with('=')
        })
        .map(|(code, body)| (body, code))
        .unwrap()
}

fn generic(body: &[u8], text: &str, encoding: &str) -> Result<Received, Refusal> {
    let mut case = Case::new("secret", &[("x-signature", text)], body);
    case.settings.header = Some("X-Signature".to_owned());
    case.settings.encoding = Some(encoding.to_owned());
    case.settings
        .check(catalog::scheme("hmac-sha256").unwrap())
        .unwrap();
    case.by("hmac-sha256")
}

#[test]
fn a_signature_has_one_spelling() {
    let (body, code) = telling_body();
    let (hex, base64) = (hex::encode(&code), STANDARD.encode(&code));
    let mut last_bits = base64.clone().into_bytes();
    let last = last_bits.len() - 2;
    last_bits[last] += 1;
    let last_bits = String::from_utf8(last_bits).unwrap();
    let url_safe = URL_SAFE_NO_PAD.encode(&code);
    assert!(generic(&body, &hex, "hex").is_ok());
    assert!(generic(&body, &base64, "base64").is_ok());
    assert!(generic(&body, &url_safe, "base64url").is_ok());
    for (text, encoding) in [
        (hex.to_uppercase(), "hex"),
        (format!("0x{hex}"), "hex"),
        (format!("{hex}00"), "hex"),
        (hex.chars().take(62).collect(), "hex"),
        (STANDARD_NO_PAD.encode(&code), "base64"),
        (URL_SAFE.encode(&code), "base64"),
        (format!("{base64}="), "base64"),
        (format!("{base64} x"), "base64"),
        (format!("{base64}!"), "base64"),
        (last_bits, "base64"),
        (URL_SAFE.encode(&code), "base64url"),
        (STANDARD_NO_PAD.encode(&code), "base64url"),
        (String::new(), "hex"),
    ] {
        assert!(
            generic(&body, &text, encoding).is_err(),
            "{encoding} {text}"
        );
    }
}

#[test]
fn a_secret_is_decoded_as_the_endpoint_says() {
    let key = [0xfb_u8; 20];
    let signature = hex::encode(hmac_sha256(&key, b"{}"));
    let verdict = |secret: &str, key_encoding: &str| {
        let mut case = Case::new(secret, &[("x-signature", &signature)], b"{}");
        case.settings = SchemeSettings {
            header: Some("x-signature".to_owned()),
            key_encoding: Some(key_encoding.to_owned()),
            ..SchemeSettings::default()
        };
        case.by("hmac-sha256").is_ok()
    };
    assert!(verdict(&hex::encode(key), "hex"));
    assert!(verdict(&STANDARD.encode(key), "base64"));
    assert!(!verdict(&hex::encode(key), "text"));
    assert!(!verdict(&STANDARD.encode(key), "hex"));
}

#[test]
fn joined_headers_are_refused_in_every_list() {
    let key = [7_u8; 32];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let message = format!("msg_1.{NOW}.{{}}");
    let good = format!(
        "v1,{}",
        STANDARD.encode(hmac_sha256(&key, message.as_bytes()))
    );
    let bad = format!("v1,{}", STANDARD.encode([0; 32]));
    let verdict = |signature: &str| {
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &NOW.to_string()),
            ("webhook-signature", signature),
        ];
        Case::new(&secret, &headers, b"{}").by("standard-webhooks")
    };
    assert!(verdict(&good).is_ok());
    assert!(verdict(&format!("{bad} {good}")).is_ok(), "a list is");
    assert!(
        verdict(&format!("v9,x {good}")).is_ok(),
        "what is not known is passed over"
    );
    for joined in [
        format!("{bad}, {good}"),
        format!("{good}, {bad}"),
        format!("{good},{bad}"),
        format!("{good}\t{bad}"),
        format!("{good} "),
        format!("{good},"),
    ] {
        assert!(verdict(&joined).is_err(), "{joined}");
    }
    let many = vec![bad.as_str(); 20].join(" ");
    assert!(verdict(&format!("{many} {good}")).is_err(), "too many");
}

#[test]
fn stripe_headers_that_were_joined_are_refused() {
    let signed = |body: &str| {
        let code = hmac_sha256(b"secret", format!("{NOW}.{body}").as_bytes());
        format!("t={NOW},v1={}", hex::encode(code))
    };
    let verdict =
        |value: &str| Case::new("secret", &[("stripe-signature", value)], b"{}").by("stripe");
    let (good, bad) = (signed("{}"), signed("[]"));
    assert!(verdict(&good).is_ok());
    for joint in [",", ", ", " ,"] {
        for pair in [[&good, &bad], [&bad, &good], [&good, &good]] {
            let joined = pair.map(String::as_str).join(joint);
            assert_eq!(verdict(&joined), Err(Refusal::RepeatedHeader), "{joined}");
        }
    }
}

#[test]
fn a_positional_list_starts_with_its_timestamp() {
    let scheme = declare(
        r#"
headers = [{ signature = "recurly-signature" }]
grammar = { kind = "positional", separator = "," }
signed = "{timestamp}.{body}"
tolerance = { unit = "milliseconds", seconds = 300 }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    );
    let time = NOW * 1000;
    let good = hex::encode(hmac_sha256(b"secret", format!("{time}.{{}}").as_bytes()));
    let bad = hex::encode([0; 32]);
    let verdict = |value: &str| {
        Case::new("secret", &[("recurly-signature", value)], b"{}").by_scheme(&scheme)
    };
    assert!(verdict(&format!("{time},{good}")).is_ok());
    assert!(verdict(&format!("{time},{bad},{good}")).is_ok());
    assert_eq!(
        verdict(&format!("{time},{bad}")),
        Err(Refusal::BadSignature)
    );
    assert_eq!(verdict(&time.to_string()), Err(Refusal::BadSignature));
    assert_eq!(verdict(&format!("{good},{time}")), Err(Refusal::BadForm));
    assert_eq!(
        verdict(&format!("{time}, {good}")),
        Err(Refusal::RepeatedHeader)
    );
}

#[test]
fn each_refusal_has_its_reason() {
    let good = github(b"{}");
    assert!(good.by("github").is_ok());
    let mut get = good.clone();
    get.method = Method::GET;
    let allow = "POST".to_owned();
    assert_eq!(get.by("github"), Err(Refusal::MethodNotAllowed { allow }));
    let signature = "x-hub-signature-256";
    let verdict = |value: &str| Case::new("secret", &[(signature, value)], b"{}").by("github");
    assert_eq!(verdict("sha1=00"), Err(Refusal::BadForm));
    assert_eq!(verdict("sha256=00"), Err(Refusal::BadSignature));
    assert_eq!(verdict("sha256="), Err(Refusal::BadSignature));
    let twice = good.clone().with(&[(signature, "sha256=00")]);
    assert_eq!(twice.by("github"), Err(Refusal::RepeatedHeader));
    let none = Case::new("secret", &[], b"{}");
    assert_eq!(none.by("github"), Err(Refusal::MissingHeader));
}

#[test]
fn twilio_may_call_another_url_than_ours() {
    let body = br#"{"a":1}"#;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    let query = format!("bodySHA256={}", hex::encode(hash));
    let url = format!("https://hooks.example.org/in?{query}");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"token");
    let signature = STANDARD.encode(aws_lc_rs::hmac::sign(&key, url.as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("x-twilio-signature", &signature),
    ];
    let mut case = Case::new("token", &headers, body);
    case.url = format!("https://gateway.internal/webhooks/a?{query}");
    assert!(case.by("twilio").is_err());
    case.settings.url = Some("https://hooks.example.org/in".to_owned());
    case.settings
        .check(catalog::scheme("twilio").unwrap())
        .unwrap();
    assert!(case.by("twilio").is_ok());
    case.url = "https://gateway.internal/webhooks/a".to_owned();
    assert!(case.by("twilio").is_err(), "the hash cannot be left out");
}

#[test]
fn no_secret_is_shown_by_anything_that_holds_one() {
    let vectors = super::vectors();
    let shown = format!("{:?}", vectors.iter().take(50).collect::<Vec<_>>());
    assert!(!shown.contains("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
    let scheme = catalog::scheme("standard-webhooks").unwrap();
    let secret = secrecy::SecretString::from("whsec_~canary~");
    let secret = gatehouse::signature::SigningSecret::from(secret);
    let error = secret
        .check(scheme, &SchemeSettings::default())
        .unwrap_err();
    assert!(!format!("{secret:?} {error:?} {error}").contains("canary"));
}
