//! What records have to do with events: changes of records go the way of events, and events that hold
//! records are told to those who keep them.

use gatehouse::domain::{Event, EventStatus};
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::World;

const RULES: &str = r#"{"entities": {"things": {
    "events": [{"types": ["invoice.*"], "record": "data"}]}}}"#;

/// What waits in the queue of synchronization.
async fn told(world: &World) -> Vec<Value> {
    let received = world.sqs.receive_message().queue_url(&world.sync_queue_url);
    let received = received.max_number_of_messages(10).send().await.unwrap();
    let bodies = received.messages.unwrap_or_default().into_iter();
    let bodies = bodies.map(|message| message.body.unwrap());
    bodies
        .map(|body| serde_json::from_str(&body).unwrap())
        .collect()
}

#[tokio::test]
async fn records_learn_of_the_events_that_a_rule_names() {
    let world = World::new().await;
    world.synchronize(RULES).await;
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    let told = told(&world).await;
    assert_eq!(told.len(), 1);
    let expected = json!({"v": 1, "kind": "event", "organization": world.organization,
        "integration": world.integration, "event": id});
    assert_eq!(told[0], expected);
}

#[tokio::test]
async fn of_events_that_no_rule_names_nobody_is_told_and_nothing_more_is_read() {
    let world = World::new().await;
    world
        .synchronize(&RULES.replace("invoice.*", "payment.*"))
        .await;
    world.accept(Some("1"), "{}").await;
    world.settle().await;
    assert!(told(&world).await.is_empty());
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    world.advance(std::time::Duration::from_secs(10));
    world.accept(Some("2"), "{}").await;
    world.settle().await;
    // Warm, an event is claimed and stored: nothing is read.
    world.accept(Some("3"), "{}").await;
    world.stack.reset_calls();
    world.settle().await;
    let reads = world.stack.calls();
    let reads = reads.iter().filter(|(call, _)| call.ends_with("GetItem"));
    assert_eq!(reads.map(|(_, times)| *times).sum::<u64>(), 0);
    assert!(told(&world).await.is_empty());
}

#[tokio::test]
async fn a_change_of_a_record_is_delivered_once_and_signed_to_those_that_name_records() {
    let world = World::new().await;
    let (named, all) = (Receiver::start().await, Receiver::start().await);
    let patterns = vec!["record.*".parse().unwrap()];
    world
        .destination(&named.url, |destination| destination.events = patterns)
        .await;
    world.destination(&all.url, |_| {}).await;
    world.synchronize(RULES).await;
    let body = json!({"type": "record.created", "entity": "things", "id": "r1", "data": {"n": 1}});
    for _ in 0..2 {
        let id = world
            .accept_as(
                (Event::RECORDS, "record.created"),
                "things/d/1/0",
                &body.to_string(),
            )
            .await;
        world.settle().await;
        if let Some(event) = world.event(id).await {
            assert_eq!(event.status, EventStatus::Delivered);
        }
    }
    let received = named.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, body.to_string());
    assert_eq!(received[0].header("gatehouse-event-type"), "record.created");
    assert!(received[0].header("webhook-signature").starts_with("v1,"));
    assert!(all.received().is_empty());
    // Nor are records told of what they have told.
    assert!(told(&world).await.is_empty());
}

#[tokio::test]
async fn an_event_of_the_provider_that_is_called_like_ours_goes_where_all_events_go() {
    let world = World::new().await;
    let all = Receiver::start().await;
    world.destination(&all.url, |_| {}).await;
    let sent = world.accept_as(("none", "record.created"), "1", "{}").await;
    world.settle().await;
    let event = world.event(sent).await.unwrap();
    assert_eq!(event.status, EventStatus::Delivered);
    assert_eq!(all.received().len(), 1);
}
