use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::queue::{Message, OpenError, Unreadable};
use gatehouse::vault::SealContext;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::samples::{World, with_body, with_field};

#[tokio::test]
async fn an_event_cannot_be_passed_off_as_another() {
    let world = World::new().await;
    let message = world.sent(&world.event("{}")).await;
    let (other, keyless) = (world.account.id(), world.account.id());
    let _: [gatehouse::domain::OrganizationId; 2] = [other, keyless];
    world.keys.ensure(other).await.unwrap();
    let another = world.event("{}");
    let cases = [
        ("organization", other.to_string(), Unreadable::Tampered),
        ("organization", keyless.to_string(), Unreadable::NoKey),
        (
            "endpoint",
            another.endpoint_id.to_string(),
            Unreadable::Tampered,
        ),
        ("event", another.id.to_string(), Unreadable::Tampered),
    ];
    for (field, value, flaw) in cases {
        let forged = with_field(&message, field, value.into());
        assert_eq!(world.flaw(&forged).await, flaw, "{field}");
    }
}

#[tokio::test]
async fn two_messages_that_have_swapped_their_contents_are_tampered_with() {
    let world = World::new().await;
    let first = world.sent(&world.event("1")).await;
    let second = world.sent(&world.event("2")).await;
    let body: Value = serde_json::from_str(second.body.as_deref().unwrap()).unwrap();
    let swapped = with_field(&first, "sealed", body["sealed"].clone());
    assert_eq!(world.flaw(&swapped).await, Unreadable::Tampered);
}

#[tokio::test]
async fn a_changed_byte_of_the_seal_is_noticed() {
    let world = World::new().await;
    let message = world.sent(&world.event("{}")).await;
    let body: Value = serde_json::from_str(message.body.as_deref().unwrap()).unwrap();
    let sealed = STANDARD.decode(body["sealed"].as_str().unwrap()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let forged = with_field(&message, "sealed", STANDARD.encode(changed).into());
        // Bytes 1 and 2 are the number of the key.
        let expected = match at {
            1 | 2 => Unreadable::NoKey,
            _ => Unreadable::Tampered,
        };
        assert_eq!(world.flaw(&forged).await, expected, "byte {at}");
    }
    for length in [0, 1, 3, 15, sealed.len() - 1] {
        let cut = STANDARD.encode(&sealed[..length]);
        let forged = with_field(&message, "sealed", cut.into());
        let flaw = world.flaw(&forged).await;
        assert_eq!(flaw, Unreadable::Tampered, "{length} bytes");
    }
}

#[tokio::test]
async fn what_the_key_sealed_for_another_purpose_is_tampered_with() {
    let world = World::new().await;
    let event = world.event("{}");
    let message = world.sent(&event).await;
    let context = SealContext::EventPayload {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let sealed = world.keys.seal(world.organization, &context, b"{}").await;
    let sealed = STANDARD.encode(sealed.unwrap().as_bytes());
    let forged = with_field(&message, "sealed", sealed.into());
    assert_eq!(world.flaw(&forged).await, Unreadable::Tampered);
}

#[tokio::test]
async fn what_would_open_to_too_much_is_malformed() {
    let world = World::new().await;
    let event = world.event("{}");
    let message = world.sent(&event).await;
    let context = SealContext::QueuedEvent {
        endpoint: event.endpoint_id,
        event: event.id,
    };
    let bomb = zstd::bulk::compress(&vec![0; 32 * 1024 * 1024], 3).unwrap();
    for content in [&bomb[..], b"no zstd", b""] {
        let sealed = world.keys.seal(world.organization, &context, content);
        let sealed = STANDARD.encode(sealed.await.unwrap().as_bytes());
        let forged = with_field(&message, "sealed", sealed.into());
        assert_eq!(world.flaw(&forged).await, Unreadable::Malformed);
    }
}

#[tokio::test]
async fn unknown_versions_and_kinds_are_told_from_what_is_no_message() {
    let world = World::new().await;
    let message = world.sent(&world.event("{}")).await;
    for (field, value, flaw) in [
        ("v", json!(2), Unreadable::UnknownVersion),
        ("v", json!(0), Unreadable::UnknownVersion),
        ("v", json!(300), Unreadable::UnknownVersion),
        ("v", json!("1"), Unreadable::Malformed),
        ("kind", json!("sync"), Unreadable::UnknownVersion),
        ("kind", json!("delivery"), Unreadable::Malformed),
        ("kind", json!(1), Unreadable::Malformed),
        ("organization", json!("org_1"), Unreadable::Malformed),
        ("sealed", json!("=!"), Unreadable::Malformed),
        ("sealed", json!(null), Unreadable::Malformed),
    ] {
        let forged = with_field(&message, field, value.clone());
        assert_eq!(world.flaw(&forged).await, flaw, "{field}: {value}");
    }
    for body in ["", "{}", "[]", "no JSON", "{\"v\":1}", "null"] {
        let forged = with_body(&message, body);
        assert_eq!(world.flaw(&forged).await, Unreadable::Malformed, "{body}");
    }
    let mut bodiless = message;
    bodiless.body = None;
    assert_eq!(world.flaw(&bodiless).await, Unreadable::Malformed);
}

/// In place of a fuzzer: a message that was right once, with other characters somewhere.
#[tokio::test]
async fn no_change_of_a_message_opens_to_another_event() {
    let world = World::new().await;
    let event = world.event(r#"{"id": "evt_1"}"#);
    let message = world.sent(&event).await;
    let text = message.body.as_deref().unwrap();
    let mut runner = TestRunner::deterministic();
    let change = (any::<Index>(), 0_usize..4, "[ -~é\u{0}]{0,4}");
    let mut refused = 0;
    for _ in 0..1000 {
        let (at, cut, new) = change.new_tree(&mut runner).unwrap().current();
        let start = at.index(text.len() + 1);
        let end = (start + cut).min(text.len());
        let (before, rest) = text.split_at(start);
        let changed = format!("{before}{new}{}", rest.split_at(end - start).1);
        match world.queue.open(&with_body(&message, &changed)).await {
            Err(OpenError::Unreadable(_)) => refused += 1,
            Ok(Message::Event(opened, _)) => {
                assert_eq!(format!("{opened:?}"), format!("{event:?}"), "{changed}");
            }
            other => panic!("{changed}: {other:?}"),
        }
    }
    assert!(refused > 900, "{refused}");
}
