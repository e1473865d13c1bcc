//! OpenID Connect Core 1.0 section 5.3.

use std::time::Duration;

use axum::http::HeaderValue;
use gatehouse::egress::TlsSettings;
use gatehouse::oauth::{IdentityError, Metadata, OauthError, UserInfoRequest, userinfo};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::issuer::{Issuer, header, why, with};

async fn ask(
    issuer: &Issuer,
    metadata: &Metadata,
    proof: Option<&HeaderValue>,
) -> Result<Map<String, Value>, IdentityError> {
    let request = UserInfoRequest {
        metadata,
        keys: &issuer.keys,
        client_id: "us",
        access_token: &SecretString::from("an access token"),
        proof,
        subject: "somebody",
        tls: &TlsSettings::default(),
        timeout: Duration::from_secs(10),
    };
    userinfo(&issuer.egress, &request, issuer.now()).await
}

async fn asked(issuer: &Issuer) -> Result<Map<String, Value>, IdentityError> {
    ask(issuer, &issuer.metadata, None).await
}

#[tokio::test]
async fn it_is_asked_with_the_access_token() {
    let issuer = Issuer::new().await;
    issuer.server.json(
        "/userinfo",
        &json!({"sub": "somebody", "email": "a@b.example"}),
    );
    let claims = asked(&issuer).await.unwrap();
    assert_eq!(claims["email"], "a@b.example");
    let proof = HeaderValue::from_static("a.b.c");
    assert!(ask(&issuer, &issuer.metadata, Some(&proof)).await.is_ok());
    let got = issuer.server.got();
    let headers: Vec<_> = got.iter().map(|(_, headers)| headers).collect();
    assert_eq!(headers[0]["authorization"], "Bearer an access token");
    assert!(!headers[0].contains_key("dpop"));
    assert_eq!(headers[1]["authorization"], "DPoP an access token");
    assert_eq!(headers[1]["dpop"], "a.b.c");
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_refused() {
    let issuer = Issuer::new().await;
    for (answer, reason) in [
        (
            json!({"sub": "somebody else"}),
            "it is about another subject",
        ),
        (json!({"sub": "Somebody"}), "it is about another subject"),
        (json!({"sub": ["somebody"]}), "it is about another subject"),
        (json!({"email": "a@b.example"}), "it names no subject"),
    ] {
        issuer.server.json("/userinfo", &answer);
        assert_eq!(why(asked(&issuer).await), Some(reason), "{answer}");
    }
}

#[tokio::test]
async fn a_signed_answer_is_verified() {
    let issuer = Issuer::new().await;
    let claims = json!({"sub": "somebody", "iss": issuer.server.url(""), "aud": "us"});
    for (claims, reason) in [
        (claims.clone(), None),
        (
            with(claims.clone(), "iss", json!("https://evil.example")),
            Some("issuer"),
        ),
        (with(claims.clone(), "iss", Value::Null), Some("issuer")),
        (with(claims.clone(), "aud", json!("them")), Some("audience")),
        (
            with(claims.clone(), "sub", json!("x")),
            Some("it is about another subject"),
        ),
        (with(claims.clone(), "exp", json!(1)), Some("expired")),
    ] {
        let token = issuer.signer.sign(&header(), &claims);
        let token = token.into_bytes();
        issuer
            .server
            .answer("/userinfo", 200, "application/jwt; charset=utf-8", token);
        assert_eq!(why(asked(&issuer).await), reason, "{claims}");
    }
    let other = Issuer::new().await.signer.sign(&header(), &claims);
    for (token, reason) in [
        (other, "signature"),
        ("a.b.c.d.e".to_owned(), "form"),
        (String::new(), "form"),
    ] {
        let token = token.into_bytes();
        issuer
            .server
            .answer("/userinfo", 200, "application/jwt", token);
        assert_eq!(why(asked(&issuer).await), Some(reason));
    }
}

#[tokio::test]
async fn an_answer_of_another_form_is_refused() {
    let issuer = Issuer::new().await;
    let good = json!({"sub": "somebody"}).to_string();
    let large = json!({"sub": "somebody", "x": "x".repeat(70_000)}).to_string();
    for (status, kind, body) in [
        (200, "text/html", good.as_str()),
        (200, "application/json", "[]"),
        (200, "application/json", "{"),
        (200, "application/json", &large),
        (401, "application/json", &good),
        (302, "application/json", &good),
        (500, "application/json", &good),
    ] {
        let body = body.as_bytes().to_vec();
        issuer.server.answer("/userinfo", status, kind, body);
        let refused = asked(&issuer).await;
        assert!(
            matches!(refused, Err(IdentityError::Call(_))),
            "{refused:?}"
        );
    }
    let none = Metadata {
        userinfo_endpoint: None,
        ..issuer.metadata.clone()
    };
    let refused = ask(&issuer, &none, None).await;
    let is_named = matches!(
        refused,
        Err(IdentityError::Call(OauthError::Configuration(_)))
    );
    assert!(is_named, "{refused:?}");
}
