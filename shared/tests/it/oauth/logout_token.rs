//! OpenID Connect Back-Channel Logout 1.0 section 2.6.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::issuer::{Issuer, header, why, with};

#[tokio::test]
async fn a_good_token_says_who_is_signed_out() {
    let issuer = Issuer::new().await;
    let token = issuer.sign(&issuer.logout_claims());
    let token = issuer.verify_logout(&token).await.unwrap();
    assert_eq!(token.subject.as_deref(), Some("somebody"));
    assert_eq!(token.session_id.as_deref(), Some("s-1"));
    assert_eq!(token.token_id, "j-1");
    assert_eq!(token.expires_at.as_second(), issuer.now().as_second() + 120);
    for (left_out, typ) in [("sub", "logout+jwt"), ("sid", "JWT")] {
        let claims = with(issuer.logout_claims(), left_out, Value::Null);
        let header = with(header(), "typ", json!(typ));
        let token = issuer.signer.sign(&header, &claims);
        assert_eq!(why(issuer.verify_logout(&token).await), None, "{left_out}");
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let issuer = Issuer::new().await;
    let now = issuer.now().as_second();
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for (name, value, reason) in [
        ("iss", json!("https://evil.example"), "issuer"),
        ("aud", json!("them"), "audience"),
        ("aud", Value::Null, "audience"),
        ("iat", Value::Null, "no time of issue"),
        ("iat", json!(now + 31), "not valid yet"),
        ("iat", json!(now - 3601), "issued too long ago"),
        ("exp", Value::Null, "no expiry"),
        ("exp", json!(now - 30), "expired"),
        ("jti", Value::Null, "no token id"),
        ("jti", json!(""), "no token id"),
        ("jti", json!(7), "no token id"),
        ("events", Value::Null, "event"),
        ("events", json!({}), "event"),
        ("events", json!([event]), "event"),
        ("events", json!(event), "event"),
        ("events", json!({event: true}), "event"),
        (
            "events",
            json!({"http://schemas.openid.net/event/other": {}}),
            "event",
        ),
        ("nonce", json!("n-1"), "nonce"),
        ("nonce", json!(""), "nonce"),
        ("sub", json!(""), "subject"),
        ("sub", json!(7), "subject"),
        ("sid", json!(7), "session"),
        ("sid", json!(""), "session"),
    ] {
        let token = issuer.sign(&with(issuer.logout_claims(), name, value.clone()));
        let refused = why(issuer.verify_logout(&token).await);
        assert_eq!(refused, Some(reason), "{name}: {value}");
    }
    let neither = with(issuer.logout_claims(), "sub", Value::Null);
    let neither = issuer.sign(&with(neither, "sid", Value::Null));
    let refused = why(issuer.verify_logout(&neither).await);
    assert_eq!(refused, Some("neither subject nor session"));
}

#[tokio::test]
async fn a_token_that_is_not_signed_so_is_refused() {
    let issuer = Issuer::new().await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = part(&json!({"alg": "none"}));
    let unsigned = format!("{none}.{}.", part(&issuer.logout_claims()));
    let refused = why(issuer.verify_logout(&unsigned).await);
    assert_eq!(refused, Some("algorithm"));
    for algorithm in ["HS256", "RS256", "ES256"] {
        let header = with(header(), "alg", json!(algorithm));
        let token = issuer.signer.sign(&header, &issuer.logout_claims());
        let refused = why(issuer.verify_logout(&token).await);
        assert_eq!(refused, Some("algorithm"), "{algorithm}");
    }
    // An ID token is no logout token, nor the other way round.
    let id_token = issuer.sign(&issuer.id_claims());
    assert_eq!(why(issuer.verify_logout(&id_token).await), Some("event"));
    let logout_token = issuer.sign(&issuer.logout_claims());
    assert_eq!(why(issuer.verify(&logout_token).await), Some("type"));
}
