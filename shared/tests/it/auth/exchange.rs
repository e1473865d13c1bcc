//! Assertions that are exchanged for a token.

use gatehouse::auth::AuthError;
use gatehouse::domain::AuthMethod;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::provider::Provider;
use super::{Caller, shown};

fn caller(base: &Provider, token_url: &str, key: &str, parameters: Option<Value>) -> Caller {
    let mut config = json!({
        "algorithm": "ES256", "claims": {"iss": "{clientId}", "aud": token_url},
        "use": {"kind": "exchange", "tokenUrl": token_url},
    });
    if let Some(parameters) = parameters {
        config["use"]["parameters"] = parameters;
        config["use"]["assertionParameter"] = json!("client_assertion");
    }
    let fields = [("clientId", "canary-client"), ("privateKey", key)];
    Caller::new(AuthMethod::Jwt, &config, &fields, &base.url("/"))
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// RFC 7523 section 2.1.
#[tokio::test]
async fn an_assertion_becomes_a_token() {
    let (provider, key) = (Provider::of_tokens().await, key());
    let token_url = provider.url("/token");
    let caller = caller(&provider, &token_url, &key.serialize_pem(), None);
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-1");
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-1");
    caller.clock.pass(3540);
    assert_eq!(caller.authorization().await.unwrap(), "Bearer token-2");
    let got = provider.got();
    assert_eq!(got.len(), 2);
    let mut ids = Vec::new();
    for got in got {
        assert_eq!(got.header("accept"), "application/json");
        let content_type = got.header("content-type");
        assert_eq!(content_type, "application/x-www-form-urlencoded");
        let form = got.form();
        assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!(form[1].0, "assertion");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_audience(&[&token_url]);
        let public = DecodingKey::from_ec_der(key.public_key_raw());
        let claims = decode::<Value>(&form[1].1, &public, &validation)
            .unwrap()
            .claims;
        assert_eq!(claims["iss"], "canary-client");
        ids.push(claims["jti"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

/// RFC 7523 section 2.2, as Apple's and others' client credentials have it.
#[tokio::test]
async fn an_assertion_may_be_who_the_client_is() {
    let provider = Provider::of_tokens().await;
    let parameters = json!({"grant_type": "client_credentials", "client_id": "{clientId}"});
    let token_url = provider.url("/token");
    let key = key().serialize_pem();
    let caller = caller(&provider, &token_url, &key, Some(parameters));
    caller.authorization().await.unwrap();
    let names: Vec<_> = provider.got()[0]
        .form()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["client_id", "grant_type", "client_assertion"]);
}

#[tokio::test]
async fn what_is_not_said_has_a_default() {
    let provider = Provider::saying(200, &json!({"access_token": "t"})).await;
    let (token_url, key) = (provider.url("/token"), key().serialize_pem());
    let caller = caller(&provider, &token_url, &key, None);
    for (seconds, calls) in [(0, 1), (839, 1), (1, 2)] {
        caller.clock.pass(seconds);
        assert_eq!(caller.authorization().await.unwrap(), "Bearer t");
        assert_eq!(provider.calls(), calls);
    }
}

#[tokio::test]
async fn answers_without_a_token_that_can_be_used_are_refused() {
    let key = key().serialize_pem();
    for (status, body, transient) in [
        (
            200,
            json!({"access_token": "canary", "token_type": "mac"}),
            false,
        ),
        (
            200,
            json!({"access_token": "", "token_type": "Bearer"}),
            false,
        ),
        (200, json!({"token_type": "Bearer"}), false),
        (
            200,
            json!({"access_token": "canary", "expires_in": -1}),
            false,
        ),
        (200, json!(["canary"]), false),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "canary"}),
            false,
        ),
        (429, json!("canary"), true),
        (500, json!("canary"), true),
    ] {
        let provider = Provider::saying(status, &body).await;
        let caller = caller(&provider, &provider.url("/token"), &key, None);
        let error = caller.authorization().await.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{body}");
        assert!(!shown(&error).contains("canary"), "{error}");
        // It is asked again, and nothing stays of the failure.
        caller.authorization().await.unwrap_err();
        assert_eq!(provider.calls(), 2, "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_refused() {
    let provider = Provider::answering(|_| "access_token=canary").await;
    let key = key().serialize_pem();
    let caller = caller(&provider, &provider.url("/token"), &key, None);
    let error = caller.authorization().await.unwrap_err();
    assert!(matches!(error, AuthError::TokenUnreadable(_)), "{error}");
    assert!(!shown(&error).contains("canary"));
}

#[tokio::test]
async fn an_assertion_goes_to_named_hosts_only() {
    let (base, other, key) = (
        Provider::of_tokens().await,
        Provider::of_tokens().await,
        key(),
    );
    let token_url = other.url("/token");
    let mut caller = caller(&base, &token_url, &key.serialize_pem(), None);
    let error = caller.authorization().await.unwrap_err();
    assert!(matches!(error, AuthError::ForbiddenTokenHost), "{error}");
    assert_eq!((base.calls(), other.calls()), (0, 0));
    caller.hosts = vec!["127.0.0.1".to_owned()];
    caller.authorization().await.unwrap();
    assert_eq!((base.calls(), other.calls()), (0, 1));
}

#[tokio::test]
async fn an_assertion_does_not_follow_a_redirect() {
    let other = Provider::of_tokens().await;
    let location = other.url("/token");
    for status in [302, 307, 308] {
        let location = location.clone();
        let base = Provider::answering(move |_| {
            let status = http::StatusCode::from_u16(status).unwrap();
            (status, [("location", location.clone())], "")
        })
        .await;
        let key = key().serialize_pem();
        let mut caller = caller(&base, &base.url("/token"), &key, None);
        caller.hosts = vec!["127.0.0.1".to_owned()];
        let error = caller.authorization().await.unwrap_err();
        assert!(
            matches!(error, AuthError::TokenRefused { status: s } if s == status),
            "{error}"
        );
    }
    assert_eq!(other.calls(), 0);
}
