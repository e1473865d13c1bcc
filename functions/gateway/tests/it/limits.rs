//! The provider's limits, kept by all functions together.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::provider::{Provider, Reply};
use crate::world::World;

const FUNCTIONS: usize = 3;
const CALLERS: usize = 100;
const PER_SECOND: usize = 50;
const RUN: Duration = Duration::from_secs(3);

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a"})
}

/// The most calls that came within one second, wherever that begins.
fn most_in_a_second(instants: &[Instant]) -> usize {
    let within = |from: &Instant| {
        let later = instants.iter().filter(|at| *at >= from);
        later
            .filter(|at| **at - *from < Duration::from_secs(1))
            .count()
    };
    instants.iter().map(within).max().unwrap_or_default()
}

/// A machine that is busy lets a call wait between its permit and the provider, and the limiter
/// allows for 100 ms of that. One that counts wrong does so each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_at_three_functions_never_exceed_the_limit() {
    let mut most = Vec::new();
    for _ in 0..3 {
        most.push(most_of_a_hundred_callers().await);
        if most.iter().any(|most| *most <= PER_SECOND) {
            return;
        }
    }
    panic!("{most:?} in one second");
}

async fn most_of_a_hundred_callers() -> usize {
    let (world, provider) = (World::new().await, Provider::start().await);
    let limits = json!({"rateLimits": {"requestsPerSecond": PER_SECOND}});
    let integration = world.integration(&provider.url, limits).await;
    let functions: Vec<World> = (0..FUNCTIONS).map(|_| world.another_function()).collect();
    let end = Instant::now() + RUN;
    let callers = (0..CALLERS).map(|caller| {
        let function = &functions[caller % FUNCTIONS];
        let integration = &integration;
        async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                let answer = function.request(integration, get()).await;
                let refused = answer.status == 429;
                answers.push(answer);
                if refused {
                    // As a caller does who has patience, if less than it is asked for.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            answers
        }
    });
    let answers: Vec<_> = join_all(callers).await.into_iter().flatten().collect();
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
        let wait = answer.headers["retry-after"].to_str().unwrap();
        assert!((1..=3).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    }
    let instants: Vec<_> = provider.calls().iter().map(|call| call.at).collect();
    assert_eq!(instants.len(), made);
    assert!(made >= PER_SECOND, "{made}");
    most_in_a_second(&instants)
}

#[tokio::test]
async fn calls_that_wait_for_a_login_do_not_arrive_all_at_once() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({
        "authMethod": "custom", "rateLimits": {"requestsPerSecond": 2},
        "authConfig": {
            "kind": "login", "path": "/session", "token": "access_token",
            "body": {"json": {"password": "{apiKey}"}},
        },
    });
    let integration = world.integration(&provider.url, fields).await;
    let slow = Reply::json(200, &json!({"access_token": "a-token"}));
    provider.next(slow.after(Duration::from_secs(3)));
    let end = Instant::now() + Duration::from_secs(3);
    let callers = (0..4_u64).map(|caller| {
        let (world, integration) = (&world, &integration);
        async move {
            // They come one after the other, while the login goes on.
            tokio::time::sleep_until(end - Duration::from_millis(2_900 - 900 * caller)).await;
            world.request(integration, get()).await.status
        }
    });
    join_all(callers).await;
    let calls = provider.calls();
    let calls = calls.iter().filter(|call| call.uri.path() == "/a");
    let arrived = calls.count();
    assert!((1..=2).contains(&arrived), "{arrived}");
}

#[tokio::test]
async fn a_route_has_limits_of_its_own_besides() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let routes = json!([{"path": "/slow", "rateLimits": {"requestsPerHour": 2}}]);
    let fields = json!({"gatewayConfig": {"routes": routes}});
    let integration = world.integration(&provider.url, fields).await;
    let slow = json!({"method": "GET", "endpoint": "/slow"});
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(
            world
                .request(&integration, slow.clone())
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(world.request(&integration, get()).await.status, 200);
    let log = world.log(&integration).await;
    assert_eq!(log[1]["error"], "rate_limited");
    assert_eq!(log[1]["attempts"], 0);
}

#[tokio::test]
async fn no_more_run_at_once_than_may() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let limits = json!({"rateLimits": {"concurrentRequests": 2}});
    let integration = world.integration(&provider.url, limits).await;
    provider.always(Reply::new(200).after(Duration::from_millis(300)));
    let answers = join_all((0..6).map(|_| world.request(&integration, get()))).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 2);
    // They end, and others may.
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_thousand_warm_calls_cost_few_writes_besides_their_log() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let limits = json!({"rateLimits": {"requestsPerSecond": 100_000}});
    let integration = world.integration(&provider.url, limits).await;
    for _ in 0..20 {
        world.request(&integration, get()).await;
    }
    world.stack.reset_calls();
    for _ in 0..1_000 {
        assert_eq!(world.request(&integration, get()).await.status, 200);
    }
    let calls = world.stack.calls();
    let count = |name: &str| calls.get(name).copied().unwrap_or_default();
    let writes = count("DynamoDB.PutItem") + count("DynamoDB.UpdateItem");
    // Two for each call's entry in the log.
    assert!((2_000..2_100).contains(&writes), "{calls:?}");
    assert!(count("DynamoDB.GetItem") < 100, "{calls:?}");
    // Whether the token is revoked: one every 30 seconds.
    assert!(count("DynamoDB.BatchGetItem") < 10, "{calls:?}");
    assert!(count("SecretsManager.GetSecretValue") <= 1, "{calls:?}");
}
