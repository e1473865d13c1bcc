//! Who calls us: the access token is verified here, in the function, and nowhere else.
//!
//! What makes a token good is `jwt`'s part; what it says of the caller is this module's.

mod bearer;
mod claims;
mod development;
mod revocations;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::jwt::{Fetch, FetchError, KeySet};
pub use bearer::{AccessError, Caller, Verifier};
pub use development::DevelopmentIssuer;
