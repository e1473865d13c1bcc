use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{Cause, Error};

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The item to change does not exist.
    #[error("the item does not exist")]
    NotFound,
    /// The item has changed since it was read, or exists already.
    #[error("the item was changed by somebody else")]
    Conflict,
    /// Another endpoint listens at the path.
    #[error("the endpoint path is taken")]
    PathTaken,
    /// The item would be larger than DynamoDB takes.
    #[error("the item is too large to be stored")]
    TooLarge,
    /// DynamoDB asks to slow down.
    #[error("the table is throttled")]
    Throttled(#[source] Cause),
    /// DynamoDB does not answer, or answers with a fault of its own.
    #[error("the table is unavailable")]
    Unavailable(#[source] Cause),
    /// DynamoDB refuses the call: a defect of ours, or a missing permission.
    #[error("the table refused the call")]
    Refused(#[source] Cause),
    /// What is stored cannot be read.
    #[error("the item `{key}` is corrupt at `{field}`")]
    Corrupt {
        /// The item's sort key: ids only.
        key: String,
        /// Where.
        field: String,
    },
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound("item"),
            StoreError::Conflict => Self::PreconditionFailed,
            StoreError::PathTaken => Self::PathTaken,
            StoreError::TooLarge => Self::TooLarge {
                limit_bytes: 400 * 1024,
            },
            StoreError::Throttled(_) | StoreError::Unavailable(_) => {
                Self::Unavailable(error.into())
            }
            StoreError::Refused(_) | StoreError::Corrupt { .. } => Self::Internal(error.into()),
        }
    }
}

/// Sorts an SDK error. What a failed condition means is for the caller to say first.
pub(super) fn sdk<E, R>(error: SdkError<E, R>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let SdkError::ServiceError(context) = &error else {
        return StoreError::Unavailable(error.into());
    };
    match context.err().code() {
        Some("ConditionalCheckFailedException" | "TransactionConflictException") => {
            StoreError::Conflict
        }
        Some(
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException",
        ) => StoreError::Throttled(error.into()),
        Some("InternalServerError" | "ServiceUnavailable") | None => {
            StoreError::Unavailable(error.into())
        }
        Some("TransactionCanceledException") => StoreError::Conflict,
        Some("ItemCollectionSizeLimitExceededException") => StoreError::TooLarge,
        Some(_) if too_large(context.err()) => StoreError::TooLarge,
        Some(_) => StoreError::Refused(error.into()),
    }
}

/// DynamoDB has no code of its own for an item over 400 KB.
fn too_large(error: &impl ProvideErrorMetadata) -> bool {
    error
        .message()
        .is_some_and(|message| message.contains("maximum allowed size"))
}
