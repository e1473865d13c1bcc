//! Tokens by a login: obtained once, renewed, given up.

use futures::future::join_all;
use gatehouse::auth::AuthError;
use gatehouse::domain::AuthMethod;
use serde_json::{Value, json};

use super::provider::Provider;
use super::{Caller, shown};

const FIELDS: [(&str, &str); 2] = [
    ("username", "canary-user"),
    ("password", "canary-pass\"word"),
];

fn login(more: Value) -> Value {
    let mut config = json!({
        "kind": "login", "path": "/session", "token": "access_token",
        "expiresIn": "expires_in",
        "body": {"json": {"user": "{username}", "pass": "{password}"}},
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn caller(provider: &Provider, more: Value) -> Caller {
    let base_url = provider.url("/api");
    Caller::new(AuthMethod::Custom, &login(more), &FIELDS, &base_url)
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let provider = Provider::of_tokens().await;
    let caller = caller(&provider, json!({"headers": {"X-App": "app {username}"}}));
    for (seconds, token) in [(0, "token-1"), (3539, "token-1"), (1, "token-2")] {
        caller.clock.pass(seconds);
        let sent = caller.authorization().await.unwrap();
        assert_eq!(sent, format!("Bearer {token}"));
    }
    let got = provider.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].uri.path(), "/api/session");
    assert_eq!(got[0].header("content-type"), "application/json");
    assert_eq!(got[0].header("x-app"), "app canary-user");
    let body: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!(
        body,
        json!({"user": "canary-user", "pass": "canary-pass\"word"})
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced() {
    let provider = Provider::of_tokens().await;
    let caller = caller(&provider, json!({}));
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-1");
    let first = caller.carried().await.unwrap();
    assert!(caller.refused(&first).await);
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-2");
    // Somebody who was refused with the first token says so late.
    assert!(caller.refused(&first).await);
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-2");
    let second = caller.carried().await.unwrap();
    assert!(
        !caller.refused(&second).await,
        "the next try would carry it again"
    );
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-2");
    caller.clock.pass(5);
    assert!(caller.refused(&second).await);
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-3");
}

#[tokio::test]
async fn a_hundred_callers_at_once_make_one_login() {
    let provider = Provider::of_tokens().await;
    let caller = caller(&provider, json!({}));
    let sent = join_all((0..100).map(|_| caller.authorization())).await;
    assert!(
        sent.into_iter()
            .all(|sent| sent.unwrap() == "Bearer token-1")
    );
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_token_goes_where_the_configuration_says() {
    let provider = Provider::saying(200, &json!({"data": {"key": "t-1", "ttl": "60"}})).await;
    let config = json!({
        "token": "data.key", "expiresIn": "data.ttl", "method": "PUT",
        "apply": {"Authorization": "Token {token}", "X-User": "{username}"},
        "body": {"form": {"u": "{username}", "p": "{password}"}},
    });
    let caller = caller(&provider, config);
    assert_eq!(caller.authorization().await.unwrap(), "Token t-1");
    let expected = [("p", "canary-pass\"word"), ("u", "canary-user")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(provider.got()[0].form(), expected);
    caller.clock.pass(54);
    caller.authorization().await.unwrap();
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn of_a_candidate_nothing_is_kept() {
    let provider = Provider::of_tokens().await;
    let mut caller = caller(&provider, json!({}));
    caller.version = None;
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-1");
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-2");
    assert!(caller.carried().await.is_none());
    caller.version = Some("v1".to_owned());
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-4");
}

#[tokio::test]
async fn a_token_is_only_for_what_it_was_obtained_with() {
    let provider = Provider::of_tokens().await;
    let mut caller = caller(&provider, json!({}));
    let mut tokens = vec![caller.authorization().await.unwrap()];
    caller.version = Some("v2".to_owned());
    tokens.push(caller.authorization().await.unwrap());
    caller.integration = "int_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    tokens.push(caller.authorization().await.unwrap());
    caller.organization = "org_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    tokens.push(caller.authorization().await.unwrap());
    caller.base_url = provider.url("/other").parse().unwrap();
    tokens.push(caller.authorization().await.unwrap());
    let expected: Vec<_> = (1..=5)
        .map(|number| format!("Bearer token-{number}"))
        .collect();
    assert_eq!(tokens, expected);
}

#[tokio::test]
async fn errors_show_neither_credentials_nor_answers() {
    let answers = [
        (401, json!({"error": "canary-answer"})),
        (503, json!("canary-answer")),
        (200, json!({"other": "canary-answer"})),
        (200, json!({"access_token": ["canary-answer"]})),
        (200, json!({"access_token": "canary answer"})),
        (
            200,
            json!({"access_token": "canary-answer", "expires_in": "canary"}),
        ),
        (200, json!({"access_token": "x".repeat(65_536)})),
    ];
    for (status, body) in answers {
        let provider = Provider::saying(status, &body).await;
        let caller = caller(&provider, json!({}));
        let error = caller.authorization().await.unwrap_err();
        match status {
            200 => assert!(matches!(error, AuthError::TokenUnreadable(_)), "{error}"),
            _ => assert!(
                matches!(error, AuthError::TokenRefused { status: refused } if refused == status)
            ),
        }
        assert_eq!(error.is_transient(), status == 503);
        let everything = format!(
            "{} {:?} {:?} {:?}",
            shown(&error),
            caller.authenticator,
            caller.context(),
            caller.request(http::Method::GET, "/"),
        );
        assert!(!everything.contains("canary"), "{everything}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_may_pass() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let caller = Caller::new(AuthMethod::Custom, &login(json!({})), &FIELDS, &base_url);
    let error = caller.authorization().await.unwrap_err();
    assert!(matches!(error, AuthError::TokenCall(_)), "{error}");
    assert!(error.is_transient());
    assert!(!shown(&error).contains("canary"));
}

#[tokio::test]
async fn an_obtained_token_is_blotted_out_of_answers() {
    let provider = Provider::of_tokens().await;
    let caller = caller(&provider, json!({}));
    let mut request = caller.request(http::Method::GET, "/things");
    let context = caller.context();
    let authenticated = caller.authenticator.authenticate(&context, &mut request);
    authenticated.await.unwrap();
    let redactor = caller.authenticator.redactor(&context, &request);
    let answer = r#"{"sent": "Bearer token-1", "as": "canary-user", "p": "canary-pass\"word"}"#;
    let blotted = r#"{"sent": "[redacted]", "as": "[redacted]", "p": "[redacted]"}"#;
    assert_eq!(redactor.text(answer), blotted);
}
