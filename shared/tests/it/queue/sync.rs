use std::time::Duration;

use gatehouse::domain::sync::record_digest;
use gatehouse::queue::{QueueError, SyncMessage, SyncQueue, Unreadable};

use super::samples::{World, with_body};

fn queue(world: &World) -> SyncQueue {
    let url = world.account.queue_url.clone();
    SyncQueue::new(world.account.sqs(), url)
        .with_dead_letters(world.account.dead_letter_url.clone())
}

fn step(world: &World, step: u64) -> SyncMessage {
    SyncMessage::Step {
        organization: world.organization,
        integration: world.account.id(),
        job: world.account.id(),
        step,
    }
}

#[tokio::test]
async fn each_message_arrives_as_it_was_sent() {
    let world = World::new().await;
    let queue = queue(&world);
    let push = SyncMessage::Push {
        organization: world.organization,
        integration: world.account.id(),
        entity: "contacts".parse().unwrap(),
        record: record_digest("1"),
    };
    let event = SyncMessage::Event {
        organization: world.organization,
        integration: world.account.id(),
        event: world.account.id(),
    };
    for message in [step(&world, 7), push, event] {
        queue.send(&message, Duration::ZERO).await.unwrap();
        let (_, request) = world.account.wire.said().remove(0);
        assert_eq!(request["MessageGroupId"], world.organization.to_string());
        assert_eq!(queue.open(&world.account.take().await), Ok(message));
        world.account.wire.said();
    }
}

#[tokio::test]
async fn messages_are_sent_by_tens_each_after_its_delay() {
    let world = World::new().await;
    let waits = [0, 1, 1_000, 1_001, 900_001, 86_400_000];
    let waits = waits.iter().cycle().take(23);
    let messages: Vec<(SyncMessage, Duration)> = waits
        .zip(0..)
        .map(|(wait, number)| (step(&world, number), Duration::from_millis(*wait)))
        .collect();
    queue(&world).send_all(&messages).await.unwrap();
    let said = world.account.wire.said();
    let entries: Vec<_> = said
        .iter()
        .map(|(operation, request)| {
            assert_eq!(operation, "SendMessageBatch");
            request["Entries"].as_array().unwrap()
        })
        .collect();
    assert_eq!(
        entries
            .iter()
            .map(|entries| entries.len())
            .collect::<Vec<_>>(),
        [10, 10, 3]
    );
    for entry in entries.iter().copied().flatten() {
        assert_eq!(entry["MessageGroupId"], world.organization.to_string());
    }
    let delays: Vec<_> = entries[0]
        .iter()
        .map(|entry| &entry["DelaySeconds"])
        .collect();
    assert_eq!(delays, [0, 1, 1, 2, 900, 900, 0, 1, 1, 2]);
    queue(&world).send_all(&[]).await.unwrap();
    assert!(world.account.wire.said().is_empty());
}

#[tokio::test]
async fn one_that_is_delayed_is_not_there_before() {
    let world = World::new().await;
    let queue = queue(&world);
    let message = step(&world, 1);
    queue.send(&message, Duration::from_secs(60)).await.unwrap();
    let (operation, request) = world.account.wire.said().remove(0);
    assert_eq!(
        (operation.as_str(), &request["DelaySeconds"]),
        ("SendMessage", &60.into())
    );
    assert!(
        world
            .account
            .receive(&world.account.queue_url)
            .await
            .is_none()
    );
}

#[tokio::test]
async fn what_sqs_has_not_taken_is_an_error() {
    let world = World::new().await;
    let queue = queue(&world);
    let messages = [(step(&world, 1), Duration::ZERO)];
    world.account.wire.fail(99, 503, "ServiceUnavailable");
    let sent = queue.send(&messages[0].0, Duration::ZERO).await;
    assert!(matches!(sent, Err(QueueError::Unavailable(_))));
    let sent = queue.send_all(&messages).await;
    assert!(matches!(sent, Err(QueueError::Unavailable(_))));
}

#[tokio::test]
async fn what_is_no_message_of_this_queue_is_buried_with_its_reason() {
    let world = World::new().await;
    let queue = queue(&world);
    queue.send(&step(&world, 1), Duration::ZERO).await.unwrap();
    let message = world.account.take().await;
    for (body, reason) in [
        ("no {JSON", Unreadable::Malformed),
        (r#"{"v":2,"kind":"step"}"#, Unreadable::UnknownVersion),
        (r#"{"v":1,"kind":"delivery"}"#, Unreadable::UnknownVersion),
        (r#"{"v":1,"kind":"step"}"#, Unreadable::Malformed),
    ] {
        let message = with_body(&message, body);
        assert_eq!(queue.open(&message), Err(reason), "{body}");
        queue.bury(&message, reason.code()).await.unwrap();
        let buried = world
            .account
            .receive(&world.account.dead_letter_url)
            .await
            .unwrap();
        assert_eq!(buried.body.as_deref(), Some(body));
        let said = buried.message_attributes["reason"].string_value.as_deref();
        assert_eq!(said, Some(reason.code()));
    }
}

#[tokio::test]
async fn without_a_dead_letter_queue_no_message_is_buried() {
    let world = World::new().await;
    queue(&world)
        .send(&step(&world, 1), Duration::ZERO)
        .await
        .unwrap();
    let message = world.account.take().await;
    let queue = SyncQueue::new(world.account.sqs(), world.account.queue_url.clone());
    let buried = queue.bury(&message, "malformed").await;
    assert!(matches!(buried, Err(QueueError::Refused(_))));
}

#[tokio::test]
async fn a_postponed_step_comes_again() {
    let world = World::new().await;
    let queue = queue(&world);
    queue.send(&step(&world, 1), Duration::ZERO).await.unwrap();
    let url = &world.account.queue_url;
    let message = world.account.receive(url).await.unwrap();
    assert!(world.account.receive(url).await.is_none());
    queue.postpone(&message, Duration::ZERO).await.unwrap();
    let again = world.account.receive(url).await.unwrap();
    assert_eq!(again.message_id, message.message_id);
}
