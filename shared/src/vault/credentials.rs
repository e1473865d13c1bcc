use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::VaultError;
use super::error::sdk;
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

/// The values of one integration's credentials, by field.
pub type CredentialSet = BTreeMap<String, SecretString>;

/// How a version stands that Secrets Manager's own rotation is to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionStanding {
    /// It is to be filled: `AWSPENDING`.
    Pending,
    /// It is in use already: `AWSCURRENT`.
    Current,
    /// There is no such version, or it is not the one to be filled.
    NotPending,
    /// The secret is not rotated by Secrets Manager.
    NoRotation,
}

/// What Secrets Manager takes in one secret.
const MAX_SECRET_BYTES: usize = 64 * 1024;
/// The stage of the version that the integration's item names.
const CURRENT: &str = "AWSCURRENT";
/// The stage of a version that no item names yet.
const PENDING: &str = "AWSPENDING";
/// For so long, deleted credentials can be restored by an administrator of the account.
const RECOVERY_DAYS: i64 = 30;
const CORRUPT: VaultError = VaultError::Corrupt("credential");

/// The credentials of integrations, one secret for each in Secrets Manager.
///
/// The integration's item names the version that is in use: one conditional write of the item
/// changes both, and a change that loses its race changes nothing. The stage labels follow.
#[derive(Clone)]
pub struct Credentials {
    client: Client,
    key_arn: Arc<str>,
    prefix: Arc<str>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials whose secrets are named `<prefix>/<organization>/<integration>` and encrypted
    /// under the KMS key `key_arn`.
    #[must_use]
    pub fn new(client: Client, key_arn: String, prefix: String) -> Self {
        Self {
            client,
            key_arn: key_arn.into(),
            prefix: prefix.into(),
        }
    }

    /// Stores `values` as the version `version` (32 to 64 characters) of the credentials of
    /// `integration`. Whoever uses credentials names a version, so this changes nothing for them
    /// until the integration's item names it. The same version with the same values has one effect.
    ///
    /// # Errors
    ///
    /// [`VaultError::TooLarge`]; [`VaultError::BeingDeleted`], because what was deleted comes back
    /// only if somebody asks for just that; or Secrets Manager does not answer.
    pub async fn stage(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        values: &CredentialSet,
        version: &str,
    ) -> Result<(), VaultError> {
        let name = self.name(organization, integration);
        let text = json(values)?;
        let created = self
            .client
            .create_secret()
            .name(&name)
            .client_request_token(version)
            .kms_key_id(&*self.key_arn)
            .secret_string(&*text)
            .send()
            .await;
        let error = match created {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if error.code() != Some("ResourceExistsException") {
            return Err(sdk(error));
        }
        self.put(&name, &text, version).await
    }

    /// As [`Credentials::stage`], of an integration that has credentials already.
    ///
    /// # Errors
    ///
    /// As [`Credentials::stage`]; and [`VaultError::NotFound`], if it has none.
    pub async fn stage_next(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        values: &CredentialSet,
        version: &str,
    ) -> Result<(), VaultError> {
        let name = self.name(organization, integration);
        self.put(&name, &json(values)?, version).await
    }

    async fn put(&self, name: &str, text: &str, version: &str) -> Result<(), VaultError> {
        self.client
            .put_secret_value()
            .secret_id(name)
            .client_request_token(version)
            .secret_string(text)
            .version_stages(PENDING)
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// What Secrets Manager says of `version`, which its own rotation is to fill.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotFound`], [`VaultError::BeingDeleted`], or Secrets Manager does not answer.
    pub async fn standing(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        version: &str,
    ) -> Result<VersionStanding, VaultError> {
        let name = self.name(organization, integration);
        let described = self.client.describe_secret().secret_id(&name).send().await;
        let described = described.map_err(sdk)?;
        if described.deleted_date.is_some() {
            return Err(VaultError::BeingDeleted);
        }
        let stages = described
            .version_ids_to_stages
            .unwrap_or_default()
            .remove(version);
        let has = |wanted: &str| {
            let mut stages = stages.iter().flatten();
            stages.any(|stage| stage == wanted)
        };
        Ok(match (described.rotation_enabled, &stages) {
            _ if has(CURRENT) => VersionStanding::Current,
            (Some(true), Some(_)) if has(PENDING) => VersionStanding::Pending,
            (Some(true), _) => VersionStanding::NotPending,
            _ => VersionStanding::NoRotation,
        })
    }

    /// Whose credentials the secret of that ARN, or name, holds; nobody's, if it is none of these.
    #[must_use]
    pub fn owner_of(&self, secret: &str) -> Option<(OrganizationId, IntegrationId)> {
        let name = match secret.split_once(":secret:") {
            // Secrets Manager adds `-` and six characters of its own.
            Some((_, name)) => name.rsplit_once('-').map(|(name, _)| name)?,
            None => secret,
        };
        let owner = name.strip_prefix(&*self.prefix)?.strip_prefix('/')?;
        let (organization, integration) = owner.split_once('/')?;
        Some((organization.parse().ok()?, integration.parse().ok()?))
    }

    /// Labels `version` as the current one, after the integration's item has named it. Secrets
    /// Manager keeps a version for as long as it has a label.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotFound`], [`VaultError::BeingDeleted`], or Secrets Manager does not answer.
    pub async fn promote(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        version: &str,
    ) -> Result<(), VaultError> {
        let name = self.name(organization, integration);
        let described = self.client.describe_secret().secret_id(&name).send().await;
        let versions = described
            .map_err(sdk)?
            .version_ids_to_stages
            .unwrap_or_default();
        let current = versions
            .iter()
            .find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT))
            .map(|(version, _)| version.clone());
        if current.as_deref() == Some(version) {
            return Ok(());
        }
        self.client
            .update_secret_version_stage()
            .secret_id(&name)
            .version_stage(CURRENT)
            .move_to_version_id(version)
            .set_remove_from_version_id(current)
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// The credentials of `integration` in that version, for use.
    ///
    /// # Errors
    ///
    /// [`VaultError::NotFound`], [`VaultError::BeingDeleted`], or Secrets Manager does not answer.
    pub async fn get(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        version: &str,
    ) -> Result<CredentialSet, VaultError> {
        let output = self
            .client
            .get_secret_value()
            .secret_id(self.name(organization, integration))
            .version_id(version)
            .send()
            .await
            .map_err(sdk)?;
        let text = Zeroizing::new(output.secret_string.ok_or(CORRUPT)?);
        serde_json::from_str(&text).map_err(|_| CORRUPT)
    }

    /// Deletes the credentials of `integration`. They are unusable at once and gone at the instant
    /// that is returned; `None`, if there were none, or if they had been deleted before.
    ///
    /// # Errors
    ///
    /// If Secrets Manager does not answer.
    pub async fn delete(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Timestamp>, VaultError> {
        let sent = self
            .client
            .delete_secret()
            .secret_id(self.name(organization, integration))
            .recovery_window_in_days(RECOVERY_DAYS)
            .send()
            .await;
        match sent {
            Ok(output) => Ok(output
                .deletion_date
                .and_then(|date| Timestamp::from_second(date.secs()))),
            Err(error) => match sdk(error) {
                // A deletion that broke off afterwards is made again.
                VaultError::NotFound | VaultError::BeingDeleted => Ok(None),
                error => Err(error),
            },
        }
    }

    fn name(&self, organization: OrganizationId, integration: IntegrationId) -> String {
        format!("{}/{organization}/{integration}", self.prefix)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the values go to Secrets Manager, and only there"
)]
fn json(values: &CredentialSet) -> Result<Zeroizing<String>, VaultError> {
    let values: BTreeMap<&str, &str> = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    let text = serde_json::to_string(&values).map_err(|_| CORRUPT)?;
    let text = Zeroizing::new(text);
    if text.len() > MAX_SECRET_BYTES {
        return Err(VaultError::TooLarge {
            limit_bytes: MAX_SECRET_BYTES as u64,
        });
    }
    Ok(text)
}
