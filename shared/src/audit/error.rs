use std::sync::Arc;

use crate::domain;
use crate::store::StoreError;

/// Why something is not in the trail. It must not be done then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// The table did not take it; it may be there all the same.
    #[error("the audit trail cannot be written")]
    NotWritten(#[source] Arc<StoreError>),
    /// The function ended before it was written.
    #[error("the audit trail's writer has ended")]
    Lost,
}

impl From<AuditError> for domain::Error {
    /// Unavailable in any case: nothing of what was asked for has been done, and it may be asked
    /// for again.
    fn from(error: AuditError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}
