use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kms::Client;
use zeroize::Zeroizing;

use super::cache::Cache;
use super::compression::decompress;
use super::seal::{DataKey, key_version};
use super::{SealContext, VaultError};
use crate::domain::data_key::DataKeyPlan;
use crate::domain::{OrganizationId, Sealed, Sources};
use crate::store::{Store, StoreError, WrappedKey};

/// How long an unwrapped key is kept in memory: for so long, an erased key still works. And how long it is
/// remembered which key is the newest: for so long, something may still be sealed under the last but one.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How many unwrapped keys are kept.
const CAPACITY: usize = 1_000;
/// More than any body: Lambda takes 6 MB. The length comes from the table, where it is not sealed,
/// and is the size of a buffer.
const MAX_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;
pub(super) const CORRUPT: VaultError = VaultError::Corrupt("data key");
/// The number of an organization's first data key, which says which is the newest.
const FIRST: u16 = 1;

/// The organizations' data keys. The newest one seals, and each opens what it has sealed.
#[derive(Clone)]
pub struct DataKeys {
    pub(super) client: Client,
    pub(super) key_arn: Arc<str>,
    store: Store,
    pub(super) sources: Sources,
    unwrapped: Arc<Cache<(OrganizationId, u16), DataKey>>,
    newest: Arc<Cache<OrganizationId, Newest>>,
    /// Organizations whose plan was looked for.
    adopted: Arc<Cache<OrganizationId, ()>>,
}

/// Under which key an organization seals.
#[derive(Clone, Copy, Debug)]
struct Newest {
    number: u16,
    /// Whether it is known that its replacing is planned: keys were made before there were plans.
    is_planned: bool,
}

impl Newest {
    /// What the first key says of it.
    fn of(first: &WrappedKey) -> Self {
        Self {
            number: first.newest(),
            is_planned: first.key_arn.is_some(),
        }
    }
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
            newest: Arc::new(Cache::new(MAX_AGE, CAPACITY)),
            adopted: Arc::new(Cache::new(MAX_AGE, CAPACITY)),
        }
    }

    /// Makes the organization's data key, if it has none yet, and sees to it that it is replaced in time.
    ///
    /// # Errors
    ///
    /// If KMS or the table does not answer.
    pub async fn ensure(&self, organization: OrganizationId) -> Result<(), VaultError> {
        let fetch = async {
            match self.fetch_newest(organization).await {
                Err(VaultError::NoKey) => {
                    Box::pin(self.create(organization)).await?;
                    self.fetch_newest(organization).await
                }
                fetched => fetched,
            }
        };
        let now = self.sources.now();
        match Box::pin(self.newest.get(organization, now, fetch)).await {
            // Shared with somebody who only looked for the key. Others make it at the same time,
            // perhaps, and one of them is first.
            Err(VaultError::NoKey) => Box::pin(self.create(organization)).await,
            Ok(newest) => {
                if !newest.is_planned {
                    self.adopt(organization).await;
                }
                Ok(())
            }
            Err(error) => Err(error),
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
        let now = self.sources.now();
        let newest = self.fetch_newest(organization);
        let newest = Box::pin(self.newest.get(organization, now, newest)).await?;
        self.key(organization, newest.number)
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
        decompress(&compressed, capacity).ok_or(VaultError::Corrupt("payload"))
    }

    /// Lets this function seal under a key that it has just made, and not in five minutes only.
    pub(super) fn seal_under(&self, organization: OrganizationId, number: u16) {
        let newest = Newest {
            number,
            is_planned: true,
        };
        self.newest.keep(&organization, self.sources.now(), newest);
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

    /// Under which key to seal. As long as there is only one, it is unwrapped at the same time.
    async fn fetch_newest(&self, organization: OrganizationId) -> Result<Newest, VaultError> {
        let first = self.store.data_key(organization, FIRST).await?;
        let first = first.ok_or(VaultError::NoKey)?;
        let newest = Newest::of(&first);
        if newest.number == FIRST {
            let (key, now) = ((organization, FIRST), self.sources.now());
            let unwrap = self.unwrap(organization, first);
            Box::pin(self.unwrapped.get(key, now, unwrap)).await?;
        }
        Ok(newest)
    }

    async fn fetch(
        &self,
        organization: OrganizationId,
        version: u16,
    ) -> Result<DataKey, VaultError> {
        let wrapped = self.store.data_key(organization, version).await?;
        let wrapped = wrapped.ok_or(VaultError::NoKey)?;
        if version == FIRST {
            let now = self.sources.now();
            self.newest.keep(&organization, now, Newest::of(&wrapped));
        }
        // Where it stands is what it is used as.
        let wrapped = WrappedKey {
            number: version,
            ..wrapped
        };
        self.unwrap(organization, wrapped).await
    }

    async fn unwrap(
        &self,
        organization: OrganizationId,
        wrapped: WrappedKey,
    ) -> Result<DataKey, VaultError> {
        let bytes = self.unwrapped_bytes(organization, &wrapped).await?;
        DataKey::new(wrapped.number, &bytes)
    }

    /// Only the wrapped form is asked for: the plaintext is had by unwrapping, so that a key that
    /// works once works always.
    async fn create(&self, organization: OrganizationId) -> Result<(), VaultError> {
        let key = self.generate(organization, FIRST).await?;
        let now = self.sources.now();
        let plan = DataKeyPlan::new(FIRST, now, DataKeyPlan::first_look(now));
        let put = self.store.put_first_data_key(organization, &key, &plan);
        match Box::pin(put).await {
            // Somebody else was first; theirs is the key.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Plans for a key that was made before there were plans. That has time: nothing waits for it, and
    /// where it fails, the next one to come does it.
    async fn adopt(&self, organization: OrganizationId) {
        let plan = async {
            if self.store.data_key_plan(organization).await?.is_some() {
                return Ok(());
            }
            if let Some(first) = self.store.data_key(organization, FIRST).await? {
                let now = self.sources.now();
                let plan = DataKeyPlan::new(first.newest(), first.created_at, now);
                self.store.adopt_data_keys(organization, &plan).await?;
            }
            Ok(())
        };
        let adopted = self.adopted.get(organization, self.sources.now(), plan);
        if let Err(error) = Box::pin(adopted).await {
            tracing::warn!(
                organization.id = %organization,
                cause = %error,
                "the replacing of the data key of {organization} is not planned yet"
            );
        }
    }
}
