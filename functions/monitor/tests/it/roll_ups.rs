use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse::domain::health::{RollUp, Width};
use gatehouse::domain::{RequestRecord, Timestamp};
use gatehouse::flows::health::measured;
use serde_json::json;

use super::world::{MINUTE, World};

const ENDPOINT: &str = "whk_01K72Z5QSW0123456789ABCDEF";

/// What the roll-ups of a width have to say of these calls.
fn expected(calls: &[RequestRecord], width: Width) -> BTreeMap<Timestamp, RollUp> {
    let mut expected = BTreeMap::new();
    for call in calls {
        let start = width.start_of(call.started_at);
        expected
            .entry(start)
            .or_insert_with(|| RollUp::new(width, start))
            .requests
            .add(call);
    }
    expected
}

#[tokio::test]
async fn what_happened_is_rolled_up_by_minutes_five_minutes_and_hours() {
    let world = World::new(1).await;
    let (busy, quiet) = (
        world.integration(json!({})).await,
        world.integration(json!({"status": "inactive"})).await,
    );
    let mut calls = Vec::new();
    for minute in 0..70 {
        for _ in 0..minute % 4 {
            world.pass(Duration::from_secs(7));
            let fields = match minute % 3 {
                0 => json!({"status": "failed", "responseStatus": 503, "error": "network"}),
                _ => json!({}),
            };
            calls.push(world.call(busy, fields).await);
        }
        world.pass(MINUTE - Duration::from_secs(7) * (minute % 4));
        world.run().await;
    }
    world.pass(Duration::from_secs(2 * 60 * 60));
    world.run_for(3).await;
    for width in Width::ALL {
        let mut found = world.roll_ups(busy, width).await;
        // Its checks call the provider as well.
        for roll_up in found.values_mut() {
            let checks = roll_up.requests.total - expected_total(&calls, width, roll_up.start);
            assert!(checks <= 2, "{checks}");
        }
        found.retain(|start, _| expected_total(&calls, width, *start) > 0);
        let expected = expected(&calls, width);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (start, roll_up) in found {
            let wanted = &expected[&start].requests;
            assert_eq!(roll_up.requests.failed, wanted.failed, "{start}");
            assert_eq!(roll_up.requests.errors, wanted.errors, "{start}");
            assert_eq!(roll_up.requests.last_error, wanted.last_error, "{start}");
        }
        assert_eq!(world.roll_ups(quiet, width).await, BTreeMap::new());
    }
}

fn expected_total(calls: &[RequestRecord], width: Width, start: Timestamp) -> u64 {
    let of = |call: &&RequestRecord| width.start_of(call.started_at) == start;
    calls.iter().filter(of).count() as u64
}

#[tokio::test]
async fn the_numbers_are_those_of_the_log_exactly() {
    let world = World::new(2).await;
    let integration = world.integration(json!({"status": "inactive"})).await;
    let mut calls = Vec::new();
    for second in 0..100 {
        world.pass(Duration::from_secs(5));
        let fields = match second % 10 {
            0 => json!({"status": "failed", "attempts": 0, "error": "rate_limited"}),
            1 => json!({"status": "started", "durationMs": null}),
            2 => json!({"cache": "hit", "attempts": 0}),
            _ => json!({}),
        };
        calls.push(world.call(integration, fields).await);
    }
    world.pass(Duration::from_secs(80 * 60));
    world.run_for(2).await;
    for width in Width::ALL {
        let found = world.roll_ups(integration, width).await;
        assert_eq!(found, expected(&calls, width), "{width:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_stored_late_is_counted_in_its_hour() {
    let world = World::new(3).await;
    let integration = world.integration(json!({"status": "inactive"})).await;
    world.event(integration, ENDPOINT, Duration::ZERO).await;
    world.run_for(20).await;
    world.pass(Duration::from_secs(70 * 60));
    world.run_for(2).await;
    let received = |roll_ups: BTreeMap<Timestamp, RollUp>| -> Vec<u64> {
        roll_ups.values().map(|it| it.webhooks.received).collect()
    };
    assert_eq!(
        received(world.roll_ups(integration, Width::Hour).await),
        [1]
    );
    // It waited in the queue for 80 minutes.
    world
        .event(integration, ENDPOINT, Duration::from_secs(80 * 60))
        .await;
    world.run_for(5).await;
    for width in Width::ALL {
        let received: u64 = received(world.roll_ups(integration, width).await)
            .iter()
            .sum();
        assert_eq!(received, 2, "{width:?}");
    }
}

#[tokio::test]
async fn days_without_runs_are_made_up_for() {
    let world = World::new(4).await;
    let integration = world.integration(json!({"status": "inactive"})).await;
    let mut calls = Vec::new();
    for _ in 0..60 {
        world.pass(Duration::from_secs(50 * 60));
        calls.push(world.call(integration, json!({})).await);
    }
    world.pass(Duration::from_secs(70 * 60));
    // Half a day in each.
    world.run_for(6).await;
    let watch = world.watch(integration).await;
    let hours = world.roll_ups(integration, Width::Hour).await;
    assert_eq!(hours, expected(&calls, Width::Hour), "{watch:?}");
}

#[tokio::test]
async fn a_window_is_measured_to_where_it_is_known_and_no_further() {
    let world = World::new(5).await;
    let integration = world.integration(json!({"status": "inactive"})).await;
    let owned = (world.organization, integration);
    for minute in 0..200 {
        world.pass(MINUTE);
        world.call(integration, json!({"durationMs": 100})).await;
        if minute % 20 == 19 {
            world.run().await;
        }
    }
    let watch = world.watch(integration).await;
    for (text, most) in [
        ("15m", 15),
        ("1h", 60),
        ("24h", 200),
        ("7d", 200),
        ("30d", 200),
    ] {
        let window = text.parse().unwrap();
        let found = measured(&world.store, owned, window, Some(&watch), world.now());
        let found = found.await.unwrap();
        assert_eq!(found.to, watch.rolled_up_to);
        let total = found.whole.requests.total;
        assert!((most - 4..=most).contains(&total), "{text}: {total}");
        let parts: u64 = found.parts.iter().map(|part| part.requests.total).sum();
        assert_eq!(parts, total, "{text}");
        let durations = &found.whole.requests.durations;
        assert_eq!(durations.mean_ms(), Some(100.0));
        assert!((durations.quantile_ms(0.95).unwrap() - 100.0).abs() <= 1.0);
    }
    // Who is not watched has no numbers.
    let none = measured(
        &world.store,
        owned,
        "1h".parse().unwrap(),
        None,
        world.now(),
    );
    assert_eq!(none.await.unwrap().whole.requests.total, 0);
}

#[tokio::test]
async fn what_belongs_to_an_integration_that_is_gone_is_forgotten() {
    let world = World::new(6).await;
    let integration = world.integration(json!({})).await;
    world.call(integration, json!({})).await;
    let deleted = world
        .store
        .delete_integration(world.organization, integration, None);
    deleted.await.unwrap();
    world.pass(Duration::from_secs(20 * 60));
    assert_eq!(world.run().await.dropped, 1);
    assert_eq!(world.due().await, []);
    let watch = world.store.watch(world.organization, integration).await;
    assert_eq!(watch.unwrap(), None);
}
