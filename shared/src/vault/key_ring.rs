//! How data keys are made, wrapped anew, and how what they have sealed is sealed under a newer one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use zeroize::Zeroizing;

use super::data_keys::{CORRUPT, DataKeys};
use super::error::sdk;
use super::seal::{DataKey, key_version};
use super::{SealContext, VaultError};
use crate::domain::{OrganizationId, Sealed};
use crate::store::WrappedKey;

/// What every wrapping of a data key is bound to.
const ORGANIZATION: &str = "organization";

impl DataKeys {
    /// A new data key, unwrapped once: one that cannot be is not taken into use.
    ///
    /// # Errors
    ///
    /// If KMS does not answer.
    pub async fn make(
        &self,
        organization: OrganizationId,
        number: u16,
    ) -> Result<WrappedKey, VaultError> {
        let key = self.generate(organization, number).await?;
        let bytes = self.unwrapped_bytes(organization, &key).await?;
        DataKey::new(number, &bytes)?;
        Ok(key)
    }

    /// Says that the data key with this number is now the newest one. Others notice within five minutes.
    pub fn made(&self, organization: OrganizationId, number: u16) {
        self.seal_under(organization, number);
    }

    /// Whether the data key is under another KMS key than the one that is configured, or not known to be
    /// under that.
    #[must_use]
    pub fn is_wrapped_elsewhere(&self, key: &WrappedKey) -> bool {
        key.key_arn.as_deref() != Some(&*self.key_arn)
    }

    /// The same data key, wrapped anew under the KMS key that is configured. What comes of it was unwrapped
    /// once, and was found to be the same: until it is written, the old form is what there is.
    ///
    /// # Errors
    ///
    /// If KMS does not answer, or [`VaultError::Corrupt`] if something else came of it.
    pub async fn rewrap(
        &self,
        organization: OrganizationId,
        key: &WrappedKey,
    ) -> Result<WrappedKey, VaultError> {
        let output = self
            .client
            .re_encrypt()
            .source_key_id(self.wrapping_key(key)?)
            .source_encryption_context(ORGANIZATION, organization.to_string())
            .destination_key_id(&*self.key_arn)
            .destination_encryption_context(ORGANIZATION, organization.to_string())
            .ciphertext_blob(Blob::new(key.wrapped.clone()))
            .send();
        let output = Box::pin(output).await.map_err(sdk)?;
        let renewed = WrappedKey {
            wrapped: output.ciphertext_blob.ok_or(CORRUPT)?.into_inner(),
            key_arn: Some(self.key_arn.to_string()),
            wrapped_at: Some(self.sources.now()),
            ..key.clone()
        };
        let old = self.unwrapped_bytes(organization, key).await?;
        let new = self.unwrapped_bytes(organization, &renewed).await?;
        if old.is_empty() || verify_slices_are_equal(&old, &new).is_err() {
            return Err(CORRUPT);
        }
        Ok(renewed)
    }

    /// What was sealed for a place under a data key with a lower number than `target`, sealed anew for the
    /// same place under the newest; none, if it is under `target` or a newer one.
    ///
    /// # Errors
    ///
    /// As [`DataKeys::open`] and [`DataKeys::seal`].
    pub async fn reseal(
        &self,
        organization: OrganizationId,
        context: &SealContext,
        sealed: &Sealed,
        target: u16,
    ) -> Result<Option<Sealed>, VaultError> {
        if key_version(sealed)? >= target {
            return Ok(None);
        }
        let opened = self.open(organization, context, sealed).await?;
        let anew = self.seal(organization, context, &opened).await?;
        // A function that does not know yet that there is a newer key comes again.
        if key_version(&anew)? < target {
            let cause = "the newest data key is not known here yet";
            return Err(VaultError::Unavailable(cause.into()));
        }
        Ok(Some(anew))
    }

    /// A data key in the form in which it is kept, and no other: the plaintext is had by unwrapping, so
    /// that a key that works once works always.
    pub(super) async fn generate(
        &self,
        organization: OrganizationId,
        number: u16,
    ) -> Result<WrappedKey, VaultError> {
        let output = self
            .client
            .generate_data_key_without_plaintext()
            .key_id(&*self.key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(ORGANIZATION, organization.to_string())
            .send();
        let output = Box::pin(output).await.map_err(sdk)?;
        Ok(WrappedKey {
            number,
            wrapped: output.ciphertext_blob.ok_or(CORRUPT)?.into_inner(),
            created_at: self.sources.now(),
            key_arn: Some(self.key_arn.to_string()),
            wrapped_at: None,
            newest: None,
        })
    }

    pub(super) async fn unwrapped_bytes(
        &self,
        organization: OrganizationId,
        key: &WrappedKey,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let output = self
            .client
            .decrypt()
            .key_id(self.wrapping_key(key)?)
            .ciphertext_blob(Blob::new(key.wrapped.clone()))
            .encryption_context(ORGANIZATION, organization.to_string())
            .send();
        let output = Box::pin(output).await.map_err(sdk)?;
        Ok(Zeroizing::new(
            output.plaintext.ok_or(CORRUPT)?.into_inner(),
        ))
    }

    /// The KMS key that wraps a data key. What the table says of that is believed of keys of our own account
    /// and region only: who can write there must not bring a key of theirs.
    fn wrapping_key<'a>(&'a self, key: &'a WrappedKey) -> Result<&'a str, VaultError> {
        let named = key.key_arn.as_deref().unwrap_or(&self.key_arn);
        let place = |arn: &str| arn.rsplit_once('/').map(|(place, _)| place.to_owned());
        if named == &*self.key_arn || place(named) == place(&self.key_arn) {
            Ok(named)
        } else {
            let cause = "the data key is under a KMS key of another account or region";
            Err(VaultError::Refused(cause.into()))
        }
    }
}
