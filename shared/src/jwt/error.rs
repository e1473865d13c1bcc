use super::FetchError;

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// It is not one that can be accepted. Holds what is wrong with it, for the log.
    #[error("the token is not accepted: {0}")]
    Invalid(&'static str),
    /// It cannot be verified now.
    #[error("the token cannot be verified now")]
    Unavailable(#[source] FetchError),
}
