use std::collections::BTreeSet;

use gatehouse::domain::{Delivery, EventId, EventStatus, Expression};

use crate::receiver::Receiver;
use crate::world::World;

/// How the event stands, and the error of its only delivery, with or without an attempt.
async fn outcome(world: &World, id: EventId) -> (EventStatus, Option<String>) {
    let mut event = world.event(id).await.unwrap();
    assert_eq!(event.deliveries.len(), 1);
    let delivery = event.deliveries.remove(0);
    let attempt = delivery.last_attempt.and_then(|attempt| attempt.error);
    (event.status, delivery.error.or(attempt))
}

fn error(delivery: &Delivery) -> &str {
    let of_attempt = (delivery.last_attempt.as_ref()).and_then(|it| it.error.as_deref());
    delivery.error.as_deref().or(of_attempt).unwrap()
}

fn failed(error: &str) -> (EventStatus, Option<String>) {
    (EventStatus::Failed, Some(error.to_owned()))
}

#[tokio::test]
async fn an_event_on_which_a_filter_fails_is_seen_and_can_be_replayed() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let set = |filter: &str| Some(filter.parse::<Expression>().unwrap());
    let destination = world
        .destination(&receiver.url, |it| it.filter = set("length(amount) > `1`"))
        .await;
    let id = world.accept(Some("1"), r#"{"amount": 42}"#).await;
    world.settle().await;
    assert_eq!(outcome(&world, id).await, failed("filter_failed"));

    for (filter, expected) in [
        ("abs(amounts) > `1`", failed("filter_failed")),
        ("amount > `100`", failed("not_wanted")),
        ("amount > `200`", failed("not_wanted")),
        ("amount > `10`", (EventStatus::Delivered, None)),
    ] {
        world
            .change(destination, |it| it.filter = set(filter))
            .await;
        world.replay(id).await;
        world.settle().await;
        assert_eq!(outcome(&world, id).await, expected, "{filter}");
    }
    assert_eq!(receiver.received().len(), 1);
}

/// They are JSON, and what is on the way to a destination may be more than a function can hold or read.
#[tokio::test]
async fn an_event_that_cannot_be_read_is_seen_and_costs_no_more_than_others() {
    let world = World::new().await;
    let (filtered, transformed) = (Receiver::start().await, Receiver::start().await);
    world
        .destination(&filtered.url, |it| it.filter = Some("a".parse().unwrap()))
        .await;
    world
        .destination(&transformed.url, |it| {
            it.transform = Some("a".parse().unwrap());
        })
        .await;
    let dense = format!("[{}0]", r#"{"":0},"#.repeat(400_000));
    for body in [r#"{"a":"\ud83d"}"#, dense.as_str()] {
        let id = world.accept(None, body).await;
        world.settle().await;
        let event = world.event(id).await.unwrap();
        assert_eq!(event.status, EventStatus::Failed);
        let errors: BTreeSet<_> = event.deliveries.iter().map(error).collect();
        assert_eq!(errors, ["filter_failed", "transform_failed"].into());
    }
    assert_eq!(filtered.received().len() + transformed.received().len(), 0);
}

#[tokio::test]
async fn a_filter_that_fails_does_not_touch_other_destinations() {
    let world = World::new().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    world.destination(&good.url, |_| {}).await;
    world
        .destination(&bad.url, |it| it.filter = Some("abs(a)".parse().unwrap()))
        .await;
    world.accept(Some("1"), r#"{"a": "b"}"#).await;
    world.settle().await;
    assert_eq!((good.received().len(), bad.received().len()), (1, 0));
}

#[tokio::test]
async fn a_filter_that_is_not_accepted_any_more_fails() {
    let receiver = Receiver::start().await;
    for text in [
        "!".repeat(1_000),
        ["[@,@]"; 22].join("|"),
        "nope(@)".to_owned(),
    ] {
        let world = World::new().await;
        world
            .destination(&receiver.url, |it| {
                it.filter = Some(Expression::stored(text))
            })
            .await;
        let id = world.accept(Some("1"), r#"{"amount": 42}"#).await;
        world.settle().await;
        assert_eq!(outcome(&world, id).await, failed("filter_failed"));
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_transform_without_a_fitting_result_fails_the_delivery() {
    let doubled = ["[@, @]"; 5].join(" | ");
    let large = format!(r#"{{"a": "{}"}}"#, "x".repeat(300_000));
    for (transform, body, error) in [
        ("abs(a)", r#"{"a": "b"}"#, "transform_failed"),
        (
            "join(to_string(@), [a, a, a, a])",
            r#"{"a": 1}"#,
            "transform_failed",
        ),
        (doubled.as_str(), large.as_str(), "transform_too_large"),
    ] {
        let world = World::new().await;
        let receiver = Receiver::start().await;
        world
            .destination(&receiver.url, |it| {
                it.transform = Some(transform.parse().unwrap())
            })
            .await;
        let id = world.accept(Some("1"), body).await;
        world.settle().await;
        assert_eq!(outcome(&world, id).await, failed(error), "{transform}");
        assert!(receiver.received().is_empty());
    }
}
