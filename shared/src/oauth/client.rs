use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::client_authentication::{authenticate, grant_assertion};
use super::dpop::{DpopKey, DpopNonces, ProofOf};
use super::form::Form;
use super::metadata::Metadata;
use super::{ClientContext, MetadataCache, OauthError, TokenReply, TokenRequest, reply};
use crate::domain::{Oauth2Auth, Offer, Sources};
use crate::egress::{Egress, OutboundRequest, OutboundResponse};

/// An answer that is worth having is there by then.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Room for three tokens of the largest kind.
const MAX_ANSWER_BYTES: usize = 128 * 1024;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const DPOP: HeaderName = HeaderName::from_static("dpop");
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What is said of a token that is revoked (RFC 7009 section 2.1).
const HINTS: [&str; 2] = ["access_token", "refresh_token"];

/// What asks authorization servers.
///
/// Client credentials and tokens go to the endpoints that the configuration or the issuer's
/// metadata name, and nowhere else: no redirect is followed. Nothing of an answer is logged.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) egress: Egress,
    pub(super) sources: Sources,
    pub(super) metadata: Arc<MetadataCache>,
    pub(super) nonces: DpopNonces,
}

/// An authorization server: what the configuration says of it, and its metadata where they are read.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    pub(super) config: &'a Oauth2Auth,
    pub(super) metadata: Option<Arc<Metadata>>,
}

/// A token to be revoked.
#[derive(Clone, Copy, Debug)]
pub enum Revocable<'a> {
    /// An access token.
    Access(&'a SecretString),
    /// A refresh token: the server ends the whole grant with it (RFC 7009 section 2.1).
    Refresh(&'a SecretString),
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The server has revoked the token, or did not know it any more.
    Done,
    /// The server has no endpoint for it.
    NoEndpoint,
}

impl Server<'_> {
    /// Its metadata, if an issuer is configured.
    #[must_use]
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        self.metadata.as_ref()
    }

    /// The issuer to the letter, if one is configured.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.metadata.as_ref().map(|metadata| &*metadata.issuer)
    }

    /// Where people consent.
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if nothing says where.
    pub fn authorization_endpoint(&self) -> Result<&Url, OauthError> {
        let configured = self.config.authorization_endpoint.as_ref();
        self.either(configured, |m| m.authorization_endpoint.as_ref())
            .ok_or(OauthError::Configuration(
                "nothing names the authorization endpoint",
            ))
    }

    /// Where tokens are obtained.
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if nothing says where.
    pub fn token_endpoint(&self) -> Result<&Url, OauthError> {
        let configured = self.config.token_endpoint.as_ref();
        self.either(configured, |m| m.token_endpoint.as_ref())
            .ok_or(OauthError::Configuration(
                "nothing names the token endpoint",
            ))
    }

    /// Where tokens are revoked.
    #[must_use]
    pub fn revocation_endpoint(&self) -> Option<&Url> {
        let configured = self.config.revocation_endpoint.as_ref();
        self.either(configured, |m| m.revocation_endpoint.as_ref())
    }

    /// Where authorization requests are pushed, if they are to be.
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if they have to be, and nothing says where.
    pub fn pushed_authorization_endpoint(&self) -> Result<Option<&Url>, OauthError> {
        let configured = self.config.pushed_authorization_request_endpoint.as_ref();
        let endpoint = self.either(configured, |m| {
            m.pushed_authorization_request_endpoint.as_ref()
        });
        match self.config.pushed_authorization {
            Offer::Never => Ok(None),
            Offer::Required if endpoint.is_none() => Err(OauthError::Configuration(
                "authorization requests have to be pushed, and nothing says where",
            )),
            Offer::Auto | Offer::Required => Ok(endpoint),
        }
    }

    /// Whether access tokens are to be bound to a key.
    #[must_use]
    pub fn wants_dpop(&self) -> bool {
        let offered = self.metadata.as_ref().is_some_and(|metadata| {
            let mut algorithms = metadata.dpop_signing_alg_values_supported.iter();
            algorithms.any(|algorithm| algorithm == "ES256")
        });
        match self.config.dpop {
            Offer::Auto => offered,
            Offer::Required => true,
            Offer::Never => false,
        }
    }

    fn either<'s>(
        &'s self,
        configured: Option<&'s Url>,
        of: impl FnOnce(&'s Metadata) -> Option<&'s Url>,
    ) -> Option<&'s Url> {
        configured.or_else(|| self.metadata.as_deref().and_then(of))
    }

    /// Whom assertions are for, if the configuration does not say.
    fn audience(&self) -> Result<&str, OauthError> {
        match self.issuer() {
            Some(issuer) => Ok(issuer),
            None => Ok(self.token_endpoint()?.as_str()),
        }
    }
}

impl Client {
    /// A client that goes out by `egress`.
    #[must_use]
    pub fn new(egress: Egress, sources: Sources, metadata: Arc<MetadataCache>) -> Self {
        Self(Arc::new(Inner {
            egress,
            sources,
            metadata,
            nonces: DpopNonces::default(),
        }))
    }

    /// The metadata that it reads.
    #[must_use]
    pub fn metadata(&self) -> &Arc<MetadataCache> {
        &self.0.metadata
    }

    /// The authorization server of an integration.
    ///
    /// # Errors
    ///
    /// If its metadata have to be read, and cannot be.
    pub async fn server<'a>(&self, context: &ClientContext<'a>) -> Result<Server<'a>, OauthError> {
        let (config, timeout) = (context.config, context.timeout.min(TIMEOUT));
        let metadata = match &config.issuer {
            Some(issuer) => {
                let metadata = self.0.metadata.get(issuer, context.tls, timeout).await;
                Some(metadata?)
            }
            None => None,
        };
        Ok(Server { config, metadata })
    }

    /// Obtains a token.
    ///
    /// # Errors
    ///
    /// If it cannot be asked for, or is refused; [`OauthError::InvalidGrant`] only if the server
    /// says just that.
    pub async fn token(
        &self,
        context: &ClientContext<'_>,
        request: TokenRequest<'_>,
    ) -> Result<TokenReply, OauthError> {
        let server = self.server(context).await?;
        let url = server.token_endpoint()?.clone();
        let asked_at = self.0.sources.now();
        let wants_dpop = context.dpop_key.is_some() && context.config.dpop == Offer::Required;
        let fill = |form: &mut Form| self.fill(&server, context, request, form);
        let response = self.post(context, &server, url, fill).await?;
        reply::read(&response, wants_dpop, asked_at)
    }

    /// Revokes a token (RFC 7009).
    ///
    /// # Errors
    ///
    /// If the server does not do so.
    pub async fn revoke(
        &self,
        context: &ClientContext<'_>,
        token: Revocable<'_>,
    ) -> Result<Revocation, OauthError> {
        let server = self.server(context).await?;
        let Some(url) = server.revocation_endpoint().cloned() else {
            return Ok(Revocation::NoEndpoint);
        };
        let [access, refresh] = HINTS;
        let (token, hint) = match token {
            Revocable::Access(token) => (token, access),
            Revocable::Refresh(token) => (token, refresh),
        };
        let fill = |form: &mut Form| {
            form.append("token", exposed(token));
            form.append("token_type_hint", hint);
            Ok(())
        };
        // No proof: a token is shown to be ended, and not to be used.
        let context = ClientContext {
            dpop_key: None,
            ..*context
        };
        let response = self.post(&context, &server, url, fill).await?;
        match response.status {
            status if status.is_success() => Ok(Revocation::Done),
            _ => Err(reply::refusal(&response)),
        }
    }

    /// What a token request says besides the client's authentication.
    fn fill(
        &self,
        server: &Server<'_>,
        context: &ClientContext<'_>,
        request: TokenRequest<'_>,
        form: &mut Form,
    ) -> Result<(), OauthError> {
        let config = context.config;
        match request {
            TokenRequest::Code {
                code,
                verifier,
                redirect_uri,
            } => {
                form.append("grant_type", "authorization_code");
                form.append("code", exposed(code));
                form.append("redirect_uri", redirect_uri.as_str());
                form.append("code_verifier", exposed(verifier));
            }
            TokenRequest::Refresh { token } => {
                form.append("grant_type", "refresh_token");
                form.append("refresh_token", exposed(token));
            }
            TokenRequest::ClientCredentials => {
                form.append("grant_type", "client_credentials");
                append_scopes(config, &config.scopes, form);
            }
            TokenRequest::JwtBearer => {
                let assertion = grant_assertion(context, server.audience()?, &self.0.sources)?;
                form.append("grant_type", JWT_BEARER);
                form.append("assertion", &assertion);
                append_scopes(config, &config.scopes, form);
            }
        }
        for (name, value) in &config.token_parameters {
            form.append(name, value);
        }
        Ok(())
    }

    /// Posts a form with the client's authentication, and the proof of its key if it has one. Once
    /// more, if the server wants a nonce in that: it has not looked at anything else then (RFC 9449
    /// section 8).
    pub(super) async fn post(
        &self,
        context: &ClientContext<'_>,
        server: &Server<'_>,
        url: Url,
        fill: impl Fn(&mut Form) -> Result<(), OauthError>,
    ) -> Result<OutboundResponse, OauthError> {
        let Inner {
            egress,
            sources,
            nonces,
            ..
        } = &*self.0;
        let key = context.dpop_key.map(DpopKey::read).transpose()?;
        let mut tries = 0;
        loop {
            let (mut headers, mut form) = (HeaderMap::new(), Form::default());
            fill(&mut form)?;
            authenticate(
                context,
                server.audience()?,
                sources,
                &mut headers,
                &mut form,
            )?;
            headers.insert(header::ACCEPT, JSON);
            headers.insert(header::CONTENT_TYPE, FORM);
            if let Some(key) = &key {
                let proof = key.proof(
                    ProofOf {
                        method: &Method::POST,
                        url: &url,
                        access_token: None,
                        nonce: nonces.get(&url).as_deref(),
                    },
                    sources,
                )?;
                headers.insert(DPOP, proof_header(&proof)?);
            }
            let mut request =
                OutboundRequest::new(Method::POST, url.clone(), context.timeout.min(TIMEOUT));
            request.headers = headers;
            request.body = form.into_body();
            request.max_response_bytes = MAX_ANSWER_BYTES;
            request.tls = context.tls.clone();
            let response = egress.send(request).await?;
            let has_nonce = nonces.keep(&url, &response.headers);
            let again = key.is_some()
                && has_nonce
                && tries == 0
                && matches!(
                    response.status,
                    StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED
                )
                && reply::asks_for_nonce(&response);
            if !again {
                return Ok(response);
            }
            tries += 1;
        }
    }
}

/// The header `DPoP`. A proof is good for one request, and is not shown all the same.
fn proof_header(proof: &str) -> Result<HeaderValue, OauthError> {
    let value = HeaderValue::from_str(proof);
    let mut value = value.map_err(|_| OauthError::Configuration("a DPoP proof is no header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The scopes, if there are any, with what the configuration says stands between them.
pub(super) fn append_scopes(config: &Oauth2Auth, scopes: &[String], form: &mut Form) {
    if !scopes.is_empty() {
        let separator = config.scope_separator.as_deref().unwrap_or(" ");
        form.append("scope", &scopes.join(separator));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the value goes into a request to the authorization server"
)]
pub(super) fn exposed(secret: &SecretString) -> &str {
    secret.expose_secret()
}
