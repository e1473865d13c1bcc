//! What keeping to limits costs: requests to DynamoDB, counted where they leave.

use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::RateLimits;

use super::provider::{Limited, UNLIMITED, functions, per_second, wait};
use crate::account::Account;

const SECOND: Duration = Duration::from_secs(1);

/// How many reads and writes there were since the last time.
fn costs(account: &Account) -> (usize, usize) {
    let operations = account.wire.operations();
    let count = |wanted: &str| operations.iter().filter(|name| *name == wanted).count();
    let (reads, writes) = (count("GetItem"), count("PutItem"));
    assert_eq!(reads + writes, operations.len());
    (reads, writes)
}

#[tokio::test]
async fn a_thousand_warm_calls_cost_few_writes() {
    let account = Account::new().await;
    let hourly = RateLimits {
        requests_per_hour: Some(50_000),
        ..UNLIMITED
    };
    // One function, a call every 10 milliseconds; and at most so many reads and writes.
    for (limits, most) in [
        (per_second(1_000), (3, 8)),
        (per_second(300), (3, 60)),
        (hourly, (3, 6)),
        (UNLIMITED, (3, 0)),
    ] {
        let integration = Limited::new(&account, limits);
        let limiter = &functions(&account, 1)[0];
        let call = async || {
            let permit = integration.acquire(&account, limiter, 1).await;
            assert!(permit.is_ok(), "{limits:?}: {permit:?}");
            account.clock.advance(Duration::from_millis(10));
        };
        for _ in 0..500 {
            call().await;
        }
        costs(&account);
        for _ in 0..1_000 {
            call().await;
        }
        let (reads, writes) = costs(&account);
        assert!(reads <= most.0, "{limits:?}: {reads} reads");
        assert!(writes <= most.1, "{limits:?}: {writes} writes");
    }
}

#[tokio::test]
async fn a_refusal_is_asked_for_once() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(2));
    let limiter = &functions(&account, 1)[0];
    let refused = loop {
        match integration.acquire(&account, limiter, 1).await {
            Ok(_) => {}
            refused => break wait(refused),
        }
    };
    costs(&account);
    for _ in 0..1_000 {
        let again = wait(integration.acquire(&account, limiter, 1).await);
        assert!(again <= refused);
        account.clock.advance(refused / 2_000);
    }
    assert_eq!(costs(&account), (0, 0));
    account.clock.advance(refused);
    assert!(integration.acquire(&account, limiter, 1).await.is_ok());
}

#[tokio::test]
async fn those_who_find_nothing_left_share_a_write() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(1_000));
    let limiter = &functions(&account, 1)[0];
    let calls = (0..100).map(|_| integration.acquire(&account, limiter, 1));
    let permits = join_all(calls).await;
    assert!(permits.iter().all(Result::is_ok));
    // The first does not know yet that others will wait for it.
    assert_eq!(costs(&account), (0, 2));
}

#[tokio::test]
async fn a_limit_of_concurrent_calls_costs_two_writes_a_call() {
    let account = Account::new().await;
    let limits = RateLimits {
        concurrent_requests: Some(5),
        ..UNLIMITED
    };
    let integration = Limited::new(&account, limits);
    let limiter = &functions(&account, 1)[0];
    for _ in 0..10 {
        let permit = integration.acquire(&account, limiter, 1).await.unwrap();
        limiter.release(permit).await;
    }
    assert_eq!(costs(&account), (0, 20));
}

#[tokio::test]
async fn a_provider_that_refuses_many_calls_at_once_is_written_down_once() {
    let account = Account::new().await;
    let integration = Limited::new(&account, UNLIMITED);
    let limiter = &functions(&account, 1)[0];
    let blocks = (0..20).map(|_| limiter.block(integration.scope(), SECOND * 9));
    assert!(join_all(blocks).await.iter().all(Result::is_ok));
    assert_eq!(costs(&account), (0, 1));
}
