//! Verifies what providers send.
//!
//! One engine carries out the catalogue's declarations of signatures, `token` those of static tokens;
//! what none can express is a module of its own (`twilio`). It fails closed: no secret, no acceptance; an unknown kind of signature is
//! passed over, never accepted; a header that comes twice is refused. The request never chooses
//! the algorithm. Nothing of the body is parsed before the signature holds, and what the signature
//! covers is the body's bytes as they came.

mod batch;
mod body_changes;
mod challenges;
mod coded;
pub mod diagnosis;
mod engine;
mod facts;
mod json;
mod jws;
mod keys;
mod published;
pub mod sample;
mod settings;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;
mod twilio;
mod vector_extra;
pub mod vectors;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::catalog::{Need, Scheme, Verification};
use crate::domain::SecretId;

pub use keys::{SecretError, SigningSecret};
pub use published::{KeyLocation, PublishedKey, PublishedKeys, key_of_certificate};
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
#[derive(Clone, Debug)]
pub enum Received {
    /// An event.
    Event(EventFacts),
    /// Several events, or none: each has a payload of its own. All of them are to be durable
    /// before the request is answered with 2xx.
    Batch(Vec<BatchedEvent>),
    /// Something that is answered and not enqueued.
    Handshake(HandshakeResponse),
    /// A handshake that is answered once this URL, which is the provider's, was called by GET.
    Confirmation(Box<Url>, HandshakeResponse),
    /// A handshake that brings the endpoint's secret. It is answered if, and only if, the endpoint
    /// waits for one and has none; nobody vouches for it.
    Secret(SecretString, HandshakeResponse),
}

/// A secret equals nothing: who compares secrets does so in constant time, and not here.
impl PartialEq for Received {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Event(one), Self::Event(other)) => one == other,
            (Self::Batch(one), Self::Batch(other)) => one == other,
            (Self::Handshake(one), Self::Handshake(other)) => one == other,
            (Self::Confirmation(url, one), Self::Confirmation(other_url, other)) => {
                url == other_url && one == other
            }
            _ => false,
        }
    }
}

/// An event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchedEvent {
    /// What is known of it.
    pub facts: EventFacts,
    /// The body, with this event alone in it.
    pub payload: Bytes,
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
    /// More headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
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
    /// More events than can be queued while the provider waits.
    #[error("the request holds too many events")]
    TooMany,
    /// A key is needed that is not at hand. Whoever has fetched it asks again; if it cannot be
    /// fetched, nothing is known of the request yet.
    #[error("a published key is needed")]
    NeedsKey(Box<KeyLocation>),
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
            Self::TooMany => "too_many_events",
            Self::NeedsKey(_) => "key_unavailable",
        }
    }
}

/// Verifies a request by `scheme`, with the secrets that are valid at `now`. Schemes that need a
/// published key accept nothing.
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
    let keys = PublishedKeys::default();
    receive_with_keys(scheme, request, secrets, settings, &keys, now)
}

/// As [`receive`], with the published keys that are at hand.
///
/// # Errors
///
/// Why it is refused; [`Refusal::NeedsKey`] if that is not known yet.
pub fn receive_with_keys(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    settings: &SchemeSettings,
    keys: &PublishedKeys,
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
    if let Some(challenge) = scheme.challenge {
        if let Some(received) = challenges::unverified(challenge, request, secrets, settings)? {
            return Ok(received);
        }
        if !challenges::may_go_on(challenge, request.method) {
            return Err(Refusal::Malformed);
        }
    }
    if matches!(scheme.secret(), Need::Required | Need::InBand) && secrets.is_empty() {
        return Err(Refusal::NoSecret);
    }
    let call = coded::Call {
        request,
        secrets,
        settings,
        tolerance: scheme.tolerance(),
        keys,
        now,
    };
    let verdict = verify(scheme, &call)?;
    let (verified_with, items) = match verdict {
        coded::Verdict::Done(received) => return Ok(received),
        coded::Verdict::Items(by, items) => (by, Some(items)),
        coded::Verdict::By(by) => (by, None),
    };
    if let Some(challenge) = scheme.challenge
        && let Some(answer) = challenges::verified(challenge, request, secrets, verified_with)?
    {
        return Ok(Received::Handshake(answer));
    }
    facts::read(
        scheme,
        request,
        settings,
        facts::Verified {
            by: verified_with,
            items,
        },
        now,
    )
}

/// Verifies what is no challenge, or one that is verified.
fn verify(scheme: &Scheme, call: &coded::Call<'_>) -> Result<coded::Verdict, Refusal> {
    let (request, secrets, settings) = (call.request, call.secrets, call.settings);
    let by = match &scheme.verification {
        Verification::None => return Ok(coded::Verdict::By(None)),
        Verification::Code { module, .. } => return coded::verify(*module, call),
        Verification::Signature { .. } => {
            engine::verify(scheme, request, secrets, settings, call.now)?
        }
        Verification::Token { .. } => token::verify(scheme, request, secrets, settings)?,
        Verification::Twilio { shared_key } => {
            twilio::verify(*shared_key, request, secrets, settings)?
        }
    };
    Ok(coded::Verdict::By(Some(by)))
}
