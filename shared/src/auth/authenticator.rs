use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::fields::Fields;
use super::token_cache::{Token, TokenCache, TokenKey};
use super::token_call::TokenCall;
use super::{AccessTokens, AuthError, GrantedToken, Redactor, custom, grant, jwt};
use super::{may_have_credentials, place, request_hmac};
use super::{shared_key, sigv4};
use crate::domain::{
    AuthConfig, CustomAuth, IntegrationId, JwtAuth, JwtUse, Login, Oauth2Auth, OrganizationId,
    Sources,
};
use crate::egress::{Egress, EgressError, OutboundRequest, Redirects, TlsSettings};
use crate::oauth::DpopNonces;
use crate::vault::CredentialSet;

/// Puts integrations' credentials on their requests.
#[derive(Clone)]
pub struct Authenticator {
    egress: Egress,
    sources: Sources,
    tokens: Arc<TokenCache>,
    grants: Option<Arc<dyn AccessTokens>>,
    nonces: Arc<DpopNonces>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// What is known of the call that is to be authenticated.
#[derive(Clone, Copy, Debug)]
pub struct AuthContext<'a> {
    /// The integration's organization.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// Its base URL.
    pub base_url: &'a Url,
    /// The hosts besides the base URL's that credentials may go to: a name, or `*.` and a name.
    pub hosts: &'a [String],
    /// Those of them that the integration itself names, and not the catalogue.
    pub own_hosts: &'a [String],
    /// How it authenticates.
    pub config: &'a AuthConfig,
    /// With what.
    pub credentials: &'a CredentialSet,
    /// Those of its fields that are no secret, such as an account's name, which is a part of many
    /// answers.
    pub public_fields: &'a [String],
    /// Their version; none for credentials that are only tested. Nothing is kept of those.
    pub credential_version: Option<&'a str>,
    /// What is asked of TLS, also by calls that obtain a token.
    pub tls: &'a TlsSettings,
}

/// A token that a request carries.
#[derive(Clone, Debug)]
pub struct CarriedToken(Carried);

#[derive(Clone, Debug)]
enum Carried {
    Obtained(Arc<Token>),
    Granted(Arc<GrantedToken>),
}

/// What is obtained before the call: by an assertion, or by a login.
enum Obtained<'a> {
    Exchange(&'a JwtAuth),
    Login(&'a Login),
}

impl<'a> Obtained<'a> {
    fn of(config: &'a AuthConfig) -> Option<Self> {
        match config {
            AuthConfig::Jwt(auth) => match auth.purpose {
                JwtUse::Exchange { .. } => Some(Self::Exchange(auth)),
                JwtUse::Bearer => None,
            },
            AuthConfig::Custom(custom) => match &**custom {
                CustomAuth::Login(login) => Some(Self::Login(login)),
                _ => None,
            },
            AuthConfig::ApiKey(_) | AuthConfig::BasicAuth(_) | AuthConfig::Oauth2(_) => None,
        }
    }
}

impl Authenticator {
    /// Obtains tokens through `egress`, with the time and randomness of `sources`.
    #[must_use]
    pub fn new(egress: Egress, sources: Sources) -> Self {
        Self {
            egress,
            sources,
            tokens: Arc::default(),
            grants: None,
            nonces: Arc::default(),
        }
    }

    /// The same, with the access tokens of `grants` for what uses OAuth 2.0.
    #[must_use]
    pub fn with_grants(self, grants: Arc<dyn AccessTokens>) -> Self {
        Self {
            grants: Some(grants),
            ..self
        }
    }

    /// Puts the credentials on the request.
    ///
    /// To be called after the last change of URL, headers and body, since signatures cover them,
    /// and again for each try, since they have a time. What an earlier call has put there is
    /// replaced. Redirects that would leave the origin are no longer followed. A client identity
    /// that the credentials hold is shown, whatever the method.
    ///
    /// # Errors
    ///
    /// If the request goes to another host than the credentials may, the credentials or the
    /// configuration do not suffice, the body has no place for the key, or no token is obtained.
    pub async fn authenticate(
        &self,
        context: &AuthContext<'_>,
        request: &mut OutboundRequest,
    ) -> Result<(), AuthError> {
        if !may_have_credentials(&request.url, context.base_url, context.hosts) {
            return Err(AuthError::ForbiddenHost);
        }
        if let Redirects::Follow(limit) = request.redirects {
            request.redirects = Redirects::SameOrigin(limit);
        }
        if request.tls.client_identity.is_none() {
            request.tls.client_identity = custom::identity(context)?;
        }
        if let Some(obtained) = Obtained::of(context.config) {
            let token = self.token(context, &obtained, request.timeout).await?;
            return apply(context, &obtained, &token, request);
        }
        let fields = Fields::new(context.credentials);
        match context.config {
            AuthConfig::ApiKey(auth) => place::api_key(auth, &fields, request),
            AuthConfig::BasicAuth(auth) => place::basic(auth, &fields, request),
            AuthConfig::Oauth2(config) => {
                let token = self.granted(context, config, request.timeout).await?;
                grant::apply(config, &token, (&self.nonces, &self.sources), request)
            }
            AuthConfig::Jwt(auth) => {
                let assertion = jwt::assertion(auth, &fields, &self.sources)?;
                place::bearer(request, &assertion)
            }
            AuthConfig::Custom(auth) => self.custom(auth, context, request),
        }
    }

    /// Sees to it that [`Authenticator::authenticate`] has to wait for no token, where one is
    /// obtained and may be kept.
    ///
    /// # Errors
    ///
    /// If no token is obtained.
    pub async fn obtain(
        &self,
        context: &AuthContext<'_>,
        timeout: Duration,
    ) -> Result<(), AuthError> {
        if let AuthConfig::Oauth2(config) = context.config {
            // The token of credentials that are only tested is not kept.
            if context.credential_version.is_some() {
                self.granted(context, config, timeout).await?;
            }
            return Ok(());
        }
        if let (Some(obtained), Some(_)) = (Obtained::of(context.config), key(context)) {
            self.token(context, &obtained, timeout).await?;
        }
        Ok(())
    }

    /// Whether [`Authenticator::obtain`] would call the provider: the credentials are used then.
    #[must_use]
    pub fn needs_token(&self, context: &AuthContext<'_>) -> bool {
        let now = self.sources.now();
        Obtained::of(context.config).is_some()
            && key(context).is_some_and(|key| !self.tokens.is_fresh(&key, now))
    }

    /// The token that was obtained for `request`, which has been authenticated; none, if none was,
    /// or if it is not kept.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the token is compared with the request's own headers"
    )]
    pub fn carried(
        &self,
        context: &AuthContext<'_>,
        request: &OutboundRequest,
    ) -> Option<CarriedToken> {
        let token = match context.config {
            AuthConfig::Oauth2(_) => Carried::Granted(self.grants.as_ref()?.kept(context)?),
            config => {
                Obtained::of(config)?;
                Carried::Obtained(self.tokens.kept(&key(context)?)?)
            }
        };
        let text = match &token {
            Carried::Obtained(token) => token.value.expose_secret(),
            Carried::Granted(token) => token.access_token.expose_secret(),
        };
        let mut values = request
            .headers
            .values()
            .filter(|value| value.is_sensitive());
        let is_there = values.any(|value| value.to_str().is_ok_and(|value| value.contains(text)));
        is_there.then_some(CarriedToken(token))
    }

    /// The provider has answered 401 to a request that carried `token`: forgets it; a grant's is
    /// renewed, which may take until `timeout`. Whether the next try carries another.
    ///
    /// Many callers may have been refused with the same token. The first of them makes room for a
    /// new one. If that is refused, too, it stays for some seconds: otherwise each call would
    /// obtain one.
    pub async fn refused(
        &self,
        context: &AuthContext<'_>,
        token: &CarriedToken,
        timeout: Duration,
    ) -> bool {
        let now = self.sources.now();
        match (&token.0, context.config, &self.grants) {
            (Carried::Obtained(token), _, _) => {
                key(context).is_some_and(|key| self.tokens.refused(&key, token, now))
            }
            (Carried::Granted(token), AuthConfig::Oauth2(config), Some(grants)) => {
                let refused = grants.refused(context, config, token.version, timeout);
                refused.await
            }
            (Carried::Granted(_), _, _) => false,
        }
    }

    /// Takes note of the nonce that proofs for `url` have to hold, if the answer with `headers` says
    /// one. Whether it was refused only for the lack of it (RFC 9449 section 9).
    #[must_use]
    pub fn wants_nonce(&self, url: &Url, headers: &http::HeaderMap) -> bool {
        self.nonces.keep(url, headers) && grant::is_nonce_challenge(headers)
    }

    /// What blots the credentials out of the provider's answers, and what was made of them for
    /// `request`, which has been authenticated.
    #[must_use]
    pub fn redactor(&self, context: &AuthContext<'_>, request: &OutboundRequest) -> Redactor {
        let is_secret = |name: &str| !context.public_fields.iter().any(|field| field == name);
        let redactor = Redactor::new(context.credentials, is_secret).and_request(request);
        if let AuthConfig::Oauth2(_) = context.config {
            let token = self.grants.as_ref().and_then(|grants| grants.kept(context));
            let Some(token) = token else { return redactor };
            let redactor = redactor.and(&token.access_token);
            return match &token.refresh_token {
                Some(refresh) => redactor.and(refresh),
                None => redactor,
            };
        }
        let token = key(context).and_then(|key| self.tokens.kept(&key));
        match token {
            Some(token) => redactor.and(&token.value),
            None => redactor,
        }
    }

    async fn granted(
        &self,
        context: &AuthContext<'_>,
        config: &Oauth2Auth,
        timeout: Duration,
    ) -> Result<Arc<GrantedToken>, AuthError> {
        let grants = self.grants.as_ref().ok_or(AuthError::NotSupported)?;
        grants.get(context, config, timeout).await
    }

    async fn token(
        &self,
        context: &AuthContext<'_>,
        obtained: &Obtained<'_>,
        timeout: Duration,
    ) -> Result<Arc<Token>, AuthError> {
        let now = self.sources.now();
        let call = TokenCall {
            egress: &self.egress,
            context,
            now,
            timeout,
        };
        let obtain = async {
            match obtained {
                Obtained::Login(login) => call.login(login).await,
                Obtained::Exchange(auth) => {
                    let fields = Fields::new(context.credentials);
                    let assertion = jwt::assertion(auth, &fields, &self.sources)?;
                    call.exchange(&auth.purpose, &assertion).await
                }
            }
        };
        let Some(key) = key(context) else {
            return Box::pin(obtain).await.map(Arc::new);
        };
        // Whoever waits for another's call has less time than that one, perhaps.
        let kept = tokio::time::timeout(timeout, Box::pin(self.tokens.get(key, now, obtain)));
        kept.await.unwrap_or(Err(EgressError::Timeout.into()))
    }

    fn custom(
        &self,
        auth: &CustomAuth,
        context: &AuthContext<'_>,
        request: &mut OutboundRequest,
    ) -> Result<(), AuthError> {
        let (credentials, now) = (context.credentials, self.sources.now());
        let fields = Fields::new(credentials);
        match auth {
            CustomAuth::Headers {
                headers,
                parameters,
            } => custom::several(headers, parameters, &fields, request),
            CustomAuth::SigV4(auth) => sigv4::authenticate(auth, &fields, now, request),
            CustomAuth::AzureSharedKey { version } => {
                shared_key::authenticate(version, &fields, now, request)
            }
            CustomAuth::Hmac(signing) => {
                request_hmac::authenticate(signing, credentials, &self.sources, request)
            }
            CustomAuth::ClientCertificate {} => custom::certificate(request),
            // Obtained, and applied, by now.
            CustomAuth::Login(_) => Err(AuthError::Configuration("a login gives a token")),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the token goes into the request that it authenticates"
)]
fn apply(
    context: &AuthContext<'_>,
    obtained: &Obtained<'_>,
    token: &Token,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    let token = token.value.expose_secret();
    let Obtained::Login(login) = obtained else {
        return place::bearer(request, token);
    };
    let fields = Fields::new(context.credentials).with_secret("token", token);
    custom::several(&login.apply, &Default::default(), &fields, request)
}

/// The key of the token of this call; none if nothing is to be kept.
fn key(context: &AuthContext<'_>) -> Option<TokenKey> {
    let mut config = serde_json::to_value(context.config).ok()?;
    // The table gives the members of an object in any order.
    config.sort_all_objects();
    let config = config.to_string();
    let digest = Sha256::new()
        .chain_update(context.base_url.as_str())
        .chain_update([0])
        .chain_update(config)
        .finalize();
    Some(TokenKey {
        organization: context.organization,
        integration: context.integration,
        credential_version: context.credential_version?.to_owned(),
        digest: digest.into(),
    })
}
