//! Requests that hold several events.

use aws_lc_rs::hmac;
use aws_sdk_sqs::types::QueueAttributeName;
use gatehouse::queue::ReceivedEvent;
use serde_json::{Value, json};

use crate::world::{Answer, SECRET, World};

const PATH: &str = "/webhooks/gocardless";

async fn world() -> World {
    let world = World::new().await;
    world.endpoint(PATH, "gocardless", |_| {}).await;
    world
}

/// Events that differ in their ids, with `padding` in each.
fn events(count: usize, padding: &str) -> Vec<Value> {
    let event = |n| json!({"id": format!("EV{n}"), "resource_type": "payments", "action": "paid", "note": padding});
    (0..count).map(event).collect()
}

fn body(events: &[Value]) -> Vec<u8> {
    json!({"events": events, "meta": {"webhook_id": "WB1"}})
        .to_string()
        .into_bytes()
}

async fn send(world: &World, body: &[u8]) -> Answer {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hex::encode(hmac::sign(&key, body));
    let headers = [
        ("webhook-signature", signature.as_str()),
        ("content-type", "application/json"),
    ];
    world.post(PATH, &headers, body).await
}

/// All that have been enqueued, by the provider's id.
async fn enqueued(world: &World) -> Vec<ReceivedEvent> {
    let mut all = Vec::new();
    loop {
        let some = world.enqueued().await;
        if some.is_empty() {
            break;
        }
        all.extend(some);
    }
    all.sort_by(|one, other| one.provider_event_id.cmp(&other.provider_event_id));
    all
}

#[tokio::test]
async fn each_item_is_an_event_of_its_own_and_all_cost_one_call() {
    let world = world().await;
    send(&world, &body(&events(1, ""))).await;
    enqueued(&world).await;
    world.stack.reset_calls();
    let answer = send(&world, &body(&events(3, "caf\u{e9}"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["gatehouse-event-count"], "3");
    assert_eq!(
        world.calls(),
        [("SQS.SendMessageBatch".to_owned(), 1)].into()
    );
    let taken = enqueued(&world).await;
    assert_eq!(taken.len(), 3);
    for (n, event) in taken.iter().enumerate() {
        assert_eq!(event.provider_event_id, Some(format!("EV{n}")));
        assert_eq!(event.event_type.as_deref(), Some("payments.paid"));
        assert_eq!(event.content_type.as_deref(), Some("application/json"));
        assert!(event.verified_with.is_some());
        let read: Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!(read["meta"]["webhook_id"], "WB1");
        assert_eq!(read["events"], json!([events(3, "caf\u{e9}")[n]]));
    }
}

#[tokio::test]
async fn one_item_is_sent_as_it_came_and_costs_what_one_event_costs() {
    let world = world().await;
    let body = b"{\"events\": [ {\"id\":\"EV1\",\r\n\"n\":1.50} ] }\r\n";
    let answer = send(&world, body).await;
    assert!(answer.headers.contains_key("gatehouse-event-id"));
    assert_eq!(world.calls()["SQS.SendMessage"], 1);
    assert_eq!(enqueued(&world).await[0].body, body.as_slice());
}

#[tokio::test]
async fn more_than_ten_go_in_several_batches_before_the_answer() {
    let world = world().await;
    let answer = send(&world, &body(&events(25, ""))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.calls()["SQS.SendMessageBatch"], 3);
    assert_eq!(enqueued(&world).await.len(), 25);
}

#[tokio::test]
async fn no_batch_is_larger_than_sqs_takes() {
    let world = world().await;
    // What cannot be compressed.
    let mut seed = 1_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from(seed >> 58).unwrap())
    };
    let padding: String = (0..400_000).map(|_| random()).collect();
    let answer = send(&world, &body(&events(6, &padding))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(world.calls()["SQS.SendMessageBatch"] > 1);
    assert_eq!(enqueued(&world).await.len(), 6);
}

#[tokio::test]
async fn an_empty_list_is_answered_and_is_no_event() {
    let world = world().await;
    let answer = send(&world, &body(&[])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["gatehouse-event-count"], "0");
    assert!(enqueued(&world).await.is_empty());
}

#[tokio::test]
async fn what_is_no_list_is_one_event() {
    let world = world().await;
    for body in [&b"{\"events\": 1}"[..], b"not JSON", b""] {
        assert_eq!(send(&world, body).await.status, 200);
        assert_eq!(enqueued(&world).await[0].body, body);
    }
}

#[tokio::test]
async fn if_some_are_not_durable_the_provider_comes_again_and_the_others_keep_their_ids() {
    let world = world().await;
    let limit = async |bytes: &str| {
        let queue = world.sqs.set_queue_attributes().queue_url(&world.queue_url);
        let name = QueueAttributeName::MaximumMessageSize;
        queue.attributes(name, bytes).send().await.unwrap();
    };
    let mut items = events(3, "");
    let noise: String = (0_u32..6_000)
        .map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap())
        .collect();
    items[1]["note"] = noise.into();
    limit("4096").await;
    let answer = send(&world, &body(&items)).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    let ids = |events: &[ReceivedEvent]| -> Vec<String> {
        let ids = events.iter().map(|event| event.provider_event_id.clone());
        ids.map(Option::unwrap).collect()
    };
    assert_eq!(ids(&enqueued(&world).await), ["EV0", "EV2"]);
    limit("1048576").await;
    assert_eq!(send(&world, &body(&items)).await.status, 200);
    assert_eq!(ids(&enqueued(&world).await), ["EV0", "EV1", "EV2"]);
}

#[tokio::test]
async fn a_forged_batch_brings_in_nothing() {
    let world = world().await;
    let headers = [("webhook-signature", "00")];
    let answer = world.post(PATH, &headers, &body(&events(3, ""))).await;
    assert_eq!(answer.status, 401);
    let many = body(&vec![json!(1); 5_001]);
    assert_eq!(send(&world, &many).await.status, 413);
    assert!(enqueued(&world).await.is_empty());
}
