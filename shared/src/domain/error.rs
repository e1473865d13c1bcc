use std::time::Duration;

use serde::Serialize;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

use super::UpstreamError;

/// What lies behind an [`Error`]: for the log, never for the caller.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a caller can be told. The text is for outsiders; the cause is kept apart, in `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read at all: not JSON, a broken cursor, a header out of form.
    #[error("{0}")]
    Malformed(String),
    /// The request can be read, and some of its fields are wrong.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// No valid access token came with the request.
    #[error("a valid access token is required")]
    Unauthenticated(#[source] Option<Cause>),
    /// The caller may not do this.
    #[error("the access token does not allow this")]
    Forbidden,
    /// The signature of a webhook is missing, wrong, or too old. Which of these is not told.
    #[error("the request's signature was not accepted")]
    SignatureRefused,
    /// A webhook came from a network that its endpoint does not allow.
    #[error("the request's source address is not allowed")]
    SourceRefused,
    /// There is nothing there, or nothing that this organization may see.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The method is not one that this path knows.
    #[error("the method is not allowed here")]
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: String,
    },
    /// The endpoint path is registered already, in this organization or another.
    #[error("the endpoint path is taken")]
    PathTaken,
    /// There are as many of its kind as there may be.
    #[error("there are {limit} {what} already, and there may be no more")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: u32,
    },
    /// There is something that the change would contradict.
    #[error("{0}")]
    Conflict(String),
    /// The integration's grant is missing or over: somebody has to consent.
    #[error("{0}: have a person connect the integration (`POST …/oauth/authorize`)")]
    ConsentNeeded(String),
    /// A record cannot be written in this way: nothing says how the provider is told.
    #[error("records of this kind cannot be {0} here: the entity's `calls` do not say how")]
    NotWritable(&'static str),
    /// A conflict of the record waits for a person.
    #[error("a conflict of the record waits to be settled; until then it is not changed here")]
    ConflictOpen,
    /// `If-Match` names a version that is not the current one.
    #[error("the item has changed since it was read; read it again")]
    PreconditionFailed,
    /// An update came without `If-Match`.
    #[error("updates need an `If-Match` header with the item's version")]
    PreconditionRequired,
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The first request with this idempotency key has not ended yet.
    #[error("a request with this idempotency key is still running")]
    IdempotencyKeyInUse,
    /// Too many bytes.
    #[error("the request is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// Path and query are too long.
    #[error("the URL is longer than {limit_bytes} bytes")]
    UrlTooLong {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// There are too many headers, or they are too long.
    #[error("the request has more than {limit} headers, or more than {limit_bytes} bytes of them")]
    HeadersTooLarge {
        /// How many there may be.
        limit: u64,
        /// How long they may be together.
        limit_bytes: u64,
    },
    /// A webhook's event does not fit the queue, sealed and compressed as it is.
    #[error("the event is larger than {limit_bytes} bytes once it is compressed and sealed")]
    EventTooLarge {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// The body is of a media type that is not understood.
    #[error("expected the content type `{expected}`")]
    UnsupportedMediaType {
        /// What would have been understood.
        expected: &'static str,
    },
    /// Too many requests.
    #[error("too many requests")]
    RateLimited {
        /// When to come back.
        retry_after: Duration,
    },
    /// A provider was called and did not answer with success.
    #[error(transparent)]
    Upstream(Box<UpstreamError>),
    /// A provider is not called, because it has failed too often.
    #[error("the provider has failed too often in a row and is left alone for a while")]
    ProviderBarred {
        /// When it is called again.
        retry_after: Duration,
    },
    /// Something that we depend on does not answer; the same request may succeed later.
    #[error("the service is unavailable for the moment")]
    Unavailable(#[source] Cause),
    /// A defect or a corrupt item.
    #[error("an internal error occurred")]
    Internal(#[source] Cause),
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON Pointer (RFC 6901) into the request's body.
    pub pointer: String,
    /// What was expected.
    pub message: String,
}

impl FieldError {
    /// What is wrong at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// What serde says of the value at `pointer`, without that value: it may be a secret. What was
    /// expected is enough. The last place where serde can say so is taken, since the value that it
    /// quotes may hold the same words.
    #[must_use]
    pub fn described(pointer: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(text, _)| text);
        let field = text
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'));
        if let Some(field) = field {
            return Self::new(format!("{pointer}/{}", Self::escaped(field)), "is required");
        }
        let quotes_the_value = text.starts_with("invalid ") || text.starts_with("unknown variant ");
        let message = match text.rsplit_once(", expected ") {
            Some((_, expected)) if quotes_the_value => format!("expected {expected}"),
            _ if quotes_the_value => "is not valid".to_owned(),
            // `url` puts what it could not read at the end of its own words.
            _ => text
                .split_once(": \"")
                .map_or(text, |(own, _)| own)
                .to_owned(),
        };
        Self::new(pointer, message)
    }

    /// The JSON Pointer of what is at `path` below `base`.
    #[must_use]
    pub fn pointer(base: &str, path: &serde_path_to_error::Path) -> String {
        let mut pointer = base.to_owned();
        for segment in path {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => pointer.push_str(&format!("/{}", Self::escaped(key))),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        pointer
    }

    /// A member's name as a JSON Pointer writes it (RFC 6901 section 3).
    #[must_use]
    pub fn escaped(name: &str) -> String {
        name.replace('~', "~0").replace('/', "~1")
    }
}

impl Error {
    /// One wrong field.
    #[must_use]
    pub fn field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, message)])
    }

    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::RateLimited { .. }
            | Self::ProviderBarred { .. }
            | Self::IdempotencyKeyInUse
            | Self::Internal(_) => true,
            Self::Upstream(error) => error.is_retryable(),
            Self::Malformed(_)
            | Self::Invalid(_)
            | Self::Unauthenticated(_)
            | Self::Forbidden
            | Self::SignatureRefused
            | Self::SourceRefused
            | Self::NotFound(_)
            | Self::MethodNotAllowed { .. }
            | Self::PathTaken
            | Self::LimitReached { .. }
            | Self::Conflict(_)
            | Self::ConsentNeeded(_)
            | Self::NotWritable(_)
            | Self::ConflictOpen
            | Self::PreconditionFailed
            | Self::PreconditionRequired
            | Self::IdempotencyKeyReused
            | Self::TooLarge { .. }
            | Self::UrlTooLong { .. }
            | Self::HeadersTooLarge { .. }
            | Self::EventTooLarge { .. }
            | Self::UnsupportedMediaType { .. } => false,
        }
    }
}
