//! Revoked access tokens: what is kept of them, and that they are refused.

#![expect(
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use gatehouse::access::{AccessError, DevelopmentIssuer, Fetch, Verifier};
use gatehouse::config::AccessSettings;
use gatehouse::domain::{
    Cause, Error, MAX_TOKEN_LIFETIME, OrganizationId, Revocation, Revoked, Standing, Timestamp,
};
use gatehouse::store::Store;
use serde_json::{Value, json};
use url::Url;

use crate::support::Table;

const ISSUER: &str = "https://issuer.example";

struct Keys(Vec<u8>);

impl Fetch for Keys {
    fn fetch<'a>(
        &'a self,
        _: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

fn organization() -> OrganizationId {
    "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn after(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

fn token(id: &str, expires_at: Timestamp) -> Revocation {
    revocation(Revoked::Token {
        token_id: id.to_owned(),
        expires_at,
    })
}

fn subject(subject: &str, issued_before: Timestamp) -> Revocation {
    revocation(Revoked::Subject {
        subject: subject.to_owned(),
        issued_before,
    })
}

fn revocation(revoked: Revoked) -> Revocation {
    Revocation {
        revoked,
        revoked_at: now(),
        revoked_by: "admin".to_owned(),
    }
}

struct Calls {
    issuer: DevelopmentIssuer,
    verifier: Verifier,
}

impl Calls {
    fn new(store: Store) -> Self {
        let issuer = DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap();
        let keys = Keys(issuer.jwks().to_string().into_bytes());
        let settings = AccessSettings {
            issuer: ISSUER.to_owned(),
            audience: "gatehouse".to_owned(),
            organization_claim: "org_id".to_owned(),
            jwks_url: Some("https://issuer.example/jwks".parse().unwrap()),
        };
        let verifier = Verifier::new(settings, Arc::new(keys)).with_revocations(store);
        Self { issuer, verifier }
    }

    async fn call(&self, id: &Value, at: Timestamp) -> Result<(), AccessError> {
        let claims = json!({
            "iss": ISSUER, "aud": "gatehouse", "sub": "me", "org_id": organization(), "jti": id,
            "iat": now().as_second(), "exp": now().as_second() + 3600,
        });
        let header = json!({"alg": "EdDSA", "kid": "development"});
        let header = format!("Bearer {}", self.issuer.sign(&header, &claims));
        let headers = [header.as_bytes()].into_iter();
        self.verifier.verify(headers, at).await.map(|_| ())
    }
}

fn is_revoked(result: &Result<(), AccessError>) -> bool {
    matches!(result, Err(AccessError::Invalid("revoked")))
}

#[tokio::test]
async fn what_is_revoked_stands_until_its_tokens_are_over() {
    let store = Table::new().await.store();
    let all = [token("j", after(60)), subject("me", now())];
    for one in &all {
        let stands = store.revoke(organization(), one, now()).await.unwrap();
        assert_eq!(stands, *one);
        // Once more is the same.
        let stands = store.revoke(organization(), one, now()).await.unwrap();
        assert_eq!(stands, *one);
    }
    let end = now().plus(MAX_TOKEN_LIFETIME);
    for (at, is_revoked, is_before) in [
        (now(), true, true),
        (after(600), true, true),
        (after(661), false, true),
        (end, false, true),
        (end.plus(Duration::from_secs(601)), false, false),
    ] {
        let standing = store.standing(organization(), Some("j"), "me", at);
        let expected = Standing {
            is_revoked,
            issued_before: is_before.then(now),
        };
        assert_eq!(standing.await.unwrap(), expected, "{at}");
        let page = store.revocations(organization(), 10, None, at).await;
        let expected = usize::from(is_revoked) + usize::from(is_before);
        assert_eq!(page.unwrap().items.len(), expected, "{at}");
    }
    // An id is not a subject, nor the other way round.
    let standing = store.standing(organization(), Some("me"), "j", now()).await;
    assert_eq!(standing.unwrap(), Standing::default());
    let other = "org_01K72Z5QSW0123456789ABCDEG".parse().unwrap();
    let standing = store.standing(other, Some("j"), "me", now()).await;
    assert_eq!(standing.unwrap(), Standing::default());
}

#[tokio::test]
async fn what_goes_further_wins_whatever_comes_last() {
    let store = Table::new().await.store();
    let said = [30, 90, 10, 60].map(|seconds| subject("me", after(seconds)));
    let said = futures::future::join_all(
        said.iter()
            .map(|one| store.revoke(organization(), one, after(100))),
    );
    assert!(said.await.iter().all(Result::is_ok));
    let standing = store.standing(organization(), None, "me", after(100)).await;
    assert_eq!(standing.unwrap().issued_before, Some(after(90)));
    // What is over is replaced.
    let long_after = after(100).plus(2 * MAX_TOKEN_LIFETIME);
    let new = subject("me", long_after);
    store
        .revoke(organization(), &new, long_after)
        .await
        .unwrap();
    let standing = store.standing(organization(), None, "me", long_after).await;
    assert_eq!(standing.unwrap().issued_before, Some(long_after));
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_half_a_minute() {
    let store = Table::new().await.store();
    let calls = Calls::new(store.clone());
    let (revoked, other) = (json!("j-1"), json!("j-2"));
    assert!(calls.call(&revoked, now()).await.is_ok());
    let one = token("j-1", after(3600));
    store.revoke(organization(), &one, now()).await.unwrap();
    assert!(calls.call(&revoked, after(29)).await.is_ok());
    assert!(is_revoked(&calls.call(&revoked, after(30)).await));
    assert!(is_revoked(&calls.call(&revoked, after(31)).await));
    assert!(calls.call(&other, after(31)).await.is_ok());
    // A function that has just started knows at once.
    let started = Calls::new(store.clone());
    assert!(is_revoked(&started.call(&revoked, now()).await));
    let all = subject("me", after(1));
    store.revoke(organization(), &all, after(40)).await.unwrap();
    assert!(is_revoked(&calls.call(&other, after(61)).await));
}

#[tokio::test]
async fn where_it_cannot_be_told_no_token_is_accepted() {
    let table = Table::new().await;
    let config = table
        .config()
        .endpoint_url("http://127.0.0.1:1")
        .retry_config(RetryConfig::disabled())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let calls = Calls::new(Store::new(client, table.name.clone()));
    let error = calls.call(&json!("j"), now()).await.unwrap_err();
    assert!(matches!(error, AccessError::Unknown(_)), "{error:?}");
    assert!(matches!(Error::from(error), Error::Unavailable(_)));
    // The same where what is there cannot be read.
    let store = table.store();
    store
        .revoke(organization(), &token("j", after(60)), now())
        .await
        .unwrap();
    let found = table.client.scan().table_name(table.name.to_string());
    let mut item = found.send().await.unwrap().items.unwrap().remove(0);
    let nonsense = aws_sdk_dynamodb::types::AttributeValue::S("x".to_owned());
    item.insert("data".to_owned(), nonsense);
    let put = table.client.put_item().table_name(table.name.to_string());
    put.set_item(Some(item)).send().await.unwrap();
    let error = Calls::new(store)
        .call(&json!("j"), now())
        .await
        .unwrap_err();
    assert!(matches!(error, AccessError::Unknown(_)), "{error:?}");
}
