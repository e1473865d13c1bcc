//! How an integration authenticates its outbound calls: puts its credentials on a request.
//!
//! What holds for every method:
//!
//! - Credentials go onto requests to the base URL's own origin, or to a host that the integration's
//!   profile names, and nowhere else. Calls that obtain a token are held to the same. No redirect
//!   leads out of the origin with them.
//! - Every header value that holds one, or was made from one, is marked sensitive.
//! - What the caller has set in a credential's place is replaced, never sent beside it.
//! - No error and no log holds a value: errors name fields.
//! - Tokens that are obtained stay in memory, under the version of the credentials and the
//!   configuration that they were obtained with. Of credentials that are only tested, nothing stays.
//!
//! What this does not do: share those tokens between running functions. Each obtains its own. The
//! tokens of OAuth 2.0 are shared, and come from [`AccessTokens`].

mod access_tokens;
mod authenticator;
mod check;
mod custom;
mod ends;
mod error;
mod fields;
mod grant;
mod hosts;
mod jwt;
mod place;
mod redactor;
mod request_hmac;
mod shared_key;
mod sigv4;
mod token_cache;

#[cfg(test)]
mod tests;
mod token_call;

pub use access_tokens::{AccessTokens, GrantedToken};
pub use authenticator::{AuthContext, Authenticator, CarriedToken};
pub use check::check;
pub use custom::client_identity;
pub use ends::{credential_info, ends_of};
pub use error::AuthError;
pub use hosts::may_have_credentials;
pub use redactor::Redactor;
