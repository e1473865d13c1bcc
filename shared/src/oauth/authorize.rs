//! The authorization request (RFC 6749 section 4.1.1), pushed where that is to be (RFC 9126).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::client::{Client, Server, exposed};
use super::client_authentication::client_id;
use super::dpop::DpopKey;
use super::form::Form;
use super::{ClientContext, OauthError, reply};
use crate::domain::{ClientAuthentication, Randomness};

const SECRET_BYTES: usize = 32;
const MAX_REQUEST_URI_BYTES: usize = 2048;

/// What an authorization request is made of.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// What comes back with the answer, and ties it to the browser.
    pub state: &'a SecretString,
    /// The verifier of the code's challenge.
    pub verifier: &'a SecretString,
    /// What comes back in the ID token, where one is asked for.
    pub nonce: Option<&'a SecretString>,
    /// Where the answer goes.
    pub redirect_uri: &'a Url,
    /// The scopes that are asked for.
    pub scopes: &'a [String],
}

/// 256 random bits as 43 characters: a state, a nonce, a verifier (RFC 7636 section 4.1).
#[must_use]
pub fn random_secret(randomness: &dyn Randomness) -> SecretString {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    randomness.fill(&mut *bytes);
    SecretString::from(URL_SAFE_NO_PAD.encode(*bytes))
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

impl Client {
    /// The URL that a browser is sent to, so that somebody consents.
    ///
    /// # Errors
    ///
    /// If the configuration or the credentials lack something, or the request cannot be pushed.
    pub async fn authorization_url(
        &self,
        context: &ClientContext<'_>,
        server: &Server<'_>,
        request: AuthorizationRequest<'_>,
    ) -> Result<Url, OauthError> {
        let mut url = server.authorization_endpoint()?.clone();
        let client_id = client_id(context)?;
        let Some(endpoint) = server.pushed_authorization_endpoint()? else {
            let mut pairs = pairs(context, request)?;
            pairs.push(("client_id", client_id.to_owned()));
            url.query_pairs_mut().extend_pairs(pairs);
            return Ok(url);
        };
        let fill = |form: &mut Form| {
            for (name, value) in pairs(context, request)? {
                form.append(name, &value);
            }
            // The other ways to authenticate put it into the form.
            if context.config.client_authentication == ClientAuthentication::Basic {
                form.append("client_id", client_id);
            }
            Ok(())
        };
        // The key is named by `dpop_jkt`; a proof of it would say the same (RFC 9449 section 10.1).
        let without_key = ClientContext {
            dpop_key: None,
            ..*context
        };
        let endpoint = endpoint.clone();
        let response = self.post(&without_key, server, endpoint, fill).await?;
        if !matches!(response.status, StatusCode::CREATED | StatusCode::OK) {
            return Err(reply::refusal(&response));
        }
        let pushed: Option<Pushed> = reply::object(&response.body);
        let is_uri = |uri: &String| {
            (1..=MAX_REQUEST_URI_BYTES).contains(&uri.len())
                && uri.bytes().all(|b| b.is_ascii_graphic())
        };
        let uri = pushed.map(|pushed| pushed.request_uri).filter(is_uri);
        let uri = uri.ok_or(OauthError::Unreadable("it has no request URI"))?;
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("request_uri", &uri);
        Ok(url)
    }
}

/// The parameters but for `client_id`, which authentication adds where the request is pushed.
fn pairs<'a>(
    context: &ClientContext<'a>,
    request: AuthorizationRequest<'_>,
) -> Result<Vec<(&'a str, String)>, OauthError> {
    let config = context.config;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(exposed(request.verifier)));
    let mut pairs = vec![
        ("response_type", "code".to_owned()),
        ("redirect_uri", request.redirect_uri.to_string()),
        ("state", exposed(request.state).to_owned()),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256".to_owned()),
    ];
    if !request.scopes.is_empty() {
        let separator = config.scope_separator.as_deref().unwrap_or(" ");
        pairs.push(("scope", request.scopes.join(separator)));
    }
    if let Some(nonce) = request.nonce {
        pairs.push(("nonce", exposed(nonce).to_owned()));
    }
    if let Some(key) = context.dpop_key {
        pairs.push(("dpop_jkt", DpopKey::read(key)?.thumbprint()));
    }
    for (name, value) in &config.authorization_parameters {
        pairs.push((name, value.clone()));
    }
    Ok(pairs)
}
