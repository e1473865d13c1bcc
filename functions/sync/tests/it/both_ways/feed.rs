use aws_lambda_events::event::sqs::SqsMessage;
use gatehouse::domain::sync::SyncType;
use gatehouse::domain::{
    Clock as _, Destination, DestinationId, DestinationStatus, DestinationTarget, Event, HttpTarget,
};
use gatehouse::queue::{Message, Queue, ReceivedEvent};
use serde_json::{Value, json};

use super::{Side, Stage, World, run_killed, world};

/// A destination that gets events of these types.
async fn destination(world: &World, events: &[&str]) {
    let (now, sources) = (world.clock.now(), world.sources());
    let destination = Destination {
        id: DestinationId::generate(now, sources.randomness.as_ref()),
        organization_id: world.integration.organization_id,
        integration_id: world.integration.id,
        target: DestinationTarget::Http(HttpTarget {
            url: "https://example.com/".parse().unwrap(),
            timeout_ms: 5_000,
        }),
        events: events.iter().map(|event| event.parse().unwrap()).collect(),
        filter: None,
        transform: None,
        retry_policy: None,
        status: DestinationStatus::Active,
        disabled_reason: None,
        secrets: Vec::new(),
        secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
        breaker: None,
        created_at: now,
        updated_at: now,
    };
    world.store.create_destination(&destination).await.unwrap();
    world.clock.pass(std::time::Duration::from_secs(6));
}

/// What was sent for destinations.
async fn told(world: &World) -> Vec<ReceivedEvent> {
    let config = world.stage.aws.config(&world.lucky.life);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let queue = Queue::new(sqs, "q".to_owned(), world.keys.clone(), world.sources());
    let texts = world.stage.aws.events.lock().unwrap().clone();
    let mut events = Vec::new();
    for text in texts {
        let mut message = SqsMessage::default();
        message.body = Some(text);
        match queue.open(&message).await.unwrap() {
            Message::Event(event, _) => events.push(*event),
            Message::Delivery(_) => panic!("a delivery"),
        }
    }
    events
}

fn said(event: &ReceivedEvent) -> (String, Value, Value) {
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    assert_eq!(event.scheme, Event::RECORDS);
    assert_eq!(
        Some(body["type"].as_str().unwrap()),
        event.event_type.as_deref()
    );
    let event_type = body["type"].as_str().unwrap().to_owned();
    (event_type, body["id"].clone(), body["data"].clone())
}

async fn sync(world: &World) {
    world.start(SyncType::Full).await;
    world.run().await;
}

#[tokio::test]
async fn destinations_that_name_records_are_told_what_becomes_of_them() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    side.provider().put("old");
    sync(&world).await;
    destination(&world, &["record.*"]).await;
    side.provider().put("r1");
    sync(&world).await;
    side.provider().put("r1");
    sync(&world).await;
    sync(&world).await;
    side.provider().delete("r1");
    sync(&world).await;
    let told: Vec<_> = told(&world).await.iter().map(said).collect();
    let at = |n: usize| (told[n].0.as_str(), told[n].1.as_str().unwrap());
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(at(0), ("record.created", "r1"));
    assert_eq!(at(1), ("record.updated", "r1"));
    assert_eq!(at(2), ("record.deleted", "r1"));
    assert_eq!(told[1].2["number"], 3);
    assert_eq!(told[2].2, Value::Null);
}

#[tokio::test]
async fn the_oldest_of_more_destinations_than_an_integration_is_to_have_is_told() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    destination(&world, &["record.*"]).await;
    for _ in 0..50 {
        destination(&world, &["other.*"]).await;
    }
    side.provider().put("r1");
    sync(&world).await;
    let told: Vec<_> = told(&world).await.iter().map(said).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "record.created");
}

#[tokio::test]
async fn a_destination_that_gets_all_events_is_told_of_no_records() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    destination(&world, &[]).await;
    destination(&world, &["*"]).await;
    destination(&world, &["record.deleted"]).await;
    side.provider().put("r1");
    sync(&world).await;
    assert!(told(&world).await.is_empty());
    side.provider().delete("r1");
    sync(&world).await;
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test]
async fn a_record_made_here_is_told_once_and_under_the_providers_id() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let side = Side::of(&world);
    destination(&world, &["record.*"]).await;
    side.create("new_1", json!({"number": 5})).await;
    world.run().await;
    let told: Vec<_> = told(&world).await.iter().map(said).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "record.created");
    assert_eq!(told[0].1, "p1");
}

#[tokio::test]
async fn wherever_a_process_dies_each_change_is_told_and_repetitions_are_recognised() {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        for call in 0.. {
            let world = world(&stage, json!({})).await;
            let side = Side::of(&world);
            destination(&world, &["record.*"]).await;
            for n in 0..4 {
                side.provider().put(&format!("r{n}"));
            }
            world.start(SyncType::Full).await;
            let died = run_killed(&world, call, has_effect).await;
            let told = told(&world).await;
            let mut ids: Vec<_> = told.iter().map(|event| said(event).1.to_string()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 4, "{call} {has_effect}");
            let mut known: Vec<_> = told.iter().map(|event| &event.provider_event_id).collect();
            known.sort();
            known.dedup();
            assert_eq!(known.len(), 4, "{call} {has_effect}");
            if !died {
                assert!(call > 5);
                break;
            }
        }
    }
}
