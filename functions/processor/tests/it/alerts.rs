//! What tells of alerts goes to the destination that it is for, and to no other.

use gatehouse::domain::EventStatus;
use serde_json::json;

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn an_alert_is_delivered_once_and_signed_to_the_one_that_it_is_for_as_it_is() {
    let world = World::new().await;
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    // It has said what it wants of the provider: alerts are none of that.
    let destination = world
        .destination(&one.url, |destination| {
            destination.events = vec!["invoice.*".parse().unwrap()];
            destination.filter = Some("`false`".parse().unwrap());
            destination.transform = Some("nothing".parse().unwrap());
        })
        .await;
    world
        .destination(&other.url, |destination| {
            destination.events = vec!["*".parse().unwrap(), "alert.*".parse().unwrap()];
        })
        .await;
    let body = json!({"type": "alert.firing", "alerts": []}).to_string();
    for _ in 0..2 {
        let id = world.alert(destination, "alert.firing/d", &body).await;
        world.settle().await;
        if let Some(event) = world.event(id).await {
            assert_eq!(event.status, EventStatus::Delivered);
            assert_eq!(event.deliveries.len(), 1);
        }
    }
    let received = one.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, body);
    assert_eq!(received[0].header("gatehouse-event-type"), "alert.firing");
    assert!(received[0].header("webhook-signature").starts_with("v1,"));
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn an_event_of_the_provider_that_is_called_like_an_alert_goes_where_all_events_go() {
    let world = World::new().await;
    let all = Receiver::start().await;
    world.destination(&all.url, |_| {}).await;
    world.accept_as(("none", "alert.firing"), "1", "{}").await;
    world.settle().await;
    assert_eq!(all.received().len(), 1);
}
