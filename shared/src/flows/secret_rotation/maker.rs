use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::domain::{OrganizationId, SecretId, Sources, StoredSecret, Timestamp};
use crate::vault::{DataKeys, SealContext, VaultError};

/// Makes signing secrets, and seals them for where they are stored. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretMaker {
    keys: DataKeys,
    sources: Sources,
}

impl SecretMaker {
    /// One that seals with `keys`.
    #[must_use]
    pub fn new(keys: DataKeys, sources: Sources) -> Self {
        Self { keys, sources }
    }

    /// A new signing secret for a destination: 32 random bytes, as Standard Webhooks writes them.
    #[must_use]
    pub fn generate(&self) -> SecretString {
        let mut bytes = Zeroizing::new([0; 32]);
        self.sources.randomness.fill(bytes.as_mut());
        let text = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
        SecretString::from(format!("whsec_{}", text.as_str()))
    }

    /// Seals a secret of the endpoint or destination `owner`.
    ///
    /// # Errors
    ///
    /// If KMS or the table does not answer.
    #[expect(clippy::disallowed_methods, reason = "here a secret is sealed")]
    pub async fn seal(
        &self,
        organization: OrganizationId,
        owner: Ulid,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<StoredSecret, VaultError> {
        let id = SecretId::generate(now, self.sources.randomness.as_ref());
        let context = SealContext::SigningSecret { owner, secret: id };
        self.keys.ensure(organization).await?;
        let bytes = secret.expose_secret().as_bytes();
        let sealed = self.keys.seal(organization, &context, bytes).await?;
        Ok(StoredSecret {
            id,
            sealed,
            created_at: now,
            expires_at: None,
            unseen: false,
        })
    }
}
