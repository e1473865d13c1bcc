//! What the claims of an access token say of the caller.

use super::AccessError;
use crate::config::AccessSettings;
use crate::domain::OrganizationId;
use crate::jwt::Claims;

/// Reads who calls from the claims of a token that is accepted.
pub(super) fn who(
    claims: &Claims,
    settings: &AccessSettings,
) -> Result<(OrganizationId, String), AccessError> {
    let subject = claims.text("sub").filter(|subject| !subject.is_empty());
    let subject = subject.ok_or(AccessError::Invalid("subject"))?;
    let organization = claims.text(&settings.organization_claim);
    let organization = organization.and_then(|claim| claim.parse().ok());
    Ok((
        organization.ok_or(AccessError::NoOrganization)?,
        subject.to_owned(),
    ))
}
