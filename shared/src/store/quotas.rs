use std::time::Duration;

use crate::domain::{IntegrationId, OrganizationId, Quota, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::ItemKey;
use super::{Digest, Store, StoreError};

/// What matters until an instant may be forgotten so much later: DynamoDB counts in seconds.
const SLACK: Duration = Duration::from_secs(60);

/// Whose calls are limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuotaScope {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration, whose provider is called; none, for calls of our own API.
    pub integration: Option<IntegrationId>,
    /// The digest of what has limits of its own: a route of the integration, or a caller of our
    /// API. Of nothing, for all calls.
    pub route: Digest,
}

impl Store {
    /// Reads what has been leased; nothing, if there is no item.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn quota(&self, scope: QuotaScope) -> Result<Versioned<Quota>, StoreError> {
        let stored = self.get::<Quota>(scope.key()).await?;
        Ok(stored.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Writes `quota` in place of the one that was read as `expected`. If another function has
    /// written meanwhile, says what stands there.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn replace_quota(
        &self,
        scope: QuotaScope,
        quota: Quota,
        expected: u64,
        now: Timestamp,
    ) -> Result<Result<u64, Versioned<Quota>>, StoreError> {
        let end = quota.ends_at(now).plus(SLACK);
        let stored = Stored::first(quota).until(end);
        let swapped = self.swap(scope.key(), stored, expected).await?;
        Ok(swapped.map_err(Option::unwrap_or_default))
    }
}

impl QuotaScope {
    fn key(self) -> ItemKey {
        match self.integration {
            Some(integration) => ItemKey::Quota(self.organization, integration, self.route),
            None => ItemKey::CallerQuota(self.organization, self.route),
        }
    }
}
