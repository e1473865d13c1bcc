//! Signing secrets of endpoints and destinations.

use gatehouse::domain::secret_rotation::{
    HasSecrets, SecretRotationPolicy, SecretsError, replace_secret,
};
use gatehouse::domain::{
    Cause, Error, FieldError, OrganizationId, SecretId, StoredSecret, Timestamp,
};
use gatehouse::signature::SigningSecret;
use gatehouse::vault::SealContext;
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

use crate::State;

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
    /// Whether the provider brought it, or the schedule made it, and nobody was shown it: `reveal` shows
    /// it, once.
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

/// A signing secret, shown to the person who has to pass it on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevealedSecret {
    pub(crate) id: SecretId,
    /// The secret. It is shown once.
    secret: String,
}

/// Opens a secret that nobody was shown yet.
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

/// Adds `new` to `owner`'s secrets as the newest; the others expire when the overlap is over, if not
/// earlier.
pub(crate) fn replace(
    owner: &mut impl HasSecrets,
    new: StoredSecret,
    overlap_seconds: Option<u64>,
    now: Timestamp,
) -> Result<(), Error> {
    replace_secret(owner, new, overlap_seconds, now).map_err(refused)
}

/// Why a secret does not take over, or is not shown, as callers are told.
pub(crate) fn refused(error: SecretsError) -> Error {
    match error {
        SecretsError::Overlap => Error::field("/overlapSeconds", error.to_string()),
        SecretsError::Unknown => Error::NotFound("secret"),
        SecretsError::TooMany | SecretsError::Shown | SecretsError::Over => {
            Error::Conflict(error.to_string())
        }
    }
}

/// When signing secrets are replaced.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretRotationView {
    #[serde(flatten)]
    policy: SecretRotationPolicy,
    /// When the newest one is to be replaced. If that has passed, a person has to do something: be
    /// shown the new secret that is `revealable`; or add the endpoint's new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
}

impl SecretRotationView {
    /// That of a destination or endpoint with a policy.
    pub(crate) fn of(owner: &impl HasSecrets) -> Option<Self> {
        let secrets = owner.secrets_of();
        let policy = secrets.policy()?;
        Some(Self {
            policy,
            due_at: secrets.wanted_at(),
        })
    }
}

/// What is wrong with a policy, as a field of a body.
pub(crate) fn check_policy(policy: &SecretRotationPolicy, errors: &mut Vec<FieldError>) {
    if let Err(error) = policy.check() {
        let pointer = format!("{POLICY}{}", error.pointer);
        errors.push(FieldError::new(pointer, error.message));
    }
}

/// Where the policy is in a body.
pub(crate) const POLICY: &str = "/secretRotation";
