//! JSON Web Tokens that others sign: of the issuers of our own callers, and of authorization servers.

mod keys;
mod verification_key;

pub use keys::{Fetch, FetchError, KeySet};
pub use verification_key::VerificationKey;
