use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Cache;
use super::{CredentialSet, Credentials, VaultError};
use crate::domain::{IntegrationId, OrganizationId, Sources};

/// For so long after their deletion, credentials may still be used.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How many integrations' credentials are kept.
const CAPACITY: usize = 1_000;

/// The credentials of integrations, for those who use them often. Kept in memory, for a short
/// while.
#[derive(Clone)]
pub struct CachedCredentials {
    credentials: Credentials,
    sources: Sources,
    cache: Arc<Cache<(OrganizationId, IntegrationId, String), CredentialSet>>,
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl CachedCredentials {
    /// `credentials`, kept by the clock of `sources`.
    #[must_use]
    pub fn new(credentials: Credentials, sources: Sources) -> Self {
        Self {
            credentials,
            sources,
            cache: Arc::new(Cache::new(MAX_AGE, CAPACITY)),
        }
    }

    /// The credentials of `integration` in that version.
    ///
    /// # Errors
    ///
    /// As [`Credentials::get`].
    pub async fn get(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        version: &str,
    ) -> Result<Arc<CredentialSet>, VaultError> {
        let fetch = self.credentials.get(organization, integration, version);
        let key = (organization, integration, version.to_owned());
        self.cache.get(key, self.sources.now(), fetch).await
    }
}
