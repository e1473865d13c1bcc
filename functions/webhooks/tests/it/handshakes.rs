//! How providers see whether somebody is there.

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Body;
use gatehouse::domain::{Endpoint, EndpointStatus};
use http::Request;
use serde_json::{Value, json};

use crate::world::{Answer, SECRET, World};

const HOOK: &str = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e8a";
const VECTORS: &str = include_str!("../../../../shared/tests/vectors/webhooks.json");

async fn get(world: &World, path: &str) -> Answer {
    world
        .send(Request::get(path).body(Body::empty()).unwrap())
        .await
}

/// An endpoint that waits for its secret.
async fn waiting(world: &World, path: &str, scheme: &str) -> Endpoint {
    let wait = |endpoint: &mut Endpoint| {
        endpoint.secrets.clear();
        endpoint.status = EndpointStatus::AwaitingSecret;
    };
    world.endpoint(path, scheme, wait).await
}

fn hmac_hex(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, body))
}

async fn offer(world: &World, secret: &str) -> Answer {
    world
        .post("/webhooks/asana", &[("x-hook-secret", secret)], b"{}")
        .await
}

/// Whether a request signed with the secret is taken.
async fn takes(world: &World, secret: &str) -> bool {
    let body = br#"{"events": [{"action": "changed"}]}"#;
    let signature = hmac_hex(secret, body);
    let headers = [("x-hook-signature", signature.as_str())];
    world.post("/webhooks/asana", &headers, body).await.status == 200
}

#[tokio::test]
async fn the_first_secret_that_a_provider_brings_is_taken_and_no_other() {
    let world = World::new().await;
    waiting(&world, "/webhooks/asana", "asana").await;
    assert!(!takes(&world, HOOK).await);
    let answer = offer(&world, HOOK).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-hook-secret"], HOOK);
    assert!(takes(&world, HOOK).await);
    assert_eq!(world.enqueued().await.len(), 1);
    let other = "another-secret-of-somebody-else";
    let second = offer(&world, other).await;
    assert_eq!(second.status, 401);
    assert!(!second.headers.contains_key("x-hook-secret"));
    world.advance(Duration::from_secs(10));
    assert_eq!(offer(&world, other).await.status, 401);
    assert!(takes(&world, HOOK).await);
    assert!(!takes(&world, other).await);
    let contents = world.stack.contents().await.unwrap();
    assert!(!contents.contains(HOOK), "the secret is in clear");
}

#[tokio::test]
async fn of_two_secrets_that_come_at_once_one_is_taken() {
    let world = World::new().await;
    waiting(&world, "/webhooks/asana", "asana").await;
    let other = "another-secret-of-somebody-else";
    let (one, two) = tokio::join!(offer(&world, HOOK), offer(&world, other));
    let taken = [one.status == 200, two.status == 200];
    assert_ne!(taken[0], taken[1], "{one:?} {two:?}");
    assert_eq!(
        [takes(&world, HOOK).await, takes(&world, other).await],
        taken
    );
}

#[tokio::test]
async fn an_endpoint_that_does_not_wait_takes_no_secret() {
    let world = World::new().await;
    let clear = |endpoint: &mut Endpoint| endpoint.secrets.clear();
    let endpoint = world.endpoint("/webhooks/asana", "asana", clear).await;
    assert_eq!(offer(&world, HOOK).await.status, 401);
    let mut waiting = endpoint;
    waiting.status = EndpointStatus::AwaitingSecret;
    world.change(&waiting).await;
    world.advance(Endpoint::AWAITS_SECRET);
    assert_eq!(offer(&world, HOOK).await.status, 401, "too late");
    for secret in ["", "short", "with spaces in it, and long"] {
        assert_ne!(offer(&world, secret).await.status, 200, "{secret}");
    }
    assert!(!takes(&world, HOOK).await);
}

#[tokio::test]
async fn notions_token_is_taken_from_the_body() {
    let world = World::new().await;
    let endpoint = waiting(&world, "/webhooks/notion", "notion").await;
    let body = json!({"verification_token": "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"});
    let body = body.to_string();
    let answer = world.post("/webhooks/notion", &[], body.as_bytes()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let (organization, integration) = (endpoint.organization_id, endpoint.integration_id);
    let stored = world
        .store
        .endpoint(organization, integration, endpoint.id)
        .await;
    let stored = stored.unwrap().unwrap().item;
    assert_eq!(stored.status, EndpointStatus::Active);
    assert!(stored.secrets[0].unseen);
    let again = world.post("/webhooks/notion", &[], body.as_bytes()).await;
    assert_eq!(again.status, 401);
}

#[tokio::test]
async fn what_is_echoed_is_text_and_nothing_else() {
    let world = World::new().await;
    world.endpoint("/webhooks/dropbox", "dropbox", |_| {}).await;
    let path = "/webhooks/dropbox?challenge=%3Cscript%3Ealert(1)%3C/script%3E";
    let answer = get(&world, path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text, "<script>alert(1)</script>");
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let long = format!("/webhooks/dropbox?challenge={}", "a".repeat(3_000));
    for path in [
        "/webhooks/dropbox",
        "/webhooks/dropbox?challenge=",
        "/webhooks/dropbox?challenge=a%0d%0ab",
        "/webhooks/dropbox?challenge=a&challenge=b",
        &long,
    ] {
        assert_eq!(get(&world, path).await.status, 400, "{path}");
    }
    assert!(world.enqueued().await.is_empty());
}

#[tokio::test]
async fn a_challenge_is_answered_in_the_providers_form() {
    let world = World::new().await;
    world.endpoint("/webhooks/x", "x", |_| {}).await;
    world.endpoint("/webhooks/okta", "okta", |_| {}).await;
    world.endpoint("/webhooks/trello", "trello", |_| {}).await;
    let answer = get(&world, "/webhooks/x?crc_token=abcd").await;
    let token = answer.text.strip_prefix("{\"response_token\":\"sha256=");
    assert!(token.is_some(), "{answer:?}");
    // What could be an event is not signed.
    let event = "/webhooks/x?crc_token=%7B%22for_user_id%22%3A1%7D";
    assert_eq!(get(&world, event).await.status, 400);
    let head = Request::head("/webhooks/trello")
        .body(Body::empty())
        .unwrap();
    assert_eq!(world.send(head).await.status, 200);
    let ask = |token: &str| {
        Request::get("/webhooks/okta")
            .header("authorization", token)
            .header("x-okta-verification-challenge", "a\"b")
            .body(Body::empty())
            .unwrap()
    };
    let answer = world.send(ask(SECRET)).await;
    assert_eq!(answer.text, r#"{"verification":"a\"b"}"#);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(world.send(ask("another")).await.status, 401);
    assert!(world.enqueued().await.is_empty());
}

/// A vector of Amazon SNS, and an endpoint for its topic.
async fn sns(world: &World, id: &str) -> Value {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let mut vectors = vectors.into_iter();
    let vector = vectors.find(|vector| vector["id"] == id).unwrap();
    let topic = vector["extra"]["topic_arn"].clone();
    let set = |endpoint: &mut Endpoint| {
        endpoint.settings = json!({"topicArn": topic});
        endpoint.secrets.clear();
    };
    world.endpoint("/webhooks/sns", "aws-sns", set).await;
    vector
}

fn publish_certificate(world: &World, vector: &Value) {
    for (url, pem) in vector["extra"]["cert_by_url"].as_object().unwrap() {
        world.published.publish(url, pem.as_str().unwrap());
    }
}

async fn post_sns(world: &World, body: &str) -> u16 {
    world
        .post("/webhooks/sns", &[], body.as_bytes())
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_a_call_and_is_no_event() {
    let world = World::new().await;
    let vector = sns(&world, "aws-sns/rsa-cert-subscription/valid-v2").await;
    let body = vector["body"].as_str().unwrap();
    let confirmed = vector["expect_response"]["confirm_get"].as_str().unwrap();
    assert_eq!(
        post_sns(&world, body).await,
        503,
        "the certificate is not there"
    );
    publish_certificate(&world, &vector);
    world.advance(Duration::from_secs(10));
    world.published.asked();
    assert_eq!(post_sns(&world, body).await, 503, "SNS does not answer");
    assert_eq!(world.published.asked().last().unwrap(), confirmed);
    world
        .published
        .publish(confirmed, "<ConfirmSubscriptionResponse/>");
    assert_eq!(post_sns(&world, body).await, 200);
    assert_eq!(world.published.asked(), [confirmed]);
    let forged = body.replace("2336412f37f", "3336412f37f");
    assert_eq!(post_sns(&world, &forged).await, 401);
    assert_eq!(world.published.asked(), [""; 0]);
    assert!(world.enqueued().await.is_empty());
}

#[tokio::test]
async fn a_notification_is_verified_by_a_certificate_that_is_fetched_once() {
    let world = World::new().await;
    let vector = sns(&world, "aws-sns/rsa-cert/valid-v2-notification").await;
    publish_certificate(&world, &vector);
    let body = vector["body"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(post_sns(&world, body).await, 200);
    }
    assert_eq!(world.published.asked().len(), 1);
    assert_eq!(world.enqueued().await.len(), 3);
    let elsewhere = body.replace(
        "sns.us-west-2.amazonaws.com/Simple",
        "sns.evil.example/Simple",
    );
    assert_eq!(post_sns(&world, &elsewhere).await, 401);
    let topic = body.replace(":MyTopic", ":Another");
    assert_eq!(post_sns(&world, &topic).await, 401);
    assert_eq!(world.published.asked(), [""; 0]);
}

#[tokio::test]
async fn what_wants_to_read_something_reads_it() {
    let world = World::new().await;
    let set = |endpoint: &mut Endpoint| {
        endpoint.settings = json!({"organizationId": "00D5f000001abcDEAQ"});
        endpoint.secrets.clear();
    };
    world
        .endpoint("/webhooks/sf", "salesforce-outbound", set)
        .await;
    let body = "<notifications><OrganizationId>00D5f000001abcDEAQ</OrganizationId><Notification>\
                <Id>04l5f000000AbCdEAB</Id></Notification></notifications>";
    let answer = world.post("/webhooks/sf", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("<Ack>true</Ack>"), "{answer:?}");
    assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8");
    let events = world.enqueued().await;
    assert_eq!(
        events[0].provider_event_id.as_deref(),
        Some("04l5f000000AbCdEAB")
    );
    let other = body.replace("DEAQ<", "DEAZ<");
    assert_eq!(
        world
            .post("/webhooks/sf", &[], other.as_bytes())
            .await
            .status,
        401
    );
}
