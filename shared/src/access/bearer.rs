use std::sync::Arc;

use super::claims::Token;
use super::revocations::Revocations;
use crate::config::AccessSettings;
use crate::domain::{Error, OrganizationId, Timestamp};
use crate::jwt::{self, Expected, Fetch, FetchError, JwtError, KeySet, LEEWAY, TokenUse};
use crate::store::{Store, StoreError};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The organization that the caller acts for: the only one that it can reach.
    pub organization_id: OrganizationId,
    /// The token's `sub`.
    pub subject: String,
}

/// Why a caller is turned away.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no token.
    #[error("no bearer token")]
    Missing,
    /// It is not one that we accept. Holds what is wrong with it, for the log.
    #[error("the token is not accepted: {0}")]
    Invalid(&'static str),
    /// It names no organization.
    #[error("the token names no organization")]
    NoOrganization,
    /// It cannot be verified now.
    #[error("the token cannot be verified now")]
    Unavailable(#[source] FetchError),
    /// Nobody can say now whether it is revoked.
    #[error("whether the token is revoked cannot be told now")]
    Unknown(#[source] StoreError),
}

impl From<AccessError> for Error {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Missing => Self::Unauthenticated(None),
            AccessError::Invalid(_) => Self::Unauthenticated(Some(error.into())),
            AccessError::NoOrganization => Self::Forbidden,
            AccessError::Unavailable(_) | AccessError::Unknown(_) => {
                Self::Unavailable(error.into())
            }
        }
    }
}

impl From<JwtError> for AccessError {
    fn from(error: JwtError) -> Self {
        match error {
            JwtError::Invalid(why) => Self::Invalid(why),
            JwtError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// Verifies access tokens.
#[derive(Debug)]
pub struct Verifier {
    settings: AccessSettings,
    keys: KeySet,
    revocations: Option<Revocations>,
}

impl Verifier {
    /// Verifies tokens as `settings` says, with keys that `fetch` brings.
    #[must_use]
    pub fn new(settings: AccessSettings, fetch: Arc<dyn Fetch>) -> Self {
        let keys = KeySet::new(settings.issuer.clone(), settings.jwks_url.clone(), fetch);
        Self {
            settings,
            keys,
            revocations: None,
        }
    }

    /// The same, where tokens that `store` says are revoked are refused.
    #[must_use]
    pub fn with_revocations(mut self, store: Store) -> Self {
        self.revocations = Some(Revocations::new(store));
        self
    }

    /// Verifies the values of a request's `Authorization` headers.
    ///
    /// # Errors
    ///
    /// If there is not exactly one, with a bearer token that is accepted at `now`.
    pub async fn verify<'a>(
        &self,
        mut authorization: impl Iterator<Item = &'a [u8]>,
        now: Timestamp,
    ) -> Result<Caller, AccessError> {
        let header = authorization.next().ok_or(AccessError::Missing)?;
        if authorization.next().is_some() {
            return Err(AccessError::Invalid("several headers"));
        }
        let header = std::str::from_utf8(header).map_err(|_| AccessError::Invalid("form"))?;
        let (scheme, token) = header.split_once(' ').ok_or(AccessError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AccessError::Missing);
        }
        self.verify_token(token.trim(), now).await
    }

    async fn verify_token(&self, token: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let expected = Expected {
            token_use: TokenUse::AccessToken,
            issuer: &self.settings.issuer,
            audience: &self.settings.audience,
            algorithms: &[],
            leeway: LEEWAY,
        };
        let claims = jwt::verify(token, &self.keys, &expected, now).await?;
        let token = Token::of(&claims, &self.settings)?;
        if let Some(revocations) = &self.revocations {
            revocations.check(&token, now).await?;
        }
        Ok(Caller {
            organization_id: token.organization_id,
            subject: token.subject,
        })
    }
}
