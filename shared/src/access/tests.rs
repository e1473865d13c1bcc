use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{AccessError, DevelopmentIssuer, Fetch, Verifier};
use crate::config::AccessSettings;
use crate::domain::{Cause, OrganizationId, Timestamp};

const ISSUER: &str = "https://issuer.example";
const NOW: i64 = 1_760_000_000;

/// An issuer's web server.
struct Site {
    documents: Vec<(&'static str, Value)>,
    fetches: AtomicUsize,
}

impl Fetch for Site {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let found = self.documents.iter().find(|(path, _)| *path == url.path());
        let bytes = found.map(|(_, document)| document.to_string().into_bytes());
        Box::pin(ready(bytes.ok_or_else(|| Cause::from("404"))))
    }
}

fn issuer() -> DevelopmentIssuer {
    DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap()
}

fn organization() -> OrganizationId {
    "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap()
}

fn site(jwks: Value) -> Arc<Site> {
    let documents = vec![("/jwks", jwks)];
    Arc::new(Site {
        documents,
        fetches: AtomicUsize::new(0),
    })
}

fn verifier(site: Arc<Site>) -> Verifier {
    let settings = AccessSettings {
        issuer: ISSUER.to_owned(),
        audience: "gatehouse".to_owned(),
        organization_claim: "org_id".to_owned(),
        jwks_url: Some("https://issuer.example/jwks".parse().unwrap()),
    };
    Verifier::new(settings, site)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "development"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "gatehouse", "sub": "me", "org_id": organization(),
        "iat": NOW, "exp": NOW + 300,
    })
}

fn with(mut value: Value, name: &str, field: Value) -> Value {
    match field {
        Value::Null => value.as_object_mut().unwrap().remove(name),
        field => value
            .as_object_mut()
            .unwrap()
            .insert(name.to_owned(), field),
    };
    value
}

async fn verdict(verifier: &Verifier, token: &str) -> Result<OrganizationId, String> {
    let authorization = format!("Bearer {token}");
    let verified = verifier
        .verify([authorization.as_bytes()].into_iter(), at(NOW))
        .await;
    verified
        .map(|caller| caller.organization_id)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_good_token_says_who_calls() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    let token = issuer.token(
        organization(),
        "me",
        "gatehouse",
        at(NOW),
        Duration::from_secs(60),
    );
    assert_eq!(verdict(&verifier, &token).await, Ok(organization()));
    let several = with(claims(), "aud", json!(["other", "gatehouse"]));
    assert!(
        verdict(&verifier, &issuer.sign(&header(), &several))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for (name, value, reason) in [
        ("iss", json!("https://evil.example"), "issuer"),
        ("iss", Value::Null, "issuer"),
        ("aud", json!("other"), "audience"),
        ("aud", json!(["other"]), "audience"),
        ("aud", Value::Null, "audience"),
        ("exp", json!(NOW - 60), "expired"),
        ("exp", Value::Null, "no expiry"),
        ("exp", json!("soon"), "time"),
        ("nbf", json!(NOW + 61), "not valid yet"),
        ("iat", json!(NOW + 61), "not valid yet"),
        ("sub", Value::Null, "subject"),
    ] {
        let token = issuer.sign(&header(), &with(claims(), name, value.clone()));
        let expected = format!("the token is not accepted: {reason}");
        assert_eq!(
            verdict(&verifier, &token).await,
            Err(expected),
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn headers_that_do_not_fit_are_refused() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for (name, value, reason) in [
        ("alg", json!("none"), "algorithm"),
        ("alg", json!("nOnE"), "algorithm"),
        ("alg", json!("HS256"), "algorithm"),
        ("alg", json!("RS256"), "algorithm"),
        ("alg", Value::Null, "header"),
        ("kid", json!("unknown"), "key"),
        ("crit", json!(["exp"]), "critical extension"),
        ("b64", json!(false), "critical extension"),
        ("typ", json!("logout+jwt"), "type"),
    ] {
        let token = issuer.sign(&with(header(), name, value.clone()), &claims());
        let expected = format!("the token is not accepted: {reason}");
        assert_eq!(
            verdict(&verifier, &token).await,
            Err(expected),
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn an_unsigned_or_changed_token_is_refused() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    let good = issuer.sign(&header(), &claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = self::issuer().sign(&header(), &claims());
    for token in [
        format!("{signed}."),
        signed.to_owned(),
        other,
        "a".repeat(9000),
        String::new(),
    ] {
        assert!(verdict(&verifier, &token).await.is_err(), "{token}");
    }
}

#[tokio::test]
async fn exactly_one_bearer_header_is_needed() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    let token = format!("Bearer {}", issuer.sign(&header(), &claims()));
    let none = verifier.verify(std::iter::empty(), at(NOW)).await;
    assert!(matches!(none, Err(AccessError::Missing)));
    let basic = verifier
        .verify([b"Basic YTpi".as_slice()].into_iter(), at(NOW))
        .await;
    assert!(matches!(basic, Err(AccessError::Missing)));
    let two = verifier
        .verify([token.as_bytes(), token.as_bytes()].into_iter(), at(NOW))
        .await;
    assert!(matches!(two, Err(AccessError::Invalid("several headers"))));
}

#[tokio::test]
async fn a_token_without_an_organization_is_not_allowed_anything() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for value in [
        Value::Null,
        json!("acme"),
        json!("int_01K72Z5QSW0123456789ABCDEF"),
    ] {
        let token = issuer.sign(&header(), &with(claims(), "org_id", value));
        let error = verdict(&verifier, &token).await.unwrap_err();
        assert_eq!(error, "the token names no organization");
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_a_single_key() {
    let issuer = issuer();
    let token = issuer.sign(&with(header(), "kid", Value::Null), &claims());
    assert!(
        verdict(&verifier(site(issuer.jwks())), &token)
            .await
            .is_ok()
    );
    let mut two = issuer.jwks();
    two["keys"]
        .as_array_mut()
        .unwrap()
        .push(self::issuer().jwks()["keys"][0].clone());
    assert!(verdict(&verifier(site(two)), &token).await.is_err());
}

#[tokio::test]
async fn keys_that_are_weak_or_not_for_signatures_are_left_out() {
    let issuer = issuer();
    let mut jwks = issuer.jwks();
    jwks["keys"][0]["use"] = json!("enc");
    let token = issuer.sign(&header(), &claims());
    assert!(verdict(&verifier(site(jwks)), &token).await.is_err());
    let weak =
        json!({"keys": [{"kty": "RSA", "kid": "development", "e": "AQAB", "n": "u".repeat(171)}]});
    let rs256 = issuer.sign(&with(header(), "alg", json!("RS256")), &claims());
    let error = verdict(&verifier(site(weak)), &rs256).await.unwrap_err();
    assert_eq!(error, "the token is not accepted: key");
}

#[tokio::test]
async fn an_unknown_key_id_asks_for_the_keys_anew_but_not_all_the_time() {
    let issuer = issuer();
    let site = site(issuer.jwks());
    let verifier = verifier(Arc::clone(&site));
    let unknown = issuer.sign(&with(header(), "kid", json!("new")), &claims());
    for _ in 0..10 {
        assert!(verdict(&verifier, &unknown).await.is_err());
    }
    assert_eq!(site.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_the_issuers_keys_a_token_is_neither_good_nor_bad() {
    let site = Arc::new(Site {
        documents: Vec::new(),
        fetches: AtomicUsize::new(0),
    });
    let token = issuer().sign(&header(), &claims());
    let authorization = format!("Bearer {token}");
    let verifier = verifier(site);
    for _ in 0..2 {
        let verified = verifier
            .verify([authorization.as_bytes()].into_iter(), at(NOW))
            .await;
        assert!(
            matches!(verified, Err(AccessError::Unavailable(_))),
            "{verified:?}"
        );
    }
}

#[tokio::test]
async fn keys_are_found_by_discovery_if_the_document_is_the_issuers_own() {
    let issuer = issuer();
    for (claimed, accepted) in [(ISSUER, true), ("https://evil.example", false)] {
        let discovery = json!({"issuer": claimed, "jwks_uri": "https://issuer.example/keys"});
        let site = Arc::new(Site {
            documents: vec![
                ("/.well-known/openid-configuration", discovery),
                ("/keys", issuer.jwks()),
            ],
            fetches: AtomicUsize::new(0),
        });
        let settings = AccessSettings {
            issuer: ISSUER.to_owned(),
            audience: "gatehouse".to_owned(),
            organization_claim: "org_id".to_owned(),
            jwks_url: None,
        };
        let token = issuer.sign(&header(), &claims());
        let verified = verdict(&Verifier::new(settings, site), &token).await;
        assert_eq!(verified.is_ok(), accepted);
    }
}
