use std::slice;
use std::time::Duration;

use bytes::Bytes;
use gatehouse::queue::{OpenError, QueueError, Unreadable};
use gatehouse::vault::VaultError;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::samples::{World, trace};

#[tokio::test]
async fn an_event_arrives_as_it_was_sent_at_the_price_of_one_call() {
    let world = World::new().await;
    let event = world.event(&b"{\"id\":1}\n \xff\0"[..]);
    world.queue.send_event(&event, trace()).await.unwrap();
    assert_eq!(world.account.wire.operations(), ["SendMessage"]);
    let message = world.account.take().await;
    assert_eq!(world.opened(&message).await, (event, trace()));
}

#[tokio::test]
async fn a_message_says_whose_it_is_so_that_nobody_waits_for_somebody_else() {
    let world = World::new().await;
    let group = world.organization.to_string();
    let event = (world.event("{}"), trace());
    world
        .queue
        .send_events(slice::from_ref(&event))
        .await
        .unwrap();
    let pair = [event.clone(), event];
    world.queue.send_events(&pair).await.unwrap();
    let said = world.account.wire.said();
    assert_eq!(said[0].1["MessageGroupId"], group);
    assert_eq!(said[1].1["Entries"][0]["MessageGroupId"], group);
    assert_eq!(said[1].1["Entries"][1]["MessageGroupId"], group);
}

/// Runs `test` for cases of `strategy`. Each sends a message, so there are not many.
fn check<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new(Config::with_cases(48));
    runner.run(strategy, test).unwrap();
}

#[test]
fn any_body_with_any_texts_arrives_as_it_was_sent() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let text = || proptest::option::of(any::<String>());
    let body = proptest::collection::vec(any::<u8>(), 0..5_000);
    let strategy = (body, any::<String>(), text(), text(), text());
    check(&strategy, |(body, scheme, id, event_type, content_type)| {
        let mut event = world.event(body);
        event.scheme = scheme;
        event.provider_event_id = id;
        event.event_type = event_type;
        event.content_type = content_type;
        event.verified_with = event.content_type.is_some().then(|| world.account.id());
        let (arrived, _) = runtime.block_on(async {
            let message = world.sent(&event).await;
            world.opened(&message).await
        });
        prop_assert_eq!(arrived, event);
        Ok(())
    });
}

#[tokio::test]
async fn only_ids_can_be_read_on_the_way() {
    let world = World::new().await;
    let mut event = world.event(&b"planted-secret, and some more text of the body"[..]);
    event.event_type = Some("planted-type".to_owned());
    event.provider_event_id = Some("planted-id".to_owned());
    event.content_type = Some("planted/media".to_owned());
    let message = world.sent(&event).await;
    let (_, request) = world.account.wire.said().remove(0);
    for text in [request.to_string(), message.body.clone().unwrap()] {
        assert!(text.contains(&event.id.to_string()));
        assert!(!text.contains("planted"), "{text}");
    }
    let (opened, _) = world.opened(&message).await;
    for text in [format!("{event:?}"), format!("{opened:#?}")] {
        assert!(!text.contains("planted"), "{text}");
    }
}

#[tokio::test]
async fn a_message_without_a_trace_starts_one() {
    let world = World::new().await;
    let mut message = world.sent(&world.event("{}")).await;
    message.message_attributes.clear();
    let (_, first) = world.opened(&message).await;
    let (_, second) = world.opened(&message).await;
    assert_ne!(first.trace_id(), second.trace_id());
}

#[tokio::test]
async fn an_event_is_opened_for_twenty_eight_days_and_not_before_it_was_received() {
    let world = World::new().await;
    let event = world.event("{}");
    let message = world.sent(&event).await;
    let day = Duration::from_secs(86_400);
    world.account.clock.advance(28 * day);
    world.opened(&message).await;
    world.account.clock.advance(Duration::from_millis(1));
    assert_eq!(world.flaw(&message).await, Unreadable::Age);
    let mut early = world.event("{}");
    early.received_at = early.received_at.plus(Duration::from_secs(300));
    let message = world.sent(&early).await;
    world.opened(&message).await;
    early.received_at = early.received_at.plus(Duration::from_millis(1));
    let message = world.sent(&early).await;
    assert_eq!(world.flaw(&message).await, Unreadable::Age);
}

#[tokio::test]
async fn where_a_key_cannot_be_had_now_the_message_is_to_come_again() {
    let world = World::new().await;
    let message = world.sent(&world.event("{}")).await;
    let restarted = world.account.queue(&world.account.data_keys());
    for (status, code) in [
        (400, "ThrottlingException"),
        (500, "InternalFailure"),
        (400, "AccessDeniedException"),
    ] {
        world.account.wire.fail(9, status, code);
        let opened = restarted.open(&message).await;
        assert!(matches!(opened, Err(OpenError::Unavailable(_))), "{code}");
        world.account.wire.heal();
    }
    restarted.open(&message).await.unwrap();
}

#[tokio::test]
async fn without_a_data_key_nothing_is_sent() {
    let world = World::new().await;
    let mut event = world.event(Bytes::new());
    event.organization_id = world.account.id();
    let sent = world.queue.send_event(&event, trace()).await;
    assert!(matches!(sent, Err(QueueError::Seal(VaultError::NoKey))));
    assert_eq!(world.account.wire.operations(), ["GetItem"]);
}

#[tokio::test]
async fn what_sqs_says_is_told_apart_by_whether_to_try_again() {
    let world = World::new().await;
    let event = world.event("{}");
    for (status, code, retryable) in [
        (500, "InternalFailure", true),
        (503, "", true),
        (500, "SomethingNew", true),
        (403, "RequestThrottled", true),
        (400, "KMS.ThrottlingException", true),
        (400, "AccessDeniedException", false),
        (400, "QueueDoesNotExist", false),
        (400, "KMS.DisabledException", false),
    ] {
        world.account.wire.fail(9, status, code);
        let sent = world.queue.send_event(&event, trace()).await;
        let error = sent.unwrap_err();
        world.account.wire.heal();
        assert_eq!(error.is_retryable(), retryable, "{code}");
        let throttled = matches!(error, QueueError::Throttled(_));
        assert_eq!(throttled, retryable && status < 500, "{code}");
    }
}
