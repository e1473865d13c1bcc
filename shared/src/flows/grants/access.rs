//! What outbound calls ask of grants.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};

use super::context::Owned;
use super::{GrantContext, GrantError, GrantTokens, Grants};
use crate::auth::{AccessTokens, AuthContext, AuthError, GrantedToken};
use crate::domain::{GrantType, Oauth2Auth};
use crate::egress::EgressError;
use crate::oauth::OauthError;

/// Tokens that are refused are not replaced more often: where each is refused, a new one does not
/// help.
const APART: Duration = Duration::from_secs(5);

impl Grants {
    /// The provider has answered 401 to a request with the tokens of `version`. Looks whether there
    /// are others, and renews them, once, if there are not. Whether the next try has more to say
    /// than that: another token, or that a person has to consent.
    ///
    /// Tokens that were renewed within the last five seconds are not renewed again: many callers may
    /// be refused, for as many reasons.
    pub async fn refused(
        &self,
        context: &GrantContext<'_>,
        version: u64,
        timeout: Duration,
    ) -> bool {
        let slot = self
            .0
            .memory
            .slot((context.organization, context.integration));
        let now = self.0.sources.now();
        if let Some(held) = slot.held() {
            let since = held.grant.tokens_since();
            if held.grant.tokens_version != version {
                return true;
            }
            if now.since(since) < APART {
                return false;
            }
        }
        slot.set_refused(Some(version));
        let next = self.access_token(context, timeout).await;
        slot.set_refused(None);
        match next {
            Ok(token) => token.version != version,
            Err(GrantError::ConsentNeeded(_) | GrantError::NotConnected) => true,
            Err(_) => false,
        }
    }
}

impl Grants {
    /// A token for credentials that are only tested: it is not kept.
    async fn candidate(
        &self,
        context: &AuthContext<'_>,
        config: &Oauth2Auth,
        timeout: Duration,
    ) -> Result<Arc<GrantedToken>, GrantError> {
        const NEEDS_A_PERSON: OauthError =
            OauthError::Configuration("what a person consents to is tested by connecting");
        if config.grant_type == GrantType::AuthorizationCode {
            return Err(NEEDS_A_PERSON.into());
        }
        let owned = Owned {
            organization: context.organization,
            integration: context.integration,
            config: config.clone(),
            credentials: context.credentials.clone(),
            tls: context.tls.clone(),
            basis: String::new(),
        };
        let asked = tokio::time::timeout(timeout, Box::pin(self.0.ask(&owned, None))).await;
        let (reply, key) = asked.unwrap_or(Err(EgressError::Timeout.into()))?;
        Ok(Arc::new(GrantTokens::of(reply, None, key).granted(0)))
    }
}

impl AccessTokens for Grants {
    fn get<'a>(
        &'a self,
        context: &'a AuthContext<'a>,
        config: &'a Oauth2Auth,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Arc<GrantedToken>, AuthError>> {
        async move {
            let token = match GrantContext::of_call(context, config) {
                Some(context) => self.access_token(&context, timeout).await,
                None => self.candidate(context, config, timeout).await,
            };
            token.map_err(AuthError::from)
        }
        .boxed()
    }

    fn kept(&self, context: &AuthContext<'_>) -> Option<Arc<GrantedToken>> {
        context.credential_version?;
        let slot = self
            .0
            .memory
            .slot((context.organization, context.integration));
        slot.held().and_then(|held| held.token)
    }

    fn refused<'a>(
        &'a self,
        context: &'a AuthContext<'a>,
        config: &'a Oauth2Auth,
        version: u64,
        timeout: Duration,
    ) -> BoxFuture<'a, bool> {
        async move {
            let Some(context) = GrantContext::of_call(context, config) else {
                return false;
            };
            Self::refused(self, &context, version, timeout).await
        }
        .boxed()
    }
}

impl<'a> GrantContext<'a> {
    /// That of an outbound call; none, if its credentials are only tested.
    fn of_call(context: &AuthContext<'a>, config: &'a Oauth2Auth) -> Option<Self> {
        Some(Self {
            organization: context.organization,
            integration: context.integration,
            base_url: context.base_url,
            own_hosts: context.own_hosts,
            config,
            credentials: context.credentials,
            credential_version: context.credential_version?,
            tls: context.tls,
        })
    }
}

impl GrantTokens {
    /// What calls need of them.
    pub(super) fn granted(&self, version: u64) -> GrantedToken {
        let dpop_key = self.dpop_key.clone().filter(|_| self.is_dpop);
        GrantedToken {
            access_token: self.access_token.clone(),
            refresh_token: self.refresh_token.clone(),
            dpop_key,
            version,
        }
    }
}

impl From<GrantError> for AuthError {
    fn from(error: GrantError) -> Self {
        let is_transient = error.is_transient();
        match error {
            GrantError::NotConnected | GrantError::ConsentNeeded(_) => {
                Self::ConsentNeeded(error.to_string())
            }
            GrantError::Oauth(error) => Self::Oauth(error),
            error => Self::Grant(Arc::new(error), is_transient),
        }
    }
}
