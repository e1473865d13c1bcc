use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};

use crate::world::{World, code, receipt};

fn deletion(id: &str, handle: &str) -> DeleteMessageBatchRequestEntry {
    let builder = DeleteMessageBatchRequestEntry::builder();
    builder.id(id).receipt_handle(handle).build().unwrap()
}

fn hiding(id: &str, handle: &str, seconds: i32) -> ChangeMessageVisibilityBatchRequestEntry {
    let builder = ChangeMessageVisibilityBatchRequestEntry::builder();
    let builder = builder.id(id).receipt_handle(handle);
    builder.visibility_timeout(seconds).build().unwrap()
}

#[tokio::test]
async fn in_a_batch_of_deletions_what_is_invalid_fails_alone() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    world.send(&queue, "a").await;
    world.send(&queue, "b").await;
    let received = world.receive(&queue).await;
    let request = world.sqs.delete_message_batch().queue_url(&queue);
    let request = request
        .entries(deletion("first", receipt(&received[0])))
        .entries(deletion("bad", "garbage"))
        .entries(deletion("second", receipt(&received[1])));
    let answer = request.send().await.unwrap();
    let successful: Vec<_> = answer.successful().iter().map(|e| e.id()).collect();
    assert_eq!(successful, ["first", "second"]);
    let failed: Vec<_> = answer.failed().iter().map(|e| (e.id(), e.code())).collect();
    assert_eq!(failed, [("bad", "ReceiptHandleIsInvalid")]);
    assert_eq!(world.counts(&queue).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn in_a_batch_of_visibilities_what_is_invalid_fails_alone() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for body in ["a", "b", "c"] {
        world.send(&queue, body).await;
    }
    let received = world.receive(&queue).await;
    let request = world
        .sqs
        .change_message_visibility_batch()
        .queue_url(&queue);
    let request = request
        .entries(hiding("back", receipt(&received[0]), 0))
        .entries(hiding("far", receipt(&received[1]), 43_201))
        .entries(hiding("longer", receipt(&received[2]), 600));
    let answer = request.send().await.unwrap();
    let failed: Vec<_> = answer.failed().iter().map(|e| (e.id(), e.code())).collect();
    assert_eq!(failed, [("far", "InvalidParameterValue")]);
    assert_eq!(answer.successful().len(), 2);
    assert_eq!(world.counts(&queue).await, ["1", "2", "0"]);
    world.pass(30);
    assert_eq!(world.counts(&queue).await, ["2", "1", "0"]);
}

#[tokio::test]
async fn batches_of_receipts_have_the_limits_of_other_batches() {
    let world = World::new().await;
    let queue = world.queue("queue").await;
    for (ids, expected) in [
        (vec![], "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            (0..11).map(|id| id.to_string()).collect(),
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            vec!["a".to_owned(), "a".to_owned()],
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            vec!["a b".to_owned()],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
    ] {
        let entries = ids.iter().map(|id| deletion(id, "x")).collect();
        let request = world.sqs.delete_message_batch().queue_url(&queue);
        let deleted = request.set_entries(Some(entries)).send().await;
        assert_eq!(code(deleted), expected);

        let entries = ids.iter().map(|id| hiding(id, "x", 1)).collect();
        let request = world.sqs.change_message_visibility_batch();
        let request = request.queue_url(&queue).set_entries(Some(entries));
        assert_eq!(code(request.send().await), expected);
    }
}
