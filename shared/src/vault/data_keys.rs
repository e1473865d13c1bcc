use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::Zeroizing;

use super::cache::Cache;
use super::error::sdk;
use super::seal::{DataKey, key_version};
use super::{SealContext, VaultError};
use crate::domain::{OrganizationId, Sealed, Sources};
use crate::store::{Store, StoreError, WrappedKey};

/// How long an unwrapped key is kept in memory: for so long, an erased key still works.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How many unwrapped keys are kept.
const CAPACITY: usize = 1_000;
/// More than any body: Lambda takes 6 MB. The length comes from the table, where it is not sealed,
/// and is the size of a buffer.
const MAX_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;
const CORRUPT: VaultError = VaultError::Corrupt("data key");
/// The version under which everything is sealed today.
const CURRENT_VERSION: u16 = 1;

/// The organizations' data keys.
#[derive(Clone)]
pub struct DataKeys {
    client: Client,
    key_arn: Arc<str>,
    store: Store,
    sources: Sources,
    unwrapped: Arc<Cache<(OrganizationId, u16), DataKey>>,
}

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
            unwrapped: Arc::new(Cache::new(MAX_AGE, CAPACITY)),
        }
    }

    /// Makes the organization's data key, if it has none yet.
    ///
    /// # Errors
    ///
    /// If KMS or the table does not answer.
    pub async fn ensure(&self, organization: OrganizationId) -> Result<(), VaultError> {
        let fetch = async {
            match self.fetch(organization, CURRENT_VERSION).await {
                Err(VaultError::NoKey) => {
                    self.create(organization).await?;
                    self.fetch(organization, CURRENT_VERSION).await
                }
                fetched => fetched,
            }
        };
        let key = (organization, CURRENT_VERSION);
        match self.unwrapped.get(key, self.sources.now(), fetch).await {
            // Shared with somebody who only looked for the key. Others make it at the same time,
            // perhaps, and one of them is first.
            Err(VaultError::NoKey) => self.create(organization).await,
            made => made.map(|_| ()),
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
            .map(Zeroizing::new)
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
        let capacity = usize::try_from(body_bytes).unwrap_or(usize::MAX);
        if capacity > MAX_PAYLOAD_BYTES {
            return Err(VaultError::Corrupt("payload"));
        }
        zstd::bulk::decompress(&compressed, capacity).map_err(|_| VaultError::Corrupt("payload"))
    }

    async fn key(
        &self,
        organization: OrganizationId,
        version: u16,
    ) -> Result<Arc<DataKey>, VaultError> {
        let fetch = self.fetch(organization, version);
        let key = (organization, version);
        self.unwrapped.get(key, self.sources.now(), fetch).await
    }

    async fn fetch(
        &self,
        organization: OrganizationId,
        version: u16,
    ) -> Result<DataKey, VaultError> {
        let wrapped = self.store.data_key(organization, version).await?;
        let wrapped = wrapped.ok_or(VaultError::NoKey)?;
        self.unwrap(organization, version, wrapped).await
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
        let plaintext = output.plaintext.ok_or(CORRUPT)?.into_inner();
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
        let wrapped = output.ciphertext_blob.ok_or(CORRUPT)?.into_inner();
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
