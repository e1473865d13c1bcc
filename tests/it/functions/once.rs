use serde_json::json;

use super::world::{World, batch, webhook};
use crate::receiver::Receiver;

#[tokio::test]
async fn a_record_that_the_queue_repeats_is_stored_and_delivered_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    assert_eq!(world.send(&webhook("evt_1")).await.status, 200);
    let records = batch(&world.receive(&world.queue_url).await);
    for _ in 0..2 {
        let answer = world.processor.invoke(&records).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    assert_eq!(receiver.counts(), [("evt_1".to_owned(), 1)].into());
    assert_eq!(world.listed(&set_up).await.len(), 1);
}

#[tokio::test]
async fn an_event_that_the_provider_repeats_is_stored_and_delivered_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    let mut accepted = Vec::new();
    for _ in 0..2 {
        let answer = world.send(&webhook("evt_1")).await;
        assert_eq!(answer.status, 200);
        accepted.push(answer.headers["gatehouse-event-id"].clone());
        assert_eq!(world.process().await, json!({"batchItemFailures": []}));
    }
    assert_eq!(world.send(&webhook("evt_2")).await.status, 200);
    assert_eq!(world.process().await, json!({"batchItemFailures": []}));
    let once = ["evt_1", "evt_2"].map(|id| (id.to_owned(), 1));
    assert_eq!(receiver.counts(), once.into());
    let listed = world.listed(&set_up).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1], (accepted.remove(0), "delivered".to_owned()));
}
