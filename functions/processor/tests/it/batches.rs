use aws_lambda_events::event::sqs::SqsEvent;
use gatehouse::domain::EventStatus;
use processor::handle;

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn what_cannot_be_read_is_buried_with_the_reason_and_the_rest_goes_on() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.destination(&receiver.url, |_| {}).await;
    let good = world.accept(Some("1"), "{}").await;
    let swapped = world.accept(Some("2"), "{}").await;
    let mut batch = world.receive().await;
    let other = batch.records[0].body.clone().unwrap();
    // The second event's seal under the first one's name.
    let body = batch.records[1].body.clone().unwrap();
    batch.records[1].body = Some(body.replace(&swapped.to_string(), &good.to_string()));
    for (number, body) in [
        "canary",
        r#"{"v":9,"kind":"event"}"#,
        r#"{"v":1,"kind":"pet"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let mut record = batch.records[0].clone();
        record.message_id = Some(format!("bad-{number}"));
        record.body = Some(body.to_owned());
        batch.records.push(record);
    }
    assert_eq!(batch.records[0].body.as_ref(), Some(&other));
    let response = handle(&world.state, batch).await.unwrap();
    assert!(response.batch_item_failures.is_empty(), "{response:?}");
    assert_eq!(
        world.event(good).await.unwrap().status,
        EventStatus::Delivered
    );
    let buried = world
        .sqs
        .receive_message()
        .queue_url(&world.dead_letter_url)
        .max_number_of_messages(10)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    let mut reasons: Vec<_> = buried
        .messages
        .unwrap()
        .iter()
        .map(|message| {
            message.message_attributes.as_ref().unwrap()["reason"]
                .string_value
                .clone()
                .unwrap()
        })
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "malformed",
            "tampered",
            "unknown_version",
            "unknown_version"
        ]
    );
}

#[tokio::test]
async fn a_message_without_an_id_fails_the_batch() {
    let world = World::new().await;
    world.accept(Some("1"), "{}").await;
    let mut batch: SqsEvent = world.receive().await;
    batch.records[0].message_id = None;
    assert!(handle(&world.state, batch).await.is_err());
}
