use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use tokio::time::Instant;

use crate::world::{World, code, message, receipt, receive_count, system, text, within_patience};

const MINUTE: i64 = 60;

#[tokio::test]
async fn one_message_is_received_if_nobody_says_how_many_and_at_most_ten() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for number in 0..12 {
        world.send(&queue, &format!("message-{number}")).await;
    }
    let one = world.sqs.receive_message().queue_url(&queue).send().await;
    assert_eq!(one.unwrap().messages().len(), 1);
    assert_eq!(world.receive(&queue).await.len(), 10);
    assert_eq!(world.receive(&queue).await.len(), 1);
    for count in [0, 11] {
        let request = world.sqs.receive_message().queue_url(&queue);
        let received = request.max_number_of_messages(count).send().await;
        let reason = format!(
            "Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        );
        assert_eq!(message(received), reason);
    }
}

#[tokio::test]
async fn a_wait_is_at_most_twenty_seconds_and_hiding_at_most_twelve_hours() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    for (wait, hide, expected) in [
        (21, 0, "InvalidParameterValue"),
        (-1, 0, "InvalidParameterValue"),
        (0, 43_201, "InvalidParameterValue"),
        (0, -1, "InvalidParameterValue"),
        (20, 43_200, "ok"),
    ] {
        let request = world.sqs.receive_message().queue_url(&queue);
        let request = request.wait_time_seconds(wait).visibility_timeout(hide);
        assert_eq!(code(request.send().await), expected, "{wait} {hide}");
    }
}

#[tokio::test]
async fn a_received_message_is_hidden_until_the_queues_time_out_and_then_counted_again() {
    let world = World::new().await;
    let time_out = [(QueueAttributeName::VisibilityTimeout, "60")];
    let queue = world.queue_with("queue", &time_out).await;
    let id = world.send(&queue, "x").await;
    let first = world.receive_one(&queue).await;
    assert_eq!(receive_count(&first), "1");
    world.pass(MINUTE - 1);
    assert_eq!(world.receive(&queue).await, []);
    world.pass(1);
    let second = world.receive_one(&queue).await;
    assert_eq!(second.message_id(), Some(&*id));
    assert_eq!(receive_count(&second), "2");
    for name in [
        MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
        MessageSystemAttributeName::SentTimestamp,
    ] {
        let at = Some("1800000000000");
        assert_eq!(system(&second, name.clone()), at);
        assert_eq!(system(&first, name), at);
    }
    assert_ne!(receipt(&first), receipt(&second));
}

#[tokio::test]
async fn a_receiver_may_ask_for_another_time_out_than_the_queues() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let request = world.sqs.receive_message().queue_url(&queue);
    request.visibility_timeout(5).send().await.unwrap();
    world.pass(5);
    assert_eq!(receive_count(&world.receive_one(&queue).await), "2");
    // The next receipt is hidden for the queue's own 30 seconds.
    world.pass(29);
    assert_eq!(world.receive(&queue).await, []);
}

#[tokio::test]
async fn a_deleted_message_does_not_come_again_and_deleting_again_is_no_error() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    assert_eq!(world.delete(&queue, &received).await, "ok");
    assert_eq!(world.delete(&queue, &received).await, "ok");
    world.pass(MINUTE);
    assert_eq!(world.receive(&queue).await, []);
    assert_eq!(world.counts(&queue).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn the_last_receipt_deletes_even_after_the_time_out() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    world.pass(MINUTE);
    assert_eq!(world.delete(&queue, &received).await, "ok");
    assert_eq!(world.receive(&queue).await, []);
}

#[tokio::test]
async fn a_receipt_is_stale_once_the_message_was_received_again() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let stale = world.receive_one(&queue).await;
    world.pass(MINUTE);
    let holder = world.receive_one(&queue).await;
    assert_eq!(world.delete(&queue, &stale).await, "ok");
    let hidden = world.hide(&queue, &stale, 0).await;
    assert_eq!(hidden, "InvalidParameterValue");
    assert_eq!(world.counts(&queue).await, ["0", "1", "0"]);
    world.pass(29);
    assert_eq!(world.receive(&queue).await, []);
    assert_eq!(world.delete(&queue, &holder).await, "ok");
    assert_eq!(world.counts(&queue).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_receipt_that_the_queue_never_gave_is_invalid() {
    let world = World::new().await;
    let (queue, other) = (world.queue("queue").await, world.queue("other").await);
    world.send(&other, "x").await;
    let of_other = world.receive_one(&other).await;
    for handle in ["garbage", "", receipt(&of_other)] {
        let request = world.sqs.delete_message().queue_url(&queue);
        let deleted = request.receipt_handle(handle).send().await;
        let error = deleted.unwrap_err().into_service_error();
        assert!(error.is_receipt_handle_is_invalid(), "{handle}");

        let request = world.sqs.change_message_visibility().queue_url(&queue);
        let request = request.receipt_handle(handle).visibility_timeout(1);
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(error.is_receipt_handle_is_invalid(), "{handle}");
    }
    assert_eq!(world.counts(&other).await, ["0", "1", "0"]);
}

#[tokio::test]
async fn hiding_counts_from_the_call() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    world.pass(20);
    assert_eq!(world.hide(&queue, &received, 60).await, "ok");
    world.pass(59);
    assert_eq!(world.receive(&queue).await, []);
    world.pass(1);
    assert_eq!(world.receive(&queue).await.len(), 1);
}

#[tokio::test]
async fn hiding_for_no_time_gives_the_message_back() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    assert_eq!(world.hide(&queue, &received, 0).await, "ok");
    assert_eq!(receive_count(&world.receive_one(&queue).await), "2");
}

#[tokio::test]
async fn a_message_is_hidden_for_twelve_hours_of_its_receipt_in_all() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    assert_eq!(world.hide(&queue, &received, 43_200).await, "ok");
    world.pass(3600);
    for (seconds, expected) in [
        (43_201, "InvalidParameterValue"),
        (43_200, "InvalidParameterValue"),
        (39_601, "InvalidParameterValue"),
        (39_600, "ok"),
        (-1, "InvalidParameterValue"),
    ] {
        let hidden = world.hide(&queue, &received, seconds).await;
        assert_eq!(hidden, expected, "{seconds}");
    }
    world.pass(39_600);
    // The next receipt has twelve hours of its own.
    let again = world.receive_one(&queue).await;
    assert_eq!(world.hide(&queue, &again, 43_200).await, "ok");
}

#[tokio::test]
async fn hiding_what_is_visible_again_changes_nothing_and_what_is_gone_is_refused() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "x").await;
    let received = world.receive_one(&queue).await;
    world.pass(MINUTE);
    assert_eq!(world.hide(&queue, &received, 60).await, "ok");
    let again = world.receive_one(&queue).await;
    world.delete(&queue, &again).await;
    let gone = world.hide(&queue, &again, 60).await;
    assert_eq!(gone, "InvalidParameterValue");
}

#[tokio::test]
async fn a_delayed_message_is_not_there_until_it_is_due() {
    let world = World::new().await;
    let delay = [(QueueAttributeName::DelaySeconds, "10")];
    let queue = world.queue_with("queue", &delay).await;
    world.send(&queue, "the queue's delay").await;
    for (body, delay) in [("now", 0), ("later", 900)] {
        let request = world.sqs.send_message().queue_url(&queue);
        let request = request.message_body(body).delay_seconds(delay);
        request.send().await.unwrap();
    }
    assert_eq!(world.counts(&queue).await, ["1", "0", "2"]);
    assert_eq!(world.receive_one(&queue).await.body(), Some("now"));
    assert_eq!(world.counts(&queue).await, ["0", "1", "2"]);
    world.pass(10);
    let due = world.receive_one(&queue).await;
    assert_eq!(due.body(), Some("the queue's delay"));
    world.delete(&queue, &due).await;
    world.pass(889);
    assert_eq!(world.receive_one(&queue).await.body(), Some("now"));
    world.pass(1);
    assert_eq!(world.receive_one(&queue).await.body(), Some("later"));
}

#[tokio::test]
async fn a_message_is_kept_for_as_long_as_the_queue_says() {
    let world = World::new().await;
    let retention = [(QueueAttributeName::MessageRetentionPeriod, "60")];
    let queue = world.queue_with("queue", &retention).await;
    world.send(&queue, "x").await;
    world.pass(59);
    assert_eq!(world.counts(&queue).await, ["1", "0", "0"]);
    world.pass(1);
    assert_eq!(world.counts(&queue).await, ["0", "0", "0"]);
    assert_eq!(world.receive(&queue).await, []);
}

#[tokio::test]
async fn a_waiting_receiver_is_woken_by_a_send() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let request = world.sqs.receive_message().queue_url(&queue);
    let waiting = tokio::spawn(request.wait_time_seconds(20).send());
    while !world.stack.calls().contains_key("SQS.ReceiveMessage") {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    world.send(&queue, "x").await;
    let received = within_patience(waiting).await.unwrap().unwrap();
    assert_eq!(received.messages().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_waiting_receiver_gets_a_message_when_its_delay_is_over() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let request = world.sqs.send_message().queue_url(&queue).message_body("x");
    request.delay_seconds(900).send().await.unwrap();
    let request = world.sqs.receive_message().queue_url(&queue);
    let waiting = tokio::spawn(request.wait_time_seconds(20).send());
    while !world.stack.calls().contains_key("SQS.ReceiveMessage") {
        tokio::task::yield_now().await;
    }
    world.pass(900);
    let received = within_patience(waiting).await.unwrap().unwrap();
    assert_eq!(received.messages().len(), 1);
}

#[tokio::test]
async fn what_other_queues_get_does_not_shorten_a_wait() {
    let world = World::new().await;
    let wait = [(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "1")];
    let queue = world.queue_with("queue", &wait).await;
    let busy = world.queue("busy").await;
    let start = Instant::now();
    let request = world.sqs.receive_message().queue_url(&queue);
    let waiting = tokio::spawn(request.send());
    while !waiting.is_finished() && start.elapsed() < Duration::from_secs(2) {
        world.send(&busy, "x").await;
    }
    let received = within_patience(waiting).await.unwrap().unwrap();
    assert_eq!(received.messages().len(), 0);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn only_the_attributes_that_were_asked_for_are_answered() {
    let world = World::new().await;
    let time_out = [(QueueAttributeName::VisibilityTimeout, "0")];
    let queue = world.queue_with("queue", &time_out).await;
    let request = world
        .sqs
        .send_message()
        .queue_url(&queue)
        .message_body("msg");
    let request = request
        .message_attributes("General", text("Kenobi"))
        .message_attributes("Hello", text("There"))
        .message_attributes("Help.Me", text("Me"));
    request.send().await.unwrap();
    // The digests, too, are of what is answered; these are AWS's.
    let cases: [(&[&str], Option<&str>); 5] = [
        (&["All"], Some("4c360f3fdafd970e05fae2f149d997f5")),
        (&[".*"], Some("4c360f3fdafd970e05fae2f149d997f5")),
        (&["Hel.*"], Some("83fee93c1bcd8b9a5a923ffacdc636c7")),
        (
            &["General", "Hello"],
            Some("fca026605781cb4126a1e9044df24232"),
        ),
        (&[], None),
    ];
    for (names, digest) in cases {
        let request = world.sqs.receive_message().queue_url(&queue);
        let names = names.iter().map(ToString::to_string).collect();
        let received = request
            .set_message_attribute_names(Some(names))
            .send()
            .await;
        let received = received.unwrap().messages.unwrap().remove(0);
        assert_eq!(received.md5_of_message_attributes(), digest);
        assert_eq!(
            system(&received, MessageSystemAttributeName::SentTimestamp),
            None
        );
    }
}

#[tokio::test]
async fn who_has_much_in_hand_waits_for_the_others() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for _ in 0..40 {
        send_of(&world, &queue, "loud").await;
    }
    for _ in 0..2 {
        send_of(&world, &queue, "quiet").await;
    }
    world.send(&queue, "nobody's").await;
    // Nobody is noisy yet: what was sent first comes first.
    for _ in 0..3 {
        assert_eq!(
            groups(&world, &queue).await,
            vec![Some("loud".to_owned()); 10]
        );
    }
    let quiet = Some("quiet".to_owned());
    let loud = Some("loud".to_owned());
    let mut expected = vec![quiet.clone(), quiet, None];
    expected.extend(vec![loud.clone(); 7]);
    assert_eq!(groups(&world, &queue).await, expected);
    assert_eq!(groups(&world, &queue).await, vec![loud; 3]);
}

#[tokio::test]
async fn a_group_is_named_with_letters_digits_and_punctuation() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for group in ["", "two words", "gr\u{fc}n", &"g".repeat(129)] {
        let request = world.sqs.send_message().queue_url(&queue);
        let sent = request.message_body("text").message_group_id(group).send();
        let reason = format!(
            "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        assert_eq!(message(sent.await), reason);
    }
    assert!(world.receive(&queue).await.is_empty());
}

async fn send_of(world: &World, queue: &str, group: &str) {
    let request = world.sqs.send_message().queue_url(queue);
    let request = request.message_body("text").message_group_id(group);
    request.send().await.unwrap();
}

/// Whose the next messages are.
async fn groups(world: &World, queue: &str) -> Vec<Option<String>> {
    let received = world.receive(queue).await;
    let of = |message| system(message, MessageSystemAttributeName::MessageGroupId);
    received
        .iter()
        .map(|message| of(message).map(str::to_owned))
        .collect()
}
