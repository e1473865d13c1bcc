use std::time::Duration;

use gatehouse::domain::sync::SyncType;
use gatehouse::domain::{Clock as _, Event, EventId, EventStatus, PayloadLocation, Timestamp};
use gatehouse::queue::SyncMessage;
use gatehouse::vault::SealContext;
use serde_json::{Value, json};

use super::{Side, Stage, World, world};

/// Stores an event, as the processor does, and tells of it.
async fn receive(world: &World, event_type: &str, body: Value, at: Timestamp) {
    receive_late(world, event_type, body, (at, None)).await;
}

/// The same, of one that says when it happened.
async fn receive_late(
    world: &World,
    event_type: &str,
    body: Value,
    (at, occurred_at): (Timestamp, Option<Timestamp>),
) {
    let sources = world.sources();
    let id = EventId::generate(world.clock.now(), sources.randomness.as_ref());
    let (organization, integration) = (world.integration.organization_id, world.integration.id);
    let endpoint = integration.ulid().into();
    world.keys.ensure(organization).await.unwrap();
    let context = SealContext::EventPayload {
        endpoint,
        event: id,
    };
    let text = body.to_string();
    let sealed = world
        .keys
        .seal_payload(organization, &context, text.as_bytes());
    let event = Event {
        id,
        organization_id: organization,
        integration_id: integration,
        endpoint_id: endpoint,
        provider_event_id: None,
        event_type: Some(event_type.to_owned()),
        occurred_at,
        scheme: "none".to_owned(),
        verified_with: None,
        status: EventStatus::Unrouted,
        error: None,
        received_at: at,
        content_type: None,
        body_bytes: text.len() as u64,
        payload: PayloadLocation::Inline(sealed.await.unwrap()),
        deliveries: Vec::new(),
        trace_id: None,
    };
    let end = world
        .clock
        .now()
        .plus(std::time::Duration::from_secs(86_400));
    world.store.put_event(&event, end).await.unwrap();
    let message = SyncMessage::Event {
        organization,
        integration,
        event: id,
    };
    world.send(&message).await;
    world.run().await;
}

fn thing(id: &str, number: u64, second: u64) -> Value {
    json!({"id": id, "number": number, "updatedAt": format!("2026-09-21T00:00:{second:02}Z"),
        "nested": {"odd": number % 2 == 1}})
}

fn whole() -> Value {
    json!({"events": [
        {"types": ["thing.changed"], "record": "data"},
        {"types": ["thing.deleted"], "record": "data", "deleted": "`true`"}]})
}

#[tokio::test]
async fn events_in_any_order_come_to_the_newest() {
    let stage = Stage::new().await;
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let world = world(&stage, whole()).await;
        let side = Side::of(&world);
        for n in order {
            let body = json!({"data": thing("r1", 10 + n, n)});
            receive(&world, "thing.changed", body.clone(), world.clock.now()).await;
            // Each twice.
            receive(&world, "thing.changed", body, world.clock.now()).await;
        }
        let record = side.read("r1").await.unwrap();
        assert_eq!(record.body.content["number"], 12, "{order:?}");
        assert_eq!(world.look().await.records.len(), 1);
    }
}

#[tokio::test]
async fn a_delete_is_one_and_what_is_older_does_not_bring_the_record_back() {
    let stage = Stage::new().await;
    let world = world(&stage, whole()).await;
    let side = Side::of(&world);
    let now = world.clock.now();
    let list = json!({"data": [thing("r1", 1, 1), thing("r2", 2, 1)]});
    receive(&world, "thing.changed", list, now).await;
    assert_eq!(world.look().await.live().len(), 2);
    let gone = json!({"data": {"id": "r1", "updatedAt": "2026-09-21T00:00:09Z"}});
    receive(&world, "thing.deleted", gone, world.clock.now()).await;
    let late = json!({"data": thing("r1", 5, 5)});
    receive(&world, "thing.changed", late, world.clock.now()).await;
    assert!(side.read("r1").await.unwrap().head.deleted);
    assert_eq!(world.look().await.live(), [("r2".to_owned(), 2)].into());
    // An event of another type is none of these.
    let other = json!({"data": thing("r3", 3, 3)});
    receive(&world, "other", other, world.clock.now()).await;
    assert!(side.read("r3").await.is_none());
}

#[tokio::test]
async fn a_part_of_a_record_goes_over_what_is_there() {
    let stage = Stage::new().await;
    let rules = json!({"events": [{"types": ["thing.*"], "record": "data", "partial": true,
        "version": "at", "previousVersion": "before"}]});
    let world = world(&stage, rules).await;
    let side = Side::of(&world);
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    let before = side.read("r1").await.unwrap();
    let version = before.head.source_version.clone().unwrap().0;
    let next = "2036-01-01T00:00:00Z";
    let part = json!({"data": {"id": "r1", "number": 40}, "at": next, "before": version});
    receive(&world, "thing.changed", part, world.clock.now()).await;
    let record = side.read("r1").await.unwrap();
    assert_eq!(record.body.content["number"], 40);
    assert_eq!(record.body.content["odd"], before.body.content["odd"]);
    assert_eq!(record.head.source_version.unwrap().0, next);
}

#[tokio::test]
async fn what_follows_what_is_not_here_has_a_run_fetch_what_is_missing() {
    let stage = Stage::new().await;
    for partial in [true, false] {
        let rules = json!({"events": [{"types": ["thing.*"], "record": "data", "partial": partial,
            "version": "at", "previousVersion": "before"}]});
        let world = world(&stage, rules).await;
        let side = Side::of(&world);
        side.provider().put("r1");
        world.start(SyncType::Full).await;
        world.run().await;
        world.clock.pass(std::time::Duration::from_secs(60));
        side.provider().put("r1");
        side.provider().put("r2");
        let listed = side.provider().records[0].clone();
        let mut data = thing("r1", listed.number, 0);
        data["updatedAt"] = listed.updated_at.to_string().into();
        let event =
            json!({"data": data, "at": listed.updated_at, "before": "2026-01-01T00:00:00Z"});
        receive(&world, "thing.changed", event, world.clock.now()).await;
        assert_eq!(
            world.look().await.live(),
            side.provider().live(),
            "{partial}"
        );
        let job = world.job().await.unwrap();
        assert_eq!(job.trigger, gatehouse::domain::sync::SyncTrigger::Gap);
    }
}

#[tokio::test]
async fn an_event_of_before_our_own_change_was_sent_does_not_take_it_back() {
    let stage = Stage::new().await;
    let world = world(&stage, whole()).await;
    let side = Side::of(&world);
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    let before = world.clock.now();
    let listed = side.provider().records[0].clone();
    side.patch("r1", json!({"number": 70})).await;
    world.run().await;
    let mut data = thing("r1", listed.number, 0);
    data["updatedAt"] = listed.updated_at.to_string().into();
    receive(&world, "thing.changed", json!({"data": data}), before).await;
    assert_eq!(side.read("r1").await.unwrap().body.content["number"], 70);
    assert_eq!(side.provider().live()["r1"], 70);
}

/// Parts of records, of which nothing says how new they are but when they were received.
fn parts() -> Value {
    json!({"events": [{"types": ["thing.*"], "record": "data", "partial": true}]})
}

#[tokio::test]
async fn a_part_that_is_more_than_a_record_holds_is_not_taken_nor_is_one_that_makes_it_so() {
    let stage = Stage::new().await;
    let world = world(&stage, parts()).await;
    let side = Side::of(&world);
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    let (large, half) = ("x".repeat(131_072), "y".repeat(100_000));
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    let part = |number: &Value| json!({"data": {"id": "r1", "number": number}});
    for refused in [json!(large), deep] {
        let before = side.read("r1").await;
        world.clock.pass(Duration::from_secs(1));
        receive(&world, "thing.changed", part(&refused), world.clock.now()).await;
        assert_eq!(side.read("r1").await, before);
    }
    world.clock.pass(Duration::from_secs(1));
    receive(
        &world,
        "thing.changed",
        part(&json!(half)),
        world.clock.now(),
    )
    .await;
    let before = side.read("r1").await.unwrap();
    assert_eq!(before.body.content["number"], half);
    // Each of the two fits, and both do not.
    world.clock.pass(Duration::from_secs(1));
    let other = json!({"data": {"id": "r1", "nested": {"odd": half}}});
    receive(&world, "thing.changed", other, world.clock.now()).await;
    assert_eq!(side.read("r1").await.unwrap(), before);
    assert!(world.stage.aws.buried.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_event_that_was_long_on_its_way_tells_what_was_so_when_it_happened() {
    let stage = Stage::new().await;
    let world = world(&stage, whole()).await;
    let side = Side::of(&world);
    side.provider().put("r1");
    let happened = world.clock.now();
    world.clock.pass(Duration::from_secs(60));
    side.provider().put("r1");
    world.start(SyncType::Full).await;
    world.run().await;
    assert_eq!(side.read("r1").await.unwrap().body.content["number"], 2);
    // It has no version. It comes after the list was read, and is of before.
    let body = json!({"data": {"id": "r1", "number": 1, "nested": {"odd": true}}});
    let late = (world.clock.now(), Some(happened));
    receive_late(&world, "thing.changed", body.clone(), late).await;
    assert_eq!(side.read("r1").await.unwrap().body.content["number"], 2);
    // One that says that it is of the future is of when it was received.
    let early = (
        happened,
        Some(world.clock.now().plus(Duration::from_secs(900))),
    );
    receive_late(&world, "thing.changed", body, early).await;
    assert_eq!(side.read("r1").await.unwrap().body.content["number"], 2);
}

#[tokio::test]
async fn of_an_event_no_more_than_ten_thousand_records_are_read_and_of_each_what_stands_last() {
    let stage = Stage::new().await;
    for (place, is_read) in [(9_999, true), (10_000, false)] {
        let world = world(&stage, whole()).await;
        let side = Side::of(&world);
        // What is no record takes its place, too.
        let mut records = vec![json!({}); place];
        records.push(thing("r1", 5, 1));
        let body = json!({"data": records});
        receive(&world, "thing.changed", body, world.clock.now()).await;
        assert_eq!(side.read("r1").await.is_some(), is_read, "{place}");
    }
    let world = world(&stage, whole()).await;
    let of = |id: &str, number| json!({"id": id, "number": number, "nested": {"odd": true}});
    let list = json!({"data": [of("r1", 5), of("r2", 6), of("r1", 7)]});
    receive(&world, "thing.changed", list, world.clock.now()).await;
    let live = world.look().await.live();
    assert_eq!(live, [("r1".to_owned(), 7), ("r2".to_owned(), 6)].into());
}
