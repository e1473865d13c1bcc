use std::time::Duration;

use crate::domain::{IntegrationId, OrganizationId, Quota, Timestamp};

use super::items::{Stored, VERSION, Versioned, number};
use super::keys::{Digest, ItemKey};
use super::table::{ABSENT, Put};
use super::{Store, StoreError};

/// What matters until an instant may be forgotten so much later: DynamoDB counts in seconds.
const SLACK: Duration = Duration::from_secs(60);

/// Whose calls are limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuotaScope {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The digest of the route that has limits of its own; of nothing, for all calls.
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
        Ok(stored.map_or_else(nothing, Stored::into_versioned))
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
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(quota).until(end)
        };
        let request = self.client().put_item();
        let request = if expected == 0 {
            request.condition_expression(ABSENT)
        } else {
            request
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(expected))
        };
        match self.put_if(request, scope.key(), &stored).await? {
            Put::Done(_) => Ok(Ok(stored.version)),
            // Two functions that write the same are still two: one of them has to try again.
            Put::Same => Ok(Err(stored.into_versioned())),
            Put::Missing => Ok(Err(nothing())),
            Put::Other(found) => Ok(Err(found.into_versioned())),
        }
    }
}

impl QuotaScope {
    fn key(self) -> ItemKey {
        ItemKey::Quota(self.organization, self.integration, self.route)
    }
}

/// What is read where there is no item.
fn nothing() -> Versioned<Quota> {
    Versioned {
        item: Quota::default(),
        version: 0,
    }
}
