use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse::domain::{DestinationStatus, DisabledReason, EventStatus, RetryPolicy};

use crate::receiver::Receiver;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn a_failed_delivery_is_tried_again_under_the_same_id() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    receiver.answer(500, None);
    receiver.answer(404, None);
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    assert_eq!(world.event(id).await.unwrap().status, EventStatus::Retrying);
    let delivered = async || world.event(id).await.unwrap().status == EventStatus::Delivered;
    world.pass_until(Duration::from_secs(1), delivered).await;
    let received = receiver.received();
    let ids: Vec<_> = received
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, vec![id.to_string(); 3]);
    let numbers: Vec<_> = received
        .iter()
        .map(|one| one.header("gatehouse-attempt"))
        .collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    let delivery = world.event(id).await.unwrap().deliveries.remove(0);
    let earlier = world
        .store
        .earlier_attempts(world.organization, delivery.id)
        .await
        .unwrap();
    let statuses: Vec<_> = earlier
        .iter()
        .map(|attempt| attempt.response_status)
        .collect();
    assert_eq!(statuses, [Some(404), Some(500)]);
    assert_eq!(earlier[0].response_body.as_deref(), Some("an answer"));
}

#[tokio::test]
async fn an_event_outlives_its_retries_and_its_wait_in_the_queue() {
    let world = World::with(&[("EventRetentionDays", "1")]).await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    for _ in 0..5 {
        receiver.answer(503, Some("21600"));
    }
    let id = world.accept(Some("1"), "{}").await;
    world.advance(DAY + DAY / 2);
    world.settle().await;
    assert_eq!(world.event(id).await.unwrap().status, EventStatus::Retrying);
    let delivered = async || receiver.received().len() == 6;
    let passed = world.pass_until(10 * MINUTE, delivered).await;
    assert!(passed > DAY, "{passed:?}");
    let event = world.event(id).await.unwrap();
    assert_eq!(event.status, EventStatus::Delivered);
}

#[tokio::test]
async fn retry_after_is_not_undercut_even_over_hours() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    receiver.answer(503, Some("7200"));
    world.accept(Some("1"), "{}").await;
    let twice = async || receiver.received().len() == 2;
    let passed = world.pass_until(MINUTE, twice).await;
    assert!((7_200..7_400).contains(&passed.as_secs()), "{passed:?}");
}

#[tokio::test]
async fn attempts_end_after_three_days_and_the_event_is_listed_as_failed() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.always(500);
    world.destination(&receiver.url, |_| {}).await;
    let id = world.accept(Some("1"), "{}").await;
    let failed = async || world.event(id).await.unwrap().status == EventStatus::Failed;
    let passed = world.pass_until(15 * MINUTE, failed).await;
    assert!(
        passed <= Duration::from_secs(3 * 24 * 60 * 60),
        "{passed:?}"
    );
    assert!(passed > Duration::from_secs(2 * 24 * 60 * 60), "{passed:?}");
    let attempts = receiver.received().len();
    assert!((15..60).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn a_destination_that_is_down_for_a_day_gets_everything_once_it_is_up() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.always(503);
    world.destination(&receiver.url, |_| {}).await;
    let mut events = Vec::new();
    for n in 0..10 {
        events.push(world.accept(Some(&n.to_string()), "{}").await);
    }
    for _two_hours in 0..12 {
        world.settle().await;
        world.advance(120 * MINUTE);
    }
    for id in &events {
        assert_eq!(
            world.event(*id).await.unwrap().status,
            EventStatus::Retrying
        );
    }
    let refused = receiver.received().len();
    receiver.always(204);
    let all_delivered = async || {
        for id in &events {
            if world.event(*id).await.unwrap().status != EventStatus::Delivered {
                return false;
            }
        }
        true
    };
    world.pass_until(10 * MINUTE, all_delivered).await;
    let received = receiver.received().split_off(refused);
    let ids: BTreeSet<_> = received
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!((received.len(), ids.len()), (10, 10));
}

#[tokio::test]
async fn the_policys_number_of_attempts_is_kept() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.always(500);
    let policy = RetryPolicy {
        max_attempts: Some(3),
        ..RetryPolicy::default()
    };
    world
        .destination(&receiver.url, |destination| {
            destination.retry_policy = Some(policy)
        })
        .await;
    let id = world.accept(Some("1"), "{}").await;
    let failed = async || world.event(id).await.unwrap().status == EventStatus::Failed;
    world.pass_until(MINUTE, failed).await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn gone_disables_the_destination_and_keeps_what_comes_after() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let id = world.destination(&receiver.url, |_| {}).await;
    receiver.answer(410, None);
    let first = world.accept(Some("1"), "{}").await;
    world.settle().await;
    let stored = world
        .store
        .destination(world.organization, world.integration, id)
        .await
        .unwrap();
    let stored = stored.unwrap().item;
    assert_eq!(stored.status, DestinationStatus::Disabled);
    assert_eq!(stored.disabled_reason, Some(DisabledReason::Gone));
    let second = world.accept(Some("2"), "{}").await;
    world.settle().await;
    for event in [first, second] {
        assert_eq!(
            world.event(event).await.unwrap().status,
            EventStatus::Failed
        );
    }
    let delivery = world.event(second).await.unwrap().deliveries.remove(0);
    assert_eq!(delivery.error.as_deref(), Some("destination_disabled"));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_destination_inside_the_network_is_never_called() {
    let world = World::new().await;
    let inside = "https://169.254.169.254/".parse().unwrap();
    world.destination(&inside, |_| {}).await;
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    let event = world.event(id).await.unwrap();
    assert_eq!(event.status, EventStatus::Failed);
    let attempt = event.deliveries[0].last_attempt.as_ref().unwrap();
    assert_eq!(attempt.error.as_deref(), Some("forbidden_address"));
}

#[tokio::test]
async fn one_destination_that_fails_does_not_touch_another() {
    let world = World::new().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.always(500);
    let policy = RetryPolicy {
        max_attempts: Some(2),
        ..RetryPolicy::default()
    };
    world.destination(&good.url, |_| {}).await;
    world
        .destination(&bad.url, |destination| {
            destination.retry_policy = Some(policy)
        })
        .await;
    let id = world.accept(Some("1"), "{}").await;
    let failed = async || world.event(id).await.unwrap().status == EventStatus::Failed;
    world.pass_until(MINUTE, failed).await;
    assert_eq!((good.received().len(), bad.received().len()), (1, 2));
}

/// Whether a message waits in the dead-letter queue.
async fn is_buried(world: &World) -> bool {
    let received = world
        .sqs
        .receive_message()
        .queue_url(&world.dead_letter_url);
    let received = received.visibility_timeout(0).send().await.unwrap();
    !received.messages.unwrap_or_default().is_empty()
}

#[tokio::test]
async fn a_dead_letter_that_is_put_back_goes_on_where_it_broke_off() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    receiver.answer(500, None);
    receiver.answer(500, None);
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    // The second attempt is recorded, and no message for the third can be sent, however often it is tried.
    world.stack.refuse(Some("DelaySeconds"));
    let passed = world
        .pass_until(15 * MINUTE, async || is_buried(&world).await)
        .await;
    assert!(
        passed > 20 * 60 * MINUTE,
        "it was given up after {passed:?}"
    );
    assert_eq!(receiver.received().len(), 2);
    world.stack.refuse(None);
    // What is put back is a new message: it does not say that it was received before.
    let name = world.dead_letter_url.rsplit('/').next().unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let moved = world.sqs.start_message_move_task().source_arn(arn);
    moved.send().await.unwrap();
    let delivered = async || world.event(id).await.unwrap().status == EventStatus::Delivered;
    world.pass_until(Duration::from_secs(10), delivered).await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn a_function_that_has_the_same_message_goes_on_where_another_broke_off() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    receiver.answer(500, None);
    receiver.answer(500, None);
    let id = world.accept(Some("1"), "{}").await;
    world.settle().await;
    world.advance(MINUTE);
    // SQS may hand out a message twice at the same time, and forgets it when one says that it is done.
    let twice = world.receive().await;
    world.stack.refuse(Some("DelaySeconds"));
    assert_eq!(world.handle(twice.clone()).await, 1);
    assert_eq!(receiver.received().len(), 2);
    world.stack.refuse(None);
    world.handle(twice).await;
    let delivered = async || world.event(id).await.unwrap().status == EventStatus::Delivered;
    world.pass_until(Duration::from_secs(10), delivered).await;
    assert_eq!(receiver.received().len(), 3);
}
