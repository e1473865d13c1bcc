use std::sync::Arc;

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
    /// The credentials have been deleted. Until their recovery window ends, they can be restored.
    #[error("the credentials are being deleted")]
    BeingDeleted,
    /// The credential is more than Secrets Manager takes.
    #[error("the credentials are larger than {limit_bytes} bytes")]
    TooLarge {
        /// What Secrets Manager takes.
        limit_bytes: u64,
    },
    /// What is to be sealed is more than its place takes.
    #[error("the {what} is larger than {limit_bytes} bytes")]
    ValueTooLarge {
        /// What it is.
        what: &'static str,
        /// What its place takes.
        limit_bytes: u64,
    },
    /// What is to be sealed is nested so deeply that it could not be read again.
    #[error("the {what} is nested deeper than {limit} levels")]
    ValueTooDeep {
        /// What it is.
        what: &'static str,
        /// How deep it may be.
        limit: u16,
    },
    /// What is stored is not of the expected form.
    #[error("the stored {0} is not of the expected form")]
    Corrupt(&'static str),
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
            | Self::BeingDeleted
            | Self::TooLarge { .. }
            | Self::ValueTooLarge { .. }
            | Self::ValueTooDeep { .. }
            | Self::Corrupt(_)
            | Self::Refused(_) => false,
        }
    }

    /// The error of a call that somebody else made, for one who waited for it.
    pub(super) fn shared(error: &Arc<Self>) -> Self {
        let cause = || Cause::from(Shared(Arc::clone(error)));
        match &**error {
            Self::NoKey => Self::NoKey,
            Self::Tampered => Self::Tampered,
            Self::NotFound => Self::NotFound,
            Self::BeingDeleted => Self::BeingDeleted,
            &Self::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
            &Self::ValueTooLarge { what, limit_bytes } => Self::ValueTooLarge { what, limit_bytes },
            &Self::ValueTooDeep { what, limit } => Self::ValueTooDeep { what, limit },
            Self::Corrupt(what) => Self::Corrupt(what),
            Self::Throttled(_) => Self::Throttled(cause()),
            Self::Unavailable(_) => Self::Unavailable(cause()),
            Self::Refused(_) => Self::Refused(cause()),
        }
    }
}

/// Stands for the cause of an error that several have.
#[derive(Debug)]
struct Shared(Arc<VaultError>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::error::Error::source(&*self.0) {
            Some(cause) => std::fmt::Display::fmt(cause, f),
            None => std::fmt::Display::fmt(&self.0, f),
        }
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)?.source()
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NotFound => Self::NotFound("credential"),
            VaultError::BeingDeleted => Self::Conflict(error.to_string()),
            VaultError::TooLarge { limit_bytes }
            | VaultError::ValueTooLarge { limit_bytes, .. } => Self::TooLarge { limit_bytes },
            VaultError::ValueTooDeep { .. } => Self::Malformed(error.to_string()),
            VaultError::Throttled(_) | VaultError::Unavailable(_) => {
                Self::Unavailable(error.into())
            }
            VaultError::NoKey
            | VaultError::Tampered
            | VaultError::Corrupt(_)
            | VaultError::Refused(_) => Self::Internal(error.into()),
        }
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Throttled(_) => Self::Throttled(error.into()),
            StoreError::Unavailable(_) | StoreError::Conflict => Self::Unavailable(error.into()),
            StoreError::Corrupt { .. } => Self::Corrupt("data key"),
            StoreError::NotFound(_)
            | StoreError::PathTaken
            | StoreError::LimitReached { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Rejected(_) => Self::Refused(error.into()),
        }
    }
}

/// What may be told of an SDK error. The SDK's own holds the whole answer and shows it in `Debug`;
/// what KMS and Secrets Manager answer is secret.
#[derive(Debug, thiserror::Error)]
enum AwsError {
    #[error("{code} (status {status}, request {request_id}): {message}")]
    Service {
        code: String,
        message: String,
        status: u16,
        request_id: String,
    },
    #[error("an answer of status {status} that cannot be read")]
    Unreadable { status: u16 },
    #[error("no answer")]
    NoAnswer(#[source] Cause),
}

/// Errors whose text is about names and states. Others may quote what was sent.
const TOLD: [&str; 12] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "DisabledException",
    "EncryptionFailure",
    "IncorrectKeyException",
    "InvalidRequestException",
    "KMSInvalidStateException",
    "LimitExceededException",
    "NotFoundException",
    "ResourceExistsException",
    "ResourceNotFoundException",
    "ThrottlingException",
];

impl AwsError {
    fn of<E>(error: SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                let code = meta.code().unwrap_or("an error without a code");
                let message = meta.message().filter(|_| TOLD.contains(&code));
                Self::Service {
                    code: code.to_owned(),
                    message: message.unwrap_or("(not shown)").to_owned(),
                    status: context.raw().status().as_u16(),
                    request_id: meta.extra("aws_request_id").unwrap_or("unknown").to_owned(),
                }
            }
            SdkError::ResponseError(context) => Self::Unreadable {
                status: context.raw().status().as_u16(),
            },
            other => Self::NoAnswer(match other.into_source() {
                Ok(source) => source,
                Err(_) => "the call was not made".into(),
            }),
        }
    }
}

/// Sorts an SDK error of KMS or Secrets Manager.
pub(super) fn sdk<E>(error: SdkError<E>) -> VaultError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let is_defect = matches!(error, SdkError::ConstructionFailure(_));
    let error = AwsError::of(error);
    let AwsError::Service { code, status, .. } = &error else {
        return if is_defect {
            VaultError::Refused(error.into())
        } else {
            VaultError::Unavailable(error.into())
        };
    };
    match (code.as_str(), status) {
        ("ThrottlingException" | "Throttling" | "LimitExceededException", _) | (_, 429) => {
            VaultError::Throttled(error.into())
        }
        ("ResourceNotFoundException", _) => VaultError::NotFound,
        // The states that Secrets Manager has besides (rotation, replicas, another service's
        // secret) are none that our secrets can be in.
        ("InvalidRequestException", _) => VaultError::BeingDeleted,
        ("InvalidCiphertextException", _) => VaultError::Corrupt("data key"),
        (
            "InternalServiceError"
            | "InternalServiceErrorException"
            | "InternalFailure"
            | "KMSInternalException"
            | "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "ServiceUnavailable",
            _,
        )
        | (_, 500..) => VaultError::Unavailable(error.into()),
        _ => VaultError::Refused(error.into()),
    }
}
