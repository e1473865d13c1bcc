//! Credentials of integrations: stored before the integration names them, in force once it does.

use gatehouse::auth;
use gatehouse::domain::{CredentialInfo, Error, Integration, Timestamp};
use gatehouse::store::StoreError;
use gatehouse::vault::CredentialSet;

use crate::State;

/// Stores `values`, which end at `expires_at`, as a new version that nobody uses yet; what the
/// integration is to say of it.
///
/// # Errors
///
/// If they are too large, are being deleted, or cannot be stored now.
pub(crate) async fn stage(
    state: &State,
    integration: &Integration,
    values: &CredentialSet,
    expires_at: Option<Timestamp>,
) -> Result<CredentialInfo, Error> {
    let (organization, id) = (integration.organization_id, integration.id);
    if let Some(current) = &integration.credentials {
        // A promotion that broke off, if any, is made up for: staging takes the label of its
        // version away, and Secrets Manager forgets versions without a label.
        state
            .credentials
            .promote(organization, id, &current.version)
            .await?;
    }
    let now = state.sources.now();
    // At least 32 characters, which no other version has.
    let version = format!("gatehouse-{}", state.sources.randomness.ulid(now));
    state
        .credentials
        .stage(organization, id, values, &version)
        .await?;
    Ok(auth::credential_info(values, version, now, expires_at))
}

/// Follows up on the write that was to put `integration` and its staged credentials in force.
/// A failure here is made up for by the next change, so it is logged and no more.
pub(crate) async fn settle(
    state: &State,
    integration: &Integration,
    written: &Result<u64, StoreError>,
) {
    let (organization, id) = (integration.organization_id, integration.id);
    let settled = match (written, &integration.credentials) {
        (Ok(_), Some(credentials)) => {
            state
                .credentials
                .promote(organization, id, &credentials.version)
                .await
        }
        // It was deleted meanwhile, perhaps before there was a secret to delete.
        (Err(StoreError::NotFound(_)), _) => {
            state.credentials.delete(organization, id).await.map(|_| ())
        }
        (Ok(_) | Err(_), _) => Ok(()),
    };
    if let Err(error) = settled {
        tracing::warn!(integration.id = %id, %error, "the credentials of {id} are not labelled");
    }
}
