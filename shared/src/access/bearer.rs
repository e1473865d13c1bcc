use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::claims::{Header, check};
use crate::config::AccessSettings;
use crate::domain::{Error, OrganizationId, Timestamp};
use crate::jwt::{Fetch, FetchError, KeySet};

/// Longer tokens are not looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

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
}

impl From<AccessError> for Error {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Missing => Self::Unauthenticated(None),
            AccessError::Invalid(_) => Self::Unauthenticated(Some(error.into())),
            AccessError::NoOrganization => Self::Forbidden,
            AccessError::Unavailable(_) => Self::Unavailable(error.into()),
        }
    }
}

/// Verifies access tokens.
#[derive(Debug)]
pub struct Verifier {
    settings: AccessSettings,
    keys: KeySet,
}

impl Verifier {
    /// Verifies tokens as `settings` says, with keys that `fetch` brings.
    #[must_use]
    pub fn new(settings: AccessSettings, fetch: Arc<dyn Fetch>) -> Self {
        let keys = KeySet::new(settings.issuer.clone(), settings.jwks_url.clone(), fetch);
        Self { settings, keys }
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
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AccessError::Invalid("length"));
        }
        let header = Header::of(token)?;
        let algorithm: Algorithm = header
            .alg
            .parse()
            .map_err(|_| AccessError::Invalid("algorithm"))?;
        let key = self.keys.key(header.kid.as_deref(), now).await;
        let key = key
            .map_err(AccessError::Unavailable)?
            .ok_or(AccessError::Invalid("key"))?;
        // The key says which algorithms there are; the token can only pick one of them.
        if !key.algorithms.contains(&algorithm) {
            return Err(AccessError::Invalid("algorithm"));
        }
        let mut validation = Validation::new(algorithm);
        // Claims are checked below, at a time that is ours.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &validation)
            .map_err(|_| AccessError::Invalid("signature"))?;
        let (organization_id, subject) = check(&token.claims, &self.settings, now)?;
        Ok(Caller {
            organization_id,
            subject,
        })
    }
}
