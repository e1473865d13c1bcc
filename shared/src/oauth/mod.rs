//! OAuth 2.0 and OpenID Connect, as a client: what is sent to an authorization server, and what is
//! made of its answers. Keeping grants, and refreshing them once, is `flows::grants`' part.

mod authorize;
mod client;
mod client_authentication;
mod dpop;
mod end_session;
mod error;
mod form;
mod id_token;
mod identity_error;
mod logout_token;
mod metadata;
mod metadata_cache;
mod reply;
mod signing;
mod token;
mod userinfo;

pub use authorize::{AuthorizationRequest, random_secret};
pub use client::{Client, Revocable, Revocation, Server};
pub use client_authentication::check_assertion_key;
pub use dpop::{DpopKey, DpopNonces, ProofOf};
pub use end_session::{EndSession, end_session_url};
pub use error::OauthError;
pub(crate) use form::Form;
pub use id_token::{IdToken, IdTokenCheck, verify_id_token};
pub use identity_error::IdentityError;
pub use logout_token::{LogoutToken, may_be_logout_token, verify_logout_token};
pub use metadata::Metadata;
pub use metadata_cache::MetadataCache;
pub(crate) use signing::{expected_key, sign, signed};
pub use token::{ClientContext, TokenReply, TokenRequest};
pub use userinfo::{UserInfoRequest, userinfo};
