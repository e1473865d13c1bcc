use std::sync::Arc;

use crate::egress::{ClientIdentityError, EgressError};
use crate::oauth::OauthError;

/// Why a request could not be authenticated. Names fields, and never shows what they hold.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthError {
    /// The credentials lack a field that the configuration names.
    #[error("the credentials have no field `{0}`")]
    MissingField(String),
    /// A field of the credentials is not of the form that its use asks for.
    #[error("the field `{field}` of the credentials cannot be used: expected {expected}")]
    UnusableField {
        /// Its name.
        field: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The client certificate, or its key, cannot be used.
    #[error("the fields `clientCertificate` and `clientKey` of the credentials cannot be used")]
    ClientIdentity(#[source] ClientIdentityError),
    /// The configuration cannot be applied.
    #[error("the authentication's configuration cannot be used: {0}")]
    Configuration(&'static str),
    /// The key goes into the body, and the body cannot hold it.
    #[error("the request's body has no place for the key: expected a JSON object or a form")]
    NoPlaceInBody,
    /// The request is to be signed, and a signature cannot cover it.
    #[error("the request cannot be signed: {0}")]
    Unsignable(&'static str),
    /// The request goes where the credentials may not go.
    #[error("the credentials must not go to the request's host")]
    ForbiddenHost,
    /// The token would be obtained where the credentials may not go.
    #[error("the credentials must not go to the host that tokens are obtained from")]
    ForbiddenTokenHost,
    /// The provider gave no token.
    #[error("the call for a token was answered with status {status}")]
    TokenRefused {
        /// The status of its answer.
        status: u16,
    },
    /// The provider's answer holds no token that can be used.
    #[error("the answer to the call for a token cannot be used: {0}")]
    TokenUnreadable(&'static str),
    /// The provider did not answer.
    #[error("the call for a token failed")]
    TokenCall(#[source] Arc<EgressError>),
    /// A person has to consent, for the first time or again.
    #[error("{0}")]
    ConsentNeeded(String),
    /// The authorization server gives no token.
    #[error(transparent)]
    Oauth(OauthError),
    /// The grant cannot be read or renewed; whether that may pass by itself.
    #[error("the grant cannot be used for the moment")]
    Grant(#[source] Arc<dyn std::error::Error + Send + Sync>, bool),
    /// This function has no grants.
    #[error("the method `oauth2` is not supported here")]
    NotSupported,
}

impl AuthError {
    /// Whether another try within seconds may succeed without a change on this side.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TokenCall(error) => error.is_transient(),
            Self::Oauth(error) => error.is_transient(),
            Self::Grant(_, is_transient) => *is_transient,
            Self::TokenRefused { status } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::MissingField(_)
            | Self::UnusableField { .. }
            | Self::ClientIdentity(_)
            | Self::Configuration(_)
            | Self::NoPlaceInBody
            | Self::Unsignable(_)
            | Self::ForbiddenHost
            | Self::ForbiddenTokenHost
            | Self::TokenUnreadable(_)
            | Self::ConsentNeeded(_)
            | Self::NotSupported => false,
        }
    }

    /// Whether the caller's request is what has to change: the credentials and the configuration
    /// are in order, as far as could be seen.
    #[must_use]
    pub fn is_of_the_request(&self) -> bool {
        matches!(
            self,
            Self::NoPlaceInBody | Self::Unsignable(_) | Self::ForbiddenHost
        )
    }
}

impl From<EgressError> for AuthError {
    fn from(error: EgressError) -> Self {
        Self::TokenCall(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_by_itself_is_transient() {
        for (error, transient) in [
            (AuthError::TokenRefused { status: 429 }, true),
            (AuthError::TokenRefused { status: 503 }, true),
            (AuthError::TokenRefused { status: 400 }, false),
            (AuthError::TokenRefused { status: 401 }, false),
            (AuthError::TokenRefused { status: 302 }, false),
            (EgressError::Timeout.into(), true),
            (EgressError::ForbiddenAddress.into(), false),
            (AuthError::TokenUnreadable("it has no token"), false),
            (AuthError::NoPlaceInBody, false),
            (AuthError::NotSupported, false),
        ] {
            assert_eq!(error.is_transient(), transient, "{error}");
        }
    }
}
