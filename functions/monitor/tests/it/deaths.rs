//! Runs that die with any of their calls of AWS, before or after it had its effect.

use std::time::Duration;

use gatehouse::domain::health::Width;
use gatehouse::domain::{IntegrationId, RequestRecord};
use serde_json::json;

use super::world::{Aws, Kill, MINUTE, Provider, World};

const ENDPOINT: &str = "whk_01K72Z5QSW0123456789ABCDEF";

/// A world in which there is something to do: minutes, the end of an hour, an event that came late, and
/// a check.
async fn busy(aws: Aws, provider: &Provider) -> (World, IntegrationId, Vec<RequestRecord>) {
    let world = World::of(aws, provider.clone(), 7);
    let integration = world.integration(json!({})).await;
    let mut calls = Vec::new();
    world.pass(Duration::from_secs(50 * 60));
    for _ in 0..6 {
        world.pass(MINUTE);
        calls.push(world.call(integration, json!({})).await);
    }
    world.run().await;
    let late = Duration::from_secs(300);
    world.event(integration, ENDPOINT, late).await;
    world.pass(Duration::from_secs(70 * 60));
    (world, integration, calls)
}

#[tokio::test]
async fn a_run_that_dies_anywhere_loses_and_doubles_nothing() {
    let provider = Provider::start().await;
    let mut deaths = 0;
    for call in 0.. {
        let mut died = false;
        // A call that has no effect is as one that was not made, unless it is the first.
        for has_effect in [false, true].into_iter().skip(usize::from(call > 0)) {
            let (world, integration, calls) = busy(Aws::new(), &provider).await;
            died = world.run_killed(Kill { call, has_effect }).await;
            deaths += usize::from(died);
            world.pass(MINUTE);
            world.run().await;
            world.pass(Duration::from_secs(75 * 60));
            world.run_for(2).await;
            let hours = world.roll_ups(integration, Width::Hour).await;
            let of = |hour: gatehouse::domain::Timestamp| {
                let begun = |call: &&RequestRecord| Width::Hour.start_of(call.started_at) == hour;
                calls.iter().filter(begun).count() as u64
            };
            let mine: u64 = hours
                .values()
                .filter(|hour| of(hour.start) > 0)
                .map(|hour| hour.requests.total - of(hour.start))
                .sum();
            // The checks of the two hours, and no call of mine twice or not at all.
            assert!(mine <= 2, "call {call} {has_effect}: {mine}");
            let received: u64 = hours.values().map(|hour| hour.webhooks.received).sum();
            assert_eq!(received, 1, "call {call} {has_effect}");
            let minutes = world.roll_ups(integration, Width::Minute).await;
            for call in &calls {
                let minute = Width::Minute.start_of(call.started_at);
                assert!(minutes[&minute].requests.total >= 1);
            }
            let due = world.due().await;
            assert_eq!(due.len(), 1, "call {call} {has_effect}: {due:?}");
            assert_eq!(due[0].at, world.watch(integration).await.due_at);
        }
        if !died {
            break;
        }
    }
    assert!(deaths > 12, "{deaths}");
}
