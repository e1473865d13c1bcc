//! How the client shows the authorization server who it is (RFC 6749 section 2.3, RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;
use serde_json::{Map, json};
use zeroize::Zeroizing;

use super::form::{Form, encoded};
use super::signing::{expected_key, sign, signed};
use super::{ClientContext, OauthError};
use crate::domain::{Assertion, ClientAuthentication, GrantType, Sources, ValueTemplate};
use crate::vault::CredentialSet;

const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";
const PRIVATE_KEY: &str = "privateKey";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good for, in seconds: long enough for clocks that differ.
const ASSERTION_SECONDS: i64 = 300;
const ID_BYTES: usize = 16;

/// Puts the client's authentication onto a request for `audience`: the issuer, or else the token
/// endpoint (RFC 7523 section 3).
pub(super) fn authenticate(
    context: &ClientContext<'_>,
    audience: &str,
    sources: &Sources,
    headers: &mut HeaderMap,
    form: &mut Form,
) -> Result<(), OauthError> {
    let (config, credentials) = (context.config, context.credentials);
    let method = config.client_authentication;
    if config.grant_type == GrantType::JwtBearer
        && matches!(
            method,
            ClientAuthentication::Basic | ClientAuthentication::Post
        )
        && find(credentials, CLIENT_SECRET).is_none()
    {
        // The grant's assertion says who asks (RFC 7523 section 3.1).
        return Ok(());
    }
    let id = require(credentials, CLIENT_ID)?;
    match method {
        ClientAuthentication::Basic => {
            let secret = require(credentials, CLIENT_SECRET)?;
            let pair = Zeroizing::new(format!("{}:{}", &*encoded(id), &*encoded(secret)));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
            let value = HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| OauthError::Credentials(CLIENT_SECRET))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        ClientAuthentication::Post => {
            form.append("client_id", id);
            form.append("client_secret", require(credentials, CLIENT_SECRET)?);
        }
        ClientAuthentication::PrivateKeyJwt => {
            let assertion = assertion(context, id, id, audience, sources)?;
            form.append("client_id", id);
            form.append("client_assertion_type", ASSERTION_TYPE);
            form.append("client_assertion", &assertion);
        }
        ClientAuthentication::None => form.append("client_id", id),
    }
    Ok(())
}

/// The assertion of the grant `jwt_bearer` (RFC 7523 section 3).
pub(super) fn grant_assertion(
    context: &ClientContext<'_>,
    audience: &str,
    sources: &Sources,
) -> Result<Zeroizing<String>, OauthError> {
    let settings = settings(context)?;
    let fill = |template: &Option<ValueTemplate>| match template {
        Some(template) => fill(context.credentials, template).map(Some),
        None => Ok(None),
    };
    let issuer = match fill(&settings.issuer)? {
        Some(issuer) => issuer,
        None => Zeroizing::new(require(context.credentials, CLIENT_ID)?.to_owned()),
    };
    let subject = fill(&settings.subject)?;
    let subject = subject.as_ref().unwrap_or(&issuer);
    assertion(context, &issuer, subject, audience, sources)
}

fn assertion(
    context: &ClientContext<'_>,
    issuer: &str,
    subject: &str,
    audience: &str,
    sources: &Sources,
) -> Result<Zeroizing<String>, OauthError> {
    let settings = settings(context)?;
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(settings.algorithm));
    header.insert("typ".to_owned(), json!("JWT"));
    if let Some(template) = &settings.key_id {
        let key_id = fill(context.credentials, template)?;
        header.insert("kid".to_owned(), json!(*key_id));
    }
    let (now, mut id) = (sources.now().as_second(), [0; ID_BYTES]);
    sources.randomness.fill(&mut id);
    let audience = settings.audience.as_deref().unwrap_or(audience);
    let mut claims = Map::new();
    for (name, value) in [("iss", issuer), ("sub", subject), ("aud", audience)] {
        claims.insert(name.to_owned(), json!(value));
    }
    claims.insert("iat".to_owned(), json!(now));
    let ends = now.saturating_add(ASSERTION_SECONDS);
    claims.insert("exp".to_owned(), json!(ends));
    claims.insert("jti".to_owned(), json!(hex::encode(id)));
    let key = require(context.credentials, PRIVATE_KEY)?;
    signed(header, claims, |text| sign(settings.algorithm, key, text))
        .ok_or(OauthError::Credentials(PRIVATE_KEY))
}

/// Whether assertions can be signed with the credentials' key; if not, what it has to be.
///
/// # Errors
///
/// What the key has to be.
pub fn check_assertion_key(
    settings: &Assertion,
    credentials: &CredentialSet,
) -> Result<(), &'static str> {
    let key = find(credentials, PRIVATE_KEY).unwrap_or_default();
    let signature = sign(settings.algorithm, key, b"");
    signature
        .map(|_| ())
        .ok_or_else(|| expected_key(settings.algorithm))
}

fn settings<'a>(context: &ClientContext<'a>) -> Result<&'a Assertion, OauthError> {
    let missing = OauthError::Configuration("it does not say how assertions are signed");
    context.config.assertion.as_ref().ok_or(missing)
}

/// The client's id, which is no secret.
pub(super) fn client_id<'a>(context: &ClientContext<'a>) -> Result<&'a str, OauthError> {
    require(context.credentials, CLIENT_ID)
}

fn require<'a>(credentials: &'a CredentialSet, name: &'static str) -> Result<&'a str, OauthError> {
    find(credentials, name).ok_or(OauthError::Credentials(name))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the value authenticates a request to the authorization server, or is the client's id"
)]
fn find<'a>(credentials: &'a CredentialSet, name: &str) -> Option<&'a str> {
    let value = credentials.get(name)?.expose_secret();
    Some(value).filter(|value| !value.is_empty())
}

fn fill(
    credentials: &CredentialSet,
    template: &ValueTemplate,
) -> Result<Zeroizing<String>, OauthError> {
    let mut text = Zeroizing::new(String::new());
    let filled = template.fill(|name| find(credentials, name), |piece| text.push_str(piece));
    let missing = "that a template of the assertion names";
    filled.map_err(|_| OauthError::Credentials(missing))?;
    Ok(text)
}
