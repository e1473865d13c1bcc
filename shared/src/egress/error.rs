use super::TlsFault;
use crate::domain::Cause;

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
    /// No connection could be made: it was refused, or broke before it was agreed on.
    #[error("the connection failed")]
    Connect(#[source] Cause),
    /// No connection was made in time: the look-up of the name and the TLS handshake included.
    #[error("there was no connection in time")]
    ConnectTimeout,
    /// The server's certificate or TLS version is not accepted, or the server accepts not ours.
    #[error("TLS could not be agreed on: {0}")]
    Tls(TlsFault, #[source] Cause),
    /// The server's certificate is in order, but none of the pinned keys is in its chain.
    #[error("none of the pinned keys is in the server's chain of certificates")]
    PinMismatch,
    /// The connection broke before the whole answer was there.
    #[error("the connection broke")]
    Disconnected(#[source] Cause),
    /// The answer's body ended before its length, or its end mark.
    #[error("the answer is shorter than it says")]
    Truncated,
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
    Protocol(#[source] Cause),
    /// The client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] Cause),
    /// The server answered with a redirect, and what it leads to failed.
    #[error("a redirect could not be followed")]
    AfterRedirect(#[source] Box<EgressError>),
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
            Self::ConnectTimeout => "connection_timeout",
            Self::Tls(fault, _) => fault.code(),
            Self::PinMismatch => "tls_pin_mismatch",
            Self::Disconnected(_) => "connection_broken",
            Self::Truncated => "answer_truncated",
            Self::Timeout => "timeout",
            Self::TooManyRedirects => "too_many_redirects",
            Self::TooLarge => "headers_too_large",
            Self::Protocol(_) => "not_http",
            Self::Setup(_) => "client_setup",
            Self::AfterRedirect(error) => error.code(),
        }
    }

    /// The error of the last request that was made: this one, if no redirect was followed.
    #[must_use]
    pub fn of_last_hop(&self) -> &Self {
        match self {
            Self::AfterRedirect(error) => error.of_last_hop(),
            error => error,
        }
    }

    /// Whether another try, maybe days later, may succeed without a change on this side: a server
    /// can renew its certificate, but it cannot come to have a key that is pinned here.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Tls(..)
            | Self::Disconnected(_)
            | Self::Truncated
            | Self::Timeout
            | Self::Protocol(_)
            | Self::Setup(_) => true,
            Self::ForbiddenUrl(_)
            | Self::ForbiddenAddress
            | Self::PinMismatch
            | Self::TooManyRedirects
            | Self::TooLarge => false,
            Self::AfterRedirect(error) => error.is_retryable(),
        }
    }

    /// Whether another try within seconds may succeed: what is retryable, without what only a
    /// person changes.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Tls(fault, _) => fault.is_transient(),
            Self::AfterRedirect(error) => error.is_transient(),
            Self::Setup(_) => false,
            _ => self.is_retryable(),
        }
    }

    /// Whether the server may have got the request, or a part of it. If not, it can be repeated
    /// whatever its method is. In doubt, it may.
    #[must_use]
    pub fn may_have_been_sent(&self) -> bool {
        match self {
            Self::ForbiddenUrl(_)
            | Self::ForbiddenAddress
            | Self::Resolve
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::PinMismatch
            | Self::Setup(_) => false,
            Self::Tls(fault, _) => fault.may_follow_the_request(),
            Self::Disconnected(_)
            | Self::Truncated
            | Self::Timeout
            | Self::TooManyRedirects
            | Self::TooLarge
            | Self::Protocol(_)
            | Self::AfterRedirect(_) => true,
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

/// What the verifier of pins tells the TLS library, to be found again in its error.
#[derive(Debug, thiserror::Error)]
#[error("none of the pinned keys is in the chain")]
pub(super) struct PinMismatch;
