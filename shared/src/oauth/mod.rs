//! OAuth 2.0 and OpenID Connect, as a client: what is sent to an authorization server, and what is
//! made of its answers. Keeping grants, and refreshing them once, is `flows::grants`' part.

mod authorize;
mod client;
mod client_authentication;
mod dpop;
mod error;
mod form;
mod metadata;
mod metadata_cache;
mod reply;
mod signing;
mod token;

pub use authorize::{AuthorizationRequest, random_secret};
pub use client::{Client, Revocable, Revocation, Server};
pub use client_authentication::check_assertion_key;
pub use dpop::{DpopKey, DpopNonces, ProofOf};
pub use error::OauthError;
pub(crate) use form::Form;
pub use metadata::Metadata;
pub use metadata_cache::MetadataCache;
pub(crate) use signing::{expected_key, sign, signed};
pub use token::{ClientContext, TokenReply, TokenRequest};
