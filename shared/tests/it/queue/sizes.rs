use bytes::Bytes;
use gatehouse::domain;
use gatehouse::queue::QueueError;

use super::samples::{World, trace};

const LIMIT: usize = 1_048_576;

/// Bytes that do not get smaller.
fn noise(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes.into()
}

/// What SQS counts of a message that bears a trace.
fn weight(body: &str) -> usize {
    body.len() + "traceparent".len() + "String".len() + trace().to_string().len()
}

/// The longest part of `noise` that fits a message.
async fn longest_that_fits(world: &World, noise: &Bytes) -> usize {
    let (mut fits, mut too_large) = (0, noise.len());
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        let event = world.event(noise.slice(..middle));
        match world.queue.send_event(&event, trace()).await {
            Ok(()) => fits = middle,
            Err(QueueError::TooLarge { limit_bytes }) => {
                assert_eq!(limit_bytes, LIMIT as u64);
                too_large = middle;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    fits
}

#[tokio::test]
async fn a_message_is_filled_to_the_last_byte_and_then_refused_before_it_is_sent() {
    let world = World::new().await;
    let noise = noise(800_000);
    let length = longest_that_fits(&world, &noise).await;
    let said = world.account.wire.said();
    let weights = said.iter().map(|(_, request)| {
        let body = request["MessageBody"].as_str().unwrap();
        weight(body)
    });
    let heaviest = weights.max().unwrap();
    // Base64 goes in steps of four.
    assert!((LIMIT - 3..=LIMIT).contains(&heaviest), "{heaviest}");
    let event = world.event(noise.slice(..=length));
    let sent = world.queue.send_event(&event, trace()).await;
    assert!(world.account.wire.operations().is_empty());
    let error = domain::Error::from(sent.unwrap_err());
    assert!(
        matches!(error, domain::Error::EventTooLarge { limit_bytes } if limit_bytes == LIMIT as u64)
    );
}

#[tokio::test]
async fn what_gets_small_enough_is_sent_as_long_as_it_can_be_opened_again() {
    let world = World::new().await;
    let event = world.event(vec![b' '; 6 * 1024 * 1024]);
    let message = world.sent(&event).await;
    assert_eq!(world.opened(&message).await.0.body.len(), event.body.len());
    world.account.wire.said();
    let event = world.event(vec![b' '; 7 * 1024 * 1024]);
    let sent = world.queue.send_event(&event, trace()).await;
    assert!(matches!(sent, Err(QueueError::BodyTooLarge { .. })));
    assert!(world.account.wire.operations().is_empty());
}

#[tokio::test]
async fn the_largest_message_can_be_buried() {
    let world = World::new().await;
    let noise = noise(800_000);
    let length = longest_that_fits(&world, &noise).await;
    while let Some(message) = world.account.receive(&world.account.queue_url).await {
        let body = message.body.as_deref().unwrap();
        world.queue.bury(&message, "unknown_version").await.unwrap();
        let buried = world.account.receive(&world.account.dead_letter_url).await;
        let buried = buried.unwrap();
        assert_eq!(buried.body.as_deref(), Some(body));
        let reason = buried.message_attributes["reason"].string_value.as_deref();
        assert_eq!(reason, Some("unknown_version"));
        if weight(body) > LIMIT - 4 {
            assert!(length > 0);
            return;
        }
    }
    panic!("the largest message was not found");
}
