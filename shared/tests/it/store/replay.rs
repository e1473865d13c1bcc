use gatehouse::domain::{
    AttemptOutcome, Delivery, DeliveryStatus, Event, EventStatus, PayloadLocation, Sealed,
};
use gatehouse::store::{DeliveryLease, Lease, Replay, Replayed, StoreError};

use super::samples::{World, after_attempt, at};

/// A stored event with one delivery that failed after two attempts and one that was made.
async fn with_failed() -> (World, Event) {
    let world = World::new().await;
    let mut event = world.retrying_event(2);
    let outcomes = [AttemptOutcome::Permanent, AttemptOutcome::Delivered];
    for (delivery, outcome) in event.deliveries.iter_mut().zip(outcomes) {
        *delivery = after_attempt(delivery, outcome);
    }
    event.status = EventStatus::Failed;
    world.put(&event).await;
    (world, event)
}

async fn replay(world: &World, event: &Event, replay: &Replay<'_>) -> Replayed {
    let (organization, integration) = (event.organization_id, event.integration_id);
    let replayed = world
        .store
        .replay(organization, integration, event.id, replay);
    replayed.await.unwrap()
}

/// `delivery` in a round that began a minute after the beginning.
fn begun(delivery: &Delivery) -> Delivery {
    Delivery {
        status: DeliveryStatus::Retrying,
        earlier_attempts: delivery.attempts,
        started_at: at(60),
        next_attempt_at: Some(at(60)),
        ..delivery.clone()
    }
}

fn request(event: &Event) -> Replay<'_> {
    Replay {
        deliveries: std::slice::from_ref(&event.deliveries[0].id),
        additional: &[],
        now: at(60),
        keep_until: at(1_000),
    }
}

#[tokio::test]
async fn a_replay_begins_a_new_round_for_the_deliveries_named() {
    let (world, event) = with_failed().await;
    let replayed = replay(&world, &event, &request(&event)).await;
    let [failed, made] = &event.deliveries[..] else {
        panic!("there are two");
    };
    assert_eq!(replayed.begun, [begun(failed)]);
    assert_eq!(replayed.status, EventStatus::Retrying);
    let found = world.read(&event).await;
    assert_eq!(found.status, EventStatus::Retrying);
    assert_eq!(found.deliveries, [begun(failed), made.clone()]);
    assert_eq!(found.payload, event.payload);
}

#[tokio::test]
async fn a_replay_adds_destinations_that_the_event_was_not_routed_to() {
    let (world, event) = with_failed().await;
    let new = Delivery {
        attempts: 0,
        last_attempt: None,
        ..world.delivery()
    };
    let known = Delivery {
        destination_id: event.deliveries[1].destination_id,
        ..new.clone()
    };
    let additional = [known, new.clone()];
    let request = Replay {
        deliveries: &[],
        additional: &additional,
        ..request(&event)
    };
    let replayed = replay(&world, &event, &request).await;
    assert_eq!(replayed.begun, [begun(&new)]);
    assert_eq!(world.read(&event).await.deliveries.len(), 3);
}

#[tokio::test]
async fn a_delivery_that_is_being_attempted_is_left_alone() {
    let world = World::new().await;
    let event = world.retrying_event(1);
    world.put(&event).await;
    let bid = DeliveryLease {
        destination: event.deliveries[0].destination_id,
        expected_attempts: 1,
        now: at(50),
        until: at(80),
    };
    let (organization, integration) = (world.organization, world.integration);
    let leased = world
        .store
        .lease_delivery(organization, integration, event.id, &bid);
    assert!(matches!(leased.await.unwrap(), Lease::Leased(_)));
    assert_eq!(replay(&world, &event, &request(&event)).await.begun, []);
    let later = Replay {
        now: at(80),
        ..request(&event)
    };
    assert_eq!(replay(&world, &event, &later).await.begun.len(), 1);
}

#[tokio::test]
async fn a_replayed_event_is_kept_with_its_payload_until_the_round_can_end() {
    let world = World::new().await;
    let event = Event {
        payload: PayloadLocation::Inline(Sealed::from_bytes(vec![7; 700_000])),
        ..world.retrying_event(1)
    };
    world.store.put_event(&event, at(100)).await.unwrap();
    replay(&world, &event, &request(&event)).await;
    let (organization, integration) = (world.organization, world.integration);
    let late = world
        .store
        .event(organization, integration, event.id, at(999));
    let late = late.await.unwrap().unwrap();
    assert_eq!(late.payload, PayloadLocation::Parts(2));
    let scan = world.table.client.scan();
    let scan = scan.table_name(world.table.name.to_string()).send();
    let ends = scan.await.unwrap().items.unwrap_or_default();
    let ends = ends.iter().filter_map(|item| item.get("expires_at"));
    let end = at(1_000).as_second().to_string();
    assert!(ends.clone().all(|it| it.as_n() == Ok(&end)));
    assert_eq!(ends.count(), 3);
}

#[tokio::test]
async fn a_replay_never_shortens_the_life_of_an_event() {
    let (world, event) = with_failed().await;
    replay(&world, &event, &request(&event)).await;
    let (organization, integration) = (world.organization, world.integration);
    let late = world
        .store
        .event(organization, integration, event.id, at(86_399));
    assert!(late.await.unwrap().is_some());
}

#[tokio::test]
async fn what_does_not_exist_or_has_expired_is_not_replayed() {
    let (world, event) = with_failed().await;
    let request = request(&event);
    let expired = Replay {
        now: at(86_400),
        ..request
    };
    let (organization, integration) = (world.organization, world.integration);
    let late = world
        .store
        .replay(organization, integration, event.id, &expired);
    assert!(matches!(late.await, Err(StoreError::NotFound("event"))));
    let stranger = world
        .store
        .replay(world.id(), integration, event.id, &request);
    assert!(matches!(stranger.await, Err(StoreError::NotFound("event"))));
}

#[tokio::test]
async fn replays_and_attempts_at_the_same_time_are_all_kept() {
    let (world, event) = with_failed().await;
    let second = event.deliveries[1].id;
    let other = Replay {
        deliveries: std::slice::from_ref(&second),
        ..request(&event)
    };
    let first = request(&event);
    futures::future::join(
        replay(&world, &event, &first),
        replay(&world, &event, &other),
    )
    .await;
    let expected: Vec<_> = event.deliveries.iter().map(begun).collect();
    assert_eq!(world.read(&event).await.deliveries, expected);
}
