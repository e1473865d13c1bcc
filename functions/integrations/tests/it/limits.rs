//! What an organization and its callers may ask of the API, and how much they may have.

use gatehouse::domain::gateway::Headroom;
use gatehouse::domain::{OrganizationId, Timestamp};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration};

fn organization() -> OrganizationId {
    let sources = system_sources();
    OrganizationId::generate(sources.now(), sources.randomness.as_ref())
}

/// Asks until it is refused; how often it was not.
async fn until_refused(portal: &Portal, token: &str, most: usize) -> (usize, Option<Answer>) {
    for made in 0..most {
        let answer = portal.get("/portal/providers", token).await;
        if answer.status == 429 {
            return (made, Some(answer));
        }
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    (most, None)
}

fn headroom(answer: &Answer) -> Headroom {
    Headroom::read(&answer.headers, &[], Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn one_caller_is_limited_and_others_are_not() {
    let portal = Portal::with(&[("CallerRequestsPerSecond", "3")]).await;
    let id = organization();
    let (one, other) = (portal.token_of(id, "one"), portal.token_of(id, "other"));
    let (made, refused) = until_refused(&portal, &one, 50).await;
    let refused = refused.unwrap();
    assert!((1..=3).contains(&made), "{made}");
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(headroom(&refused).remaining, Some(0));
    let answer = portal.get("/portal/providers", &other).await;
    assert_eq!(answer.status, 200);
    let policy = answer.headers["ratelimit-policy"].to_str().unwrap();
    assert_eq!(policy, "\"caller\";q=3;w=1, \"organization\";q=2000;w=1");
    let headroom = headroom(&answer);
    assert_eq!(headroom.limit, Some(3));
    assert!(
        headroom.remaining.is_some_and(|left| left < 3),
        "{headroom:?}"
    );
}

#[tokio::test]
async fn an_organization_is_limited_and_others_are_not() {
    let portal = Portal::with(&[("OrganizationRequestsPerSecond", "3")]).await;
    let (id, mut answers) = (organization(), Vec::new());
    for caller in 0..50 {
        let token = portal.token_of(id, &format!("caller-{caller}"));
        answers.push(
            portal
                .get("/portal/providers", &token)
                .await
                .status
                .as_u16(),
        );
    }
    assert!(
        answers.contains(&200) && answers.contains(&429),
        "{answers:?}"
    );
    let answer = portal
        .get("/portal/providers", &portal.organization())
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_is_refused_has_no_effect_and_strangers_count_for_nobody() {
    let portal = Portal::with(&[("CallerRequestsPerSecond", "1")]).await;
    let token = portal.organization();
    for _ in 0..20 {
        let answer = portal.get("/portal/providers", "nonsense").await;
        assert_eq!(answer.status, 401);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    let mut made = 0;
    for _ in 0..5 {
        let answer = portal
            .post("/portal/integrations", &token, integration())
            .await;
        made += usize::from(answer.status == 201);
        assert!([201, 429].contains(&answer.status.as_u16()), "{answer:?}");
    }
    let stored = portal.stack.contents().await.unwrap();
    assert_eq!(stored.matches("item_type=integration ").count(), made);
}

#[tokio::test]
async fn without_limits_nothing_is_counted_or_told() {
    let none = [
        ("CallerRequestsPerSecond", "0"),
        ("OrganizationRequestsPerSecond", "0"),
    ];
    let portal = Portal::with(&none).await;
    let answer = portal
        .get("/portal/providers", &portal.organization())
        .await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("ratelimit-policy"));
    assert!(
        !portal
            .stack
            .contents()
            .await
            .unwrap()
            .contains("caller_quota")
    );
}

#[tokio::test]
async fn an_organization_has_as_many_integrations_as_it_may() {
    let portal = Portal::with(&[("MaxIntegrations", "2")]).await;
    let token = portal.organization();
    let operation = json!({"op": "create", "body": integration()});
    let body = json!({"operations": vec![operation; 5]});
    let answer = portal.post("/portal/integrations:bulk", &token, body).await;
    let results = answer.json()["results"].as_array().unwrap().clone();
    let status = |wanted: u64| results.iter().filter(|one| one["status"] == wanted).count();
    assert_eq!((status(201), status(409)), (2, 3), "{results:?}");
    let refused = results.iter().find(|one| one["status"] == 409).unwrap();
    assert_eq!(refused["problem"]["code"], "limit_reached");
    let refused = portal
        .post("/portal/integrations", &token, integration())
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "limit_reached")
    );
    let theirs = portal.organization();
    let others = portal.post("/portal/integrations", &theirs, integration());
    assert_eq!(others.await.status, 201);
    let made = results.iter().find(|one| one["status"] == 201).unwrap();
    let path = format!("/portal/integrations/{}", made["id"].as_str().unwrap());
    assert_eq!(portal.delete(&path, &token).await.status, 200);
    let again = portal
        .post("/portal/integrations", &token, integration())
        .await;
    assert_eq!(again.status, 201);
}

#[tokio::test]
async fn an_integration_has_as_many_endpoints_as_it_may() {
    let portal = Portal::with(&[("MaxEndpoints", "1")]).await;
    let token = portal.organization();
    let path = format!("{}/webhooks", portal.integration(&token).await);
    let endpoint = json!({"secret": "s"});
    assert_eq!(
        portal.post(&path, &token, endpoint.clone()).await.status,
        201
    );
    let refused = portal.post(&path, &token, endpoint).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "limit_reached")
    );
    let list = portal.call(("GET", &path), &token, &[], Value::Null).await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1);
}
