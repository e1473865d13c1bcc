use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use crate::domain::{self, Cause};

use super::keys::ItemKey;
use super::table::Transacted;

/// The most bytes that DynamoDB takes in one item.
pub(crate) const ITEM_LIMIT_BYTES: u64 = 400 * 1024;

/// What DynamoDB says of an item that is larger.
const SIZE_EXCEEDED: &str = "size has exceeded";

/// Why the table was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such item, or it belongs to another organization.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The item exists already, or has changed since it was read.
    #[error("the item has changed since it was read")]
    Conflict,
    /// The endpoint path is registered already.
    #[error("the endpoint path is taken")]
    PathTaken,
    /// There are as many as there may be.
    #[error("there are {limit} {what} already")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: u32,
    },
    /// Too many requests for now, or a collision with another writer; try again.
    #[error("the table is busy")]
    Throttled(#[source] Cause),
    /// No answer, or an answer that it failed: the write may have happened; try again.
    #[error("the table is unavailable")]
    Unavailable(#[source] Cause),
    /// An item is not what its key says.
    #[error("the item `{key}` has an unreadable `{field}`")]
    Corrupt {
        /// Its key.
        key: String,
        /// The attribute that cannot be read.
        field: &'static str,
    },
    /// More bytes than can be stored.
    #[error("the item is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// The request will never be taken: a missing permission, no such table, or a defect of ours.
    #[error("the table refuses the request")]
    Rejected(#[source] Cause),
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::NotFound(_)
            | Self::Conflict
            | Self::PathTaken
            | Self::LimitReached { .. }
            | Self::Corrupt { .. }
            | Self::TooLarge { .. }
            | Self::Rejected(_) => false,
        }
    }

    pub(crate) fn corrupt(key: ItemKey, field: &'static str) -> Self {
        Self::Corrupt {
            key: key.to_string(),
            field,
        }
    }
}

impl From<StoreError> for domain::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what),
            StoreError::Conflict => Self::PreconditionFailed,
            StoreError::PathTaken => Self::PathTaken,
            StoreError::LimitReached { what, limit } => Self::LimitReached { what, limit },
            StoreError::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            StoreError::Throttled(_) | StoreError::Unavailable(_) => {
                Self::Unavailable(Box::new(error))
            }
            StoreError::Corrupt { .. } | StoreError::Rejected(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let Some(service) = error.as_service_error() else {
            return match error {
                SdkError::ConstructionFailure(_) => Self::Rejected(Box::new(error)),
                // A time-out, no connection, or an answer that cannot be read.
                _ => Self::Unavailable(Box::new(error)),
            };
        };
        let message = service.message().unwrap_or_default();
        match service.code().unwrap_or_default() {
            "ConditionalCheckFailedException" => Self::Conflict,
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "TransactionConflictException"
            | "TransactionInProgressException" => Self::Throttled(Box::new(error)),
            "ValidationException" if message.contains(SIZE_EXCEEDED) => Self::TooLarge {
                limit_bytes: ITEM_LIMIT_BYTES,
            },
            "ValidationException"
            | "SerializationException"
            | "AccessDeniedException"
            | "UnrecognizedClientException"
            | "ResourceNotFoundException" => Self::Rejected(Box::new(error)),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// Other writers were faster every time.
pub(crate) fn contended() -> StoreError {
    StoreError::Throttled("too many writers of one item".into())
}

/// Why a transaction was cancelled. Reasons stand in the order of the operations.
pub(crate) fn cancelled(
    error: SdkError<TransactWriteItemsError>,
) -> Result<Transacted, StoreError> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Err(error.into());
    };
    let reasons = cancelled.cancellation_reasons();
    let position = |code| {
        reasons
            .iter()
            .position(|reason| reason.code() == Some(code))
    };
    let too_large = |reason: &CancellationReason| {
        let message = reason.message().unwrap_or_default();
        message.contains(SIZE_EXCEEDED)
    };
    if let Some(index) = position("ConditionalCheckFailed") {
        Ok(Transacted::Unmet(index))
    } else if position("TransactionConflict").is_some() {
        Ok(Transacted::Busy)
    } else if reasons.iter().any(too_large) {
        let limit_bytes = ITEM_LIMIT_BYTES;
        Err(StoreError::TooLarge { limit_bytes })
    } else if position("ValidationError").is_some() {
        Err(StoreError::Rejected(Box::new(error)))
    } else {
        Err(StoreError::Throttled(Box::new(error)))
    }
}
