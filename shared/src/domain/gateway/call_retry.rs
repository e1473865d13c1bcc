use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Randomness;
use super::super::object::only_objects;

only_objects!(CallRetry);

/// When a failed call is tried again while the caller waits: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct CallRetry {
    /// At most so many attempts, the first included.
    #[schema(minimum = 1, maximum = 5)]
    pub max_attempts: u8,
}

impl Default for CallRetry {
    fn default() -> Self {
        Self { max_attempts: 3 }
    }
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether another try within seconds may succeed.
    pub is_transient: bool,
    /// Whether the provider may have got the call. What it answered, it has got.
    pub may_have_been_sent: bool,
}

/// A call that failed, and what is left for it.
#[derive(Clone, Copy, Debug)]
pub struct FailedCall {
    /// How often it was tried.
    pub attempts: u8,
    /// Whether doing it twice does no more than doing it once.
    pub is_repeatable: bool,
    /// How it failed.
    pub failure: Failure,
    /// The provider's own word on when to come back.
    pub retry_after: Option<Duration>,
    /// How much of the caller's time is left.
    pub remaining: Duration,
}

impl CallRetry {
    /// The longest wait before the second attempt; it doubles from there.
    const FIRST_WAIT: Duration = Duration::from_millis(100);
    /// The longest wait.
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    /// What has to be left after the wait for another attempt to make sense.
    const SHORTEST_ATTEMPT: Duration = Duration::from_millis(100);

    /// How long to wait before the next attempt; `None` if there is none.
    ///
    /// What may have been sent is repeated only if it is repeatable, whatever came of it: a call
    /// that timed out, or was answered with an error, may have had its effect. What was surely not
    /// sent may be repeated always. The provider's own word is never undercut.
    #[must_use]
    pub fn next(&self, call: &FailedCall, randomness: &dyn Randomness) -> Option<Duration> {
        let may_repeat = call.is_repeatable || !call.failure.may_have_been_sent;
        if !call.failure.is_transient || !may_repeat || call.attempts >= self.max_attempts {
            return None;
        }
        let doublings = u32::from(call.attempts.saturating_sub(1));
        let bound = 2_u32
            .checked_pow(doublings)
            .map_or(Self::LONGEST_WAIT, |factor| {
                Self::FIRST_WAIT
                    .saturating_mul(factor)
                    .min(Self::LONGEST_WAIT)
            });
        let wait = bound.mul_f64(randomness.fraction());
        let wait = wait.max(call.retry_after.unwrap_or_default());
        (wait.saturating_add(Self::SHORTEST_ATTEMPT) <= call.remaining).then_some(wait)
    }
}

/// Whether doing a call twice does no more than doing it once: by its method (RFC 9110 section
/// 9.2.2), by a key that the provider honours, or by what the integration says of its route.
#[must_use]
pub fn is_repeatable(method: &Method, has_key: bool, declared: Option<bool>) -> bool {
    has_key || declared.unwrap_or_else(|| method.is_idempotent())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Always the same fraction.
    struct Fixed(u8);

    impl Randomness for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn failed(is_repeatable: bool, is_transient: bool, may_have_been_sent: bool) -> FailedCall {
        FailedCall {
            attempts: 1,
            is_repeatable,
            failure: Failure {
                is_transient,
                may_have_been_sent,
            },
            retry_after: None,
            remaining: Duration::from_secs(60),
        }
    }

    fn next(call: FailedCall) -> Option<Duration> {
        CallRetry { max_attempts: 5 }.next(&call, &Fixed(0xff))
    }

    #[test]
    fn what_may_have_had_its_effect_is_not_repeated() {
        for (is_repeatable, is_transient, may_have_been_sent, repeats) in [
            (true, true, true, true),
            (true, true, false, true),
            (true, false, true, false),
            (true, false, false, false),
            (false, true, true, false),
            (false, true, false, true),
            (false, false, true, false),
            (false, false, false, false),
        ] {
            let call = failed(is_repeatable, is_transient, may_have_been_sent);
            assert_eq!(next(call).is_some(), repeats, "{call:?}");
        }
    }

    #[test]
    fn a_call_is_repeatable_by_method_key_or_declaration() {
        for (method, has_key, declared, repeatable) in [
            (Method::GET, false, None, true),
            (Method::HEAD, false, None, true),
            (Method::OPTIONS, false, None, true),
            (Method::PUT, false, None, true),
            (Method::DELETE, false, None, true),
            (Method::POST, false, None, false),
            (Method::PATCH, false, None, false),
            (Method::POST, true, None, true),
            (Method::PATCH, true, Some(false), true),
            (Method::POST, false, Some(true), true),
            (Method::GET, false, Some(false), false),
            (Method::from_bytes(b"PURGE").unwrap(), false, None, false),
        ] {
            assert_eq!(
                is_repeatable(&method, has_key, declared),
                repeatable,
                "{method} {has_key} {declared:?}"
            );
        }
    }

    #[test]
    fn the_wait_doubles_up_to_five_seconds() {
        let waits: Vec<u128> = (1..=9)
            .map(|attempts| {
                let call = FailedCall {
                    attempts,
                    ..failed(true, true, true)
                };
                let retry = CallRetry { max_attempts: 100 };
                let wait = retry.next(&call, &Fixed(0xff)).unwrap();
                (wait.as_micros() + 500) / 1_000
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        let late = FailedCall {
            attempts: 200,
            ..failed(true, true, true)
        };
        let retry = CallRetry { max_attempts: 255 };
        assert_eq!(retry.next(&late, &Fixed(0)), Some(Duration::ZERO));
    }

    #[test]
    fn attempts_end_with_their_number() {
        let retry = CallRetry::default();
        let mut call = failed(true, true, true);
        call.attempts = 2;
        assert!(retry.next(&call, &Fixed(0)).is_some());
        call.attempts = 3;
        assert_eq!(retry.next(&call, &Fixed(0)), None);
    }

    #[test]
    fn the_providers_word_is_kept_to_or_the_call_given_up() {
        let mut call = failed(true, true, true);
        call.retry_after = Some(Duration::from_secs(2));
        call.remaining = Duration::from_millis(2_100);
        assert_eq!(next(call), call.retry_after);
        call.remaining = Duration::from_millis(2_099);
        assert_eq!(next(call), None);
        call.retry_after = None;
        call.remaining = Duration::from_millis(150);
        assert_eq!(next(call), None);
    }
}
