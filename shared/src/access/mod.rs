//! Who calls us: the access token is verified here, in the function, and nowhere else.
//!
//! `jsonwebtoken` checks the signature; the header and the claims are checked by this module,
//! because that library accepts unknown `crit` extensions, `b64: false` and any `typ`, and takes
//! the time from the machine.

mod bearer;
mod claims;
mod development;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::jwt::{Fetch, FetchError, KeySet};
pub use bearer::{AccessError, Caller, Verifier};
pub use development::DevelopmentIssuer;
