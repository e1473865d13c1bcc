//! Samples that are signed here are taken by the schemes that they are signed for; and what is
//! wrong with a captured request is found.

use aws_lc_rs::hmac;
use gatehouse::catalog::{self, Need, Verification};
use gatehouse::domain::SecretId;
use gatehouse::signature::diagnosis::{Finding, Judge, diagnose};
use gatehouse::signature::sample::{SampleError, sample};
use gatehouse::signature::{
    InboundRequest, PublishedKeys, Received, SchemeSettings, SigningSecret,
};
use secrecy::SecretString;
use ulid::Ulid;

use super::{Case, NOW};

/// A secret of any form that both sides have.
const SECRETS: [&str; 3] = [
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "30313233343536373839616263646566",
];

fn settings(generic: bool) -> SchemeSettings {
    SchemeSettings {
        header: generic.then(|| "x-own".to_owned()),
        ..SchemeSettings::default()
    }
}

#[test]
fn a_sample_that_is_signed_here_is_taken() {
    let mut taken = 0;
    for (slug, scheme) in catalog::schemes() {
        let settings = settings(
            matches!(scheme.verification, Verification::Signature { .. }) && scheme.generic,
        );
        let case = Case::new("", &[], b"");
        let outcome = SECRETS.iter().map(|text| {
            let secret = SigningSecret::from(SecretString::from(*text));
            let signed = sample(scheme, &settings, &secret, &case.url, "test_1", case.now)?;
            let mut signed_case = case.clone();
            signed_case.secret = (*text).to_owned();
            signed_case.headers = signed.headers;
            signed_case.body = signed.body;
            signed_case.settings = settings.clone();
            if let Some(query) = signed.query {
                signed_case.url = format!("{}?{query}", case.url);
            }
            Ok(signed_case.by_scheme(scheme))
        });
        let outcomes: Vec<Result<_, SampleError>> = outcome.collect();
        let is_taken = |outcome: &Result<_, SampleError>| {
            matches!(outcome, Ok(Ok(Received::Event(_) | Received::Batch(_))))
        };
        let unsigned = outcomes.iter().all(Result::is_err);
        assert!(
            unsigned || outcomes.iter().any(is_taken),
            "{slug}: {outcomes:?}"
        );
        taken += usize::from(!unsigned);
    }
    assert!(taken > 60, "{taken}");
    let code = catalog::schemes().into_values();
    let code = code.filter(|scheme| matches!(scheme.verification, Verification::Code { .. }));
    assert!(code.into_iter().any(|scheme| scheme.secret() == Need::None));
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
