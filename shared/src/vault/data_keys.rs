use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::sdk;
use super::seal::{DataKey, key_version};
use super::{SealContext, VaultError};
use crate::domain::{OrganizationId, Sealed, Sources, Timestamp};
use crate::store::{Store, StoreError, WrappedKey};

/// How long an unwrapped key is kept in memory: for so long, an erased key still works.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How many unwrapped keys are kept.
const CAPACITY: usize = 1_000;
/// The version under which everything is sealed today.
const CURRENT_VERSION: u16 = 1;

/// The organizations' data keys.
#[derive(Clone)]
pub struct DataKeys {
    client: Client,
    key_arn: Arc<str>,
    store: Store,
    sources: Sources,
    unwrapped: Arc<Mutex<HashMap<(OrganizationId, u16), Slot>>>,
}

/// A key that is being unwrapped, or has been. Those who want it at the same time wait for one
/// call.
type Slot = Arc<Mutex<Option<(Timestamp, Arc<DataKey>)>>>;

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKeys").finish_non_exhaustive()
    }
}

impl DataKeys {
    /// Data keys that the KMS key `key_arn` wraps.
    #[must_use]
    pub fn new(client: Client, key_arn: String, store: Store, sources: Sources) -> Self {
        Self {
            client,
            key_arn: key_arn.into(),
            store,
            sources,
            unwrapped: Arc::default(),
        }
    }

    /// Makes the organization's data key, if it has none yet.
    ///
    /// # Errors
    ///
    /// If KMS or the table does not answer.
    pub async fn ensure(&self, organization: OrganizationId) -> Result<(), VaultError> {
        match self.key(organization, CURRENT_VERSION).await {
            Err(VaultError::NoKey) => self.create(organization).await,
            other => other.map(|_| ()),
        }
    }

    /// Seals `plaintext` for the place that `context` names.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoKey`] if the organization has no data key; or KMS or the table does not
    /// answer.
    pub async fn seal(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        plaintext: &[u8],
    ) -> Result<Sealed, VaultError> {
        self.key(organization, CURRENT_VERSION)
            .await?
            .seal(organization, context, plaintext)
    }

    /// Opens what was sealed for the place that `context` names.
    ///
    /// # Errors
    ///
    /// [`VaultError::Tampered`] if it was sealed for another place, or changed;
    /// [`VaultError::NoKey`] if its key was erased; or KMS or the table does not answer.
    pub async fn open(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let version = key_version(sealed)?;
        self.key(organization, version)
            .await?
            .open(organization, context, sealed)
    }

    /// Seals the body of an event, compressed.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::seal`].
    pub async fn seal_payload(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        body: &[u8],
    ) -> Result<Sealed, VaultError> {
        let compressed = zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL)
            .map_err(|error| VaultError::Refused(error.into()))?;
        self.seal(organization, context, &compressed).await
    }

    /// Opens the body of an event of `body_bytes`.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`].
    pub async fn open_payload(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        sealed: &Sealed,
        body_bytes: u64,
    ) -> Result<Vec<u8>, VaultError> {
        let compressed = self.open(organization, context, sealed).await?;
        let capacity = usize::try_from(body_bytes).map_err(|_| VaultError::Corrupt)?;
        zstd::bulk::decompress(&compressed, capacity).map_err(|_| VaultError::Corrupt)
    }

    async fn key(
        &self,
        organization: OrganizationId,
        version: u16,
    ) -> Result<Arc<DataKey>, VaultError> {
        let now = self.sources.now();
        let slot = self.slot((organization, version)).await;
        let mut slot = slot.lock().await;
        if let Some((unwrapped_at, key)) = &*slot
            && now.since(*unwrapped_at) < MAX_AGE
        {
            return Ok(Arc::clone(key));
        }
        *slot = None;
        let wrapped = self
            .store
            .data_key(organization, version)
            .await?
            .ok_or(VaultError::NoKey)?;
        let key = Arc::new(self.unwrap(organization, version, wrapped).await?);
        *slot = Some((now, Arc::clone(&key)));
        Ok(key)
    }

    async fn slot(&self, id: (OrganizationId, u16)) -> Slot {
        let mut unwrapped = self.unwrapped.lock().await;
        if unwrapped.len() >= CAPACITY && !unwrapped.contains_key(&id) {
            unwrapped.clear();
        }
        Arc::clone(unwrapped.entry(id).or_default())
    }

    async fn unwrap(
        &self,
        organization: OrganizationId,
        version: u16,
        wrapped: WrappedKey,
    ) -> Result<DataKey, VaultError> {
        let output = self
            .client
            .decrypt()
            .key_id(&*self.key_arn)
            .ciphertext_blob(Blob::new(wrapped.wrapped))
            .encryption_context("organization", organization.to_string())
            .send()
            .await
            .map_err(sdk)?;
        let plaintext = output.plaintext.ok_or(VaultError::Corrupt)?.into_inner();
        DataKey::new(version, &Zeroizing::new(plaintext))
    }

    /// Only the wrapped form is asked for: the plaintext is had by unwrapping, so that a key that
    /// works once works always.
    async fn create(&self, organization: OrganizationId) -> Result<(), VaultError> {
        let output = self
            .client
            .generate_data_key_without_plaintext()
            .key_id(&*self.key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("organization", organization.to_string())
            .send()
            .await
            .map_err(sdk)?;
        let wrapped = output
            .ciphertext_blob
            .ok_or(VaultError::Corrupt)?
            .into_inner();
        let key = WrappedKey {
            number: CURRENT_VERSION,
            wrapped,
            created_at: self.sources.now(),
        };
        match self.store.put_data_key(organization, &key).await {
            // Somebody else was first; theirs is the key.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
