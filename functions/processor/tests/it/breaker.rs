use std::time::Duration;

use gatehouse::domain::EventStatus;

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn a_destination_that_keeps_failing_is_left_alone_and_then_tried_by_one() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.always(500);
    let id = world.destination(&receiver.url, |_| {}).await;
    let mut events = Vec::new();
    for n in 0..10 {
        events.push(world.accept(Some(&n.to_string()), "{}").await);
    }
    let batch = world.receive().await;
    assert_eq!(batch.records.len(), 10);
    world.handle(batch).await;
    assert_eq!(receiver.received().len(), 10);
    let stored = || {
        world
            .store
            .destination(world.organization, world.integration, id)
    };
    assert!(stored().await.unwrap().unwrap().item.breaker.is_some());
    for n in 10..15 {
        events.push(world.accept(Some(&n.to_string()), "{}").await);
    }
    world.settle().await;
    assert_eq!(
        receiver.received().len(),
        10,
        "nothing is sent while it is open"
    );
    let last = world.event(events[14]).await.unwrap().deliveries.remove(0);
    assert_eq!(
        (last.attempts, last.error.as_deref()),
        (0, Some("breaker_open"))
    );
    receiver.always(204);
    let all_delivered = async || {
        for id in &events {
            if world.event(*id).await.unwrap().status != EventStatus::Delivered {
                return false;
            }
        }
        true
    };
    world
        .pass_until(Duration::from_secs(5), all_delivered)
        .await;
    assert!(stored().await.unwrap().unwrap().item.breaker.is_none());
}
