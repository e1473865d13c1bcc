use serde_json::json;

use super::world::{World, webhook};
use crate::receiver::Receiver;

#[tokio::test]
async fn what_cannot_be_read_ends_in_the_dead_letter_queue_and_its_neighbours_are_delivered() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set_up = world.set_up(&receiver).await;
    assert_eq!(world.send(&webhook("evt_1")).await.status, 200);
    let send = world.sqs.send_message().queue_url(&world.queue_url);
    let unreadable = send.message_body("not ours").send().await.unwrap();
    assert_eq!(world.send(&webhook("evt_2")).await.status, 200);
    assert_eq!(world.process().await, json!({"batchItemFailures": []}));
    let once = ["evt_1", "evt_2"].map(|id| (id.to_owned(), 1));
    assert_eq!(receiver.counts(), once.into());
    assert_eq!(world.listed(&set_up).await.len(), 2);
    assert!(world.receive(&world.queue_url).await.is_empty());
    let buried = world.receive(&world.dead_letter_url).await;
    assert_eq!(buried.len(), 1);
    assert_eq!(buried[0].body(), Some("not ours"));
    let attributes = buried[0].message_attributes().unwrap();
    let text = |name: &str| attributes[name].string_value();
    assert_eq!(text("reason"), Some("malformed"));
    assert_eq!(text("messageId"), unreadable.message_id());
}
