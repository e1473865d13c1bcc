use super::fields::Fields;
use super::{AuthError, client_identity, jwt, place, request_hmac, shared_key};
use crate::domain::{ApiKeyAuth, AuthConfig, CustomAuth, Oauth2Auth};
use crate::oauth::check_assertion_key;
use crate::vault::CredentialSet;

/// Whether credentials can be used as `config` says, as far as that can be seen without a call:
/// keys can be read, and values fit into their places.
///
/// # Errors
///
/// The first field that is missing or cannot be used, or that the client's certificate and key
/// cannot.
pub fn check(config: &AuthConfig, credentials: &CredentialSet) -> Result<(), AuthError> {
    client_identity(credentials)?;
    let fields = Fields::new(credentials);
    match config {
        AuthConfig::ApiKey(ApiKeyAuth::Header { value_template, .. }) => {
            fields.header(value_template).map(|_| ())
        }
        AuthConfig::BasicAuth(auth) => place::pair(auth, &fields).map(|_| ()),
        AuthConfig::Jwt(auth) => jwt::check(auth, &fields),
        AuthConfig::Custom(custom) => match &**custom {
            CustomAuth::Headers { headers, .. } => {
                let mut templates = headers.values();
                templates.try_for_each(|template| fields.header(template).map(|_| ()))
            }
            CustomAuth::AzureSharedKey { .. } => shared_key::check(&fields),
            CustomAuth::Hmac(signing) => request_hmac::check(signing, &fields),
            CustomAuth::SigV4(_) | CustomAuth::ClientCertificate {} | CustomAuth::Login(_) => {
                Ok(())
            }
        },
        AuthConfig::Oauth2(auth) => check_oauth2(auth, credentials),
        AuthConfig::ApiKey(_) => Ok(()),
    }
}

/// Whether the key can sign, where assertions are signed.
fn check_oauth2(auth: &Oauth2Auth, credentials: &CredentialSet) -> Result<(), AuthError> {
    let Some(assertion) = auth.assertion.as_ref().filter(|_| auth.signs_assertions()) else {
        return Ok(());
    };
    check_assertion_key(assertion, credentials).map_err(|expected| AuthError::UnusableField {
        field: "privateKey".to_owned(),
        expected,
    })
}
