//! Static tokens, which vouch for nothing but themselves.

use gatehouse::catalog::{self, Scheme};
use gatehouse::signature::{Received, Refusal, SchemeSettings, SigningSecret};
use secrecy::SecretString;

use super::Case;

fn declare(verification: &str) -> Scheme {
    Scheme::from_toml(&format!("title = \"New\"\nverification = {verification}")).unwrap()
}

fn accepted(verdict: &Result<Received, Refusal>) -> bool {
    matches!(verdict, Ok(Received::Event(facts)) if facts.verified_with.is_some())
}

#[test]
fn a_token_in_a_header_is_the_whole_value() {
    let scheme = declare(r#"{ kind = "token", at = { header = "x-token" } }"#);
    let verdict =
        |headers: &[(&str, &str)]| Case::new("s3cret, x", headers, b"{}").by_scheme(&scheme);
    assert!(accepted(&verdict(&[("x-token", "s3cret, x")])));
    assert!(accepted(&verdict(&[("X-TOKEN", "s3cret, x")])));
    for (value, refusal) in [
        ("s3cret", Refusal::BadSignature),
        ("s3cret, xx", Refusal::BadSignature),
        ("S3CRET, X", Refusal::BadSignature),
        ("Bearer s3cret, x", Refusal::BadSignature),
        ("s3cret, x, s3cret, x", Refusal::BadSignature),
        ("", Refusal::BadSignature),
        (" s3cret, x", Refusal::BadForm),
    ] {
        assert_eq!(verdict(&[("x-token", value)]), Err(refusal), "{value}");
    }
    assert_eq!(verdict(&[]), Err(Refusal::MissingHeader));
    let twice = [("x-token", "s3cret, x"), ("x-token", "s3cret, x")];
    assert_eq!(verdict(&twice), Err(Refusal::RepeatedHeader));
}

#[test]
fn a_prefix_is_declared_or_set_and_cannot_be_left_out() {
    let scheme =
        declare(r#"{ kind = "token", at = { header = "authorization" }, prefix = "Bearer " }"#);
    let verdict =
        |value: &str| Case::new("abc", &[("authorization", value)], b"").by_scheme(&scheme);
    assert!(accepted(&verdict("Bearer abc")));
    assert_eq!(verdict("abc"), Err(Refusal::BadForm));
    assert_eq!(verdict("Bearer  abc"), Err(Refusal::BadSignature));
    let mut case = Case::new("abc", &[("x-key", "Token abc")], b"");
    assert_eq!(case.by("static-header"), Err(Refusal::MissingHeader));
    case.settings.header = Some("X-Key".to_owned());
    case.settings.prefix = Some("Token ".to_owned());
    let generic = catalog::scheme("static-header").unwrap();
    case.settings.check(generic).unwrap();
    assert!(accepted(&case.by("static-header")));
    // A scheme that is not generic does not listen.
    assert_eq!(case.by("telegram"), Err(Refusal::MissingHeader));
}

#[test]
fn basic_authentication_has_one_spelling_of_its_base64() {
    let verdict =
        |value: &str| Case::new("me:p:w", &[("authorization", value)], b"").by("static-basic");
    assert!(accepted(&verdict("Basic bWU6cDp3")));
    assert!(accepted(&verdict("basic bWU6cDp3")), "RFC 7617, section 2");
    for value in ["Basic", "bWU6cDp3", "Bearer bWU6cDp3", "Basic  bWU6cDp3"] {
        assert_eq!(verdict(value), Err(Refusal::BadForm), "{value}");
    }
    for value in ["Basic bWU6cDp3=", "Basic bWU6cDp3!", "Basic bWU6cDp"] {
        assert_eq!(verdict(value), Err(Refusal::BadForm), "{value}");
    }
    assert_eq!(verdict("Basic bWU6cA=="), Err(Refusal::BadSignature));
    assert_eq!(verdict("Basic "), Err(Refusal::BadForm));
}

#[test]
fn a_token_in_the_url_comes_once() {
    let verdict = |url: &str, parameter: Option<&str>| {
        let mut case = Case::new("a b", &[], b"");
        case.url = url.to_owned();
        case.settings.parameter = parameter.map(str::to_owned);
        let generic = catalog::scheme("static-query").unwrap();
        case.settings.check(generic).unwrap();
        case.by("static-query")
    };
    let url = "https://example.com/webhooks/a";
    assert!(accepted(&verdict(&format!("{url}?x=1&token=a%20b"), None)));
    assert!(accepted(&verdict(&format!("{url}?key=a+b"), Some("key"))));
    assert_eq!(verdict(url, None), Err(Refusal::MissingHeader));
    assert_eq!(
        verdict(&format!("{url}?TOKEN=a+b"), None),
        Err(Refusal::MissingHeader)
    );
    assert_eq!(
        verdict(&format!("{url}?token=a+b&token=a+b"), None),
        Err(Refusal::RepeatedHeader)
    );
    assert_eq!(
        verdict(&format!("{url}?token="), None),
        Err(Refusal::BadSignature)
    );
}

#[test]
fn a_scheme_says_whether_it_authenticates_the_body() {
    let authenticates = |slug: &str| catalog::scheme(slug).unwrap().authenticates_body();
    for slug in ["static-header", "static-basic", "static-query", "none"] {
        assert!(!authenticates(slug), "{slug}");
    }
    for slug in ["stripe", "twilio", "hmac-sha256"] {
        assert!(authenticates(slug), "{slug}");
    }
}

#[test]
fn settings_and_secrets_of_tokens_are_checked() {
    let settings =
        |json: serde_json::Value| -> SchemeSettings { serde_json::from_value(json).unwrap() };
    let problem = |slug: &str, json: serde_json::Value| {
        let result = settings(json).check(catalog::scheme(slug).unwrap());
        result.err().map(|error| error.to_string())
    };
    use serde_json::json;
    assert_eq!(problem("static-header", json!({})), None);
    for (slug, json, expected) in [
        (
            "static-header",
            json!({"parameter": "a"}),
            "`parameter` has no meaning for this scheme",
        ),
        (
            "static-query",
            json!({"header": "a"}),
            "`header` has no meaning for this scheme",
        ),
        (
            "static-basic",
            json!({"header": "a"}),
            "`header` has no meaning for this scheme",
        ),
        (
            "static-header",
            json!({"header": "a b"}),
            "`header` must be the name of a header",
        ),
        (
            "static-query",
            json!({"parameter": ""}),
            "`parameter` must be the name of a parameter",
        ),
        (
            "static-query",
            json!({"eventId": {"join": []}}),
            "`eventId` must be one place, or up to eight of them joined",
        ),
        (
            "static-query",
            json!({"eventId": {"join": [{"body": "id"}]}}),
            "`eventId` must be a JSON Pointer",
        ),
    ] {
        assert_eq!(problem(slug, json).as_deref(), Some(expected));
    }
    let secret = |slug: &str, text: &str| {
        let secret = SigningSecret::from(SecretString::from(text));
        secret.check(catalog::scheme(slug).unwrap(), &SchemeSettings::default())
    };
    assert!(secret("static-basic", "a:b").is_ok());
    for text in ["", "ab", ":b", "a:", " a:b"] {
        assert!(secret("static-basic", text).is_err(), "{text}");
    }
    assert!(secret("static-header", "").is_err());
}

#[test]
fn places_can_be_joined_and_a_member_can_be_the_type() {
    let scheme = Scheme::from_toml(
        r#"
title = "New"
verification = { kind = "token", at = { header = "x-token" } }
event_id = [{ join = [{ header = "x-id" }, { body = "/n" }] }]
event_type = [{ memberBesides = ["n", "m"] }]
"#,
    )
    .unwrap();
    let case = |id: &str, body: &str| {
        let headers = [("x-token", "s"), ("x-id", id)];
        Case::new("s", &headers, body.as_bytes())
    };
    let facts = |id: &str, body: &str| match case(id, body).by_scheme(&scheme) {
        Ok(Received::Event(facts)) => (facts.provider_event_id, facts.event_type),
        other => panic!("{other:?}"),
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        facts("a", r#"{"n": 7, "paid": {}}"#),
        (text("a.7"), text("paid"))
    );
    assert_eq!(facts("a", r#"{"m": 7}"#), (None, None));
    assert_eq!(facts("a", r#"{"x": 1, "y": 2}"#), (None, None), "which?");
    assert_eq!(facts("a", "[1]"), (None, None));
    let joined = case("a,b", "{}").by_scheme(&scheme);
    assert_eq!(joined, Err(Refusal::RepeatedHeader));
}
