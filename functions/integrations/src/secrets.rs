//! Signing secrets of endpoints and destinations.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{
    Cause, Error, FieldError, OrganizationId, Sealed, SecretId, StoredSecret, Timestamp,
};
use gatehouse::signature::SigningSecret;
use gatehouse::vault::SealContext;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

use crate::State;

/// More at a time are not needed to replace one.
const MAX_SECRETS: usize = 10;
/// How long the old secret goes on being accepted, if nothing else is said.
const DEFAULT_OVERLAP_SECONDS: u64 = 24 * 60 * 60;
const MAX_OVERLAP_SECONDS: u64 = 30 * 24 * 60 * 60;

/// What may be told of a signing secret: everything but the secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretView {
    pub(crate) id: SecretId,
    pub(crate) created_at: Timestamp,
    /// When an event was last verified with it; lately, if at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<Timestamp>,
    /// The instant from which it is no longer accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether the provider brought it and nobody was shown it: `reveal` shows it, once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) revealable: bool,
}

impl From<&StoredSecret> for SecretView {
    fn from(secret: &StoredSecret) -> Self {
        Self {
            id: secret.id,
            created_at: secret.created_at,
            last_used_at: None,
            expires_at: secret.expires_at,
            revealable: secret.unseen,
        }
    }
}

/// Seals a secret of the endpoint or destination `owner`.
#[expect(clippy::disallowed_methods, reason = "here a secret is sealed")]
pub(crate) async fn seal(
    state: &State,
    organization: OrganizationId,
    owner: Ulid,
    secret: &SecretString,
    now: Timestamp,
) -> Result<StoredSecret, Error> {
    let id = SecretId::generate(now, state.sources.randomness.as_ref());
    let context = SealContext::SigningSecret { owner, secret: id };
    state.keys.ensure(organization).await?;
    let sealed: Sealed = state
        .keys
        .seal(organization, &context, secret.expose_secret().as_bytes())
        .await?;
    Ok(StoredSecret {
        id,
        sealed,
        created_at: now,
        expires_at: None,
        unseen: false,
    })
}

/// A signing secret, shown to the person whom its provider asks for it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevealedSecret {
    pub(crate) id: SecretId,
    /// The secret. It is shown once.
    secret: String,
}

/// Opens a secret that the provider brought.
pub(crate) async fn open(
    state: &State,
    organization: OrganizationId,
    owner: Ulid,
    stored: &StoredSecret,
) -> Result<RevealedSecret, Error> {
    let id = stored.id;
    let context = SealContext::SigningSecret { owner, secret: id };
    let bytes = state
        .keys
        .open(organization, &context, &stored.sealed)
        .await?;
    let secret = String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::Internal(Cause::from("a signing secret is not text")))?;
    Ok(RevealedSecret { id, secret })
}

/// A signing secret of an endpoint, to verify or sign with.
pub(crate) async fn signing(
    state: &State,
    organization: OrganizationId,
    owner: Ulid,
    stored: &StoredSecret,
) -> Result<SigningSecret, Error> {
    let context = SealContext::SigningSecret {
        owner,
        secret: stored.id,
    };
    let bytes = state
        .keys
        .open(organization, &context, &stored.sealed)
        .await?;
    SigningSecret::from_utf8(&bytes)
        .map_err(|_| Error::Internal(Cause::from("a signing secret is not text")))
}

/// A new signing secret for a destination: 32 random bytes, as Standard Webhooks writes them.
pub(crate) fn generate(state: &State) -> SecretString {
    let mut bytes = [0; 32];
    state.sources.randomness.fill(&mut bytes);
    SecretString::from(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// Adds `new` to `secrets` as the newest; the others expire when the overlap is over, if not
/// earlier. What has expired is left out.
pub(crate) fn replace(
    secrets: &mut Vec<StoredSecret>,
    new: StoredSecret,
    overlap_seconds: Option<u64>,
    now: Timestamp,
) -> Result<(), Error> {
    let overlap = overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
    if overlap > MAX_OVERLAP_SECONDS {
        let message = "must be from 0 to 2592000";
        return Err(Error::Invalid(vec![FieldError::new(
            "/overlapSeconds",
            message,
        )]));
    }
    let end = now.plus(Duration::from_secs(overlap));
    secrets.retain_mut(|secret| {
        secret.expires_at = Some(secret.expires_at.map_or(end, |earlier| earlier.min(end)));
        secret.is_valid_at(now)
    });
    if secrets.len() >= MAX_SECRETS {
        return Err(Error::Conflict(
            "there are 10 secrets; delete one first".to_owned(),
        ));
    }
    secrets.insert(0, new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(n: u128, expires_at: Option<i64>) -> StoredSecret {
        StoredSecret {
            id: Ulid::from(n).into(),
            sealed: Sealed::from_bytes(Vec::new()),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: expires_at.and_then(Timestamp::from_second),
            unseen: false,
        }
    }

    #[test]
    fn the_old_secret_is_valid_until_the_overlap_is_over() {
        let now = Timestamp::from_second(1000).unwrap();
        let mut secrets = vec![secret(1, None), secret(2, Some(1010)), secret(3, Some(999))];
        replace(&mut secrets, secret(4, None), Some(60), now).unwrap();
        let ends: Vec<_> = secrets
            .iter()
            .map(|s| s.expires_at.map(Timestamp::as_second))
            .collect();
        assert_eq!(ends, [None, Some(1060), Some(1010)]);
    }

    #[test]
    fn without_an_overlap_the_old_secret_is_gone_at_once() {
        let now = Timestamp::from_second(1000).unwrap();
        let mut secrets = vec![secret(1, None)];
        replace(&mut secrets, secret(2, None), Some(0), now).unwrap();
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[0].id, Ulid::from(2).into());
    }
}
