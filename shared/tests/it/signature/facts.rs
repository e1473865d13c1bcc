//! What is read of a request that has been verified.

use gatehouse::catalog::Location;
use gatehouse::signature::{Received, Refusal, SchemeSettings};
use jiff::Timestamp;
use serde_json::json;

use super::declarations::declare;
use super::{Case, NOW, github, hmac_sha256, slack};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[test]
fn only_a_form_is_read_as_a_form() {
    let body = br#"{"type":"event_callback","event_id":"Ev1","event":{"text":"a&ssl_check=1&b"}}"#;
    let facts = slack(JSON, body).facts("slack");
    assert_eq!(facts.provider_event_id.as_deref(), Some("Ev1"));
    let answered = slack(FORM, b"ssl_check=1&token=x").by("slack").unwrap();
    let Received::Handshake(answer) = answered else {
        panic!("{answered:?}")
    };
    assert!(answer.body.is_empty());
}

#[test]
fn each_kind_of_slack_request_has_its_type() {
    let kind =
        |content_type: &str, body: &[u8]| slack(content_type, body).facts("slack").event_type;
    let event = br#"{"type":"event_callback","event":{"type":"app_mention"}}"#;
    assert_eq!(kind(JSON, event).as_deref(), Some("app_mention"));
    assert_eq!(
        kind(JSON, br#"{"type":"app_rate_limited"}"#).as_deref(),
        Some("app_rate_limited")
    );
    assert_eq!(
        kind(FORM, b"token=x&command=%2Fweather&text=94070").as_deref(),
        Some("/weather")
    );
    let interaction = b"payload=%7B%22type%22%3A%22block_actions%22%7D";
    assert_eq!(kind(FORM, interaction).as_deref(), Some("block_actions"));
}

#[test]
fn when_it_happened_is_read_in_the_providers_unit() {
    let at = |second| Timestamp::from_second(second).ok();
    let body = json!({"event_id": "Ev1", "event_time": NOW - 5}).to_string();
    assert_eq!(
        slack(JSON, body.as_bytes()).facts("slack").occurred_at,
        at(NOW - 5)
    );
    let body = json!({"event_id": "Ev1", "event_time": "yesterday"}).to_string();
    assert_eq!(
        slack(JSON, body.as_bytes()).facts("slack").occurred_at,
        None
    );
}

#[test]
fn an_id_that_comes_twice_is_refused() {
    let id = "x-github-delivery";
    let verdict = |headers: &[(&str, &str)]| github(b"{}").with(headers).by("github");
    let Ok(Received::Event(facts)) = verdict(&[(id, "a")]) else {
        panic!("refused")
    };
    assert_eq!(facts.provider_event_id.as_deref(), Some("a"));
    assert_eq!(
        verdict(&[(id, "a"), (id, "b")]),
        Err(Refusal::RepeatedHeader)
    );
    assert_eq!(verdict(&[(id, "a,b")]), Err(Refusal::RepeatedHeader));
    let kind = "x-github-event";
    assert_eq!(
        verdict(&[(kind, "a"), (kind, "b")]),
        Err(Refusal::RepeatedHeader)
    );
}

#[test]
fn an_id_or_a_type_is_short_and_printable_or_none() {
    let facts = |id: &str| {
        let body = json!({ "id": id, "type": id }).to_string();
        let mut case = github(body.as_bytes());
        let signature = case.headers.remove("x-hub-signature-256").unwrap();
        case.headers.insert("x-signature", signature);
        case.settings = SchemeSettings {
            header: Some("x-signature".to_owned()),
            prefix: Some("sha256=".to_owned()),
            event_id: Some(Location::Body("/id".to_owned())),
            event_type: Some(Location::Body("/type".to_owned())),
            ..SchemeSettings::default()
        };
        let facts = case.facts("hmac-sha256");
        assert_eq!(facts.provider_event_id, facts.event_type);
        facts.event_type
    };
    assert_eq!(facts("évènement 1").as_deref(), Some("évènement 1"));
    let longest = "a".repeat(256);
    assert_eq!(facts(&longest), Some(longest.clone()));
    for text in [
        "",
        "  ",
        "a\nb",
        "a\u{0}",
        "a\u{85}",
        &format!("{longest}a"),
    ] {
        assert_eq!(facts(text), None, "{text:?}");
    }
}

#[test]
fn a_body_that_cannot_be_parsed_is_an_event_all_the_same() {
    let deep = "[".repeat(100_000);
    for body in [
        &b"\xff\xfe"[..],
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ] {
        let facts = slack(JSON, body).facts("slack");
        assert_eq!((facts.provider_event_id, facts.event_type), (None, None));
    }
}

#[test]
fn a_timestamp_in_the_body_is_checked_once_the_signature_holds() {
    let scheme = declare(
        r#"
headers = [{ signature = "linear-signature" }]
grammar = { kind = "single" }
signed = "{body}"
tolerance = { unit = "milliseconds", seconds = 60, at = { body = "/webhookTimestamp" } }
versions = [{ algorithm = "hmac-sha256", key = { kind = "text" }, encoding = "hex" }]
"#,
    );
    let verdict = |key: &[u8], body: serde_json::Value| {
        let body = body.to_string();
        let signature = hex::encode(hmac_sha256(key, body.as_bytes()));
        let headers = [("linear-signature", signature.as_str())];
        Case::new("secret", &headers, body.as_bytes()).by_scheme(&scheme)
    };
    let at = |second: i64| json!({"webhookTimestamp": (NOW + second) * 1000});
    assert!(verdict(b"secret", at(0)).is_ok());
    assert!(verdict(b"secret", at(-60)).is_ok());
    assert_eq!(verdict(b"secret", at(-61)), Err(Refusal::Stale));
    assert_eq!(verdict(b"secret", at(61)), Err(Refusal::Stale));
    assert_eq!(verdict(b"secret", json!({})), Err(Refusal::BadForm));
    assert_eq!(verdict(b"other", at(-61)), Err(Refusal::BadSignature));
}

#[test]
fn an_unverified_scheme_takes_what_it_is_told_to_take() {
    let mut case = Case::new("", &[], br#"{"kind":"a"}"#);
    case.settings.event_type = Some(Location::Body("/kind".to_owned()));
    let facts = case.facts("none");
    assert_eq!(facts.event_type.as_deref(), Some("a"));
    assert_eq!(facts.verified_with, None);
}
