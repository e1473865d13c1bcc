use crate::auth::AuthError;
use crate::domain::gateway::{ErrorCategory, Failure, UpstreamProblem};
use crate::domain::{Cause, Error, RequestId, UpstreamError};
use crate::egress::EgressError;
use crate::oauth::OauthError;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum CallFailure {
    /// Nothing was sent, or nothing whole came back.
    Egress(EgressError),
    /// It could not be authenticated: nothing was sent.
    Auth(AuthError),
}

impl CallFailure {
    /// Whether it says that the provider does not work. A time-out does only if there was time
    /// enough.
    pub(super) fn is_of_the_provider(&self, had_time: bool) -> bool {
        match self {
            Self::Egress(EgressError::Timeout) => had_time,
            Self::Egress(error) => error.is_retryable(),
            Self::Auth(AuthError::TokenCall(error) | AuthError::Oauth(OauthError::Call(error))) => {
                error.is_retryable()
            }
            // Of the table, or of a provider that is left alone for a while.
            Self::Auth(AuthError::Grant(..)) => false,
            Self::Auth(error) => error.is_transient(),
        }
    }

    pub(super) fn as_failure(&self) -> Failure {
        match self {
            Self::Egress(error) => Failure {
                is_transient: error.is_transient(),
                may_have_been_sent: error.may_have_been_sent(),
            },
            Self::Auth(error) => Failure {
                is_transient: error.is_transient(),
                may_have_been_sent: false,
            },
        }
    }

    /// What the caller is told.
    pub(super) fn into_error(self, request: RequestId, is_repeatable: bool) -> Error {
        match self {
            Self::Egress(error) => {
                let (outcome_unknown, is_transient) = (
                    error.may_have_been_sent() && !is_repeatable,
                    error.is_transient(),
                );
                upstream(UpstreamError {
                    request,
                    problem: UpstreamProblem {
                        message: Some(error.to_string()),
                        ..UpstreamProblem::unanswered(error.code(), is_transient)
                    },
                    timed_out: is_timeout(error.of_last_hop()),
                    outcome_unknown,
                    cause: Some(error.into()),
                })
            }
            Self::Auth(error) => of_auth(error, request),
        }
    }
}

fn of_auth(error: AuthError, request: RequestId) -> Error {
    let (category, code) = match &error {
        AuthError::NoPlaceInBody => return Error::field("/body", error.to_string()),
        AuthError::Unsignable(_) => return Error::field("", error.to_string()),
        AuthError::ForbiddenHost => return Error::field("/endpoint", error.to_string()),
        AuthError::MissingField(_)
        | AuthError::UnusableField { .. }
        | AuthError::ClientIdentity(_)
        | AuthError::Configuration(_)
        | AuthError::ForbiddenTokenHost
        | AuthError::NotSupported => {
            return Error::Conflict(format!("the integration cannot authenticate: {error}"));
        }
        AuthError::ConsentNeeded(why) => return Error::ConsentNeeded(why.clone()),
        AuthError::Oauth(OauthError::Configuration(_) | OauthError::Credentials(_)) => {
            return Error::Conflict(format!("the integration cannot authenticate: {error}"));
        }
        AuthError::Grant(_, true) => return Error::Unavailable(Cause::from(error)),
        AuthError::Grant(..) => return Error::Internal(Cause::from(error)),
        AuthError::Oauth(OauthError::Call(error)) => (ErrorCategory::Network, error.code()),
        AuthError::Oauth(OauthError::Unreadable(_) | OauthError::WrongIssuer) => {
            (ErrorCategory::Data, "token_unreadable")
        }
        AuthError::Oauth(_) if error.is_transient() => (ErrorCategory::Network, "token_refused"),
        AuthError::Oauth(_) => (ErrorCategory::Authentication, "token_refused"),
        AuthError::TokenRefused { .. } if !error.is_transient() => {
            (ErrorCategory::Authentication, "token_refused")
        }
        AuthError::TokenRefused { .. } => (ErrorCategory::Network, "token_refused"),
        AuthError::TokenUnreadable(_) => (ErrorCategory::Data, "token_unreadable"),
        AuthError::TokenCall(error) => (ErrorCategory::Network, error.code()),
    };
    upstream(UpstreamError {
        request,
        problem: UpstreamProblem {
            category,
            message: Some(error.to_string()),
            ..UpstreamProblem::unanswered(code, error.is_transient())
        },
        timed_out: has_timed_out(&error),
        outcome_unknown: false,
        cause: Some(error.into()),
    })
}

fn has_timed_out(error: &AuthError) -> bool {
    match error {
        AuthError::TokenCall(error) | AuthError::Oauth(OauthError::Call(error)) => {
            is_timeout(error.of_last_hop())
        }
        _ => false,
    }
}

fn is_timeout(error: &EgressError) -> bool {
    matches!(error, EgressError::Timeout | EgressError::ConnectTimeout)
}

fn upstream(error: UpstreamError) -> Error {
    Error::Upstream(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ulid::Ulid;

    use super::*;

    fn error_of(failure: CallFailure, is_repeatable: bool) -> Error {
        failure.into_error(RequestId::from(Ulid::from(1_u128)), is_repeatable)
    }

    fn upstream_of(failure: CallFailure, is_repeatable: bool) -> UpstreamError {
        match error_of(failure, is_repeatable) {
            Error::Upstream(error) => *error,
            error => panic!("{error:?}"),
        }
    }

    #[test]
    fn what_may_have_been_done_is_said_to_be_unknown_unless_it_can_be_repeated() {
        for (error, repeatable, unknown, retryable) in [
            (EgressError::Timeout, false, true, false),
            (EgressError::Timeout, true, false, true),
            (EgressError::ConnectTimeout, false, false, true),
            (EgressError::PinMismatch, false, false, false),
            (EgressError::TooLarge, true, false, false),
        ] {
            let said = format!("{error}, repeatable: {repeatable}");
            let error = upstream_of(CallFailure::Egress(error), repeatable);
            assert_eq!(error.outcome_unknown, unknown, "{said}");
            assert_eq!(error.is_retryable(), retryable, "{said}");
            assert_eq!(error.to_string().contains("not known"), unknown, "{said}");
        }
    }

    #[test]
    fn a_pin_that_does_not_fit_is_said_clearly() {
        let error = upstream_of(CallFailure::Egress(EgressError::PinMismatch), true);
        assert_eq!(error.problem.category, ErrorCategory::Network);
        assert_eq!(error.problem.code.as_deref(), Some("tls_pin_mismatch"));
    }

    #[test]
    fn only_a_timeout_that_had_time_counts_against_the_provider() {
        let timeout = CallFailure::Egress(EgressError::Timeout);
        assert!(timeout.is_of_the_provider(true));
        assert!(!timeout.is_of_the_provider(false));
        let forbidden = CallFailure::Egress(EgressError::ForbiddenAddress);
        assert!(!forbidden.is_of_the_provider(true));
        assert!(CallFailure::Egress(EgressError::Resolve).is_of_the_provider(false));
        let missing = AuthError::MissingField("apiKey".to_owned());
        assert!(!CallFailure::Auth(missing).is_of_the_provider(true));
    }

    #[test]
    fn each_way_of_not_being_authenticated_has_its_error() {
        let auth = |error| error_of(CallFailure::Auth(error), false);
        assert!(matches!(auth(AuthError::NoPlaceInBody), Error::Invalid(_)));
        assert!(matches!(auth(AuthError::NotSupported), Error::Conflict(_)));
        let refused = AuthError::TokenRefused { status: 401 };
        let refused = upstream_of(CallFailure::Auth(refused), false);
        assert_eq!(refused.problem.category, ErrorCategory::Authentication);
        let busy = AuthError::TokenRefused { status: 503 };
        let busy = upstream_of(CallFailure::Auth(busy), false);
        assert_eq!(busy.problem.category, ErrorCategory::Network);
        assert!(busy.is_retryable());
        let slow = AuthError::TokenCall(Arc::new(EgressError::Timeout));
        assert!(upstream_of(CallFailure::Auth(slow), false).timed_out);
    }
}
