use std::collections::HashMap;

use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName,
};

use crate::world::{World, code, message, receive_count, system, text};

const LETTERS: &str = "arn:aws:sqs:us-east-1:000000000000:letters";
const WORK: &str = "arn:aws:sqs:us-east-1:000000000000:work";
const OTHER: &str = "arn:aws:sqs:us-east-1:000000000000:other";

struct Queues {
    world: World,
    work: String,
    letters: String,
}

/// A queue whose messages are dead after two receipts, and the one that they then go to.
async fn queues() -> Queues {
    let world = World::new().await;
    let letters = world.queue("letters").await;
    let policy = policy(LETTERS, "2");
    let attributes = [
        (QueueAttributeName::RedrivePolicy, policy.as_str()),
        (QueueAttributeName::VisibilityTimeout, "30"),
    ];
    let work = world.queue_with("work", &attributes).await;
    Queues {
        world,
        work,
        letters,
    }
}

fn policy(target: &str, max: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":{max}}}"#)
}

impl Queues {
    /// Receives what there is to work on until it is dead.
    async fn exhaust(&self) {
        for _ in 0..2 {
            assert_ne!(self.world.receive(&self.work).await, []);
            self.world.pass(30);
        }
        assert_eq!(self.world.receive(&self.work).await, []);
    }

    async fn dead_letter(&self) -> Message {
        self.exhaust().await;
        self.world.receive_one(&self.letters).await
    }

    async fn start_move(&self, source: &str, destination: Option<&str>) -> String {
        let request = self.world.sqs.start_message_move_task();
        let request = request.source_arn(source);
        code(
            request
                .set_destination_arn(destination.map(str::to_owned))
                .send()
                .await,
        )
    }

    /// Status, destination, moved, to move, and why it failed, from the latest.
    async fn tasks(&self, max: Option<i32>) -> Vec<String> {
        let request = self.world.sqs.list_message_move_tasks();
        let request = request.source_arn(LETTERS).set_max_results(max);
        let results = request.send().await.unwrap().results.unwrap();
        let line = |task: &aws_sdk_sqs::types::ListMessageMoveTasksResultEntry| {
            format!(
                "{} {} {} of {} {}",
                task.status().unwrap(),
                task.destination_arn().unwrap_or("-"),
                task.approximate_number_of_messages_moved(),
                task.approximate_number_of_messages_to_move().unwrap(),
                task.failure_reason().unwrap_or("-"),
            )
        };
        results.iter().map(line).collect()
    }
}

#[tokio::test]
async fn a_message_that_was_received_too_often_goes_to_the_dead_letters_as_it_was() {
    let queues = queues().await;
    let trace = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5759e988-bd862e3fe1be46a994272793")
        .build()
        .unwrap();
    let request = queues.world.sqs.send_message().queue_url(&queues.work);
    let request = request
        .message_body("poison")
        .message_attributes("MyAttribute", text("foobar"))
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace);
    let sent = request.send().await.unwrap();
    let letter = queues.dead_letter().await;
    assert_eq!(letter.body(), Some("poison"));
    assert_eq!(letter.message_id(), sent.message_id());
    assert_eq!(
        letter.message_attributes().map(HashMap::len),
        Some(1),
        "its attributes are there"
    );
    // Being received as a dead letter counts on.
    assert_eq!(receive_count(&letter), "3");
    for (name, expected) in [
        (MessageSystemAttributeName::DeadLetterQueueSourceArn, WORK),
        (MessageSystemAttributeName::SentTimestamp, "1800000000000"),
        (
            MessageSystemAttributeName::AwsTraceHeader,
            "Root=1-5759e988-bd862e3fe1be46a994272793",
        ),
    ] {
        assert_eq!(system(&letter, name), Some(expected));
    }
    assert_eq!(queues.world.counts(&queues.work).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_message_that_is_deleted_in_time_is_no_dead_letter() {
    let queues = queues().await;
    queues.world.send(&queues.work, "x").await;
    queues.world.receive_one(&queues.work).await;
    queues.world.pass(30);
    let second = queues.world.receive_one(&queues.work).await;
    queues.world.delete(&queues.work, &second).await;
    queues.world.pass(30);
    assert_eq!(queues.world.receive(&queues.work).await, []);
    assert_eq!(queues.world.counts(&queues.letters).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn dead_letters_are_kept_from_when_they_were_sent_for_as_long_as_their_queue_says() {
    let queues = queues().await;
    let request = queues.world.sqs.set_queue_attributes();
    let request = request.queue_url(&queues.letters);
    let request = request.attributes(QueueAttributeName::MessageRetentionPeriod, "120");
    request.send().await.unwrap();
    queues.world.send(&queues.work, "x").await;
    queues.exhaust().await;
    assert_eq!(queues.world.counts(&queues.letters).await, ["1", "0", "0"]);
    queues.world.pass(60);
    assert_eq!(queues.world.counts(&queues.letters).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_redrive_policy_names_a_queue_and_one_to_a_thousand_receipts() {
    let world = World::new().await;
    world.queue("letters").await;
    let queue = world.queue("queue").await;
    let nowhere = "arn:aws:sqs:us-east-1:000000000000:nowhere";
    for (policy, expected) in [
        (policy(LETTERS, "1"), "ok"),
        (policy(LETTERS, "\"1000\""), "ok"),
        (policy(LETTERS, "0"), "InvalidParameterValue"),
        (policy(LETTERS, "1001"), "InvalidParameterValue"),
        (policy(nowhere, "5"), "InvalidParameterValue"),
        ("{}".to_owned(), "InvalidParameterValue"),
    ] {
        let request = world.sqs.set_queue_attributes().queue_url(&queue);
        let set = request.attributes(QueueAttributeName::RedrivePolicy, &policy);
        assert_eq!(code(set.send().await), expected, "{policy}");
    }
}

#[tokio::test]
async fn an_empty_redrive_policy_takes_it_away() {
    let queues = queues().await;
    let request = queues.world.sqs.set_queue_attributes();
    let request = request.queue_url(&queues.work);
    let request = request.attributes(QueueAttributeName::RedrivePolicy, "");
    request.send().await.unwrap();
    queues.world.send(&queues.work, "x").await;
    for _ in 0..4 {
        assert_eq!(queues.world.receive(&queues.work).await.len(), 1);
        queues.world.pass(30);
    }
}

#[tokio::test]
async fn dead_letters_go_back_as_new_messages() {
    let queues = queues().await;
    let id = queues.world.send(&queues.work, "x").await;
    queues.exhaust().await;
    assert_eq!(queues.start_move(LETTERS, None).await, "ok");
    let back = queues.world.receive_one(&queues.work).await;
    assert_eq!(back.body(), Some("x"));
    assert_ne!(back.message_id(), Some(&*id));
    assert_eq!(receive_count(&back), "1");
    let source = MessageSystemAttributeName::DeadLetterQueueSourceArn;
    assert_eq!(system(&back, source), None);
    let sent = system(&back, MessageSystemAttributeName::SentTimestamp);
    assert_eq!(sent, Some("1800000060000"));
    assert_eq!(queues.tasks(None).await, ["COMPLETED - 1 of 1 -"]);
}

#[tokio::test]
async fn dead_letters_go_to_another_queue_if_one_is_named() {
    let queues = queues().await;
    let other = queues.world.queue("other").await;
    queues.world.send(&queues.work, "x").await;
    queues.exhaust().await;
    assert_eq!(queues.start_move(LETTERS, Some(OTHER)).await, "ok");
    assert_eq!(queues.world.counts(&other).await, ["1", "0", "0"]);
    let expected = format!("COMPLETED {OTHER} 1 of 1 -");
    assert_eq!(queues.tasks(None).await, [expected]);
}

#[tokio::test]
async fn a_dead_letter_that_somebody_handles_is_not_moved() {
    let queues = queues().await;
    queues.world.send(&queues.work, "x").await;
    queues.dead_letter().await;
    assert_eq!(queues.start_move(LETTERS, None).await, "ok");
    assert_eq!(queues.world.counts(&queues.letters).await, ["0", "1", "0"]);
    assert_eq!(queues.tasks(None).await, ["COMPLETED - 0 of 0 -"]);
}

#[tokio::test]
async fn a_letter_that_came_from_nowhere_cannot_go_back() {
    let queues = queues().await;
    queues.world.send(&queues.letters, "x").await;
    assert_eq!(queues.start_move(LETTERS, None).await, "ok");
    let expected = "FAILED - 0 of 1 CouldNotDetermineMessageSource";
    assert_eq!(queues.tasks(None).await, [expected]);
    assert_eq!(queues.world.counts(&queues.letters).await, ["1", "0", "0"]);
}

#[tokio::test]
async fn the_latest_move_is_listed_or_up_to_ten() {
    let queues = queues().await;
    for _ in 0..12 {
        assert_eq!(queues.start_move(LETTERS, None).await, "ok");
    }
    assert_eq!(queues.tasks(None).await.len(), 1);
    assert_eq!(queues.tasks(Some(10)).await.len(), 10);
    for max in [0, 11] {
        let request = queues.world.sqs.list_message_move_tasks();
        let listed = request.source_arn(LETTERS).max_results(max).send().await;
        assert_eq!(code(listed), "InvalidParameterValue");
    }
}

#[tokio::test]
async fn only_a_queue_of_dead_letters_is_moved_from_and_only_to_one_that_exists() {
    let queues = queues().await;
    let request = queues.world.sqs.start_message_move_task();
    let refused = request.source_arn(WORK).send().await;
    let reason = "Source queue must be configured as a Dead Letter Queue.";
    assert_eq!(message(refused), reason);
    for (source, destination) in [(OTHER, None), (LETTERS, Some(OTHER.to_owned()))] {
        let request = queues.world.sqs.start_message_move_task();
        let request = request.source_arn(source).set_destination_arn(destination);
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception());
    }
}
