//! OAuth 2.0 and OpenID Connect, as a client: what is sent to an authorization server, and what is
//! made of its answers. Keeping grants, and refreshing them once, is `flows::grants`' part.

mod error;
mod metadata;
mod metadata_cache;
mod token;

pub use error::OauthError;
pub use metadata::Metadata;
pub use metadata_cache::MetadataCache;
pub use token::{ClientContext, TokenReply, TokenRequest};
