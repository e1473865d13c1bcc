//! What a call costs after a thousand recorded ones and after many more: the calls of AWS that it makes,
//! and those of a run of `monitor`. `cargo bench -p monitor --bench recorded -- 1000000`

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is not as expected ends it, and what it measures is told"
)]

#[path = "../tests/it/world/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod world;

use std::time::Duration;

use gatehouse::domain::{IntegrationId, Origin, RequestRecord};
use gatehouse::flows::outbound::{Outbound, OutboundCall};
use http::{HeaderMap, Method};
use serde_json::json;

use world::{MINUTE, World};

const MEASURED: usize = 200;

async fn calls(world: &World, outbound: &Outbound, integration: IntegrationId) -> String {
    // What is remembered for minutes is learned again, before and after.
    world.pass(Duration::from_secs(400));
    world.aws.calls.lock().unwrap().clear();
    for _ in 0..MEASURED {
        let call = OutboundCall {
            method: Method::GET,
            endpoint: "/a".to_owned(),
            params: Vec::new(),
            headers: HeaderMap::new(),
            body: Vec::new().into(),
            timeout: None,
            idempotency_key: None,
            origin: Origin::default(),
        };
        let system = (world.organization, "bench");
        let answer = outbound.execute_as_system(system, integration, call).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    told(world, MEASURED)
}

fn told(world: &World, times: usize) -> String {
    let calls = world.aws.calls.lock().unwrap();
    let each = |(name, count): (&String, &usize)| {
        let name = name.rsplit('.').next().unwrap_or_default();
        format!("{name} {:.3}", *count as f64 / times as f64)
    };
    calls.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Records so many calls, over the days before: written as they are when they have ended.
async fn record(world: &World, template: &RequestRecord, count: u64) {
    let until = world.now().plus(Duration::from_secs(30 * 24 * 60 * 60));
    for place in 0..count {
        let at = world
            .now()
            .minus(Duration::from_millis(2_000 * place + 200_000));
        let mut request = template.clone();
        request.started_at = at;
        let millisecond = u64::try_from(at.as_millisecond()).unwrap();
        // Spread over the shards as random ids are.
        let random = u128::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c) & ((1 << 80) - 1);
        request.id = ulid::Ulid::from_parts(millisecond, random).into();
        world.store.add_request(&request, until).await.unwrap();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let many = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let world = World::new(1).await;
    let integration = world.integration(json!({})).await;
    let outbound = world.outbound();
    let template = world.call(integration, json!({})).await;
    for count in [1_000, many.unwrap_or(20_000)] {
        record(&world, &template, count).await;
        println!(
            "{count} recorded: a call costs {}",
            calls(&world, &outbound, integration).await
        );
        world.run_for(4).await;
        world.call(integration, json!({})).await;
        world.pass(MINUTE);
        world.aws.calls.lock().unwrap().clear();
        world.run().await;
        println!("{count} recorded: a run costs {}", told(&world, 1));
    }
}
