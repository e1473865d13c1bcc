use std::fmt;

use super::gateway::{ErrorCategory, UpstreamProblem};
use super::{Cause, RequestId};

/// A call to a provider that did not end in success.
#[derive(Debug)]
pub struct UpstreamError {
    /// The call, as it stands in the log of requests.
    pub request: RequestId,
    /// What the provider said, or why it said nothing. Without the integration's secrets.
    pub problem: UpstreamProblem,
    /// It took too long.
    pub timed_out: bool,
    /// The provider may have done what it was asked to, and making the call again may do it again.
    pub outcome_unknown: bool,
    /// What lies behind it: for the log.
    pub cause: Option<Cause>,
}

impl UpstreamError {
    /// That of a call which the provider answered with an error.
    #[must_use]
    pub fn answered(request: RequestId, problem: UpstreamProblem, is_repeatable: bool) -> Self {
        Self {
            // What the provider refuses it has not done; where it failed, nobody knows.
            outcome_unknown: problem.category == ErrorCategory::Network && !is_repeatable,
            request,
            problem,
            timed_out: false,
            cause: None,
        }
    }

    /// Whether the same call may succeed later, and making it again does no harm.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.problem.is_transient && !self.outcome_unknown
    }
}

/// What happened, and what to do.
impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.problem.category {
            ErrorCategory::Authentication => {
                "the provider does not accept the integration's credentials, or does not allow them \
                 this; replace them, or have them allow it"
            }
            ErrorCategory::RateLimit => "the provider takes no more calls for now; come back later",
            ErrorCategory::Network if self.timed_out => "the provider did not answer in time",
            ErrorCategory::Network => "the provider could not be reached, or failed",
            ErrorCategory::Data => {
                "the provider cannot use what it was sent, or its answer cannot be used; `upstream` \
                 says why"
            }
            ErrorCategory::Business => "the provider refuses this; `upstream` says why",
        })?;
        if self.outcome_unknown {
            f.write_str("; whether it did what it was asked to is not known")?;
        }
        Ok(())
    }
}

impl std::error::Error for UpstreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}
