use gatehouse::domain::{AttemptOutcome, Delivery, DeliveryStatus, Event, EventStatus};
use gatehouse::store::{DeliveryLease, Lease, Recorded, StoreError};

use super::samples::{World, after_attempt, at, attempt};

/// A world with one stored event that is being retried.
async fn with_event(deliveries: usize) -> (World, Event) {
    let world = World::new().await;
    let event = world.retrying_event(deliveries);
    world.put(&event).await;
    (world, event)
}

/// A bid for the second attempt, for half a minute from `seconds` on.
fn bid(delivery: &Delivery, seconds: u64) -> DeliveryLease {
    DeliveryLease {
        destination: delivery.destination_id,
        expected_attempts: 1,
        now: at(seconds),
        until: at(seconds + 30),
    }
}

async fn lease(world: &World, event: &Event, bid: &DeliveryLease) -> Lease {
    let (organization, integration) = (event.organization_id, event.integration_id);
    let lease = world
        .store
        .lease_delivery(organization, integration, event.id, bid);
    lease.await.unwrap()
}

async fn record(world: &World, event: &Event, delivery: &Delivery, expected: u16) -> Recorded {
    let (organization, integration) = (event.organization_id, event.integration_id);
    let store = &world.store;
    let recorded = store.record_attempt(organization, integration, event.id, delivery, expected);
    recorded.await.unwrap()
}

#[tokio::test]
async fn a_delivery_is_leased_when_it_is_due_and_to_one_at_a_time() {
    let (world, event) = with_event(1).await;
    let delivery = &event.deliveries[0];
    let early = lease(&world, &event, &bid(delivery, 9)).await;
    assert_eq!(early, Lease::NotDue { until: at(10) });
    let Lease::Leased(leased) = lease(&world, &event, &bid(delivery, 10)).await else {
        panic!("it is due");
    };
    assert_eq!(leased.deliveries[0].leased_until, Some(at(40)));
    assert_eq!(leased.payload, event.payload);
    assert_eq!(*leased, world.read(&event).await);
    let taken = lease(&world, &event, &bid(delivery, 39)).await;
    assert_eq!(taken, Lease::NotDue { until: at(40) });
    let lapsed = lease(&world, &event, &bid(delivery, 40)).await;
    assert!(matches!(lapsed, Lease::Leased(_)));
}

#[tokio::test]
async fn of_twenty_bids_at_once_exactly_one_gets_the_lease() {
    let (world, event) = with_event(1).await;
    let bid = bid(&event.deliveries[0], 10);
    let bids = (0..20).map(|_| lease(&world, &event, &bid));
    let leases = futures::future::join_all(bids).await;
    let leased = leases.iter().filter(|it| matches!(it, Lease::Leased(_)));
    assert_eq!(leased.count(), 1);
    let refused = Lease::NotDue { until: at(40) };
    assert_eq!(leases.iter().filter(|it| **it == refused).count(), 19);
}

#[tokio::test]
async fn an_attempt_that_is_no_longer_wanted_is_not_leased() {
    let (world, event) = with_event(1).await;
    let delivery = &event.deliveries[0];
    let done = after_attempt(delivery, AttemptOutcome::Delivered);
    record(&world, &event, &done, 1).await;
    for expected_attempts in [1, 2] {
        let bid = DeliveryLease {
            expected_attempts,
            ..bid(delivery, 60)
        };
        assert_eq!(lease(&world, &event, &bid).await, Lease::Gone);
    }
    let unknown = DeliveryLease {
        destination: world.id(),
        ..bid(delivery, 60)
    };
    assert_eq!(lease(&world, &event, &unknown).await, Lease::Gone);
    let expired = bid(delivery, 86_400);
    assert_eq!(lease(&world, &event, &expired).await, Lease::Gone);
    let unknown = world.retrying_event(1);
    let bid = bid(&unknown.deliveries[0], 60);
    assert_eq!(lease(&world, &unknown, &bid).await, Lease::Gone);
}

#[tokio::test]
async fn each_attempt_is_kept_and_the_newest_stands_in_the_event() {
    let (world, event) = with_event(1).await;
    let second = after_attempt(&event.deliveries[0], AttemptOutcome::Retryable);
    let third = after_attempt(&second, AttemptOutcome::Delivered);
    let retrying = Recorded::Stored(EventStatus::Retrying);
    assert_eq!(record(&world, &event, &second, 1).await, retrying);
    let delivered = Recorded::Stored(EventStatus::Delivered);
    assert_eq!(record(&world, &event, &third, 2).await, delivered);
    let found = world.read(&event).await;
    assert_eq!(found.status, EventStatus::Delivered);
    assert_eq!(found.payload, event.payload);
    assert_eq!(found.deliveries, std::slice::from_ref(&third));
    let earlier = world.store.earlier_attempts(world.organization, third.id);
    let retryable = AttemptOutcome::Retryable;
    assert_eq!(
        earlier.await.unwrap(),
        [attempt(2, retryable), attempt(1, retryable)]
    );
    let stranger = world.store.earlier_attempts(world.id(), third.id);
    assert_eq!(stranger.await.unwrap(), []);
}

#[tokio::test]
async fn recording_the_same_attempt_again_changes_nothing() {
    let (world, event) = with_event(1).await;
    let second = after_attempt(&event.deliveries[0], AttemptOutcome::Permanent);
    let failed = Recorded::Stored(EventStatus::Failed);
    assert_eq!(record(&world, &event, &second, 1).await, failed);
    assert_eq!(record(&world, &event, &second, 1).await, failed);
    let earlier = world.store.earlier_attempts(world.organization, second.id);
    assert_eq!(earlier.await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_comes_too_late_does_not_replace_a_later_one() {
    let (world, event) = with_event(1).await;
    let delivered = after_attempt(&event.deliveries[0], AttemptOutcome::Delivered);
    let failed = after_attempt(&event.deliveries[0], AttemptOutcome::Permanent);
    record(&world, &event, &delivered, 1).await;
    let late = record(&world, &event, &failed, 1).await;
    assert_eq!(late, Recorded::Superseded);
    assert_eq!(world.read(&event).await.deliveries, [delivered]);
}

#[tokio::test]
async fn a_delivery_can_be_put_off_without_an_attempt() {
    let (world, event) = with_event(1).await;
    let delivery = &event.deliveries[0];
    lease(&world, &event, &bid(delivery, 10)).await;
    let later = Delivery {
        next_attempt_at: Some(at(90)),
        ..delivery.clone()
    };
    record(&world, &event, &later, 1).await;
    let refused = lease(&world, &event, &bid(delivery, 15)).await;
    assert_eq!(refused, Lease::NotDue { until: at(90) });
    let earlier = world
        .store
        .earlier_attempts(world.organization, delivery.id);
    assert_eq!(earlier.await.unwrap(), []);
}

#[tokio::test]
async fn what_two_deliveries_record_at_once_is_both_kept_and_sums_up() {
    for _ in 0..5 {
        let (world, event) = with_event(2).await;
        let delivered = after_attempt(&event.deliveries[0], AttemptOutcome::Delivered);
        let failed = after_attempt(&event.deliveries[1], AttemptOutcome::Permanent);
        let (one, other) = futures::future::join(
            record(&world, &event, &delivered, 1),
            record(&world, &event, &failed, 1),
        )
        .await;
        let failed_event = Recorded::Stored(EventStatus::Failed);
        assert!(one == failed_event || other == failed_event);
        let found = world.read(&event).await;
        assert_eq!(found.deliveries, [delivered, failed]);
        assert_eq!(found.status, EventStatus::Failed);
    }
}

#[tokio::test]
async fn twenty_deliveries_that_end_at_once_leave_the_event_delivered() {
    let (world, event) = with_event(20).await;
    let done: Vec<_> = event
        .deliveries
        .iter()
        .map(|delivery| after_attempt(delivery, AttemptOutcome::Delivered))
        .collect();
    let records = done
        .iter()
        .map(|delivery| record(&world, &event, delivery, 1));
    futures::future::join_all(records).await;
    let found = world.read(&event).await;
    assert_eq!(found.status, EventStatus::Delivered);
    assert!(
        found
            .deliveries
            .iter()
            .all(|it| it.status == DeliveryStatus::Delivered)
    );
}

#[tokio::test]
async fn an_attempt_of_an_unknown_delivery_is_refused() {
    let (world, event) = with_event(1).await;
    let (store, stranger) = (&world.store, world.delivery());
    let (organization, integration) = (world.organization, world.integration);
    let refused = store.record_attempt(organization, integration, event.id, &stranger, 1);
    assert!(matches!(
        refused.await,
        Err(StoreError::NotFound("delivery"))
    ));
    let delivery = &event.deliveries[0];
    let refused = store.record_attempt(world.id(), integration, event.id, delivery, 1);
    assert!(matches!(refused.await, Err(StoreError::NotFound("event"))));
}
