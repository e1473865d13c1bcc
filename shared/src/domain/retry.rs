use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Randomness, Timestamp};

/// When a failed delivery is tried again: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// At most this many attempts in all, the first included; no limit but `maxAgeSeconds` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub max_attempts: Option<u16>,
    /// The longest wait before the second attempt, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    pub initial_delay_ms: u64,
    /// By how much the wait grows from one attempt to the next.
    #[schema(minimum = 1.0, maximum = 10.0)]
    pub multiplier: f64,
    /// The longest wait between two attempts, in milliseconds.
    #[schema(minimum = 100, maximum = 86_400_000)]
    pub max_delay_ms: u64,
    /// How long after the event was received attempts go on, in seconds.
    #[schema(minimum = 0, maximum = 1_209_600)]
    pub max_age_seconds: u64,
}

impl Default for RetryPolicy {
    /// From 5 seconds, doubling, up to 6 hours apart, for 3 days.
    fn default() -> Self {
        Self {
            max_attempts: None,
            initial_delay_ms: 5_000,
            multiplier: 2.0,
            max_delay_ms: 6 * 60 * 60 * 1000,
            max_age_seconds: 3 * 24 * 60 * 60,
        }
    }
}

/// Which part of a retry policy is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be between {min} and {max}")]
pub struct RetryPolicyError {
    /// The field, as the API spells it.
    pub field: &'static str,
    min: u64,
    max: u64,
}

/// What becomes of a delivery after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try again at this instant.
    At(Timestamp),
    /// The last try is over.
    Exhausted,
}

impl RetryPolicy {
    /// Longer than any policy goes on: for so long is kept what may be tried again.
    pub const OUTLIVED: Duration = Duration::from_secs(15 * 24 * 60 * 60);

    /// Checks that every number is in its range.
    ///
    /// # Errors
    ///
    /// The first field that is not.
    pub fn check(&self) -> Result<(), RetryPolicyError> {
        let ranges = [
            (
                "maxAttempts",
                u64::from(self.max_attempts.unwrap_or(1)),
                1,
                100,
            ),
            ("initialDelayMs", self.initial_delay_ms, 100, 3_600_000),
            ("maxDelayMs", self.max_delay_ms, 100, 86_400_000),
            ("maxAgeSeconds", self.max_age_seconds, 0, 1_209_600),
        ];
        for (field, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(RetryPolicyError { field, min, max });
            }
        }
        if (1.0..=10.0).contains(&self.multiplier) {
            Ok(())
        } else {
            Err(RetryPolicyError {
                field: "multiplier",
                min: 1,
                max: 10,
            })
        }
    }

    /// Decides after `attempts` failed ones of an event received at `received_at`.
    ///
    /// The wait is drawn evenly from zero to the exponential bound, so that many deliveries that
    /// failed together do not come back together. `retry_after` is the destination's own word
    /// (RFC 9110 section 10.2.3) and is never undercut; an attempt that it would push past the
    /// policy's age is not made.
    #[must_use]
    pub fn after(
        &self,
        attempts: u16,
        received_at: Timestamp,
        now: Timestamp,
        retry_after: Option<Duration>,
        randomness: &dyn Randomness,
    ) -> Retry {
        if self.max_attempts.is_some_and(|max| attempts >= max) {
            return Retry::Exhausted;
        }
        let wait = self.bound(attempts).mul_f64(randomness.fraction());
        let wait = wait.max(retry_after.unwrap_or_default());
        let at = now.plus(wait);
        if at > received_at.plus(Duration::from_secs(self.max_age_seconds)) {
            Retry::Exhausted
        } else {
            Retry::At(at)
        }
    }

    /// The longest wait after `attempts` failed ones.
    fn bound(&self, attempts: u16) -> Duration {
        let exponent = i32::from(attempts.saturating_sub(1));
        let initial = Duration::from_millis(self.initial_delay_ms).as_secs_f64();
        let max = Duration::from_millis(self.max_delay_ms);
        let bound = initial * self.multiplier.powi(exponent);
        Duration::try_from_secs_f64(bound).map_or(max, |bound| bound.min(max))
    }
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

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wait(
        policy: &RetryPolicy,
        attempts: u16,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        match policy.after(attempts, at(0), at(0), retry_after, &Fixed(0xff)) {
            Retry::At(next) => Some(next.since(at(0))),
            Retry::Exhausted => None,
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest_wait() {
        let policy = RetryPolicy {
            max_age_seconds: 1_209_600,
            ..RetryPolicy::default()
        };
        let seconds: Vec<f64> = (1..=14)
            .map(|n| wait(&policy, n, None).unwrap().as_secs_f64().round())
            .collect();
        assert_eq!(
            seconds,
            [
                5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 5120.0, 10240.0,
                20480.0, 21600.0
            ]
        );
        assert_eq!(
            wait(&policy, u16::MAX, None).unwrap().as_secs_f64().round(),
            21600.0
        );
    }

    #[test]
    fn full_jitter_reaches_down_to_no_wait_at_all() {
        let retry = RetryPolicy::default().after(5, at(0), at(100), None, &Fixed(0));
        assert_eq!(retry, Retry::At(at(100)));
    }

    #[test]
    fn the_destinations_own_word_is_not_undercut() {
        let policy = RetryPolicy::default();
        assert_eq!(
            wait(&policy, 1, Some(Duration::from_secs(120))),
            Some(Duration::from_secs(120))
        );
        assert_eq!(
            wait(&policy, 1, Some(Duration::from_secs(4 * 86_400))),
            None
        );
    }

    #[test]
    fn attempts_end_with_their_number_or_the_events_age() {
        let policy = RetryPolicy {
            max_attempts: Some(3),
            ..RetryPolicy::default()
        };
        assert!(wait(&policy, 2, None).is_some());
        assert_eq!(wait(&policy, 3, None), None);
        let late = at(3 * 86_400);
        assert_eq!(
            RetryPolicy::default().after(9, at(0), late, None, &Fixed(0x80)),
            Retry::Exhausted
        );
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let policy = RetryPolicy {
            multiplier: f64::NAN,
            ..RetryPolicy::default()
        };
        assert_eq!(policy.check().unwrap_err().field, "multiplier");
        let policy = RetryPolicy {
            initial_delay_ms: 1,
            ..RetryPolicy::default()
        };
        assert_eq!(
            policy.check().unwrap_err().to_string(),
            "`initialDelayMs` must be between 100 and 3600000"
        );
        assert_eq!(RetryPolicy::default().check(), Ok(()));
    }
}
