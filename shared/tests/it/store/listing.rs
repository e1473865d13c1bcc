use gatehouse::domain::{Event, EventId, EventStatus, PayloadLocation};
use gatehouse::store::{EventQuery, Page};

use super::samples::{World, at, start};

/// Stores `count` events, a second apart; newest first.
async fn put_events(world: &World, count: u64) -> Vec<Event> {
    let events: Vec<_> = (0..count)
        .map(|second| world.event_at(at(second)))
        .collect();
    futures::future::join_all(events.iter().map(|event| world.put(event))).await;
    events.into_iter().rev().collect()
}

fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

async fn list(world: &World, query: &EventQuery) -> Page<Event, EventId> {
    let listed = world
        .store
        .events(world.organization, world.integration, query);
    listed.await.unwrap()
}

/// All pages of a query, and how many there are.
async fn all(world: &World, mut query: EventQuery) -> (Vec<Event>, usize) {
    let (mut events, mut pages) = (Vec::new(), 0);
    loop {
        let page = list(world, &query).await;
        assert!(page.items.len() <= usize::from(query.limit));
        events.extend(page.items);
        pages += 1;
        query.after = page.next;
        if query.after.is_none() {
            return (events, pages);
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_merge_the_shards_newest_first() {
    let world = World::new().await;
    let stored = put_events(&world, 150).await;
    for (limit, expected_pages) in [(7, 22), (50, 3), (150, 1), (200, 1)] {
        let (found, pages) = all(&world, EventQuery::newest(limit, at(0))).await;
        assert_eq!(ids(&found), ids(&stored), "{limit}");
        assert_eq!(pages, expected_pages, "{limit}");
    }
}

#[tokio::test]
async fn the_payload_is_left_out_and_all_else_is_there() {
    let world = World::new().await;
    let stored = world.retrying_event(2);
    world.put(&stored).await;
    let page = list(&world, &EventQuery::newest(10, at(0))).await;
    let expected = Event {
        payload: PayloadLocation::Parts(0),
        ..stored
    };
    assert_eq!(page.items, [expected]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn what_arrives_between_two_pages_is_neither_repeated_nor_in_the_way() {
    let world = World::new().await;
    let stored = put_events(&world, 40).await;
    let mut query = EventQuery::newest(15, at(0));
    let first = list(&world, &query).await;
    for second in 100..120 {
        world.put(&world.event_at(at(second))).await;
    }
    query.after = first.next;
    let (rest, _) = all(&world, query).await;
    let found: Vec<_> = first.items.into_iter().chain(rest).collect();
    assert_eq!(ids(&found), ids(&stored));
}

#[tokio::test]
async fn a_range_of_time_includes_its_start_and_not_its_end() {
    let world = World::new().await;
    let stored = put_events(&world, 60).await;
    let query = EventQuery {
        from: Some(at(20)),
        to: Some(at(40)),
        ..EventQuery::newest(7, at(0))
    };
    let (found, _) = all(&world, query.clone()).await;
    assert_eq!(ids(&found), ids(&stored[20..40]));
    let empty = EventQuery {
        from: Some(at(40)),
        to: Some(at(40)),
        ..query.clone()
    };
    assert_eq!(list(&world, &empty).await.items, []);
    let open = EventQuery { to: None, ..query };
    assert_eq!(all(&world, open).await.0.len(), 40);
}

#[tokio::test]
async fn filters_apply_together() {
    let world = World::new().await;
    let endpoint = world.id();
    let mut wanted = None;
    for index in 0..16_u64 {
        let event = Event {
            endpoint_id: if index & 1 == 0 { endpoint } else { world.id() },
            status: if index & 2 == 0 {
                EventStatus::Failed
            } else {
                EventStatus::Delivered
            },
            event_type: match index & 12 {
                0 => Some("invoice.paid".to_owned()),
                4 => Some("customer.created".to_owned()),
                _ => None,
            },
            ..world.event_at(at(index))
        };
        world.put(&event).await;
        wanted = wanted.or(Some(event.id));
    }
    let query = EventQuery {
        endpoint: Some(endpoint),
        statuses: vec![EventStatus::Failed],
        event_type: Some("invoice.*".parse().unwrap()),
        ..EventQuery::newest(10, at(0))
    };
    assert_eq!(ids(&list(&world, &query).await.items), [wanted.unwrap()]);
    let by_status = EventQuery {
        endpoint: None,
        event_type: None,
        ..query
    };
    assert_eq!(list(&world, &by_status).await.items.len(), 8);
}

#[tokio::test]
async fn a_filter_that_fits_nothing_ends_after_bounded_work_and_goes_on() {
    let world = World::new().await;
    let stored = put_events(&world, 1_300).await;
    let oldest = stored.last().unwrap();
    let rare = Event {
        status: EventStatus::Failed,
        ..world.event_at(start().minus(std::time::Duration::from_secs(5)))
    };
    world.put(&rare).await;
    let mut query = EventQuery {
        statuses: vec![EventStatus::Failed],
        ..EventQuery::newest(50, at(0))
    };
    let first = list(&world, &query).await;
    assert_eq!(first.items, []);
    let position = first.next.unwrap();
    assert!(
        position > oldest.id && position < stored[600].id,
        "{position}"
    );
    query.after = first.next;
    let (rest, _) = all(&world, query).await;
    assert_eq!(ids(&rest), [rare.id]);
}

#[tokio::test]
async fn expired_events_and_those_of_others_are_not_listed() {
    let world = World::new().await;
    let event = world.event_at(start());
    world.store.put_event(&event, at(60)).await.unwrap();
    let before = list(&world, &EventQuery::newest(10, at(59))).await;
    assert_eq!(ids(&before.items), [event.id]);
    let query = EventQuery::newest(10, at(60));
    assert_eq!(list(&world, &query).await.items, []);
    let pairs = [
        (world.id(), world.integration),
        (world.organization, world.id()),
    ];
    for (organization, integration) in pairs {
        let query = EventQuery::newest(10, at(0));
        let found = world.store.events(organization, integration, &query).await;
        assert_eq!(found.unwrap().items, []);
    }
}

#[tokio::test]
async fn the_last_use_of_a_secret_is_the_newest_event_that_it_verified() {
    let world = World::new().await;
    let (endpoint_id, secret) = (world.id(), world.id());
    for (second, verified_with) in [(1, secret), (5, secret), (9, world.id())] {
        let event = Event {
            endpoint_id,
            verified_with: Some(verified_with),
            ..world.event_at(at(second))
        };
        world.put(&event).await;
    }
    let last_use = |endpoint, secret| {
        let (organization, integration) = (world.organization, world.integration);
        world
            .store
            .newest_event_verified_with(organization, integration, endpoint, secret)
    };
    assert_eq!(last_use(endpoint_id, secret).await.unwrap(), Some(at(5)));
    assert_eq!(last_use(endpoint_id, world.id()).await.unwrap(), None);
    assert_eq!(last_use(world.id(), secret).await.unwrap(), None);
    for second in 10..209 {
        world.put(&world.event_at(at(second))).await;
    }
    assert_eq!(last_use(endpoint_id, secret).await.unwrap(), None);
}
