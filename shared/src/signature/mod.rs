//! Verifies what providers send.
//!
//! One engine carries out the catalogue's declarations of signatures, `token` those of static tokens;
//! what none can express is a module of its own (`twilio`). It fails closed: no secret, no acceptance; an unknown kind of signature is
//! passed over, never accepted; a header that comes twice is refused. The request never chooses
//! the algorithm. Nothing of the body is parsed before the signature holds, and what the signature
//! covers is the body's bytes as they came.

mod engine;
mod facts;
mod keys;
mod settings;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;
mod twilio;
pub mod vectors;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

use crate::catalog::{Scheme, Verification};
use crate::domain::SecretId;

pub use keys::{SecretError, SigningSecret};
pub use settings::{SchemeSettings, SettingsError};

/// A request, as it came.
#[derive(Clone, Copy, Debug)]
pub struct InboundRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URL as the provider called it, with its query.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// What a request that was verified turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// An event.
    Event(EventFacts),
    /// Something that is answered and not enqueued.
    Handshake(HandshakeResponse),
}

/// What is known of an event without understanding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// The provider's id of it: at most 256 printable characters.
    pub provider_event_id: Option<String>,
    /// The provider's name for what happened: at most 256 printable characters.
    pub event_type: Option<String>,
    /// When it happened, if the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// The secret that it was verified with; none if it was not verified.
    pub verified_with: Option<SecretId>,
}

/// The answer to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeResponse {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// Why a request is refused. The caller is not told which of these it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The scheme does not know the method.
    #[error("the method is not known")]
    MethodNotAllowed {
        /// The methods that it knows, as `Allow` lists them.
        allow: String,
    },
    /// The request is not of the scheme's form, whatever its signature.
    #[error("the request is malformed")]
    Malformed,
    /// The endpoint has no secret that is valid now.
    #[error("no secret is configured")]
    NoSecret,
    /// A header that the scheme needs is missing.
    #[error("a header is missing")]
    MissingHeader,
    /// A header that must come once comes twice.
    #[error("a header is repeated")]
    RepeatedHeader,
    /// The signature's header is not of the scheme's form.
    #[error("the signature's form is wrong")]
    BadForm,
    /// No signature fits.
    #[error("the signature is wrong")]
    BadSignature,
    /// The timestamp is too far from now.
    #[error("the timestamp is too far from now")]
    Stale,
}

impl Refusal {
    /// The reason's code, for counters and the log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed { .. } => "method",
            Self::Malformed => "malformed",
            Self::NoSecret => "no_secret",
            Self::MissingHeader => "missing_header",
            Self::RepeatedHeader => "repeated_header",
            Self::BadForm => "bad_form",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
        }
    }
}

/// Verifies a request by `scheme`, with the secrets that are valid at `now`.
///
/// # Errors
///
/// Why it is refused.
pub fn receive(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    settings: &SchemeSettings,
    now: Timestamp,
) -> Result<Received, Refusal> {
    if !scheme
        .methods
        .iter()
        .any(|method| method == request.method.as_str())
    {
        return Err(Refusal::MethodNotAllowed {
            allow: scheme.methods.join(", "),
        });
    }
    let verified_with = match &scheme.verification {
        Verification::None => None,
        _ if secrets.is_empty() => return Err(Refusal::NoSecret),
        Verification::Signature { .. } => {
            Some(engine::verify(scheme, request, secrets, settings, now)?)
        }
        Verification::Token { .. } => Some(token::verify(scheme, request, secrets, settings)?),
        Verification::Twilio { shared_key } => {
            Some(twilio::verify(*shared_key, request, secrets, settings)?)
        }
    };
    facts::read(scheme, request, settings, verified_with, now)
}
