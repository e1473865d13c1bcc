//! Revoking access tokens of callers.

use std::time::Duration;

use gatehouse::domain::{OrganizationId, Timestamp};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::Portal;

const PATH: &str = "/portal/access/revocations";

fn now() -> Timestamp {
    system_sources().now()
}

fn organization() -> OrganizationId {
    let sources = system_sources();
    OrganizationId::generate(sources.now(), sources.randomness.as_ref())
}

fn token(portal: &Portal, organization: OrganizationId, change: Value) -> String {
    let now = now().as_second();
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "gatehouse", "sub": "me",
        "org_id": organization, "iat": now - 10, "exp": now + 600, "roles": ["owner"],
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let header = json!({"alg": "EdDSA", "kid": "development"});
    portal.issuer.sign(&header, &claims)
}

async fn status(portal: &Portal, token: &str) -> u16 {
    let answer = portal.get("/portal/integrations", token).await;
    if answer.status == 401 {
        assert_eq!(answer.code(), "unauthenticated");
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .contains("invalid_token")
        );
    }
    answer.status.as_u16()
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_others_are_not() {
    let portal = Portal::new().await;
    let (ours, theirs) = (organization(), organization());
    let admin = token(&portal, ours, json!({"sub": "admin", "jti": "admin"}));
    let body = json!({"tokenId": "j-1", "expiresAt": now().plus(Duration::from_secs(600))});
    let answer = portal.post(PATH, &admin, body.clone()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let said = answer.json();
    assert_eq!(said["tokenId"], "j-1");
    assert_eq!(said["expiresAt"], body["expiresAt"]);
    assert_eq!(said["revokedBy"], "admin");
    for (organization, change, expected) in [
        (ours, json!({"jti": "j-1"}), 401),
        (ours, json!({"jti": "j-1", "sub": "another"}), 401),
        (ours, json!({"jti": "j-2"}), 200),
        (ours, json!({}), 200),
        (ours, json!({"sub": "j-1"}), 200),
        // What one organization revokes is nothing to another.
        (theirs, json!({"jti": "j-1"}), 200),
    ] {
        let token = token(&portal, organization, change.clone());
        assert_eq!(status(&portal, &token).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_subjects_tokens_are_refused_if_they_are_older() {
    let portal = Portal::new().await;
    let ours = organization();
    let admin = token(&portal, ours, json!({"sub": "admin"}));
    let at = now().minus(Duration::from_secs(60));
    let body = json!({"subject": "me", "issuedBefore": at});
    let answer = portal.post(PATH, &admin, body.clone()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    // What goes less far changes nothing.
    let earlier = at.minus(Duration::from_secs(60));
    let less = json!({"subject": "me", "issuedBefore": earlier});
    let answer = portal.post(PATH, &admin, less).await;
    assert_eq!(answer.json()["issuedBefore"], body["issuedBefore"]);
    for (issued, subject, expected) in [
        (at.as_second() - 100, "me", 401),
        (at.as_second() - 1, "me", 401),
        (at.as_second() + 1, "me", 200),
        (at.as_second() - 100, "Me", 200),
        (at.as_second() - 100, "another", 200),
    ] {
        let change = json!({"iat": issued, "sub": subject});
        let token = token(&portal, ours, change.clone());
        assert_eq!(status(&portal, &token).await, expected, "{change}");
    }
    // What goes further does.
    let more = json!({"subject": "me", "issuedBefore": now()});
    let answer = portal.post(PATH, &admin, more.clone()).await;
    assert_eq!(answer.json()["issuedBefore"], more["issuedBefore"]);
    let list = portal.get(PATH, &admin).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["items"][0]["issuedBefore"], more["issuedBefore"]);
}

#[tokio::test]
async fn what_is_revoked_is_listed_page_by_page() {
    let portal = Portal::new().await;
    let ours = organization();
    let admin = token(&portal, ours, json!({"sub": "admin"}));
    for number in 0..5 {
        let expires = now().plus(Duration::from_secs(600));
        let body = json!({"tokenId": format!("j-{number}"), "expiresAt": expires});
        assert_eq!(portal.post(PATH, &admin, body).await.status, 201);
    }
    let (mut ids, mut path) = (Vec::new(), format!("{PATH}?limit=2"));
    for items in [2, 2, 1] {
        let page = portal.get(&path, &admin).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), items);
        for item in page["items"].as_array().unwrap() {
            ids.push(item["tokenId"].as_str().unwrap().to_owned());
        }
        let next = page["nextCursor"].as_str().unwrap_or_default();
        path = format!("{PATH}?limit=2&cursor={next}");
    }
    ids.sort_unstable();
    assert_eq!(ids, ["j-0", "j-1", "j-2", "j-3", "j-4"]);
    let theirs = token(&portal, organization(), json!({}));
    assert_eq!(portal.get(PATH, &theirs).await.json(), json!({"items": []}));
    for query in ["limit=0", "limit=201", "cursor=x", "other=1"] {
        let answer = portal.get(&format!("{PATH}?{query}"), &admin).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_revoked_is_refused_with_its_field() {
    let portal = Portal::new().await;
    let admin = token(&portal, organization(), json!({"sub": "admin"}));
    let before = portal.contents().await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let soon = now().plus(days(1));
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"tokenId": "j", "subject": "me"}), ""),
        (
            json!({"tokenId": "j", "expiresAt": soon, "issuedBefore": now()}),
            "",
        ),
        (json!({"expiresAt": soon}), ""),
        (json!({"tokenId": "j"}), "/expiresAt"),
        (json!({"tokenId": "j", "expiresAt": now()}), "/expiresAt"),
        (
            json!({"tokenId": "j", "expiresAt": now().plus(days(32))}),
            "/expiresAt",
        ),
        (json!({"tokenId": "j", "expiresAt": "soon"}), "/expiresAt"),
        (json!({"tokenId": "", "expiresAt": soon}), "/tokenId"),
        (
            json!({"tokenId": "j".repeat(1001), "expiresAt": soon}),
            "/tokenId",
        ),
        (json!({"tokenId": 1, "expiresAt": soon}), "/tokenId"),
        (json!({"subject": "me"}), "/issuedBefore"),
        (
            json!({"subject": "me", "issuedBefore": soon}),
            "/issuedBefore",
        ),
        (
            json!({"subject": "me", "issuedBefore": now().minus(days(32))}),
            "/issuedBefore",
        ),
        (json!({"subject": "", "issuedBefore": now()}), "/subject"),
        (
            json!({"subject": "me", "issuedBefore": now(), "reason": "x"}),
            "/reason",
        ),
    ] {
        let answer = portal.post(PATH, &admin, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(portal.contents().await, before);
    for (method, status) in [("DELETE", 405), ("PUT", 405)] {
        let answer = portal.call((method, PATH), &admin, &[], Value::Null).await;
        assert_eq!(answer.status, status, "{method}");
    }
}

#[tokio::test]
async fn a_token_that_could_not_be_revoked_for_good_is_refused() {
    let portal = Portal::new().await;
    let (ours, now) = (organization(), now().as_second());
    for (change, expected) in [
        (json!({"iat": Value::Null}), 401),
        (json!({"jti": 7}), 401),
        (json!({"iat": now - 86_400, "exp": now + 30 * 86_400}), 200),
        (
            json!({"iat": now - 86_400, "exp": now + 30 * 86_400 + 1}),
            401,
        ),
    ] {
        let token = token(&portal, ours, change.clone());
        assert_eq!(status(&portal, &token).await, expected, "{change}");
    }
}

#[tokio::test]
async fn those_who_come_at_the_same_time_ask_the_table_once() {
    let portal = Portal::new().await;
    let token = token(&portal, organization(), json!({"jti": "j-1"}));
    portal.stack.reset_calls();
    let all = (0..20).map(|_| status(&portal, &token));
    let all = futures::future::join_all(all).await;
    assert_eq!(all, [200; 20]);
    assert_eq!(portal.stack.calls().get("DynamoDB.BatchGetItem"), Some(&1));
}
