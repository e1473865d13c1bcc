use std::sync::Arc;

use crate::egress::EgressError;

/// Why an authorization server was not asked, or what it said instead. Names fields and codes, and
/// never shows what they hold.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OauthError {
    /// The configuration, or the server's metadata, cannot be used.
    #[error("the configuration of OAuth 2.0 cannot be used: {0}")]
    Configuration(&'static str),
    /// The credentials lack a field, or it is of no use.
    #[error("the field `{0}` of the credentials is missing or cannot be used")]
    Credentials(&'static str),
    /// The grant is over: a person has to consent again (RFC 6749 section 5.2, `invalid_grant`).
    #[error("the authorization server says that the grant is not valid any more")]
    InvalidGrant,
    /// The client is not known, or not as it says (`invalid_client`, `unauthorized_client`).
    #[error("the authorization server does not accept the client: {0}")]
    InvalidClient(&'static str),
    /// The server refuses for another reason.
    #[error("the authorization server refuses with status {status}{}{}", if code.is_some() { ": " } else { "" }, code.unwrap_or(""))]
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its error code, if it is one that a standard defines.
        code: Option<&'static str>,
    },
    /// Its answer cannot be used.
    #[error("the answer of the authorization server cannot be used: {0}")]
    Unreadable(&'static str),
    /// Its metadata speak for another issuer.
    #[error("the metadata are of another issuer")]
    WrongIssuer,
    /// It did not answer.
    #[error("the call of the authorization server failed")]
    Call(#[source] Arc<EgressError>),
}

impl OauthError {
    /// Whether another try within seconds may succeed without a change on this side.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.is_transient(),
            Self::Refused { status, code } => {
                matches!(status, 408 | 425 | 429 | 500..=599)
                    || matches!(code, Some("server_error" | "temporarily_unavailable"))
            }
            Self::Configuration(_)
            | Self::Credentials(_)
            | Self::InvalidGrant
            | Self::InvalidClient(_)
            | Self::Unreadable(_)
            | Self::WrongIssuer => false,
        }
    }
}

impl From<EgressError> for OauthError {
    fn from(error: EgressError) -> Self {
        Self::Call(Arc::new(error))
    }
}
