use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::{SetUp, World, webhook, webhook_v1};
use crate::receiver::{Received, Receiver};

/// Whether a delivery is signed as Standard Webhooks says, by another hand than ours.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let header = |name: &str| received.headers[name].to_str().unwrap();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let message = [format!("{id}.{time}.").as_bytes(), &received.body].concat();
    let tag = header("webhook-signature").strip_prefix("v1,").unwrap();
    let tag = STANDARD.decode(tag).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message, &tag).is_ok()
}

fn table_writes(world: &World) -> u64 {
    let calls = world.stack().calls();
    let reads = ["GetItem", "BatchGetItem", "Query"];
    let writes = calls.iter().filter(|(operation, _)| {
        operation
            .strip_prefix("DynamoDB.")
            .is_some_and(|operation| !reads.contains(&operation))
    });
    writes.map(|(_, times)| times).sum()
}

/// Follows an accepted event through the processor to its destination and into the logs.
async fn follow(world: &World, set_up: &SetUp, receiver: &Receiver, event: &str) -> Received {
    world.stack().reset_calls();
    assert_eq!(world.process().await, json!({"batchItemFailures": []}));
    let writes = table_writes(world);
    // One more says, once in five minutes, that the integration is in use.
    assert!((1..=3).contains(&writes), "{:?}", world.stack().calls());
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert!(is_signed(&received[0], &set_up.signing_secret));
    assert!(!is_signed(&received[0], "whsec_AAAA"));
    assert_eq!(received[0].headers["webhook-id"], event);
    let delivered = (event.to_owned(), "delivered".to_owned());
    assert_eq!(world.listed(set_up).await, [delivered]);
    assert!(world.receive(&world.queue_url).await.is_empty());
    received[0].clone()
}

#[tokio::test]
async fn a_webhook_in_payload_version_2_0_is_delivered_signed_and_listed() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    let sent = webhook("evt_1");
    let answer = world.send(&sent).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let event = &answer.headers["gatehouse-event-id"];
    let received = follow(&world, &set_up, &receiver, event).await;
    assert_eq!(received.body, sent["body"].as_str().unwrap());
    assert_eq!(received.headers["gatehouse-event-type"], "invoice.paid");
}

#[tokio::test]
async fn a_webhook_in_payload_version_1_0_and_base64_is_delivered_byte_for_byte() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    let body = b"{\"id\": \"evt_1\", \"note\": \"caf\xe9\"}";
    let answer = world.send(&webhook_v1(body)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let event = &answer.headers["gatehouse-event-id"];
    let received = follow(&world, &set_up, &receiver, event).await;
    assert_eq!(received.body, body.as_slice());
}

#[tokio::test]
async fn a_warm_function_accepts_a_webhook_with_one_call() {
    let world = World::new().await;
    world.set_up(&Receiver::start().await).await;
    let mut costs = Vec::new();
    // What is remembered of an endpoint is read again every few seconds: one of the later ones may
    // be unlucky, all of them are not.
    for number in 0..4 {
        world.stack().reset_calls();
        let answer = world.send(&webhook(&format!("evt_{number}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        costs.push(world.stack().calls());
    }
    let one_call = [("SQS.SendMessage".to_owned(), 1)].into();
    assert!(costs[1..].contains(&one_call), "{costs:?}");
}

#[tokio::test]
async fn the_trace_of_an_event_goes_through_the_queue_into_the_logs() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    assert_eq!(world.send(&webhook("evt_1")).await.status, 200);
    world.process().await;
    let logs = world.logs(&set_up.integration, &world.token).await.json();
    let trace = logs["items"][0]["traceId"].as_str().unwrap().to_owned();
    for function in [world.webhooks, world.processor] {
        let log = function.stop().unwrap().stderr;
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let traced = lines.filter(|line| line["trace_id"] == trace.as_str());
        assert_eq!(traced.count(), 1, "{log}");
    }
}
