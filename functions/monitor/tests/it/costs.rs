//! That a call costs the same however many are recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse::domain::{IntegrationId, Origin};
use gatehouse::flows::outbound::{Outbound, OutboundCall};
use http::{HeaderMap, Method};
use serde_json::json;

use super::world::World;

/// The calls of AWS that so many calls of the provider make, by their operation.
async fn cost(
    world: &World,
    outbound: &Outbound,
    integration: IntegrationId,
    calls: usize,
) -> BTreeMap<String, usize> {
    world.aws.calls.lock().unwrap().clear();
    for _ in 0..calls {
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
        let system = (world.organization, "tests");
        let answer = outbound.execute_as_system(system, integration, call).await;
        assert_eq!(answer.unwrap().status, 200);
    }
    world.aws.calls.lock().unwrap().clone()
}

#[tokio::test]
async fn a_call_costs_the_same_after_a_few_and_after_ten_times_as_many() {
    let world = World::new(21).await;
    let integration = world.integration(json!({})).await;
    let outbound = world.outbound();
    cost(&world, &outbound, integration, 200).await;
    world.pass(Duration::from_secs(400));
    let after_few = cost(&world, &outbound, integration, 50).await;
    for _ in 0..2_000 {
        world.call(integration, json!({})).await;
    }
    world.pass(Duration::from_secs(400));
    let after_many = cost(&world, &outbound, integration, 50).await;
    let writes = |calls: &BTreeMap<String, usize>| {
        let of = |name: &str| calls.get(name).copied().unwrap_or_default();
        of("DynamoDB_20120810.PutItem") + of("items written in transactions")
    };
    // Two for its log and one for the audit trail; and what is written once in minutes.
    let most = 50 * 3 + 10;
    assert!(writes(&after_few) <= most, "{after_few:?}");
    assert!(writes(&after_many) <= most, "{after_many:?}");
    let sum = |calls: &BTreeMap<String, usize>| calls.values().sum::<usize>();
    assert!(
        sum(&after_many).abs_diff(sum(&after_few)) <= 10,
        "{after_few:?} {after_many:?}"
    );
}

#[tokio::test]
async fn a_run_reads_the_minutes_that_are_new_and_not_what_is_recorded() {
    let world = World::new(22).await;
    let integration = world.integration(json!({"status": "inactive"})).await;
    let mut costs = Vec::new();
    for calls in [10, 500, 10] {
        for _ in 0..calls {
            world.call(integration, json!({})).await;
        }
        world.run_for(3).await;
        world.call(integration, json!({})).await;
        world.pass(Duration::from_secs(60));
        world.aws.calls.lock().unwrap().clear();
        world.run().await;
        costs.push(world.aws.calls.lock().unwrap().values().sum::<usize>());
    }
    assert!(costs[2] <= costs[0] + 4, "{costs:?}");
}
