use std::time::Duration;

use crate::domain::{self, RateLimit, RateLimits, RequestId, Timestamp};
use crate::store::{QuotaScope, StoreError};

/// What a call demands of one scope.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// Whose calls are limited together.
    pub scope: QuotaScope,
    /// The limits.
    pub limits: &'a RateLimits,
    /// Who calls: any number that is the caller's own.
    pub caller: u32,
    /// The call.
    pub call: RequestId,
    /// When it has ended, come what may.
    pub ends_by: Timestamp,
}

/// Allows one call to be started now. Where the number of concurrent calls is limited it holds a
/// place, until it is released or the call's time is over.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pub(super) call: Option<RequestId>,
    pub(super) places: Vec<QuotaScope>,
}

/// Why a call may not be started.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// Too many calls, or too many functions that ask.
    #[error("the limit is reached")]
    Limited {
        /// When to come back.
        retry_after: Duration,
    },
    /// The limits are not known.
    #[error(transparent)]
    Store(StoreError),
}

/// How much of a scope's limits is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// Each limit, and how many calls it leaves now. What functions have leased is not free.
    pub limits: Vec<(RateLimit, u32)>,
    /// How many calls run, where their number is limited.
    pub running: usize,
    /// Until then the provider takes no calls.
    pub blocked_until: Option<Timestamp>,
}

/// What a function expects of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// How many calls are left of the limit that is nearest to its end; none, while calls are
    /// refused.
    pub remaining: u32,
    /// For so long calls are refused.
    pub refused_for: Option<Duration>,
}

impl Demand<'_> {
    /// Whether the number of calls that run is limited.
    pub(super) fn needs_place(&self) -> bool {
        self.limits.concurrent_requests.is_some()
    }
}

impl LimitError {
    /// No refusal says to come back at once.
    pub(super) fn limited(wait: Duration) -> Self {
        Self::Limited {
            retry_after: wait.max(Duration::from_millis(1)),
        }
    }
}

impl From<LimitError> for domain::Error {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited { retry_after } => Self::RateLimited { retry_after },
            LimitError::Store(error) => error.into(),
        }
    }
}
