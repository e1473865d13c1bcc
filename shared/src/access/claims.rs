//! What the claims of an access token say of the caller.

use super::AccessError;
use crate::config::AccessSettings;
use crate::domain::{MAX_TOKEN_LIFETIME, OrganizationId, Timestamp};
use crate::jwt::Claims;

/// An access token that is accepted.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) organization_id: OrganizationId,
    pub(super) subject: String,
    /// The `jti`, where the issuer gives one.
    pub(super) token_id: Option<String>,
    pub(super) issued_at: Timestamp,
}

impl Token {
    /// Reads the claims of a token that is in order.
    pub(super) fn of(claims: &Claims, settings: &AccessSettings) -> Result<Self, AccessError> {
        let subject = claims.text("sub").filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(AccessError::Invalid("subject"))?;
        let issued_at = issued_at(claims)?;
        let token_id = match claims.get("jti") {
            None => None,
            // It could be revoked by nobody.
            Some(id) => Some(id.as_str().ok_or(AccessError::Invalid("token id"))?),
        };
        let organization = claims.text(&settings.organization_claim);
        let organization = organization.and_then(|claim| claim.parse().ok());
        Ok(Self {
            organization_id: organization.ok_or(AccessError::NoOrganization)?,
            subject: subject.to_owned(),
            token_id: token_id.map(str::to_owned),
            issued_at,
        })
    }
}

/// When the token was issued. One that is good for too long after that is refused.
fn issued_at(claims: &Claims) -> Result<Timestamp, AccessError> {
    let (issued, expires) = (claims.second("iat")?, claims.second("exp")?);
    let issued = issued.and_then(Timestamp::from_second);
    let issued = issued.ok_or(AccessError::Invalid("time"))?;
    let latest = issued.plus(MAX_TOKEN_LIFETIME).as_second();
    if expires.is_none_or(|expires| expires > latest) {
        return Err(AccessError::Invalid("good for too long"));
    }
    Ok(issued)
}
