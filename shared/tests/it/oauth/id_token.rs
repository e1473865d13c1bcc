//! OpenID Connect Core 1.0 section 3.1.3.7, and what the OpenID Foundation's test plans for relying
//! parties do to ID tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse::access::DevelopmentIssuer;
use gatehouse::jwt::FetchError;
use gatehouse::oauth::{IdTokenCheck, IdentityError, Metadata};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::issuer::{Issuer, header, why, with};

#[tokio::test]
async fn a_good_token_says_who_signed_in() {
    let issuer = Issuer::new().await;
    let now = issuer.now();
    let mut claims = issuer.id_claims();
    claims["sid"] = json!("s-1");
    claims["auth_time"] = json!(now.as_second() - 5);
    claims["azp"] = json!("us");
    let token = issuer.verify(&issuer.sign(&claims)).await.unwrap();
    assert_eq!(token.subject, "somebody");
    assert_eq!(token.session_id.as_deref(), Some("s-1"));
    assert_eq!(token.auth_time, Some(now.minus(Duration::from_secs(5))));
    assert_eq!(token.claims.get("nonce"), Some(&json!("n-1")));
    // What is known of somebody is not shown by accident.
    assert!(!format!("{:?}", token.claims).contains("somebody"));
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let issuer = Issuer::new().await;
    let now = issuer.now().as_second();
    for (name, value, reason) in [
        ("iss", json!("https://evil.example"), "issuer"),
        ("iss", json!(issuer.server.url("/")), "issuer"),
        ("iss", Value::Null, "issuer"),
        ("sub", Value::Null, "subject"),
        ("sub", json!(""), "subject"),
        ("sub", json!(7), "subject"),
        ("sub", json!("é"), "subject"),
        ("sub", json!("x".repeat(256)), "subject"),
        ("aud", json!("them"), "audience"),
        ("aud", json!(["them"]), "audience"),
        ("aud", json!([]), "audience"),
        ("aud", Value::Null, "audience"),
        ("aud", json!(["us", 7]), "audience"),
        ("aud", json!(["us", "them"]), "authorized party"),
        ("azp", json!("them"), "authorized party"),
        ("azp", json!(["us"]), "authorized party"),
        ("iat", Value::Null, "no time of issue"),
        ("iat", json!("now"), "time"),
        ("iat", json!(now + 31), "not valid yet"),
        ("iat", json!(now - 3601), "issued too long ago"),
        ("iat", json!(-1e300), "time"),
        ("exp", Value::Null, "no expiry"),
        ("exp", json!(now - 30), "expired"),
        ("exp", json!(now - 1), "expires before it is issued"),
        ("nbf", json!(now + 31), "not valid yet"),
        ("nonce", Value::Null, "nonce"),
        ("nonce", json!("n-2"), "nonce"),
        ("nonce", json!(["n-1"]), "nonce"),
        ("auth_time", json!("now"), "time"),
        ("auth_time", json!(now + 31), "signed in after now"),
        ("events", json!({}), "type"),
    ] {
        let token = issuer.sign(&with(issuer.id_claims(), name, value.clone()));
        let refused = why(issuer.verify(&token).await);
        assert_eq!(refused, Some(reason), "{name}: {value}");
    }
}

#[tokio::test]
async fn several_audiences_are_fine_if_the_token_is_for_us() {
    let issuer = Issuer::new().await;
    let mut claims = issuer.id_claims();
    claims["aud"] = json!(["them", "us"]);
    claims["azp"] = json!("us");
    assert_eq!(why(issuer.verify(&issuer.sign(&claims)).await), None);
}

#[tokio::test]
async fn what_was_asked_for_has_to_be_there() {
    let issuer = Issuer::new().await;
    let now = issuer.now().as_second();
    let asked = IdTokenCheck {
        max_age: Some(Duration::from_secs(60)),
        ..issuer.check()
    };
    for (auth_time, reason) in [
        (json!(now - 90), None),
        (json!(now - 91), Some("signed in too long ago")),
        (Value::Null, Some("no time of sign-in")),
    ] {
        let claims = with(issuer.id_claims(), "auth_time", auth_time.clone());
        let verified = issuer.verify_as(&issuer.sign(&claims), &asked).await;
        assert_eq!(why(verified), reason, "{auth_time}");
    }
    let known = |subject| IdTokenCheck {
        subject: Some(subject),
        nonce: None,
        ..issuer.check()
    };
    let token = issuer.sign(&issuer.id_claims());
    let verified = issuer.verify_as(&token, &known("somebody")).await;
    assert_eq!(why(verified), None);
    let verified = issuer.verify_as(&token, &known("somebody else")).await;
    assert_eq!(why(verified), Some("another subject"));
}

#[tokio::test]
async fn an_access_token_that_was_swapped_is_found_out() {
    let issuer = Issuer::new().await;
    let access_token = SecretString::from("an access token");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, b"an access token");
    let half = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..32]);
    let check = IdTokenCheck {
        access_token: Some(&access_token),
        ..issuer.check()
    };
    for (hash, reason) in [
        (json!(half), None),
        (Value::Null, None),
        (json!("x"), Some("access token")),
        (json!(""), Some("access token")),
        (
            json!(URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])),
            Some("access token"),
        ),
        (json!(7), Some("access token")),
    ] {
        let claims = with(issuer.id_claims(), "at_hash", hash.clone());
        let verified = issuer.verify_as(&issuer.sign(&claims), &check).await;
        assert_eq!(why(verified), reason, "{hash}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_signed_or_signed_by_another_is_refused() {
    let issuer = Issuer::new().await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": "development"});
        format!("{}.{}.", part(&header), part(&issuer.id_claims()))
    };
    assert_eq!(
        why(issuer.verify(&unsigned("none")).await),
        Some("algorithm")
    );
    assert_eq!(
        why(issuer.verify(&unsigned("EdDSA")).await),
        Some("signature")
    );
    let other = DevelopmentIssuer::generate(issuer.server.url("")).unwrap();
    let forged = other.sign(&header(), &issuer.id_claims());
    assert_eq!(why(issuer.verify(&forged).await), Some("signature"));
    let good = issuer.sign(&issuer.id_claims());
    let evil = with(issuer.id_claims(), "sub", json!("root"));
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let changed = format!("{head}.{}.{signature}", part(&evil));
    assert_eq!(why(issuer.verify(&changed).await), Some("signature"));
    // As are tokens that are for something else.
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        let header = with(header(), "typ", json!(typ));
        let token = issuer.signer.sign(&header, &issuer.id_claims());
        assert_eq!(why(issuer.verify(&token).await), Some("type"), "{typ}");
    }
}

#[tokio::test]
async fn a_token_is_signed_as_the_metadata_say() {
    let issuer = Issuer::new().await;
    let token = issuer.sign(&issuer.id_claims());
    for (algorithms, reason) in [
        (vec!["RS256", "EdDSA"], None),
        (vec!["RS256"], Some("algorithm")),
        (vec!["HS256"], Some("algorithm")),
    ] {
        let metadata = Metadata {
            id_token_signing_alg_values_supported: algorithms.iter().map(|a| (*a).into()).collect(),
            ..issuer.metadata.clone()
        };
        let check = IdTokenCheck {
            metadata: &metadata,
            ..issuer.check()
        };
        let verified = issuer.verify_as(&token, &check).await;
        assert_eq!(why(verified), reason, "{algorithms:?}");
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_a_single_key_for_its_algorithm() {
    let issuer = Issuer::new().await;
    let header = json!({"alg": "EdDSA"});
    let token = issuer.signer.sign(&header, &issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), None);
    let add = |jwks: &mut Value, key: Value| jwks["keys"].as_array_mut().unwrap().push(key);
    // A key for another algorithm leaves no doubt.
    let mut jwks = issuer.signer.jwks();
    add(&mut jwks, super::p256_jwk());
    issuer.server.json("/keys", &jwks);
    issuer.clock.pass(600);
    let token = issuer.signer.sign(&header, &issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), None);
    // One for the same does.
    let other = DevelopmentIssuer::generate(String::new()).unwrap();
    add(&mut jwks, other.jwks()["keys"][0].clone());
    issuer.server.json("/keys", &jwks);
    issuer.clock.pass(600);
    let token = issuer.signer.sign(&header, &issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), Some("key"));
}

#[tokio::test]
async fn keys_that_were_changed_before_signing_are_fetched() {
    let issuer = Issuer::new().await;
    let good = issuer.sign(&issuer.id_claims());
    assert_eq!(why(issuer.verify(&good).await), None);
    // The issuer brings in a new key, and signs with it at once.
    let next = DevelopmentIssuer::generate(issuer.server.url("")).unwrap();
    let mut jwks = next.jwks();
    jwks["keys"][0]["kid"] = json!("next");
    issuer.server.json("/keys", &jwks);
    issuer.clock.pass(5);
    let header = with(header(), "kid", json!("next"));
    let token = next.sign(&header, &issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), None);
    // The old one is withdrawn.
    let token = issuer.sign(&issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), Some("key"));
}

#[tokio::test]
async fn keys_without_an_id_are_fetched_anew_when_a_signature_does_not_hold() {
    let issuer = Issuer::new().await;
    let header = json!({"alg": "EdDSA"});
    let token = issuer.signer.sign(&header, &issuer.id_claims());
    assert_eq!(why(issuer.verify(&token).await), None);
    let next = DevelopmentIssuer::generate(issuer.server.url("")).unwrap();
    issuer.server.json("/keys", &next.jwks());
    let token = next.sign(&header, &issuer.id_claims());
    // Not so often that whoever sends bad tokens makes us call all the time.
    assert_eq!(why(issuer.verify(&token).await), Some("signature"));
    assert_eq!(issuer.server.calls("/keys"), 1);
    issuer.clock.pass(5);
    assert_eq!(why(issuer.verify(&token).await), None);
    assert_eq!(issuer.server.calls("/keys"), 2);
}

#[tokio::test]
async fn without_keys_a_token_is_neither_good_nor_bad() {
    let issuer = Issuer::new().await;
    issuer.server.answer("/keys", 503, "text/plain", Vec::new());
    let error = issuer.verify(&issuer.sign(&issuer.id_claims())).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, IdentityError::Keys(FetchError::Unreachable(_))),
        "{error:?}"
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn nothing_that_a_token_points_to_is_called() {
    let issuer = Issuer::new().await;
    let other = DevelopmentIssuer::generate(issuer.server.url("")).unwrap();
    let jwk = other.jwks()["keys"][0].clone();
    issuer.server.json("/evil", &other.jwks());
    for (name, value) in [
        ("jku", json!(issuer.server.url("/evil"))),
        ("x5u", json!(issuer.server.url("/evil"))),
        ("jwk", jwk),
        ("x5c", json!(["AA=="])),
    ] {
        let header = with(header(), name, value);
        let forged = other.sign(&header, &issuer.id_claims());
        assert_eq!(
            why(issuer.verify(&forged).await),
            Some("signature"),
            "{name}"
        );
        // A token that has one is as good as its signature.
        let token = issuer.signer.sign(&header, &issuer.id_claims());
        assert_eq!(why(issuer.verify(&token).await), None, "{name}");
    }
    assert_eq!(issuer.server.calls("/evil"), 0);
}
