//! JSON Web Tokens that others sign: the issuers of our own callers' access tokens, authorization
//! servers, providers.
//!
//! A token says who signed it and with which algorithm before anybody knows whether that is true,
//! so nothing here believes it:
//!
//! 1. The algorithm is the key's (RFC 8725 section 3.1): its type, curve and `alg` say which there
//!    are, and the token can only name one of them. `none` is no algorithm, and a public key is
//!    never a secret: HMAC is for keys that were made as [`VerificationKey::secret`].
//! 2. The key is one that we had before. `jku`, `x5u`, `jwk` and `x5c` are not read.
//! 3. What a token is for is said by whoever verifies it ([`TokenUse`]), and a token that says it
//!    is for something else (`typ`, RFC 8725 section 3.11) is refused, so that one kind of token
//!    is never taken for another.
//! 4. What can be read in two ways is not read: members that come twice, base64url with padding,
//!    other characters or bits left over, extensions that are critical (RFC 7515 section 4.1.11),
//!    payloads that are not encoded (RFC 7797).
//! 5. Claims are read after the signature holds, at a time that is passed in.

mod algorithm;
mod claims;
mod compact;
mod error;
mod key_ring;
mod keys;
mod roca;
mod strict_json;
mod token_use;
mod verification_key;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{Claims, Expected, LEEWAY};
pub(crate) use compact::Compact;
pub use error::JwtError;
pub use key_ring::KeyRing;
pub use keys::{Fetch, FetchError, KeySet};
pub use token_use::TokenUse;
pub use verification_key::VerificationKey;
pub use verify::{verify, verify_signature};
