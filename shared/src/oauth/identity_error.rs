use super::OauthError;
use crate::jwt::{FetchError, JwtError};

/// Why what an authorization server says of somebody is not believed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It is not in order. Holds what it is, and what is wrong with it, for the log.
    #[error("the {what} is not accepted: {why}")]
    Refused {
        /// An ID token, a logout token, or an answer of the UserInfo endpoint.
        what: &'static str,
        /// The first thing that is wrong.
        why: &'static str,
    },
    /// The keys that it is verified with cannot be had now.
    #[error("the keys of the authorization server cannot be had")]
    Keys(#[source] FetchError),
    /// The authorization server was not asked, or its answer cannot be used.
    #[error(transparent)]
    Call(#[from] OauthError),
}

impl IdentityError {
    pub(super) fn of(what: &'static str, error: JwtError) -> Self {
        match error {
            JwtError::Invalid(why) => Self::Refused { what, why },
            JwtError::Unavailable(error) => Self::Keys(error),
        }
    }

    /// Whether another try within seconds may succeed without a change on this side.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { .. } => false,
            Self::Keys(error) => matches!(error, FetchError::Unreachable(_)),
            Self::Call(error) => error.is_transient(),
        }
    }
}
