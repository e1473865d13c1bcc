use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::domain::{Cause, Error};
use crate::store::StoreError;

/// Why the vault could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The organization has no data key: it was never made, or it was erased.
    #[error("the organization has no data key")]
    NoKey,
    /// What is sealed does not belong here, or was changed.
    #[error("the sealed value does not open in this place")]
    Tampered,
    /// There is no such credential.
    #[error("there is no such credential")]
    NotFound,
    /// The credential is more than Secrets Manager takes.
    #[error("the credentials are larger than {limit_bytes} bytes")]
    TooLarge {
        /// What Secrets Manager takes.
        limit_bytes: u64,
    },
    /// What is stored is not of the expected form.
    #[error("the stored credential is not of the expected form")]
    Corrupt,
    /// AWS asks to slow down.
    #[error("the vault is throttled")]
    Throttled(#[source] Cause),
    /// AWS does not answer, or answers with a fault of its own.
    #[error("the vault is unavailable")]
    Unavailable(#[source] Cause),
    /// AWS refuses the call: a defect of ours, or a missing permission.
    #[error("the vault refused the call")]
    Refused(#[source] Cause),
}

impl VaultError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::NoKey
            | Self::Tampered
            | Self::NotFound
            | Self::TooLarge { .. }
            | Self::Corrupt
            | Self::Refused(_) => false,
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound("credential"),
            VaultError::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            VaultError::Throttled(_) | VaultError::Unavailable(_) => {
                Self::Unavailable(error.into())
            }
            VaultError::NoKey
            | VaultError::Tampered
            | VaultError::Corrupt
            | VaultError::Refused(_) => Self::Internal(error.into()),
        }
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Throttled(_) => Self::Throttled(error.into()),
            StoreError::Unavailable(_) | StoreError::Conflict => Self::Unavailable(error.into()),
            StoreError::Corrupt { .. } => Self::Corrupt,
            StoreError::NotFound(_)
            | StoreError::PathTaken
            | StoreError::TooLarge { .. }
            | StoreError::Rejected(_) => Self::Refused(error.into()),
        }
    }
}

/// Sorts an SDK error of KMS or Secrets Manager.
pub(super) fn sdk<E, R>(error: SdkError<E, R>) -> VaultError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let SdkError::ServiceError(context) = &error else {
        return VaultError::Unavailable(error.into());
    };
    match context.err().code() {
        Some("ThrottlingException" | "LimitExceededException" | "RequestLimitExceeded") => {
            VaultError::Throttled(error.into())
        }
        Some("ResourceNotFoundException") => VaultError::NotFound,
        Some("InvalidCiphertextException" | "IncorrectKeyException") => VaultError::Tampered,
        Some(
            "InternalServiceError"
            | "InternalServiceErrorException"
            | "KMSInternalException"
            | "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "ServiceUnavailable",
        )
        | None => VaultError::Unavailable(error.into()),
        Some(_) => VaultError::Refused(error.into()),
    }
}
