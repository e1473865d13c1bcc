use std::time::Duration;

use gatehouse::domain::Clock as _;
use gatehouse::queue::{DeliveryDue, Message, QueueError};

use super::samples::World;

fn due(world: &World, wait: Duration) -> DeliveryDue {
    DeliveryDue {
        organization_id: world.organization,
        integration_id: world.account.id(),
        event_id: world.account.id(),
        destination_id: world.account.id(),
        attempt: 3,
        not_before: world.account.clock.now().plus(wait),
    }
}

#[tokio::test]
async fn a_delivery_arrives_as_it_was_sent() {
    let world = World::new().await;
    let due = due(&world, Duration::ZERO);
    let now = world.account.clock.now();
    world.queue.send_deliveries(&[due], now).await.unwrap();
    let message = world.account.take().await;
    match world.queue.open(&message).await.unwrap() {
        Message::Delivery(opened) => assert_eq!(opened, due),
        Message::Event(event, _) => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn a_delivery_is_delayed_until_it_is_due_or_for_as_long_as_it_can_be() {
    let world = World::new().await;
    let waits = [0, 1, 999, 1_000, 1_001, 900_000, 900_001, 86_400_000];
    let due: Vec<_> = waits
        .iter()
        .map(|wait| due(&world, Duration::from_millis(*wait)))
        .collect();
    let now = world.account.clock.now();
    world.queue.send_deliveries(&due, now).await.unwrap();
    let (operation, request) = world.account.wire.said().remove(0);
    assert_eq!(operation, "SendMessageBatch");
    let entries = request["Entries"].as_array().unwrap();
    let delays: Vec<_> = entries.iter().map(|entry| &entry["DelaySeconds"]).collect();
    assert_eq!(delays, [0, 1, 1, 1, 2, 900, 900, 900]);
    for entry in entries {
        assert_eq!(entry["MessageGroupId"], world.organization.to_string());
    }
    assert!(
        world
            .account
            .receive(&world.account.queue_url)
            .await
            .is_some()
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
async fn ten_deliveries_cost_one_call() {
    let world = World::new().await;
    let now = world.account.clock.now();
    world.queue.send_deliveries(&[], now).await.unwrap();
    assert!(world.account.wire.operations().is_empty());
    let due: Vec<_> = (0..21).map(|_| due(&world, Duration::ZERO)).collect();
    world.queue.send_deliveries(&due, now).await.unwrap();
    assert_eq!(world.account.wire.operations(), ["SendMessageBatch"; 3]);
}

#[tokio::test]
async fn a_batch_that_is_taken_in_part_is_an_error() {
    let world = World::new().await;
    let due = [due(&world, Duration::ZERO)];
    let now = world.account.clock.now();
    for (by_us, retryable) in [(false, true), (true, false)] {
        let failed = serde_json::json!({
            "Successful": [],
            "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": by_us}],
        });
        world.account.wire.answer(1, 200, &failed.to_string());
        let sent = world.queue.send_deliveries(&due, now).await;
        assert_eq!(sent.unwrap_err().is_retryable(), retryable);
    }
    world.account.wire.fail(9, 400, "AccessDeniedException");
    let sent = world.queue.send_deliveries(&due, now).await;
    assert!(matches!(sent, Err(QueueError::Refused(_))));
}
