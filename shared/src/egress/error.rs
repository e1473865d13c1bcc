use std::error::Error as StdError;
use std::io;

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
    /// The answer's headers are longer than is read. A long body is cut off, and no error.
    #[error("the answer's headers are too large")]
    TooLarge,
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
            Self::TooLarge => "headers_too_large",
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
            Self::ForbiddenUrl(_)
            | Self::ForbiddenAddress
            | Self::TooManyRedirects
            | Self::TooLarge => false,
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

/// Sorts an error of the HTTP client. The client's own error shows the URL and the address that
/// was called, so its innermost cause is kept in its place.
pub(super) fn sort(error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    if error.is_timeout() {
        return EgressError::Timeout;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(known) = known(current) {
            return known;
        }
        // An I/O error does not show what it wraps as its source.
        let inner = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    if error.is_connect() || error.is_body() {
        EgressError::Connect(error.into())
    } else {
        EgressError::Protocol(error.into())
    }
}

fn known(cause: &(dyn StdError + 'static)) -> Option<EgressError> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(match error {
            ResolveError::Forbidden => EgressError::ForbiddenAddress,
            ResolveError::NotFound => EgressError::Resolve,
        });
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(EgressError::Tls(error.clone().into()));
    }
    let code = cause.downcast_ref::<io::Error>()?.raw_os_error()?;
    Some(EgressError::Connect(
        io::Error::from_raw_os_error(code).into(),
    ))
}
