use crate::audit::AuditError;
use crate::domain::Error;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why data keys could not be gone on with. Nothing is lost by any of these: it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum DataKeyError {
    /// Somebody else does the same just now.
    #[error("somebody else replaces the data key just now")]
    Moved,
    /// There are as many data keys as can be numbered.
    #[error("the organization has as many data keys as there can be")]
    Exhausted,
    /// The table does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// KMS does not answer, or refuses.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was to be done cannot be recorded.
    #[error("what was to be done cannot be recorded")]
    Audit(#[from] AuditError),
}

impl From<DataKeyError> for Error {
    fn from(error: DataKeyError) -> Self {
        match error {
            DataKeyError::Moved => {
                Self::Conflict("the data key is being replaced already".to_owned())
            }
            DataKeyError::Exhausted => Self::LimitReached {
                what: "data keys",
                limit: u32::from(u16::MAX),
            },
            DataKeyError::Store(error) => error.into(),
            DataKeyError::Vault(error) => error.into(),
            DataKeyError::Audit(error) => error.into(),
        }
    }
}
