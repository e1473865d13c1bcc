use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

use super::*;

fn answer(status: u16, body: impl Into<Bytes>) -> OutboundResponse {
    OutboundResponse {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.into(),
        truncated: false,
        duration: Duration::ZERO,
    }
}

fn read_json(status: u16, body: Value) -> Result<TokenReply, OauthError> {
    let now = Timestamp::from_second(1).unwrap();
    read(&answer(status, body.to_string()), false, now)
}

fn with(name: &str, value: Value) -> Result<TokenReply, OauthError> {
    let mut body = json!({"access_token": "at", "token_type": "Bearer"});
    body[name] = value;
    read_json(200, body)
}

fn text(secret: Option<SecretString>) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test looks at it")]
    secret.map(|secret| secret.expose_secret().to_owned())
}

#[test]
fn an_answer_as_the_standard_has_it_is_read() {
    let reply = read_json(
        200,
        json!({"access_token": "at", "token_type": "bearer", "expires_in": 3600,
               "refresh_token": "rt", "id_token": "a.b.c", "scope": "a b", "more": {"x": []}}),
    );
    let reply = reply.unwrap();
    assert_eq!(text(Some(reply.access_token)).unwrap(), "at");
    assert_eq!(text(reply.refresh_token).unwrap(), "rt");
    assert_eq!(text(reply.id_token).unwrap(), "a.b.c");
    assert_eq!(reply.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(reply.scopes.unwrap(), ["a", "b"]);
    assert!(!reply.is_dpop);
}

#[test]
fn what_is_odd_but_a_token_costs_no_grant() {
    for (value, seconds) in [
        (json!("3600"), Some(3600)),
        (json!(" 60 "), Some(60)),
        (json!(0), Some(0)),
        (json!(null), None),
        (json!(-1), None),
        (json!("soon"), None),
        (json!({}), None),
        (json!(1e300), None),
    ] {
        let expires_in = with("expires_in", value).unwrap().expires_in;
        assert_eq!(expires_in.map(|d| d.as_secs()), seconds);
    }
    for (value, scopes) in [
        (json!("a b  c"), Some(vec!["a", "b", "c"])),
        (json!("a,b,,c"), Some(vec!["a", "b", "c"])),
        (json!("a, b"), Some(vec!["a", "b"])),
        (json!(["a", "b c", 7, "a"]), Some(vec!["a", "b", "c"])),
        (json!(""), Some(vec![])),
        (json!(null), None),
        (json!(7), None),
    ] {
        let read = with("scope", value.clone()).unwrap().scopes;
        let read: Option<Vec<&str>> = read.as_ref().map(|s| s.iter().map(|s| &**s).collect());
        assert_eq!(read, scopes, "{value}");
    }
    for value in [
        json!(null),
        json!(""),
        json!(false),
        json!([1]),
        json!({"a": 1}),
        json!(1.5),
    ] {
        assert!(
            with("refresh_token", value)
                .unwrap()
                .refresh_token
                .is_none()
        );
    }
    let keycloak = with("refresh_expires_in", json!(0)).unwrap();
    assert_eq!(keycloak.refresh_token_expires_in, None);
    let github = with("refresh_token_expires_in", json!("15897600")).unwrap();
    assert_eq!(
        github.refresh_token_expires_in.unwrap().as_secs(),
        15_897_600
    );
}

#[test]
fn a_token_is_of_a_type_that_can_be_used() {
    for (kind, is_dpop) in [
        (json!("BEARER"), false),
        (json!("dpop"), true),
        (json!("DPoP"), true),
        (json!(null), false),
    ] {
        assert_eq!(with("token_type", kind).unwrap().is_dpop, is_dpop);
    }
    for kind in [
        json!("mac"),
        json!("bot"),
        json!("N_A"),
        json!(7),
        json!(["Bearer"]),
    ] {
        let refused = with("token_type", kind.clone()).unwrap_err();
        assert!(matches!(refused, OauthError::Unreadable(_)), "{kind}");
    }
    let slack = json!({"ok": true, "access_token": "xoxb-1", "token_type": "bot", "scope": "a,b"});
    assert!(!read_json(200, slack).unwrap().is_dpop);
    let bearer = json!({"access_token": "at", "token_type": "Bearer"}).to_string();
    let downgraded = read(
        &answer(200, bearer),
        true,
        Timestamp::from_second(1).unwrap(),
    );
    assert!(matches!(downgraded, Err(OauthError::Unreadable(_))));
}

#[test]
fn an_answer_without_a_usable_token_is_unreadable() {
    for body in [
        json!({}),
        json!([]),
        json!("at"),
        json!({"token_type": "Bearer"}),
        json!({"access_token": ""}),
        json!({"access_token": 7}),
        json!({"access_token": "a b"}),
        json!({"access_token": "a\r\nX: y"}),
        json!({"access_token": "ü"}),
        json!({"access_token": "a".repeat(MAX_TOKEN_BYTES + 1)}),
    ] {
        let error = read_json(200, body.clone()).unwrap_err();
        assert!(matches!(error, OauthError::Unreadable(_)), "{body}");
    }
    let now = Timestamp::from_second(1).unwrap();
    for body in [
        &b""[..],
        b"access_token=at",
        b"<html>",
        b"\xff",
        br#"{"access_token":"a","access_token":"b"}"#,
    ] {
        let error = read(&answer(200, body), false, now).unwrap_err();
        assert!(matches!(error, OauthError::Unreadable(_)), "{body:?}");
    }
    let mut large = answer(200, json!({"access_token": "at"}).to_string());
    large.truncated = true;
    assert!(read(&large, false, now).is_err());
}

#[test]
fn only_an_error_that_says_so_ends_a_grant() {
    for (status, body) in [
        (
            400,
            json!({"error": "invalid_grant", "error_description": "x"}),
        ),
        (401, json!({"error": "invalid_grant"})),
        (200, json!({"error": "bad_refresh_token"})),
        (200, json!({"ok": false, "error": "invalid_refresh_token"})),
    ] {
        let error = read_json(status, body.clone()).unwrap_err();
        assert!(matches!(error, OauthError::InvalidGrant), "{body}");
    }
    for (status, body, is_transient) in [
        (400, json!({"error": "invalid_request"}), false),
        (400, json!({"error": "Invalid_Grant"}), false),
        (400, json!({"error": "invalid_grant "}), false),
        (400, json!({"error_description": "invalid_grant"}), false),
        (400, json!({"error": {"code": "invalid_grant"}}), false),
        (400, json!(["invalid_grant"]), false),
        (503, json!({"error": "invalid_grant"}), true),
        (429, json!({"error": "invalid_grant"}), true),
        (502, json!("bad gateway"), true),
        (400, json!({"error": "temporarily_unavailable"}), true),
        (200, json!({"ok": false, "error": "server_error"}), true),
        (200, json!({"ok": false, "access_token": "at"}), false),
        (302, json!({"access_token": "at"}), false),
    ] {
        let error = read_json(status, body.clone()).unwrap_err();
        assert!(
            matches!(error, OauthError::Refused { .. }),
            "{body} {error}"
        );
        assert_eq!(error.is_transient(), is_transient, "{status} {body}");
    }
}

#[test]
fn no_text_of_the_server_is_passed_on() {
    let canary = json!({"error": "canary", "error_description": "canary", "error_uri": "canary"});
    for status in [200, 400, 500] {
        let error = read_json(status, canary.clone()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let client = read_json(401, json!({"error": "invalid_client"})).unwrap_err();
    assert!(matches!(
        client,
        OauthError::InvalidClient("invalid_client")
    ));
}
