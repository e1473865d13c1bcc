use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::{Oauth2Auth, Timestamp};
use crate::egress::TlsSettings;
use crate::vault::CredentialSet;

/// The client that asks: an integration, with its credentials.
#[derive(Clone, Copy, Debug)]
pub struct ClientContext<'a> {
    /// How it authenticates.
    pub config: &'a Oauth2Auth,
    /// With what: `clientId`, `clientSecret` or `privateKey`.
    pub credentials: &'a CredentialSet,
    /// What is asked of TLS.
    pub tls: &'a TlsSettings,
    /// The key that access tokens are bound to, as PKCS #8, where they are (RFC 9449).
    pub dpop_key: Option<&'a [u8]>,
    /// How long a call may take.
    pub timeout: Duration,
}

/// What a token is asked for with.
#[derive(Clone, Copy, Debug)]
pub enum TokenRequest<'a> {
    /// RFC 6749 section 4.1.3, RFC 7636 section 4.5.
    Code {
        /// The code.
        code: &'a SecretString,
        /// The verifier of its challenge.
        verifier: &'a SecretString,
        /// Exactly as the authorization request said it.
        redirect_uri: &'a Url,
    },
    /// RFC 6749 section 6.
    Refresh {
        /// The refresh token.
        token: &'a SecretString,
    },
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 7523 section 2.1.
    JwtBearer,
}

/// A successful answer (RFC 6749 section 5.1).
pub struct TokenReply {
    /// The access token.
    pub access_token: SecretString,
    /// Whether it is bound to the client's key (RFC 9449 section 5).
    pub is_dpop: bool,
    /// The refresh token, if there is a new one. If not, the old one stays good (RFC 6749 section 6).
    pub refresh_token: Option<SecretString>,
    /// The ID token.
    pub id_token: Option<SecretString>,
    /// How long the access token lasts, if it says so.
    pub expires_in: Option<Duration>,
    /// How long the refresh token lasts, if it says so.
    pub refresh_token_expires_in: Option<Duration>,
    /// The scopes that were granted; none if the answer does not say, which means those asked for.
    pub scopes: Option<Vec<String>>,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

impl fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReply")
            .field("expires_in", &self.expires_in)
            .field("scopes", &self.scopes)
            .field("asked_at", &self.asked_at)
            .finish_non_exhaustive()
    }
}
