//! Who calls us, and what it may do: the access token is verified here, in the function, and
//! nowhere else; the policies of `infra/policies` decide.
//!
//! `jsonwebtoken` checks the signature; the header and the claims are checked by this module,
//! because that library accepts unknown `crit` extensions, `b64: false` and any `typ`, and takes
//! the time from the machine.

mod api_keys;
mod authorizer;
mod bearer;
mod claims;
mod development;
mod keys;
mod policies;
mod roles;
mod routes;
mod verification_key;

#[cfg(test)]
pub(crate) mod tests;

pub use api_keys::{ApiKeys, IssuedKey};
pub use authorizer::{Access, AttributesSource, Authorizer};
pub use bearer::{AccessError, Caller, Verifier};
pub use development::DevelopmentIssuer;
pub use keys::{Fetch, FetchError, KeySet};
pub use policies::{Circumstances, Resource, decide};
pub use routes::{About, ROUTES, Route};
