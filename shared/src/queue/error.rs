use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{Cause, Error};
use crate::vault::VaultError;

/// Why something was not sent.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It does not fit a message.
    #[error("the event does not fit a message of {limit_bytes} bytes")]
    TooLarge {
        /// What SQS takes, attributes included.
        limit_bytes: u64,
    },
    /// Its body is longer than one that can be opened again.
    #[error("the event's body is larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The longest body.
        limit_bytes: u64,
    },
    /// It could not be sealed.
    #[error("the event could not be sealed")]
    Seal(#[source] VaultError),
    /// SQS asks to slow down.
    #[error("the queue is throttled")]
    Throttled(#[source] Cause),
    /// SQS does not answer, or answers with a fault of its own.
    #[error("the queue is unavailable")]
    Unavailable(#[source] Cause),
    /// SQS refuses the call: a defect of ours, or a missing permission.
    #[error("the queue refused the call")]
    Refused(#[source] Cause),
}

impl QueueError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::Seal(error) => error.is_retryable(),
            Self::TooLarge { .. } | Self::BodyTooLarge { .. } | Self::Refused(_) => false,
        }
    }
}

impl From<QueueError> for Error {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::TooLarge { limit_bytes } => Self::EventTooLarge { limit_bytes },
            QueueError::BodyTooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            QueueError::Seal(error) => error.into(),
            QueueError::Throttled(_) => Self::RateLimited {
                retry_after: std::time::Duration::from_secs(1),
            },
            QueueError::Unavailable(_) => Self::Unavailable(error.into()),
            QueueError::Refused(_) => Self::Internal(error.into()),
        }
    }
}

/// Why a message was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can never be: it is to be buried.
    #[error("the message is unreadable")]
    Unreadable(#[source] Unreadable),
    /// It may be later.
    #[error("the message cannot be opened now")]
    Unavailable(#[source] Cause),
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a message of ours.
    #[error("not a message of this queue")]
    Malformed,
    /// Of a form that came after this version of the code, or before it.
    #[error("a message of an unknown version or kind")]
    UnknownVersion,
    /// The seal is broken, or belongs to another organization, endpoint or event.
    #[error("the seal is broken")]
    Tampered,
    /// The organization's data key is gone: it was erased.
    #[error("the organization has no data key")]
    NoKey,
    /// Received longer ago than any message is kept, or in the future.
    #[error("the event is too old, or from the future")]
    Age,
}

impl Unreadable {
    /// The reason's code, as the dead letter bears it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::Tampered => "tampered",
            Self::NoKey => "no_data_key",
            Self::Age => "age",
        }
    }
}

impl From<Unreadable> for OpenError {
    fn from(reason: Unreadable) -> Self {
        Self::Unreadable(reason)
    }
}

impl From<VaultError> for OpenError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Tampered => Unreadable::Tampered.into(),
            VaultError::NoKey => Unreadable::NoKey.into(),
            VaultError::NotFound
            | VaultError::BeingDeleted
            | VaultError::TooLarge { .. }
            | VaultError::ValueTooLarge { .. }
            | VaultError::ValueTooDeep { .. }
            | VaultError::Corrupt(_)
            | VaultError::Throttled(_)
            | VaultError::Unavailable(_)
            | VaultError::Refused(_) => Self::Unavailable(error.into()),
        }
    }
}

/// Sorts an SDK error of SQS. Errors of KMS bear the names that the older protocol gave them.
/// The error may be kept: it shows what SQS answered, and these answers hold no message.
pub(super) fn sdk<E>(error: SdkError<E>) -> QueueError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let context = match &error {
        SdkError::ServiceError(context) => context,
        SdkError::ConstructionFailure(_) => return QueueError::Refused(error.into()),
        _ => return QueueError::Unavailable(error.into()),
    };
    let status = context.raw().status().as_u16();
    match (context.err().code().unwrap_or_default(), status) {
        (
            "RequestThrottled"
            | "ThrottlingException"
            | "Throttling"
            | "OverLimit"
            | "KmsThrottled"
            | "KMS.ThrottlingException"
            | "AWS.SimpleQueueService.OverLimit",
            _,
        )
        | (_, 429) => QueueError::Throttled(error.into()),
        ("" | "InternalError" | "ServiceUnavailable" | "InternalFailure", _) | (_, 500..) => {
            QueueError::Unavailable(error.into())
        }
        _ => QueueError::Refused(error.into()),
    }
}
