//! Samples that are signed here are taken by the schemes that they are signed for; and what is
//! wrong with a captured request is found.

use aws_lc_rs::hmac;
use gatehouse::catalog::{self, Coded, Need, Scheme, Verification};
use gatehouse::domain::SecretId;
use gatehouse::signature::diagnosis::{Finding, Judge, diagnose};
use gatehouse::signature::sample::{SampleError, sample};
use gatehouse::signature::{
    InboundRequest, PublishedKeys, Received, Refusal, SchemeSettings, SigningSecret, receive,
};
use http::Method;
use jiff::Timestamp;
use secrecy::SecretString;
use ulid::Ulid;

use super::fuzz::is_event;
use super::{Case, NOW, raw_vectors};

/// A secret of any form that both sides have.
const SECRETS: [&str; 4] = [
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "30313233343536373839616263646566",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];
/// What is signed with a key that no endpoint has.
const ONLY_THE_PROVIDER_SIGNS: [&str; 8] = [
    "aws-sns",
    "discord",
    "google-pubsub",
    "microsoft-graph-rich",
    "paypal",
    "plaid",
    "sendgrid",
    "wise",
];

/// The settings without which a scheme's samples cannot be signed.
pub(super) fn settings(scheme: &Scheme) -> SchemeSettings {
    let is_signed = matches!(scheme.verification, Verification::Signature { .. });
    let module = match scheme.verification {
        Verification::Code { module, .. } => Some(module),
        _ => None,
    };
    let of = |one: Coded, text: &str| (module == Some(one)).then(|| text.to_owned());
    SchemeSettings {
        header: (scheme.generic && is_signed).then(|| "x-own".to_owned()),
        public_key: of(Coded::Braintree, "public_key_1"),
        organization_id: of(Coded::SalesforceOutbound, "00D5f000001abcDEAQ"),
        base_url: of(Coded::AtlassianConnect, "https://example.com/webhooks"),
        ..SchemeSettings::default()
    }
}

/// The private key of a vector: Microsoft's notifications are encrypted to its public half.
fn private_key() -> SigningSecret {
    let vectors = raw_vectors();
    let mut keys = vectors
        .iter()
        .filter_map(|vector| vector["extra"]["private_key_pkcs8_base64_by_cert_id"].as_object());
    let key = keys.next().unwrap().values().next().unwrap();
    SigningSecret::from(SecretString::from(key.as_str().unwrap()))
}

fn secrets(slug: &str) -> Vec<SigningSecret> {
    if slug == "microsoft-graph-encrypted" {
        return vec![private_key()];
    }
    let secret = |text: &&str| SigningSecret::from(SecretString::from(*text));
    SECRETS.iter().map(secret).collect()
}

/// A sample, and what becomes of it: as it is, with another body, and by another secret.
fn judged(
    scheme: &Scheme,
    secret: &SigningSecret,
    url: &str,
) -> Result<[Result<Received, Refusal>; 3], SampleError> {
    let settings = settings(scheme);
    let now = Timestamp::from_second(NOW).unwrap();
    let signed = sample(scheme, &settings, secret, url, "test_1", now)?;
    let url = match signed.query {
        Some(query) => format!("{url}?{query}"),
        None => url.to_owned(),
    };
    let judge = |secret: &SigningSecret, body: &[u8]| {
        let request = InboundRequest {
            method: &Method::POST,
            url: &url,
            headers: &signed.headers,
            body,
        };
        let secrets = [(SecretId::from(Ulid::nil()), secret)];
        receive(scheme, &request, &secrets, &settings, now)
    };
    let other = SigningSecret::from(SecretString::from("another-0123456789"));
    let changed = [signed.body.as_slice(), b" "].concat();
    Ok([
        judge(secret, &signed.body),
        judge(secret, &changed),
        judge(&other, &signed.body),
    ])
}

#[test]
fn a_sample_that_is_signed_here_is_taken() {
    let mut unsigned = Vec::new();
    for (slug, scheme) in catalog::schemes() {
        let outcomes = secrets(slug)
            .into_iter()
            .map(|secret| judged(scheme, &secret, "https://example.com/webhooks/a"));
        let outcomes: Vec<_> = outcomes.collect();
        if outcomes
            .iter()
            .all(|one| *one == Err(SampleError::OnlyProviderSigns))
        {
            unsigned.push(slug);
            continue;
        }
        let mut verdicts = outcomes.iter().filter_map(|one| one.as_ref().ok());
        let taken = verdicts.find(|[good, ..]| is_event(good));
        let [_, changed, by_another] = taken.unwrap_or_else(|| panic!("{slug}: {outcomes:?}"));
        assert_eq!(changed.is_err(), scheme.authenticates_body(), "{slug}");
        assert_eq!(by_another.is_err(), scheme.secret() != Need::None, "{slug}");
    }
    assert_eq!(unsigned, ONLY_THE_PROVIDER_SIGNS);
    let told = SampleError::OnlyProviderSigns.to_string();
    assert!(told.contains("only the provider has the key"), "{told}");
}

#[test]
fn what_a_sample_lacks_to_be_signed_is_told() {
    let sign = |slug: &str, text: &str| {
        let secret = SigningSecret::from(SecretString::from(text));
        let (scheme, settings) = (catalog::scheme(slug).unwrap(), SchemeSettings::default());
        let now = Timestamp::from_second(NOW).unwrap();
        sample(scheme, &settings, &secret, "https://example.com/", "a", now).map(|_| ())
    };
    for (slug, text) in [
        ("adyen", "no hexadecimal"),
        ("braintree", "a private key without the public one"),
        ("microsoft-graph-encrypted", "no private key"),
        ("salesforce-outbound", "no organization"),
        ("twilio", ""),
    ] {
        assert_eq!(sign(slug, text), Err(SampleError::Unusable), "{slug}");
    }
}

#[test]
fn the_url_of_a_sample_is_signed_as_the_provider_calls_it() {
    for slug in [
        "atlassian-connect",
        "contentful",
        "hubspot",
        "hubspot-v2",
        "mandrill",
        "twilio",
    ] {
        let scheme = catalog::scheme(slug).unwrap();
        let url = "https://example.com/webhooks/a?b=%20c&d=e";
        let [taken, ..] = judged(scheme, &secrets(slug)[0], url).unwrap();
        assert!(is_event(&taken), "{slug}: {taken:?}");
    }
}

const SECRET: &str = "canary-0123456789";

fn signature(message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hex::encode(hmac::sign(&key, message))
}

fn github(signed: &[u8], body: &[u8]) -> Case {
    let signature = format!("sha256={}", signature(signed));
    Case::new(SECRET, &[("x-hub-signature-256", &signature)], body)
}

/// What is found of a request that bears the secret, or one that has expired.
fn findings(slug: &str, case: &Case, expired: bool) -> Vec<Finding> {
    let secret = SigningSecret::from(SecretString::from(case.secret.as_str()));
    let other = SigningSecret::from(SecretString::from("another"));
    let (one, two) = (
        SecretId::from(Ulid::from(1_u128)),
        SecretId::from(Ulid::from(2_u128)),
    );
    let (valid, old) = match expired {
        true => ([(two, &other)], [(one, &secret)]),
        false => ([(one, &secret)], [(two, &other)]),
    };
    let judge = Judge {
        scheme: catalog::scheme(slug).unwrap(),
        secrets: &valid,
        expired: &old,
        settings: &case.settings,
        keys: &PublishedKeys::default(),
        now: case.now,
    };
    let request = InboundRequest {
        method: &case.method,
        url: &case.url,
        headers: &case.headers,
        body: &case.body,
    };
    let found = diagnose(&judge, &request);
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    found
}

#[test]
fn what_was_done_to_a_body_on_its_way_is_told() {
    let body = br#"{"b":1.50,"a":"caf\u00e9"}"#;
    assert_eq!(findings("github", &github(body, body), false), []);
    for (changed, what) in [
        (
            &b"{\"b\": 1.50, \"a\": \"caf\\u00e9\"}"[..],
            "it was parsed and written anew, with other white space",
        ),
        (
            "{\"b\":1.50,\"a\":\"café\"}".as_bytes(),
            "it was parsed and written anew, with other escapes",
        ),
        (
            b"{\"b\":1.50,\"a\":\"caf\\u00e9\"}\n",
            "a line end was appended",
        ),
    ] {
        let found = findings("github", &github(body, changed), false);
        assert_eq!(found, [Finding::BodyAltered(what)]);
    }
    let found = findings("github", &github(body, b"{}"), false);
    assert_eq!(found, [Finding::NothingFits]);
}

#[test]
fn a_header_that_is_missing_is_named() {
    let case = Case::new(
        SECRET,
        &[("x-slack-request-timestamp", "1760000000")],
        b"{}",
    );
    let missing = Finding::MissingHeaders(vec!["x-slack-signature".to_owned()]);
    assert_eq!(findings("slack", &case, false), [missing]);
    let repeated = github(b"{}", b"{}").with(&[("x-hub-signature-256", "sha256=00")]);
    let expected = Finding::RepeatedHeaders(vec!["x-hub-signature-256".to_owned()]);
    assert_eq!(findings("github", &repeated, false), [expected]);
}

#[test]
fn by_how_much_a_clock_is_wrong_is_told() {
    for age in [301_i64, 4_000, -301, -86_400] {
        let time = (NOW - age).to_string();
        let signed = [time.as_bytes(), b".{}"].concat();
        let header = format!("t={time},v1={}", signature(&signed));
        let mut case = Case::new(SECRET, &[("stripe-signature", &header)], b"{}");
        let skew = Finding::ClockSkew { age_seconds: age };
        assert_eq!(findings("stripe", &case, false), vec![skew.clone()]);
        case.body = b"{ }".to_vec();
        let what = "it was parsed and written anew, with other white space";
        assert_eq!(
            findings("stripe", &case, false),
            [skew, Finding::BodyAltered(what)]
        );
    }
}

#[test]
fn an_expired_secret_and_another_url_are_told() {
    let expired = Finding::ExpiredSecret(SecretId::from(Ulid::from(1_u128)));
    assert_eq!(findings("github", &github(b"{}", b"{}"), true), [expired]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let url = "https://example.com/webhooks/a/";
    let message = [url.as_bytes(), b"{}"].concat();
    let code = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        hmac::sign(&key, &message),
    );
    let case = Case::new(SECRET, &[("x-square-hmacsha256-signature", &code)], b"{}");
    assert_eq!(
        findings("square", &case, false),
        [Finding::UrlDiffers(url.to_owned())]
    );
}
