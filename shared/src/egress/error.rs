use std::error::Error as StdError;

/// Why nothing came back. Holds no address, no query and no header.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The URL is not one that is called: another scheme, user information, no host.
    #[error("the URL is not allowed: {0}")]
    ForbiddenUrl(&'static str),
    /// The host is, or resolves to, an address that is not globally routable.
    #[error("the host's address is not allowed")]
    ForbiddenAddress,
    /// The name does not resolve.
    #[error("the host's name does not resolve")]
    Resolve,
    /// No connection, or it broke.
    #[error("the connection failed")]
    Connect(#[source] Box<dyn StdError + Send + Sync>),
    /// The server's certificate or TLS version is not accepted.
    #[error("TLS could not be agreed on")]
    Tls(#[source] Box<dyn StdError + Send + Sync>),
    /// It took too long.
    #[error("there was no answer in time")]
    Timeout,
    /// More redirects than are followed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// What came back is not HTTP.
    #[error("the answer is not HTTP")]
    Protocol(#[source] Box<dyn StdError + Send + Sync>),
    /// The client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] Box<dyn StdError + Send + Sync>),
}

impl EgressError {
    /// The error's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForbiddenUrl(_) => "forbidden_url",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Resolve => "name_not_resolved",
            Self::Connect(_) => "connection_failed",
            Self::Tls(_) => "tls_failed",
            Self::Timeout => "timeout",
            Self::TooManyRedirects => "too_many_redirects",
            Self::Protocol(_) => "not_http",
            Self::Setup(_) => "client_setup",
        }
    }

    /// Whether another try may succeed without a change of the URL.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::Timeout
            | Self::Protocol(_)
            | Self::Setup(_) => true,
            Self::ForbiddenUrl(_) | Self::ForbiddenAddress | Self::TooManyRedirects => false,
        }
    }
}

/// What the guarded resolver tells the HTTP client, to be found again in its error.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("an address is not allowed")]
    Forbidden,
    #[error("the name does not resolve")]
    NotFound,
}

/// Sorts an error of the HTTP client. Its text may hold the URL, so only its causes are kept.
pub(super) fn sort(error: reqwest::Error) -> EgressError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        match current.downcast_ref::<ResolveError>() {
            Some(ResolveError::Forbidden) => return EgressError::ForbiddenAddress,
            Some(ResolveError::NotFound) => return EgressError::Resolve,
            None => {}
        }
        // A TLS error arrives wrapped in an I/O error, which does not show it as its source.
        let inner = current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if current.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return EgressError::Tls(error.without_url().into());
        }
        cause = match inner {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    if error.is_timeout() {
        EgressError::Timeout
    } else if error.is_connect() || error.is_body() {
        EgressError::Connect(error.without_url().into())
    } else {
        EgressError::Protocol(error.without_url().into())
    }
}
