use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::world::{World, code, message, text, typed};

const MEBIBYTE: usize = 1_048_576;
/// Of an attribute `a` of type `Number.int` and one `b` of type `Binary`.
const MIXED_DIGEST: &str = "61e89caab547e0e23b9b76a09be032a9";

fn sending(world: &World, queue: &str, body: &str) -> SendMessageFluentBuilder {
    let request = world.sqs.send_message();
    request.queue_url(queue).message_body(body)
}

#[tokio::test]
async fn a_message_of_one_mebibyte_is_taken_and_one_byte_more_is_not() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let most = "x".repeat(MEBIBYTE);
    assert_eq!(code(sending(&world, &queue, &most).send().await), "ok");
    let more = sending(&world, &queue, &format!("{most}x")).send().await;
    assert_eq!(
        message(more),
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
    );
}

#[tokio::test]
async fn bytes_are_counted_and_not_characters() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let half = "é".repeat(MEBIBYTE / 2);
    assert_eq!(code(sending(&world, &queue, &half).send().await), "ok");
    let more = sending(&world, &queue, &format!("{half}é")).send().await;
    assert_eq!(code(more), "InvalidParameterValue");
}

#[tokio::test]
async fn attributes_names_types_and_values_count_towards_the_size() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    // `name`, `String` and `value` are 15 bytes.
    let body = "x".repeat(MEBIBYTE - 15);
    let fits = sending(&world, &queue, &body).message_attributes("name", text("value"));
    assert_eq!(code(fits.send().await), "ok");
    let larger = sending(&world, &queue, &body).message_attributes("name", text("value1"));
    assert_eq!(code(larger.send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn a_queue_may_allow_less() {
    let world = World::new().await;
    let limit = [(QueueAttributeName::MaximumMessageSize, "1024")];
    let queue = world.queue_with("queue", &limit).await;
    let most = "x".repeat(1024);
    assert_eq!(code(sending(&world, &queue, &most).send().await), "ok");
    let more = sending(&world, &queue, &format!("{most}x")).send().await;
    assert_eq!(code(more), "InvalidParameterValue");
}

#[tokio::test]
async fn an_empty_message_and_characters_outside_of_xml_are_refused() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let empty = sending(&world, &queue, "").send().await;
    assert_eq!(code(empty), "MissingParameter");
    for body in ["a\u{0}b", "a\u{1f}b", "a\u{b}b", "a\u{ffff}b"] {
        let sent = sending(&world, &queue, body).send().await;
        let error = sent.unwrap_err().into_service_error();
        assert!(error.is_invalid_message_contents(), "{body:?}");
    }
    let allowed = sending(&world, &queue, "\t\n\r \u{d7ff}\u{e000}\u{10000}");
    assert_eq!(code(allowed.send().await), "ok");
}

#[tokio::test]
async fn a_delay_is_from_nothing_to_fifteen_minutes() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for (delay, expected) in [
        (-1, "InvalidParameterValue"),
        (0, "ok"),
        (900, "ok"),
        (901, "InvalidParameterValue"),
    ] {
        let sent = sending(&world, &queue, "x").delay_seconds(delay).send();
        assert_eq!(code(sent.await), expected, "{delay}");
    }
}

#[tokio::test]
async fn attributes_names_are_checked() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let longest = "n".repeat(255);
    let too_long = "n".repeat(256);
    for (name, expected) in [
        ("a-b_c.D9", "ok"),
        (&longest, "ok"),
        (&too_long, "InvalidParameterValue"),
        ("a b", "InvalidParameterValue"),
        ("a/b", "InvalidParameterValue"),
        (".a", "InvalidParameterValue"),
        ("a.", "InvalidParameterValue"),
        ("a..b", "InvalidParameterValue"),
        ("AWS.trace", "InvalidParameterValue"),
        ("amazon.Trace", "InvalidParameterValue"),
        ("awsome", "ok"),
    ] {
        let request = sending(&world, &queue, "x").message_attributes(name, text("v"));
        assert_eq!(code(request.send().await), expected, "{name}");
    }
}

#[tokio::test]
async fn attributes_types_and_values_are_checked() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for (data_type, value, expected) in [
        ("String", "v", "ok"),
        ("String.custom", "v", "ok"),
        ("Number", "-12.5e3", "ok"),
        ("Number.int", "42", "ok"),
        ("Number", "forty-two", "InvalidParameterValue"),
        ("Number", "nan", "InvalidParameterValue"),
        ("String", "", "InvalidParameterValue"),
        ("String", "a\u{1}b", "InvalidParameterValue"),
        ("Text", "v", "InvalidParameterValue"),
        ("Binary", "text in a binary", "InvalidParameterValue"),
        (
            &format!("String.{}", "t".repeat(249)),
            "v",
            "InvalidParameterValue",
        ),
    ] {
        let request = sending(&world, &queue, "x");
        let request = request.message_attributes("a", typed(data_type, value));
        assert_eq!(code(request.send().await), expected, "{data_type} {value}");
    }
    let empty = binary(&[]);
    let request = sending(&world, &queue, "x").message_attributes("a", empty);
    assert_eq!(code(request.send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn a_message_has_at_most_ten_attributes() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for (count, expected) in [(10, "ok"), (11, "InvalidParameterValue")] {
        let mut request = sending(&world, &queue, "x");
        for number in 0..count {
            request = request.message_attributes(format!("a{number}"), text("v"));
        }
        assert_eq!(code(request.send().await), expected, "{count}");
    }
}

#[tokio::test]
async fn only_the_trace_header_is_taken_as_a_system_attribute() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5759e988-bd862e3fe1be46a994272793")
        .build()
        .unwrap();
    for (name, expected) in [
        (MessageSystemAttributeNameForSends::AwsTraceHeader, "ok"),
        ("SenderId".into(), "InvalidParameterValue"),
    ] {
        let request = sending(&world, &queue, "x");
        let request = request.message_system_attributes(name, value.clone());
        assert_eq!(code(request.send().await), expected);
    }
}

/// The digests of the first two are what AWS answered; the third's is computed by the rule that
/// AWS publishes, apart from the code under test.
#[tokio::test]
async fn digests_are_those_of_aws() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let plain = sending(&world, &queue, "message-2").send().await.unwrap();
    let digest = "95ef155b66299d14edf7ed57c468c13b";
    assert_eq!(plain.md5_of_message_body(), Some(digest));
    assert_eq!(plain.md5_of_message_attributes(), None);

    let request = sending(&world, &queue, "message-1");
    let request = request.message_attributes("MyAttribute", text("foobar"));
    let sent = request.send().await.unwrap();
    let digest = "3d6b824fd8c1520e9a047d21fee6fb1f";
    assert_eq!(sent.md5_of_message_body(), Some(digest));
    let digest = "adb59cd4678ea5a855436b949cd07ab6";
    assert_eq!(sent.md5_of_message_attributes(), Some(digest));

    let request = sending(&world, &queue, "x")
        .message_attributes("b", binary(&[0, 1, 255]))
        .message_attributes("a", typed("Number.int", "42"));
    let sent = request.send().await.unwrap();
    assert_eq!(sent.md5_of_message_attributes(), Some(MIXED_DIGEST));

    let received = world.receive(&queue).await;
    let digests: Vec<_> = received
        .iter()
        .map(|m| m.md5_of_message_attributes())
        .collect();
    let expected = [None, Some(digest), Some(MIXED_DIGEST)];
    assert_eq!(digests, expected);
}

fn binary(bytes: &[u8]) -> MessageAttributeValue {
    let builder = MessageAttributeValue::builder().data_type("Binary");
    builder.binary_value(Blob::new(bytes)).build().unwrap()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let builder = SendMessageBatchRequestEntry::builder();
    builder.id(id).message_body(body).build().unwrap()
}

#[tokio::test]
async fn a_batch_has_one_to_ten_entries_whose_ids_are_well_formed_and_differ() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let ids = |count| (0..count).map(|id| format!("id-{id}")).collect();
    let cases: [(Vec<String>, &str); 8] = [
        (ids(10), "ok"),
        (ids(0), "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            ids(11),
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            vec!["same".into(), "same".into()],
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            vec!["".into()],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        (
            vec!["a:b".into()],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        (
            vec!["i".repeat(81)],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        (vec!["i".repeat(80)], "ok"),
    ];
    for (ids, expected) in cases {
        let entries = ids.iter().map(|id| entry(id, "x")).collect();
        let request = world.sqs.send_message_batch().queue_url(&queue);
        let sent = request.set_entries(Some(entries)).send().await;
        assert_eq!(code(sent), expected, "{ids:?}");
    }
    assert_eq!(world.counts(&queue).await, ["11", "0", "0"]);
}

#[tokio::test]
async fn a_batch_weighs_at_most_one_mebibyte_in_all() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for (last, fits) in [(MEBIBYTE / 2, true), (MEBIBYTE / 2 + 1, false)] {
        let request = world.sqs.send_message_batch().queue_url(&queue);
        let request = request.entries(entry("a", &"x".repeat(MEBIBYTE / 2)));
        let sent = request.entries(entry("b", &"x".repeat(last))).send().await;
        match sent {
            Ok(sent) => assert!(fits && sent.successful().len() == 2),
            Err(error) => {
                let error = error.into_service_error();
                assert!(!fits && error.is_batch_request_too_long());
            }
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_not_valid_fails_alone() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    let of = |id: &str| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body("x")
    };
    let entries = [
        entry("good", "x"),
        of("late").delay_seconds(901).build().unwrap(),
        of("attribute")
            .message_attributes("a b", text("v"))
            .build()
            .unwrap(),
        entry("character", "\u{0}"),
    ];
    let request = world.sqs.send_message_batch().queue_url(&queue);
    let sent = request
        .set_entries(Some(entries.into()))
        .send()
        .await
        .unwrap();
    let successful: Vec<_> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(successful, ["good"]);
    let failed: Vec<_> = sent
        .failed()
        .iter()
        .map(|f| (f.id(), f.code(), f.sender_fault()))
        .collect();
    let expected = [
        ("late", "InvalidParameterValue", true),
        ("attribute", "InvalidParameterValue", true),
        ("character", "InvalidMessageContents", true),
    ];
    assert_eq!(failed, expected);
    assert_eq!(world.counts(&queue).await, ["1", "0", "0"]);
}
