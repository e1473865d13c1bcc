use gatehouse::domain::{Event, PayloadLocation, Sealed};
use gatehouse::store::{MAX_PAYLOAD_BYTES, PutEvent, StoreError};

use super::samples::{World, at, start};

fn with_payload(event: Event, length: usize) -> Event {
    let bytes: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
    Event {
        payload: PayloadLocation::Inline(Sealed::from_bytes(bytes)),
        ..event
    }
}

async fn items(world: &World) -> i32 {
    let scan = world.table.client.scan();
    let scan = scan.table_name(world.table.name.to_string());
    scan.send().await.unwrap().count()
}

#[tokio::test]
async fn an_event_reads_back_as_it_was_written() {
    let world = World::new().await;
    let event = world.retrying_event(2);
    let put = world.store.put_event(&event, at(60)).await.unwrap();
    assert_eq!(put, PutEvent::Stored);
    assert_eq!(world.read(&event).await, event);
    assert_eq!(
        PayloadLocation::Inline(world.store.payload(&event).await.unwrap()),
        event.payload
    );
}

#[tokio::test]
async fn an_event_is_stored_once_and_then_left_as_it_is() {
    let world = World::new().await;
    let event = world.event_at(start());
    world.put(&event).await;
    let other = Event {
        event_type: None,
        ..event.clone()
    };
    let again = world.store.put_event(&other, at(60)).await.unwrap();
    assert_eq!(again, PutEvent::AlreadyStored);
    assert_eq!(world.read(&event).await, event);
}

#[tokio::test]
async fn another_organization_or_integration_finds_no_event() {
    let world = World::new().await;
    let event = world.event_at(start());
    world.put(&event).await;
    let pairs = [
        (world.id(), world.integration),
        (world.organization, world.id()),
    ];
    for (organization, integration) in pairs {
        let found = world
            .store
            .event(organization, integration, event.id, at(0));
        assert_eq!(found.await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_expired_event_reads_as_absent_deleted_or_not() {
    let world = World::new().await;
    let event = world.event_at(start());
    world.store.put_event(&event, at(60)).await.unwrap();
    let read = |seconds| {
        let (organization, integration) = (world.organization, world.integration);
        world
            .store
            .event(organization, integration, event.id, at(seconds))
    };
    assert!(read(59).await.unwrap().is_some());
    assert_eq!(read(60).await.unwrap(), None);
}

#[tokio::test]
async fn a_payload_is_kept_whole_whatever_its_size() {
    let world = World::new().await;
    for length in [0, 1, 299_999, 300_000, 300_001, 350_000, 350_001, 1_000_000] {
        let event = with_payload(world.retrying_event(1), length);
        world.put(&event).await;
        let found = world.read(&event).await;
        let inline = matches!(found.payload, PayloadLocation::Inline(_));
        assert_eq!(inline, length <= 300_000, "{length}");
        let payload = world.store.payload(&found).await.unwrap();
        assert!(
            PayloadLocation::Inline(payload) == event.payload,
            "{length}"
        );
    }
}

#[tokio::test]
async fn the_largest_payload_fits_and_a_larger_one_leaves_nothing_behind() {
    let world = World::new().await;
    let event = with_payload(world.retrying_event(1), MAX_PAYLOAD_BYTES);
    world.put(&event).await;
    let payload = world
        .store
        .payload(&world.read(&event).await)
        .await
        .unwrap();
    assert_eq!(payload.as_bytes().len(), MAX_PAYLOAD_BYTES);
    let before = items(&world).await;
    let event = with_payload(world.retrying_event(1), MAX_PAYLOAD_BYTES + 1);
    let refused = world.store.put_event(&event, at(60)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    assert_eq!(items(&world).await, before);
}

#[tokio::test]
async fn a_large_event_that_comes_twice_keeps_its_first_payload() {
    let world = World::new().await;
    let event = with_payload(world.event_at(start()), 500_000);
    world.put(&event).await;
    let longer = with_payload(event.clone(), 800_000);
    let again = world.store.put_event(&longer, at(60)).await.unwrap();
    assert_eq!(again, PutEvent::AlreadyStored);
    let payload = world
        .store
        .payload(&world.read(&event).await)
        .await
        .unwrap();
    assert_eq!(payload.as_bytes().len(), 500_000);
}

#[tokio::test]
async fn many_deliveries_leave_the_payload_to_its_own_items() {
    let world = World::new().await;
    let mut event = with_payload(world.retrying_event(50), 250_000);
    for delivery in &mut event.deliveries {
        let attempt = delivery.last_attempt.as_mut().unwrap();
        attempt.response_body = Some("x".repeat(4096));
    }
    world.put(&event).await;
    let found = world.read(&event).await;
    assert_eq!(found.payload, PayloadLocation::Parts(1));
    assert_eq!(found.deliveries, event.deliveries);
}
