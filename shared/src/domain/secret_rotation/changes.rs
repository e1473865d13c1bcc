use std::time::Duration;

use super::{HasSecrets, MAX_SECRETS};
use crate::domain::{Destination, SecretId, StoredSecret, Timestamp};

/// How long the old secret goes on being accepted, if nothing else is said. In seconds.
const DEFAULT_OVERLAP_SECONDS: u64 = 24 * 60 * 60;
pub(super) const MAX_OVERLAP_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Why a secret does not take over, or is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The overlap is too long.
    #[error("must be from 0 to 2592000")]
    Overlap,
    /// There are as many as there may be.
    #[error("there are 10 secrets; delete one first, or wait until an overlap is over")]
    TooMany,
    /// There is none with the id.
    #[error("there is no such secret")]
    Unknown,
    /// It was shown when it was made, or since.
    #[error("the secret was shown")]
    Shown,
    /// It is not valid any more.
    #[error("the secret is not valid any more")]
    Over,
}

/// Adds `new` to `owner`'s secrets as the newest; the others expire when the overlap is over, if not
/// earlier. What has expired is left out.
///
/// # Errors
///
/// [`SecretsError::Overlap`], [`SecretsError::TooMany`]; nothing is changed then.
pub fn replace_secret(
    owner: &mut impl HasSecrets,
    new: StoredSecret,
    overlap_seconds: Option<u64>,
    now: Timestamp,
) -> Result<(), SecretsError> {
    let overlap = overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
    if overlap > MAX_OVERLAP_SECONDS {
        return Err(SecretsError::Overlap);
    }
    let (plan, secrets) = owner.secrets_mut();
    let end = now.plus(Duration::from_secs(overlap));
    let mut kept = secrets.clone();
    end_at(&mut kept, end);
    kept.retain(|secret| secret.is_valid_at(now));
    if kept.len() >= MAX_SECRETS {
        return Err(SecretsError::TooMany);
    }
    kept.insert(0, new);
    *secrets = kept;
    plan.shown_at = None;
    plan.reminded_at = None;
    Ok(())
}

/// Adds `new`, which nobody has been shown, to `owner`'s secrets as the newest, and takes away those
/// whose overlap is over. The others stay as they are.
pub fn add_untold(owner: &mut impl HasSecrets, new: StoredSecret, now: Timestamp) {
    forget_over(owner, now);
    let (plan, secrets) = owner.secrets_mut();
    secrets.insert(
        0,
        StoredSecret {
            unseen: true,
            ..new
        },
    );
    plan.shown_at = None;
    plan.reminded_at = Some(now);
}

/// Takes away those of `owner`'s secrets whose overlap is over.
pub fn forget_over(owner: &mut impl HasSecrets, now: Timestamp) {
    let over = owner.secrets_of().over(now);
    let (_, secrets) = owner.secrets_mut();
    secrets.retain(|secret| !over.contains(&secret.id));
}

/// Takes note that a person is shown a destination's secret. If it is the newest, the overlap of the
/// others begins: who was shown it can give it to the receiver.
///
/// # Errors
///
/// [`SecretsError`], if it may not be shown; nothing is changed then.
pub fn reveal(
    destination: &mut Destination,
    id: SecretId,
    now: Timestamp,
) -> Result<StoredSecret, SecretsError> {
    let found = destination.secrets.iter().position(|other| other.id == id);
    let place = found.ok_or(SecretsError::Unknown)?;
    let secret = destination.secrets.get_mut(place);
    let secret = secret.ok_or(SecretsError::Unknown)?;
    if !secret.unseen {
        return Err(SecretsError::Shown);
    }
    if !secret.is_valid_at(now) {
        return Err(SecretsError::Over);
    }
    secret.unseen = false;
    let shown = secret.clone();
    if place == 0 {
        let policy = destination.secret_plan.policy;
        let overlap = policy.and_then(|policy| policy.overlap_seconds);
        let overlap = Duration::from_secs(overlap.unwrap_or(DEFAULT_OVERLAP_SECONDS));
        if let Some((_, others)) = destination.secrets.split_first_mut() {
            end_at(others, now.plus(overlap));
        }
        destination.secret_plan.shown_at = Some(now);
        destination.secret_plan.reminded_at = None;
    }
    Ok(shown)
}

/// They expire at `end`, if not earlier.
fn end_at(secrets: &mut [StoredSecret], end: Timestamp) {
    for secret in secrets {
        secret.expires_at = Some(secret.expires_at.map_or(end, |earlier| earlier.min(end)));
    }
}
