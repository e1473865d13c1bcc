use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use crate::world::{World, code, message};

const NO_QUEUE: &str = "http://127.0.0.1:1/000000000000/nowhere";

/// The operations' own errors, as the SDK has them: a caller matches on these.
#[tokio::test]
async fn every_operation_on_a_queue_that_does_not_exist_says_so() {
    let world = World::new().await;
    let sqs = &world.sqs;
    let named = sqs.get_queue_url().queue_name("nowhere").send().await;
    let error = named.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let sent = sqs.send_message().queue_url(NO_QUEUE).message_body("x");
    let error = sent.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let received = sqs.receive_message().queue_url(NO_QUEUE).send().await;
    let error = received.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let read = sqs.get_queue_attributes().queue_url(NO_QUEUE).send().await;
    let error = read.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let set = sqs.set_queue_attributes().queue_url(NO_QUEUE);
    let set = set.attributes(QueueAttributeName::DelaySeconds, "1");
    let error = set.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let purged = sqs.purge_queue().queue_url(NO_QUEUE).send().await;
    let error = purged.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let deleted = sqs.delete_message().queue_url(NO_QUEUE).receipt_handle("x");
    let error = deleted.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let hidden = sqs.change_message_visibility().queue_url(NO_QUEUE);
    let hidden = hidden.receipt_handle("x").visibility_timeout(1);
    let error = hidden.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
}

#[tokio::test]
async fn every_batch_on_a_queue_that_does_not_exist_says_so() {
    let world = World::new().await;
    let entry = SendMessageBatchRequestEntry::builder()
        .id("a")
        .message_body("x");
    let request = world.sqs.send_message_batch().queue_url(NO_QUEUE);
    let sent = request.entries(entry.build().unwrap()).send().await;
    let error = sent.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let entry = DeleteMessageBatchRequestEntry::builder()
        .id("a")
        .receipt_handle("x");
    let request = world.sqs.delete_message_batch().queue_url(NO_QUEUE);
    let deleted = request.entries(entry.build().unwrap()).send().await;
    let error = deleted.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
        .id("a")
        .receipt_handle("x");
    let request = world
        .sqs
        .change_message_visibility_batch()
        .queue_url(NO_QUEUE);
    let hidden = request.entries(entry.build().unwrap()).send().await;
    let error = hidden.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
}

#[tokio::test]
async fn the_code_of_an_error_is_the_one_that_callers_of_the_older_protocol_know() {
    let world = World::new().await;
    let named = world.sqs.get_queue_url().queue_name("nowhere").send().await;
    assert_eq!(code(named), "AWS.SimpleQueueService.NonExistentQueue");
}

#[tokio::test]
async fn a_queue_is_made_again_only_as_it_is() {
    let world = World::new().await;
    let delay = [(QueueAttributeName::DelaySeconds, "5")];
    let url = world.queue_with("queue", &delay).await;
    assert_eq!(world.queue("queue").await, url);
    let default = [(QueueAttributeName::VisibilityTimeout, "30")];
    assert_eq!(world.queue_with("queue", &default).await, url);
    let request = world.sqs.create_queue().queue_name("queue");
    let other = request.attributes(QueueAttributeName::DelaySeconds, "6");
    let error = other.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_name_exists());
}

#[tokio::test]
async fn a_queues_name_is_checked() {
    let world = World::new().await;
    for (name, expected) in [
        ("a".repeat(80), "ok"),
        ("a".repeat(81), "InvalidParameterValue"),
        ("a b".to_owned(), "InvalidParameterValue"),
        ("a.fifo".to_owned(), "InvalidParameterValue"),
    ] {
        let created = world.sqs.create_queue().queue_name(&name).send().await;
        assert_eq!(code(created), expected, "{name}");
    }
}

#[tokio::test]
async fn a_queues_attributes_are_within_their_limits() {
    use QueueAttributeName as Name;
    let world = World::new().await;
    for (name, low, high) in [
        (Name::DelaySeconds, 0, 900),
        (Name::MaximumMessageSize, 1_024, 1_048_576),
        (Name::MessageRetentionPeriod, 60, 1_209_600),
        (Name::ReceiveMessageWaitTimeSeconds, 0, 20),
        (Name::VisibilityTimeout, 0, 43_200),
    ] {
        let queue = world.queue(name.as_str()).await;
        for (value, fits) in [
            (low - 1, false),
            (low, true),
            (high, true),
            (high + 1, false),
        ] {
            let request = world.sqs.set_queue_attributes().queue_url(&queue);
            let set = request.attributes(name.clone(), value.to_string());
            match set.send().await {
                Ok(_) => assert!(fits, "{name} {value}"),
                Err(error) => {
                    let error = error.into_service_error();
                    assert!(
                        !fits && error.is_invalid_attribute_value(),
                        "{name} {value}"
                    );
                }
            }
        }
        let kept = world.attributes(&queue).await.remove(&name).unwrap();
        assert_eq!(kept, high.to_string());
    }
}

#[tokio::test]
async fn attributes_that_there_are_not_are_neither_set_nor_read() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let colour = QueueAttributeName::from("Colour");
    let request = world.sqs.set_queue_attributes().queue_url(&queue);
    let set = request.attributes(colour.clone(), "red").send().await;
    let error = set.unwrap_err().into_service_error();
    assert!(error.is_invalid_attribute_name());
    let request = world.sqs.get_queue_attributes().queue_url(&queue);
    let read = request.attribute_names(colour).send().await;
    let error = read.unwrap_err().into_service_error();
    assert!(error.is_invalid_attribute_name());
}

#[tokio::test]
async fn the_attributes_of_a_queue_are_read_one_by_one_or_all() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let request = world.sqs.get_queue_attributes().queue_url(&queue);
    let request = request.attribute_names(QueueAttributeName::QueueArn);
    let one = request.send().await.unwrap().attributes.unwrap();
    let arn = "arn:aws:sqs:us-east-1:000000000000:queue";
    assert_eq!(one, [(QueueAttributeName::QueueArn, arn.to_owned())].into());
    let all = world.attributes(&queue).await;
    for (name, expected) in [
        (QueueAttributeName::CreatedTimestamp, "1800000000"),
        (QueueAttributeName::VisibilityTimeout, "30"),
        (QueueAttributeName::MessageRetentionPeriod, "345600"),
        (QueueAttributeName::MaximumMessageSize, "1048576"),
    ] {
        assert_eq!(all.get(&name).map(String::as_str), Some(expected));
    }
}

#[tokio::test]
async fn a_purged_queue_is_empty_whoever_handles_its_messages() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "a").await;
    world.receive_one(&queue).await;
    world.send(&queue, "b").await;
    let purged = world.sqs.purge_queue().queue_url(&queue).send().await;
    assert_eq!(code(purged), "ok");
    assert_eq!(world.counts(&queue).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let deleted = world.sqs.delete_queue().queue_url(&queue).send().await;
    assert_eq!(message(deleted), "`DeleteQueue` is not offered here");
    assert_eq!(world.queue("queue").await, queue);
}
