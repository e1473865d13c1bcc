use std::time::Duration;

use gatehouse::domain::EndpointStatus;

use crate::world::{NOW, SECRET, World, signature};

const BODY: &[u8] = br#"{"id": "evt_1", "type": "invoice.paid"}"#;

#[tokio::test]
async fn a_warm_request_costs_one_call() {
    let world = World::new().await;
    let good = signature(SECRET, NOW, BODY);
    let headers = [
        ("stripe-signature", good.as_str()),
        ("content-type", "application/json"),
    ];
    let cold = world.post("/webhooks/stripe", &headers, BODY).await;
    assert_eq!((cold.status.as_u16(), cold.text.as_str()), (200, ""));
    assert!(
        cold.headers["gatehouse-event-id"]
            .to_str()
            .unwrap()
            .starts_with("evt_")
    );
    world.stack.reset_calls();
    assert_eq!(
        world.post("/webhooks/stripe", &headers, BODY).await.status,
        200
    );
    assert_eq!(world.calls(), [("SQS.SendMessage".to_owned(), 1)].into());
    let events = world.enqueued().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].body, BODY);
    assert_eq!(events[0].provider_event_id.as_deref(), Some("evt_1"));
    assert_eq!(events[0].event_type.as_deref(), Some("invoice.paid"));
    assert_eq!(events[0].content_type.as_deref(), Some("application/json"));
    assert!(events[0].verified_with.is_some());
    assert_ne!(events[0].id, events[1].id);
}

#[tokio::test]
async fn any_bytes_are_taken_as_they_came() {
    let world = World::new().await;
    let body: Vec<u8> = (0..=255).collect();
    let good = signature(SECRET, NOW, &body);
    let answer = world
        .post("/webhooks/stripe", &[("stripe-signature", &good)], &body)
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.enqueued().await[0].body, body);
}

#[tokio::test]
async fn two_secrets_overlap_until_the_old_one_ends() {
    let world = World::new().await;
    let mut endpoint = world.endpoint("/webhooks/two", "stripe", |_| {}).await;
    let new = world.seal(&endpoint, "new", 99).await;
    let end = NOW + 60;
    endpoint.secrets[0].expires_at = gatehouse::domain::Timestamp::from_second(end);
    endpoint.secrets.insert(0, new);
    world.change(&endpoint).await;
    let status = async |secret, at| {
        let signed = signature(secret, at, BODY);
        world
            .post("/webhooks/two", &[("stripe-signature", &signed)], BODY)
            .await
            .status
            .as_u16()
    };
    assert_eq!(
        (status("new", NOW).await, status(SECRET, NOW).await),
        (200, 200)
    );
    world.advance(Duration::from_secs(60));
    assert_eq!(
        (status("new", end).await, status(SECRET, end).await),
        (200, 401)
    );
}

#[tokio::test]
async fn a_secret_that_was_just_added_is_used_at_once() {
    let world = World::new().await;
    let mut endpoint = world.endpoint("/webhooks/added", "stripe", |_| {}).await;
    let old = signature(SECRET, NOW, BODY);
    assert_eq!(
        world
            .post("/webhooks/added", &[("stripe-signature", &old)], BODY)
            .await
            .status,
        200
    );
    let new = world.seal(&endpoint, "new", 99).await;
    endpoint.secrets.insert(0, new);
    world.change(&endpoint).await;
    world.advance(Duration::from_secs(1));
    let new = signature("new", NOW, BODY);
    assert_eq!(
        world
            .post("/webhooks/added", &[("stripe-signature", &new)], BODY)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_disabled_endpoint_is_unknown_within_seconds() {
    let world = World::new().await;
    let mut endpoint = world.endpoint("/webhooks/off", "stripe", |_| {}).await;
    let good = signature(SECRET, NOW, BODY);
    let headers = [("stripe-signature", good.as_str())];
    assert_eq!(
        world.post("/webhooks/off", &headers, BODY).await.status,
        200
    );
    endpoint.status = EndpointStatus::Disabled;
    world.change(&endpoint).await;
    world.advance(Duration::from_secs(5));
    assert_eq!(
        world.post("/webhooks/off", &headers, BODY).await.status,
        404
    );
}

#[tokio::test]
async fn a_handshake_is_answered_and_not_enqueued() {
    let world = World::new().await;
    world.endpoint("/webhooks/slack", "slack", |_| {}).await;
    let body = br#"{"type": "url_verification", "challenge": "abc"}"#;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let message = [format!("v0:{NOW}:").as_bytes(), body].concat();
    let good = format!("v0={}", hex::encode(aws_lc_rs::hmac::sign(&key, &message)));
    let time = NOW.to_string();
    let headers = [
        ("x-slack-signature", good.as_str()),
        ("x-slack-request-timestamp", &time),
    ];
    let answer = world.post("/webhooks/slack", &headers, body).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "abc"));
    assert!(world.enqueued().await.is_empty());
}
