use proptest::prelude::*;
use ulid::Ulid;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millisecond).unwrap()
}

fn limit(requests: u32, seconds: u64) -> RateLimit {
    RateLimit {
        requests,
        window: Duration::from_secs(seconds),
    }
}

fn call(number: u128) -> RequestId {
    RequestId::from(Ulid::from(number))
}

/// A call, and so many are expected in two seconds.
fn request(limits: &[RateLimit], caller: u32, expected: u32) -> QuotaRequest<'_> {
    QuotaRequest {
        limits,
        concurrent: None,
        caller,
        wanted: 1,
        per_minute: expected * 30,
        written_in: Duration::ZERO,
        call: (call(1), at(60_000)),
    }
}

/// Leases calls and says when each is made, at the worst: at the very end of the lease.
fn lease(quota: &mut Quota, request: &QuotaRequest<'_>, now: i64) -> Result<(u32, i64), Duration> {
    let lease = quota.lease(request, at(now))?;
    let until = lease.until.as_millisecond() - at(0).as_millisecond();
    Ok((lease.calls, until))
}

#[test]
fn a_lease_is_long_while_there_is_room_and_short_under_pressure() {
    let limits = [limit(50, 1)];
    let mut quota = Quota::default();
    assert_eq!(
        lease(&mut quota, &request(&limits, 1, 10), 0),
        Ok((10, 2_000))
    );
    assert_eq!(
        lease(&mut quota, &request(&limits, 1, 30), 0),
        Ok((12, 2_000))
    );
    // Half of it is to stay free.
    assert_eq!(lease(&mut quota, &request(&limits, 1, 30), 0), Ok((3, 250)));
    // More than half is out: only a tenth of a window now.
    assert_eq!(lease(&mut quota, &request(&limits, 1, 60), 0), Ok((3, 100)));
}

#[test]
fn a_lease_is_no_longer_than_it_is_of_use() {
    let limits = [limit(50, 1)];
    let mut quota = Quota::default();
    // Nothing is expected but what starts at once.
    for (wanted, per_minute) in [(1, 0), (7, 0), (7, 7 * 30), (1, 30)] {
        let request = QuotaRequest {
            wanted,
            per_minute,
            ..request(&limits, 1, 0)
        };
        assert_eq!(lease(&mut quota, &request, 0), Ok((wanted, 100)));
    }
}

#[test]
fn a_lease_outlasts_the_time_that_a_slow_table_takes_to_write_it() {
    let limits = [limit(50, 1)];
    for (written_in, length) in [(40, 100), (400, 800), (9_000, 18_000), (60_000, 30_000)] {
        let request = QuotaRequest {
            written_in: Duration::from_millis(written_in),
            ..request(&limits, 1, 0)
        };
        assert_eq!(lease(&mut Quota::default(), &request, 0), Ok((1, length)));
    }
}

#[test]
fn little_of_a_long_window_is_risked() {
    let limits = [limit(500, 3_600)];
    let mut quota = Quota::default();
    let burst = request(&limits, 1, 100);
    assert_eq!(lease(&mut quota, &burst, 0), Ok((10, 30_000)));
}

#[test]
fn what_is_leased_counts_until_a_window_after_its_end() {
    let limits = [limit(1, 1)];
    let mut quota = Quota::default();
    let (calls, until) = lease(&mut quota, &request(&limits, 1, 1), 0).unwrap();
    assert_eq!((calls, until), (1, 100));
    let wait = quota.lease(&request(&limits, 1, 1), at(50)).unwrap_err();
    assert_eq!(wait, Duration::from_millis(1_150));
    assert!(quota.lease(&request(&limits, 1, 1), at(1_199)).is_err());
    assert!(quota.lease(&request(&limits, 1, 1), at(1_200)).is_ok());
}

#[test]
fn every_limit_is_kept_to() {
    let limits = [limit(10, 1), limit(15, 60)];
    let mut quota = Quota::default();
    let mut made = 0;
    let mut now = 0;
    while now < 50_000 {
        match lease(&mut quota, &request(&limits, 1, 10), now) {
            Ok((calls, _)) => made += calls,
            Err(wait) => now += i64::try_from(wait.as_millis()).unwrap(),
        }
    }
    assert_eq!(made, 15);
}

#[test]
fn callers_who_want_too_much_get_equal_shares() {
    let limits = [limit(100, 1)];
    let mut quota = Quota::default();
    let mut made = [0_u32; 4];
    let mut now = 0;
    while now < 30_000 {
        // The first asks ten times as often as the others.
        for caller in [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3] {
            if let Ok((calls, _)) = lease(&mut quota, &request(&limits, caller, 5), now) {
                made[caller as usize] += calls;
            }
        }
        now += 20;
    }
    let [greedy, rest @ ..] = made;
    for calls in rest {
        assert!(calls * 2 > greedy, "{made:?}");
    }
    assert!(made.iter().sum::<u32>() > 30 * 70, "{made:?}");
}

#[test]
fn one_caller_alone_has_all_of_it() {
    let limits = [limit(20, 1)];
    let mut quota = Quota::default();
    let mut made = 0;
    while let Ok((calls, _)) = lease(&mut quota, &request(&limits, 1, 5), 0) {
        made += calls;
    }
    assert_eq!(made, 20);
}

#[test]
fn a_provider_that_refuses_is_left_alone_until_it_said() {
    let limits = [limit(50, 1)];
    let mut quota = Quota::default();
    quota.block(SECOND * 30, at(0));
    quota.block(SECOND, at(0));
    assert_eq!(
        quota.lease(&request(&limits, 1, 1), at(0)),
        Err(SECOND * 30)
    );
    assert!(quota.lease(&request(&limits, 1, 1), at(30_000)).is_ok());
    quota.block(SECOND * 86_400, at(0));
    assert!(quota.lease(&request(&limits, 1, 1), at(3_600_000)).is_ok());
}

#[test]
fn no_more_calls_run_at_once_than_may() {
    let with = |number: u128| QuotaRequest {
        concurrent: Some(2),
        call: (call(number), at(10_000)),
        ..request(&[], 1, 5)
    };
    let mut quota = Quota::default();
    assert_eq!(quota.lease(&with(1), at(0)).unwrap().calls, 1);
    assert!(quota.lease(&with(2), at(0)).is_ok());
    assert_eq!(quota.lease(&with(3), at(0)), Err(SECOND));
    // A repetition of a call that has its place, one that ends, and one that never says so.
    assert!(quota.lease(&with(2), at(0)).is_ok());
    quota.end(call(1));
    assert!(quota.lease(&with(3), at(0)).is_ok());
    assert!(quota.lease(&with(4), at(9_999)).is_err());
    assert!(quota.lease(&with(4), at(10_000)).is_ok());
}

#[test]
fn changed_limits_count_what_was_leased_before() {
    let mut quota = Quota::default();
    let wide = [limit(100, 1)];
    for _ in 0..4 {
        quota.lease(&request(&wide, 1, 25), at(0)).unwrap();
    }
    let narrow = [limit(10, 1), limit(10, 60)];
    assert!(quota.lease(&request(&narrow, 1, 1), at(0)).is_err());
    assert_eq!(quota.free(&narrow, at(0)), [0, 10]);
}

#[test]
fn a_quota_stays_small_however_busy_it_is() {
    let limits = [limit(1_000, 1), limit(10_000, 60), limit(100_000, 3_600)];
    let mut quota = Quota::default();
    for step in 0..20_000 {
        let _ = quota.lease(&request(&limits, step % 7, 50), at(i64::from(step) * 10));
    }
    let bytes = serde_json::to_string(&quota).unwrap().len();
    assert!(bytes < 40_000, "{bytes} bytes");
    assert!(quota.ends_at(at(0)) < at(200_000 + 3_600_000 + 300_000));
}

proptest! {
    /// However functions ask, and however late they use what they have: no window of any length
    /// that is limited sees more calls than its limit.
    #[test]
    fn no_window_sees_more_than_its_limit(
        requests in 1_u32..60,
        written_in in 0_u64..2_000,
        steps in prop::collection::vec((0_i64..120, 0_u32..5, 1_u32..30, 0_i64..=100), 1..400),
    ) {
        let limits = [limit(requests, 1), limit(requests * 10, 60)];
        let (mut quota, mut now, mut calls) = (Quota::default(), 0_i64, Vec::new());
        for (pause, caller, expected, lateness) in steps {
            now += pause;
            let request = QuotaRequest {
                written_in: Duration::from_millis(written_in),
                ..request(&limits, caller, expected)
            };
            if let Ok((count, until)) = lease(&mut quota, &request, now) {
                let made = now + (until - now - 1) * lateness / 100;
                calls.extend((0..count).map(|_| made));
            }
        }
        calls.sort_unstable();
        for limit in limits {
            let window = i64::try_from(limit.window.as_millis()).unwrap();
            for (index, first) in calls.iter().enumerate() {
                let inside = calls[index..].iter().take_while(|made| **made - first <= window);
                prop_assert!(inside.count() <= limit.requests as usize);
            }
        }
    }
}
