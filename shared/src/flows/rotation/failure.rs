use crate::domain::gateway::{ErrorCategory, UpstreamProblem};
use crate::domain::rotation::RotationFailure;
use crate::domain::{Error, RotationCall};
use crate::lambda::telemetry::chain;
use crate::vault::VaultError;

/// Why a step was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepFailure {
    pub(super) reason: RotationFailure,
    /// The provider's status, if it answered.
    pub(super) status: Option<u16>,
    /// Whether it may pass by itself.
    pub(super) is_transient: bool,
    /// Whether the provider has certainly not done what it was asked to.
    pub(super) is_undone: bool,
}

impl StepFailure {
    /// One before anything was sent, which does not pass.
    pub(super) fn lasting(reason: RotationFailure) -> Self {
        Self {
            reason,
            status: None,
            is_transient: false,
            is_undone: true,
        }
    }

    /// One before anything was sent, which passes.
    pub(super) fn passing() -> Self {
        Self {
            is_transient: true,
            ..Self::lasting(RotationFailure::Unavailable)
        }
    }

    /// That of a call without an answer, or that was not made. Its cause goes to the log.
    pub(super) fn of(error: &Error) -> Self {
        tracing::warn!(cause = chain(error), "a step of a rotation was not made");
        Self::read(error)
    }

    fn read(error: &Error) -> Self {
        match error {
            Error::Upstream(error) => Self {
                is_undone: error.problem.status.is_none() && !error.outcome_unknown
                    || is_refusal(error.problem.status),
                ..Self::answered(&error.problem)
            },
            Error::RateLimited { .. } | Error::ProviderBarred { .. } => Self::passing(),
            // What AWS did not answer may have been what is written after the provider has.
            Error::Unavailable(_) => Self {
                is_undone: false,
                ..Self::passing()
            },
            Error::NotFound(_) | Error::Conflict(_) | Error::ConsentNeeded(_) => {
                Self::lasting(RotationFailure::IntegrationUnusable)
            }
            Error::Invalid(_) | Error::Malformed(_) | Error::TooLarge { .. } => {
                Self::lasting(RotationFailure::Misdeclared)
            }
            _ => Self {
                is_undone: false,
                ..Self::passing()
            },
        }
    }

    /// That of an answer that is an error.
    pub(super) fn answered(problem: &UpstreamProblem) -> Self {
        let is_transient = problem.is_transient
            || matches!(
                problem.category,
                ErrorCategory::Network | ErrorCategory::RateLimit
            );
        let is_success = problem.status.is_some_and(|status| status < 300);
        Self {
            reason: if is_transient {
                RotationFailure::Unavailable
            } else if problem.category == ErrorCategory::Authentication {
                RotationFailure::NotAccepted
            } else {
                RotationFailure::Refused
            },
            status: problem.status,
            is_transient,
            is_undone: is_refusal(problem.status)
                || is_success && problem.category != ErrorCategory::Data,
        }
    }

    /// That of the vault.
    pub(super) fn of_vault(error: &VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::lasting(RotationFailure::CandidateLost),
            VaultError::BeingDeleted => Self::lasting(RotationFailure::IntegrationUnusable),
            _ => Self::passing(),
        }
    }

    /// Whether the provider says that what `call` deletes is not there.
    pub(super) fn says_gone(&self, call: &RotationCall) -> bool {
        self.status.is_some_and(|status| {
            matches!(status, 404 | 410) || call.done_statuses.contains(&status)
        })
    }
}

/// Whether the status says that nothing was done.
fn is_refusal(status: Option<u16>) -> bool {
    // 408 and 499 are given up on the way, after which somebody may have gone on.
    status.is_some_and(|status| (400..500).contains(&status) && status != 408 && status != 499)
}
