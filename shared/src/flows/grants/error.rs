use std::sync::Arc;
use std::time::Duration;

use crate::audit::AuditError;
use crate::domain::{Cause, Error, GrantEnd};
use crate::oauth::OauthError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why there is no access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GrantError {
    /// Nobody has consented yet.
    #[error("nobody has consented yet")]
    NotConnected,
    /// A person has to consent again.
    #[error("a person has to consent again: {}", .0.reason())]
    ConsentNeeded(GrantEnd),
    /// The authorization server gives no token.
    #[error(transparent)]
    Oauth(OauthError),
    /// The authorization server failed a moment ago, and is left alone for a while.
    #[error("the authorization server failed a moment ago: {code}")]
    Later {
        /// A fixed word for what went wrong.
        code: String,
        /// When it is asked again.
        retry_after: Duration,
    },
    /// Another function is renewing the grant, and has not come to an end in time.
    #[error("the grant is being renewed by another function")]
    Busy,
    /// The table does not answer, or holds what cannot be read.
    #[error("the grant cannot be read or written")]
    Store(#[source] Arc<StoreError>),
    /// It cannot be recorded, so it is not done.
    #[error(transparent)]
    Audit(AuditError),
    /// What is sealed cannot be opened, or nothing can be sealed.
    #[error("the tokens cannot be sealed or opened")]
    Vault(#[source] Arc<VaultError>),
}

impl GrantError {
    /// Whether another try within seconds may succeed without a change on this side.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Oauth(error) => error.is_transient(),
            Self::Store(error) => error.is_retryable(),
            Self::Vault(error) => error.is_retryable(),
            Self::Later { .. } | Self::Busy | Self::Audit(_) => true,
            Self::NotConnected | Self::ConsentNeeded(_) => false,
        }
    }
}

impl From<AuditError> for GrantError {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<VaultError> for GrantError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Arc::new(error))
    }
}

impl From<OauthError> for GrantError {
    fn from(error: OauthError) -> Self {
        Self::Oauth(error)
    }
}

impl From<GrantError> for Error {
    fn from(error: GrantError) -> Self {
        match &error {
            GrantError::NotConnected | GrantError::ConsentNeeded(_) => {
                Self::ConsentNeeded(error.to_string())
            }
            GrantError::Oauth(said) if !said.is_transient() => {
                Self::Conflict(format!("the integration cannot authenticate: {said}"))
            }
            GrantError::Store(_) | GrantError::Vault(_) if !error.is_transient() => {
                Self::Internal(Cause::from(error))
            }
            _ => Self::Unavailable(Cause::from(error)),
        }
    }
}
