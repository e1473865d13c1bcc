use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::{SecretSlice, SecretString};

use super::{AuthContext, AuthError};
use crate::domain::Oauth2Auth;

/// An access token of a grant, with what goes with it.
pub struct GrantedToken {
    /// The token.
    pub access_token: SecretString,
    /// The refresh token: nothing sends it, but no answer may show it.
    pub refresh_token: Option<SecretString>,
    /// The key that the access token is bound to, as PKCS #8, if it is (RFC 9449).
    pub dpop_key: Option<SecretSlice<u8>>,
    /// Its number: another one, another token.
    pub version: u64,
}

impl fmt::Debug for GrantedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantedToken")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Where access tokens of OAuth 2.0 come from: they are shared by all running functions.
pub trait AccessTokens: Send + Sync {
    /// A token that is good for a call now.
    fn get<'a>(
        &'a self,
        context: &'a AuthContext<'a>,
        config: &'a Oauth2Auth,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Arc<GrantedToken>, AuthError>>;

    /// The one that is remembered here, if there is one.
    fn kept(&self, context: &AuthContext<'_>) -> Option<Arc<GrantedToken>>;

    /// The provider has answered 401 to a request with the token of the number `version`: whether
    /// the next try carries another, or can say what is wrong.
    fn refused<'a>(
        &'a self,
        context: &'a AuthContext<'a>,
        config: &'a Oauth2Auth,
        version: u64,
        timeout: Duration,
    ) -> BoxFuture<'a, bool>;
}
