//! OAuth 2.0 and OpenID Connect, as a client: what is sent to an authorization server, and what is
//! made of its answers. Keeping grants, and refreshing them once, is `flows::grants`' part.

mod error;
mod token;

pub use error::OauthError;
pub use token::{ClientContext, TokenReply, TokenRequest};
