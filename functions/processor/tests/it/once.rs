use std::time::Duration;

use gatehouse::domain::{DeliveryStatus, EventStatus};

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn an_event_is_delivered_and_stored_with_two_writes_and_a_mark() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    let id = world.accept(Some("1"), r#"{"n": 1}"#).await;
    world.stack.reset_calls();
    world.settle().await;
    // The third says, once in five minutes, that the integration is in use.
    assert_eq!(world.writes(), 3, "{:?}", world.stack.calls());
    let event = world.event(id).await.unwrap();
    assert_eq!(event.status, EventStatus::Delivered);
    assert_eq!(event.deliveries[0].status, DeliveryStatus::Delivered);
    let attempt = event.deliveries[0].last_attempt.as_ref().unwrap();
    assert_eq!((attempt.number, attempt.response_status), (1, Some(204)));
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, r#"{"n": 1}"#);
    assert_eq!(received[0].header("webhook-id"), id.to_string());
    assert_eq!(received[0].header("idempotency-key"), id.to_string());
    assert_eq!(received[0].header("gatehouse-event-type"), "invoice.paid");
}

#[tokio::test]
async fn a_delivery_is_signed_by_standard_webhooks() {
    use gatehouse::catalog;
    use gatehouse::signature::{InboundRequest, SchemeSettings, SigningSecret, receive};
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    world.accept(Some("1"), "not \u{0} JSON").await;
    world.settle().await;
    let received = receiver.received().remove(0);
    let request = InboundRequest {
        method: &http::Method::POST,
        url: receiver.url.as_str(),
        headers: &received.headers,
        body: &received.body,
    };
    let secret = SigningSecret::from_utf8(crate::world::SIGNING_SECRET.as_bytes()).unwrap();
    let secrets = [(
        gatehouse::domain::SecretId::from(world.organization.ulid()),
        &secret,
    )];
    let seconds: i64 = received.header("webhook-timestamp").parse().unwrap();
    let now = gatehouse::domain::Timestamp::from_second(seconds).unwrap();
    let scheme = catalog::scheme("standard-webhooks").unwrap();
    let verified = receive(
        scheme,
        &request,
        &secrets,
        &SchemeSettings::default(),
        now.into(),
    );
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test]
async fn what_the_provider_repeats_is_delivered_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    let first = world.accept(Some("1"), "{}").await;
    world.settle().await;
    world.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let second = world.accept(Some("1"), "{}").await;
    let other = world.accept(Some("2"), "{}").await;
    world.settle().await;
    assert!(world.event(first).await.is_some());
    assert!(world.event(second).await.is_none());
    assert!(world.event(other).await.is_some());
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn events_without_a_providers_id_are_not_taken_for_repetitions() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    world.accept(None, "{}").await;
    world.accept(None, "{}").await;
    world.settle().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_message_that_the_queue_repeats_has_one_effect() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    world.accept(Some("1"), "{}").await;
    let batch = world.receive().await;
    let (first, second) = tokio::join!(world.handle(batch.clone()), world.handle(batch.clone()));
    assert!(first + second <= 1, "one of them at least is done");
    world.handle(batch).await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_function_that_died_is_taken_over_when_its_lease_ends() {
    use gatehouse::store::{Claim, EventClaim};
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    let id = world.accept(Some("1"), "{}").await;
    let now = gatehouse::domain::Timestamp::from_millisecond(1_790_000_000_000).unwrap();
    let claim = EventClaim {
        organization: world.organization,
        endpoint: world.endpoint,
        provider_event_id: Some("1"),
        event: id,
        now,
        leased_until: now.plus(Duration::from_secs(30)),
        expires_at: now.plus(Duration::from_secs(86_400)),
    };
    assert_eq!(world.store.claim_event(&claim).await.unwrap(), Claim::Won);
    let batch = world.receive().await;
    assert_eq!(
        world.handle(batch).await,
        1,
        "it is left to whoever holds the claim"
    );
    assert!(receiver.received().is_empty());
    let delivered = async || !receiver.received().is_empty();
    let passed = world.pass_until(Duration::from_secs(1), delivered).await;
    assert!((30..=60).contains(&passed.as_secs()), "{passed:?}");
    assert_eq!(
        world.event(id).await.unwrap().status,
        EventStatus::Delivered
    );
}
