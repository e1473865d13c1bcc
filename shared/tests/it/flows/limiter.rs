use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::RateLimits;
use gatehouse::flows::LimitError;

use super::provider::{Limited, Provider, Seed, UNLIMITED, functions, now, per_second, wait};
use crate::account::Account;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn the_provider_never_sees_more_than_its_limits_however_functions_interleave() {
    let limits = RateLimits {
        requests_per_minute: Some(300),
        ..per_second(20)
    };
    for seed in 1..=3 {
        let (account, provider, mut seed) = (Account::new().await, Provider::default(), Seed(seed));
        let integration = Limited::new(&account, limits);
        let functions = functions(&account, 6);
        for _ in 0..80 {
            let mut calls = Vec::new();
            for _ in 0..seed.below(9) {
                let function = &functions[seed.index(functions.len())];
                let caller = u32::try_from(seed.below(3)).unwrap();
                calls.push(integration.acquire(&account, function, caller));
            }
            for permit in join_all(calls).await {
                match permit {
                    Ok(_) => provider.is_called(now(&account.clock)),
                    Err(error) => drop(wait(Err(error))),
                }
            }
            // Now and then nobody calls for so long that what is leased comes to its end.
            let pause = if seed.below(8) == 0 { 2_500 } else { 100 };
            account.clock.advance(millis(seed.below(pause)));
        }
        assert!(provider.most_in(SECOND) <= 20, "{provider:?}");
        assert!(provider.most_in(MINUTE) <= 300, "{provider:?}");
        // Some 320 calls were wanted, in some 15 seconds.
        assert!(provider.calls() > 40, "{} calls", provider.calls());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_tasks_get_a_call_or_a_refusal_and_the_provider_is_spared() {
    let account = Arc::new(Account::new().await);
    let provider = Arc::new(Provider::default());
    let integration = Limited::new(&account, per_second(50));
    let functions = functions(&account, 10);
    for _ in 0..20 {
        let tasks = (0..100_usize).map(|task| {
            let (account, provider) = (Arc::clone(&account), Arc::clone(&provider));
            let function = functions[task % functions.len()].clone();
            tokio::spawn(async move {
                let caller = u32::try_from(task % 7).unwrap();
                match integration.acquire(&account, &function, caller).await {
                    Ok(_) => provider.is_called(now(&account.clock)),
                    Err(error) => drop(wait(Err(error))),
                }
            })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
        account.clock.advance(millis(100));
    }
    assert!(provider.most_in(SECOND) <= 50);
    // Two seconds; what cannot be used under pressure is the price of the bound.
}

#[tokio::test]
async fn functions_with_a_call_each_get_most_of_the_limit() {
    let (account, provider) = (Account::new().await, Provider::default());
    let integration = Limited::new(&account, per_second(50));
    let functions = functions(&account, 40);
    for _ in 0..80 {
        for function in &functions {
            if integration.acquire(&account, function, 1).await.is_ok() {
                provider.is_called(now(&account.clock));
            }
        }
        account.clock.advance(millis(25));
    }
    assert!(provider.most_in(SECOND) <= 50);
    assert!(provider.calls() > 2 * 30, "{} calls", provider.calls());
}

#[tokio::test]
async fn a_caller_who_hammers_does_not_push_another_out() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(40));
    let functions = functions(&account, 4);
    let mut made = [0_u32; 2];
    for round in 0..200_usize {
        // Twenty calls for one of the other's.
        for call in 0..21 {
            let caller = usize::from(call == 20);
            let function = &functions[(round + call) % functions.len()];
            let caller_id = u32::try_from(caller).unwrap();
            let permit = integration.acquire(&account, function, caller_id).await;
            made[caller] += u32::from(permit.is_ok());
        }
        account.clock.advance(millis(25));
    }
    let [greedy, modest] = made;
    assert!(modest * 2 > greedy, "{made:?}");
    assert!(greedy + modest > 5 * 20, "{made:?}");
}

#[tokio::test]
async fn no_more_calls_run_at_once_than_may() {
    let (account, mut seed) = (Account::new().await, Seed(7));
    let limits = RateLimits {
        concurrent_requests: Some(3),
        ..UNLIMITED
    };
    let integration = Limited::new(&account, limits);
    let functions = functions(&account, 4);
    let (mut running, mut most) = (Vec::new(), 0);
    for _ in 0..120 {
        let index = seed.index(functions.len());
        if seed.below(3) == 0 && !running.is_empty() {
            let (owner, permit) = running.swap_remove(seed.index(running.len()));
            let owner: usize = owner;
            functions[owner].release(permit).await;
        } else if let Ok(permit) = integration.acquire(&account, &functions[index], 1).await {
            running.push((index, permit));
        }
        most = most.max(running.len());
        account.clock.advance(millis(seed.below(400)));
        assert!(running.len() <= 3);
    }
    assert_eq!(most, 3);
}

#[tokio::test]
async fn a_place_is_free_once_it_is_released_or_its_time_is_over() {
    let account = Account::new().await;
    let limits = RateLimits {
        concurrent_requests: Some(1),
        ..UNLIMITED
    };
    let integration = Limited::new(&account, limits);
    let [a, b] = &functions(&account, 2)[..] else {
        unreachable!()
    };
    let permit = integration.acquire(&account, a, 1).await.unwrap();
    assert_eq!(wait(integration.acquire(&account, b, 1).await), SECOND);
    assert_eq!(wait(integration.acquire(&account, a, 1).await), SECOND);
    a.release(permit).await;
    let _never_released = integration.acquire(&account, a, 1).await.unwrap();
    account.clock.advance(millis(59_999));
    assert_eq!(wait(integration.acquire(&account, b, 1).await), millis(1));
    account.clock.advance(millis(1));
    assert!(integration.acquire(&account, b, 1).await.is_ok());
}

#[tokio::test]
async fn nothing_is_taken_from_one_scope_if_another_refuses() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(10));
    let limiter = &functions(&account, 1)[0];
    let route = per_second(2);
    let both = || {
        let whole = integration.demand(&account, integration.scope(), &integration.limits, 1);
        let of_route = integration.demand(&account, integration.scope_of("/a"), &route, 1);
        [whole, of_route]
    };
    let mut made = 0;
    for _ in 0..50 {
        made += u32::from(limiter.acquire(&both()).await.is_ok());
    }
    assert_eq!(made, 2);
    while integration.acquire(&account, limiter, 1).await.is_ok() {
        made += 1;
    }
    assert_eq!(made, 10);
}

#[tokio::test]
async fn a_place_is_given_back_if_another_scope_refuses() {
    let account = Account::new().await;
    let limits = RateLimits {
        concurrent_requests: Some(1),
        ..UNLIMITED
    };
    let integration = Limited::new(&account, limits);
    let limiter = &functions(&account, 1)[0];
    let route = per_second(1);
    let both = || {
        let whole = integration.demand(&account, integration.scope(), &integration.limits, 1);
        let of_route = integration.demand(&account, integration.scope_of("/a"), &route, 1);
        [whole, of_route]
    };
    let permit = limiter.acquire(&both()).await.unwrap();
    limiter.release(permit).await;
    wait(limiter.acquire(&both()).await);
    let headroom = limiter.headroom(integration.scope(), &limits).await;
    assert_eq!(headroom.unwrap().running, 0);
}

#[tokio::test]
async fn once_the_provider_refuses_every_function_stops_within_five_seconds() {
    let account = Account::new().await;
    let hourly = RateLimits {
        requests_per_hour: Some(50_000),
        ..UNLIMITED
    };
    for limits in [per_second(1_000), hourly, UNLIMITED] {
        let integration = Limited::new(&account, limits);
        let functions = functions(&account, 2);
        for function in &functions {
            // The second time, there are several left.
            for _ in 0..2 {
                assert!(integration.acquire(&account, function, 1).await.is_ok());
            }
        }
        let [told, other] = &functions[..] else {
            unreachable!()
        };
        told.block(integration.scope(), SECOND * 30).await.unwrap();
        account.wire.operations();
        assert_eq!(
            wait(integration.acquire(&account, told, 2).await),
            SECOND * 30
        );
        assert!(account.wire.operations().is_empty());
        account.clock.advance(SECOND * 5);
        assert_eq!(
            wait(integration.acquire(&account, other, 1).await),
            SECOND * 25
        );
        let headroom = told.headroom(integration.scope(), &limits).await.unwrap();
        assert_eq!(
            headroom.blocked_until,
            Some(now(&account.clock).plus(SECOND * 25))
        );
        account.clock.advance(SECOND * 25);
        for function in &functions {
            assert!(integration.acquire(&account, function, 1).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_block_that_cannot_be_written_holds_for_who_was_told() {
    let account = Account::new().await;
    let integration = Limited::new(&account, UNLIMITED);
    let limiter = &functions(&account, 1)[0];
    account.wire.fail(99, 500, "InternalServerError");
    let blocked = limiter.block(integration.scope(), SECOND * 30).await;
    assert!(blocked.is_err());
    account.wire.heal();
    assert_eq!(
        wait(integration.acquire(&account, limiter, 1).await),
        SECOND * 30
    );
    // The next refusal is written.
    limiter
        .block(integration.scope(), SECOND * 30)
        .await
        .unwrap();
    let other = &functions(&account, 1)[0];
    assert_eq!(
        wait(integration.acquire(&account, other, 1).await),
        SECOND * 30
    );
}

#[tokio::test]
async fn a_busy_table_is_a_limit_and_a_broken_one_is_not() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(50));
    let limiter = &functions(&account, 1)[0];
    account.wire.fail(99, 400, "ThrottlingException");
    let refused = wait(integration.acquire(&account, limiter, 1).await);
    assert!((millis(50)..=millis(200)).contains(&refused), "{refused:?}");
    account.wire.heal();
    account.clock.advance(millis(200));
    account.wire.fail(99, 500, "InternalServerError");
    let failed = integration.acquire(&account, limiter, 1).await;
    assert!(matches!(failed, Err(LimitError::Store(_))));
    account.wire.heal();
    assert!(integration.acquire(&account, limiter, 1).await.is_ok());
}

#[tokio::test]
async fn a_slow_table_refuses_no_call_that_is_within_the_limits() {
    let per_minute = RateLimits {
        requests_per_minute: Some(50),
        ..UNLIMITED
    };
    for (limits, took) in [
        (per_second(50), millis(150)),
        (per_second(50), SECOND * 3),
        (per_minute, SECOND * 8),
    ] {
        let account = Account::new().await;
        let integration = Limited::new(&account, limits);
        let limiter = &functions(&account, 1)[0];
        account.wire.slow_down(&account.clock, took);
        for _ in 0..10 {
            let permit = integration.acquire(&account, limiter, 1).await;
            assert!(permit.is_ok(), "{took:?}: {permit:?}");
        }
    }
}

#[tokio::test]
async fn functions_that_meet_are_told_to_come_back_and_do_not_fail() {
    let account = Account::new().await;
    let integration = Limited::new(&account, per_second(500));
    let functions = functions(&account, 40);
    let made = AtomicUsize::new(0);
    join_all(functions.iter().map(async |function| {
        match integration.acquire(&account, function, 1).await {
            Ok(_) => drop(made.fetch_add(1, Ordering::Relaxed)),
            Err(error) => assert!(wait(Err(error)) <= millis(200)),
        }
    }))
    .await;
    assert!(made.into_inner() >= 8);
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_no_lease_longer() {
    let (account, provider) = (Account::new().await, Provider::default());
    let integration = Limited::new(&account, per_second(20));
    let limiter = &functions(&account, 1)[0];
    for _ in 0..3 {
        while integration.acquire(&account, limiter, 1).await.is_ok() {
            provider.is_called(now(&account.clock));
        }
        account.clock.go_back(SECOND * 3);
    }
    assert_eq!(provider.calls(), 20);
}
