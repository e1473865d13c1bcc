use gatehouse::domain::sync::SyncType;
use gatehouse::domain::{Clock as _, Event, EventId, EventStatus, PayloadLocation, Timestamp};
use gatehouse::queue::SyncMessage;
use gatehouse::vault::SealContext;
use serde_json::{Value, json};

use super::{Side, Stage, World, world};

/// Stores an event, as the processor does, and tells of it.
async fn receive(world: &World, event_type: &str, body: Value, at: Timestamp) {
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
        occurred_at: None,
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
