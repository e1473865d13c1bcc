//! OAuth 2.0 and OpenID Connect, as a client: what is sent to an authorization server, and what is
//! made of its answers. Keeping grants, and refreshing them once, is `flows::grants`' part.

mod end_session;
mod error;
mod id_token;
mod identity_error;
mod logout_token;
mod metadata;
mod metadata_cache;
mod token;
mod userinfo;

pub use end_session::{EndSession, end_session_url};
pub use error::OauthError;
pub use id_token::{IdToken, IdTokenCheck, verify_id_token};
pub use identity_error::IdentityError;
pub use logout_token::{LogoutToken, verify_logout_token};
pub use metadata::Metadata;
pub use metadata_cache::MetadataCache;
pub use token::{ClientContext, TokenReply, TokenRequest};
pub use userinfo::{UserInfoRequest, userinfo};
