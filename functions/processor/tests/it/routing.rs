use std::time::Duration;

use gatehouse::domain::{DestinationTarget, EventStatus, SqsTarget};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn destinations_get_what_they_ask_for() {
    let world = World::new().await;
    let receivers = [
        ("invoice.*", None),
        ("customer.*", None),
        ("*", Some("amount > `10`")),
        ("*", Some("amount > `100`")),
    ];
    let mut started = Vec::new();
    for (pattern, filter) in receivers {
        let receiver = Receiver::start().await;
        world
            .destination(&receiver.url, |destination| {
                destination.events = vec![pattern.parse().unwrap()];
                destination.filter = filter.map(|filter| filter.parse().unwrap());
            })
            .await;
        started.push(receiver);
    }
    world.accept(Some("1"), r#"{"amount": 42}"#).await;
    world.accept(Some("2"), "not JSON").await;
    world.settle().await;
    let counts: Vec<_> = started
        .iter()
        .map(|receiver| receiver.received().len())
        .collect();
    assert_eq!(counts, [2, 0, 1, 0]);
}

#[tokio::test]
async fn destinations_beyond_the_limit_get_their_events_too() {
    let world = World::new().await;
    let (oldest, others) = (Receiver::start().await, Receiver::start().await);
    world.destination(&oldest.url, |_| {}).await;
    world.advance(Duration::from_secs(1));
    for _ in 0..50 {
        world.destination(&others.url, |_| {}).await;
    }
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    assert_eq!(oldest.received().len(), 1);
    assert_eq!(others.received().len(), 50);
    assert_eq!(world.event(id).await.unwrap().deliveries.len(), 51);
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_kept_as_unrouted() {
    let world = World::new().await;
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    assert_eq!(world.event(id).await.unwrap().status, EventStatus::Unrouted);
}

#[tokio::test]
async fn an_event_whose_integration_is_gone_is_kept_as_failed_with_two_writes_and_a_mark() {
    let world = World::new().await;
    let id = world.accept(Some("1"), "{}").await;
    let (organization, integration) = (world.organization, world.integration);
    world
        .store
        .delete_endpoint(organization, integration, world.endpoint, None)
        .await
        .unwrap();
    world
        .store
        .delete_integration(organization, integration, None)
        .await
        .unwrap();
    world.stack.reset_calls();
    world.settle().await;
    assert_eq!(world.writes(), 3, "{:?}", world.stack.calls());
    let event = world.event(id).await.unwrap();
    assert_eq!(event.status, EventStatus::Failed);
    assert_eq!(event.error.as_deref(), Some("integration_deleted"));
}

#[tokio::test]
async fn an_endpoints_filter_keeps_events_from_being_routed() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    let stored = world
        .store
        .endpoint(world.organization, world.integration, world.endpoint);
    let mut endpoint = stored.await.unwrap().unwrap();
    endpoint.item.events = vec!["customer.*".parse().unwrap()];
    world
        .store
        .update_endpoint(&endpoint.item, endpoint.version)
        .await
        .unwrap();
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    assert_eq!(world.event(id).await.unwrap().status, EventStatus::Filtered);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_transform_makes_what_is_sent() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world
        .destination(&receiver.url, |destination| {
            destination.transform = Some("{total: amount}".parse().unwrap());
        })
        .await;
    world
        .accept(Some("1"), r#"{"amount": 42, "secret": "s"}"#)
        .await;
    let unfit = world.accept(Some("2"), "not JSON").await;
    world.settle().await;
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, r#"{"total":42}"#);
    let event = world.event(unfit).await.unwrap();
    assert_eq!(event.status, EventStatus::Failed);
    let attempt = event.deliveries[0].last_attempt.as_ref().unwrap();
    assert_eq!(attempt.error.as_deref(), Some("transform_needs_json"));
}

#[tokio::test]
async fn a_queue_can_be_a_destination() {
    let world = World::new().await;
    let queue = world
        .sqs
        .create_queue()
        .queue_name("gatehouse-destination-a")
        .send()
        .await;
    let queue_url = queue.unwrap().queue_url.unwrap();
    let target = SqsTarget {
        queue_url: queue_url.parse().unwrap(),
    };
    let nowhere = "https://example.com/".parse().unwrap();
    world
        .destination(&nowhere, |destination| {
            destination.target = DestinationTarget::Sqs(target)
        })
        .await;
    let id = world.accept(Some("1"), r#"{"amount": 42}"#).await;
    world.settle().await;
    let received = world
        .sqs
        .receive_message()
        .queue_url(queue_url)
        .send()
        .await
        .unwrap();
    let body = received.messages.unwrap()[0].body.clone().unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["id"], id.to_string());
    assert_eq!(body["body"], json!({"amount": 42}));
    assert_eq!(
        world.event(id).await.unwrap().status,
        EventStatus::Delivered
    );
}

#[tokio::test]
async fn a_long_body_is_kept_and_delivered_again_whole() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.answer(500, None);
    world.destination(&receiver.url, |_| {}).await;
    // Not compressible, and larger than an item of the table.
    let mut n = 1_u64;
    let body: String = (0..700_000)
        .map(|_| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + (n >> 57) as u8 % 90)
        })
        .collect();
    let id = world.accept(Some("1"), &body).await;
    let delivered = async || {
        world
            .event(id)
            .await
            .is_some_and(|event| event.status == EventStatus::Delivered)
    };
    world.pass_until(Duration::from_secs(1), delivered).await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|one| one.body == body));
}
