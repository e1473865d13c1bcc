use crate::audit::AuditError;
use crate::domain::Error;
use crate::store::StoreError;

/// Why a rotation was left where it is. Whoever looks at it next goes on.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Somebody else has written it meanwhile.
    #[error("somebody else has changed the rotation")]
    Moved,
    /// The table, or the audit trail, does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be done cannot be recorded.
    #[error("what was to be done cannot be recorded")]
    Audit(#[from] AuditError),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}
