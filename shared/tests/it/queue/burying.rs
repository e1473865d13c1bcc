use std::time::Duration;

use gatehouse::queue::{Queue, QueueError};

use super::samples::{World, trace, with_body};

#[tokio::test]
async fn a_buried_message_keeps_its_body_and_says_why_it_is_there() {
    let world = World::new().await;
    let message = with_body(&world.sent(&world.event("{}")).await, "no {JSON");
    world.queue.bury(&message, "malformed").await.unwrap();
    let buried = world.account.receive(&world.account.dead_letter_url).await;
    let buried = buried.unwrap();
    assert_eq!(buried.body.as_deref(), Some("no {JSON"));
    let said = |name: &str| buried.message_attributes[name].string_value.clone();
    assert_eq!(said("reason").as_deref(), Some("malformed"));
    assert_eq!(said("messageId"), message.message_id);
    let group = world.organization.to_string();
    assert_eq!(buried.attributes["MessageGroupId"], group);
    assert_eq!(said("traceparent"), Some(trace().to_string()));
}

#[tokio::test]
async fn a_buried_event_can_be_opened_again() {
    let world = World::new().await;
    let event = world.event("{}");
    let message = world.sent(&event).await;
    world.queue.bury(&message, "no_data_key").await.unwrap();
    let buried = world.account.receive(&world.account.dead_letter_url).await;
    let opened = world.opened(&buried.unwrap()).await;
    assert_eq!(opened, (event, trace()));
}

#[tokio::test]
async fn without_a_dead_letter_queue_nothing_is_buried() {
    let world = World::new().await;
    let message = world.sent(&world.event("{}")).await;
    let (sqs, url) = (world.account.sqs(), world.account.queue_url.clone());
    let queue = Queue::new(sqs, url, world.keys.clone(), world.account.sources());
    let buried = queue.bury(&message, "malformed").await;
    assert!(matches!(buried, Err(QueueError::Refused(_))));
}

#[tokio::test]
async fn a_postponed_message_comes_again_when_it_was_told_to() {
    let world = World::new().await;
    let event = world.event("{}");
    world.queue.send_event(&event, trace()).await.unwrap();
    let url = &world.account.queue_url;
    let message = world.account.receive(url).await.unwrap();
    let postpone = |wait| world.queue.postpone(&message, wait);
    assert!(world.account.receive(url).await.is_none());
    postpone(Duration::from_secs(86_400)).await.unwrap();
    let (_, request) = world.account.wire.said().pop().unwrap();
    assert_eq!(request["VisibilityTimeout"], 39_600);
    postpone(Duration::ZERO).await.unwrap();
    let again = world.account.receive(url).await.unwrap();
    assert_eq!(again.message_id, message.message_id);
}
