//! Who calls us, and what it may do: the access token is verified here, in the function, and
//! nowhere else; the policies of `infra/policies` decide.
//!
//! What makes a token good is `jwt`'s part; what it says of the caller is this module's.

mod api_keys;
mod authorizer;
mod bearer;
mod claims;
mod development;
mod policies;
mod revocations;
mod roles;
mod routes;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::jwt::{Fetch, FetchError, KeySet};
pub use api_keys::{ApiKeys, IssuedKey};
pub use authorizer::{Access, AttributesSource, Authorizer};
pub use bearer::{AccessError, Caller, Verifier};
pub use development::DevelopmentIssuer;
pub use policies::{Circumstances, Resource, decide};
pub use routes::{About, ROUTES, Recording, Route};
