mod algorithms;
mod boundaries;
mod keys;
mod oracle;
mod policies;
mod roles;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::{AccessError, DevelopmentIssuer, Fetch, Verifier};
use crate::config::AccessSettings;
use crate::domain::{Cause, OrganizationId, Roles, Timestamp};
use crate::store::Store;

pub(crate) const ISSUER: &str = "https://issuer.example";
const NOW: i64 = 1_760_000_000;

/// An issuer's web server: `/jwks` is where [`verifier`] looks for its keys.
#[derive(Default)]
pub(crate) struct Site {
    documents: Mutex<Vec<(&'static str, Value)>>,
    is_down: AtomicBool,
    fetches: AtomicUsize,
}

impl Site {
    pub(crate) fn serving(documents: Vec<(&'static str, Value)>) -> Arc<Self> {
        Arc::new(Self {
            documents: Mutex::new(documents),
            ..Self::default()
        })
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Fetch for Site {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Box::pin(ready(Err("no answer".into())));
        }
        let documents = self.documents.lock().unwrap();
        let found = documents.iter().find(|(path, _)| *path == url.path());
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
    Site::serving(vec![("/jwks", jwks)])
}

fn settings() -> AccessSettings {
    AccessSettings {
        issuer: ISSUER.to_owned(),
        audience: "gatehouse".to_owned(),
        organization_claim: "org_id".to_owned(),
        jwks_url: Some("https://issuer.example/jwks".parse().unwrap()),
        roles_claim: "roles".to_owned(),
        default_roles: Roles::NONE,
    }
}

pub(crate) fn verifier(site: Arc<Site>) -> Verifier {
    Verifier::new(settings(), site)
}

/// A table that nobody reaches: for what has to be decided without one.
pub(crate) fn nowhere() -> Store {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    Store::new(client, "nowhere".parse().unwrap())
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

async fn verdict_at(
    verifier: &Verifier,
    token: &str,
    now: i64,
) -> Result<OrganizationId, AccessError> {
    let authorization = format!("Bearer {token}");
    let verified = verifier
        .verify([authorization.as_bytes()].into_iter(), at(now))
        .await;
    verified.map(|caller| caller.organization_id)
}

async fn verdict(verifier: &Verifier, token: &str) -> Result<OrganizationId, String> {
    let verdict = verdict_at(verifier, token, NOW).await;
    verdict.map_err(|error| error.to_string())
}

fn refused(reason: &str) -> Result<OrganizationId, String> {
    Err(format!("the token is not accepted: {reason}"))
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
        ("iss", json!([ISSUER]), "issuer"),
        ("aud", json!([]), "audience"),
        ("aud", json!({"gatehouse": true}), "audience"),
        ("exp", json!(NOW - 30), "expired"),
        ("exp", json!(-1), "expired"),
        ("exp", json!(0.5), "expired"),
        ("exp", Value::Null, "no expiry"),
        ("exp", json!("soon"), "time"),
        ("nbf", json!(NOW + 31), "not valid yet"),
        ("iat", json!(NOW + 31), "not valid yet"),
        ("nbf", json!("now"), "time"),
        ("sub", Value::Null, "subject"),
        ("sub", json!(""), "subject"),
        ("sub", json!(1), "subject"),
    ] {
        let token = issuer.sign(&header(), &with(claims(), name, value.clone()));
        let verdict = verdict(&verifier, &token).await;
        assert_eq!(verdict, refused(reason), "{name}: {value}");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_half_a_minute() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for (name, second) in [("exp", NOW - 29), ("nbf", NOW + 30), ("iat", NOW + 30)] {
        let token = issuer.sign(&header(), &with(claims(), name, json!(second)));
        assert!(verdict(&verifier, &token).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn headers_that_do_not_fit_are_refused() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for (name, value, reason) in [
        ("alg", json!("HS256"), "algorithm"),
        ("alg", json!("RS256"), "algorithm"),
        ("alg", json!("ES256"), "algorithm"),
        ("alg", json!("eddsa"), "algorithm"),
        ("alg", json!(["EdDSA"]), "header"),
        ("alg", Value::Null, "header"),
        ("kid", json!("unknown"), "key"),
        ("crit", json!(["exp"]), "critical extension"),
        ("crit", json!([]), "critical extension"),
        ("b64", json!(false), "critical extension"),
        ("b64", json!(true), "critical extension"),
        ("typ", json!("logout+jwt"), "type"),
        ("typ", json!("dpop+jwt"), "type"),
        ("typ", json!(""), "type"),
    ] {
        let token = issuer.sign(&with(header(), name, value.clone()), &claims());
        let verdict = verdict(&verifier, &token).await;
        assert_eq!(verdict, refused(reason), "{name}: {value}");
    }
    // `with` takes `null` for absence.
    let mut null = header();
    null["crit"] = Value::Null;
    let token = issuer.sign(&null, &claims());
    let verdict = verdict(&verifier, &token).await;
    assert_eq!(verdict, refused("critical extension"));
}

#[tokio::test]
async fn the_types_that_issuers_give_access_tokens_are_taken() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    for typ in [
        json!("at+jwt"),
        json!("application/at+jwt"),
        json!("JWT"),
        Value::Null,
    ] {
        let token = issuer.sign(&with(header(), "typ", typ.clone()), &claims());
        assert!(verdict(&verifier, &token).await.is_ok(), "{typ}");
    }
}

#[tokio::test]
async fn an_unsigned_or_changed_token_is_refused() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    let good = issuer.sign(&header(), &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = self::issuer().sign(&header(), &claims());
    let evil = with(claims(), "sub", json!("root"));
    let swapped = issuer.sign(&header(), &evil);
    let (swapped, _) = swapped.rsplit_once('.').unwrap();
    for (token, reason) in [
        (format!("{signed}."), "signature"),
        (format!("{swapped}.{signature}"), "signature"),
        (other, "signature"),
        (format!("{good}="), "form"),
        (format!("{good}.{signature}"), "form"),
        (signed.to_owned(), "form"),
        ("a b".to_owned(), "form"),
        ("…".to_owned(), "form"),
        (format!("é{good}"), "form"),
        (String::new(), "form"),
    ] {
        assert_eq!(verdict(&verifier, &token).await, refused(reason), "{token}");
    }
}

#[tokio::test]
async fn a_token_of_more_than_8_kib_is_not_looked_at() {
    let issuer = issuer();
    let site = site(issuer.jwks());
    let verifier = verifier(Arc::clone(&site));
    let fits = issuer.sign(&header(), &with(claims(), "x", json!("x".repeat(5000))));
    let too_long = issuer.sign(&header(), &with(claims(), "x", json!("x".repeat(6000))));
    assert!(fits.len() < 8192 && too_long.len() > 8192);
    assert_eq!(verdict(&verifier, &too_long).await, refused("length"));
    assert_eq!(site.fetches(), 0);
    assert!(verdict(&verifier, &fits).await.is_ok());
}

#[tokio::test]
async fn exactly_one_bearer_header_is_needed() {
    let issuer = issuer();
    let verifier = verifier(site(issuer.jwks()));
    let token = issuer.sign(&header(), &claims());
    let bearer = format!("bearer {token}");
    for (headers, expected) in [
        (vec![bearer.as_bytes()], None),
        (vec![], Some("no bearer token")),
        (vec![b"Basic YTpi".as_slice()], Some("no bearer token")),
        (vec![b"Bearer".as_slice()], Some("no bearer token")),
        (vec![token.as_bytes()], Some("no bearer token")),
        (
            vec![bearer.as_bytes(), bearer.as_bytes()],
            Some("the token is not accepted: several headers"),
        ),
        (
            vec![b"Basic YTpi".as_slice(), bearer.as_bytes()],
            Some("the token is not accepted: several headers"),
        ),
        (
            vec![b"Bearer \xff".as_slice()],
            Some("the token is not accepted: form"),
        ),
    ] {
        let verified = verifier.verify(headers.into_iter(), at(NOW)).await;
        let error = verified.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected);
    }
}

#[test]
fn what_a_caller_is_told_depends_on_whose_fault_it_is() {
    use crate::domain::Error;
    let silent = super::FetchError::Unreachable("no answer".into());
    assert!(matches!(
        Error::from(AccessError::Missing),
        Error::Unauthenticated(None)
    ));
    assert!(matches!(
        Error::from(AccessError::Invalid("expired")),
        Error::Unauthenticated(Some(_))
    ));
    assert!(matches!(
        Error::from(AccessError::NoOrganization),
        Error::Forbidden
    ));
    assert!(matches!(
        Error::from(AccessError::Unavailable(silent)),
        Error::Unavailable(_)
    ));
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
