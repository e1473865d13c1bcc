use std::time::Duration;

use crate::domain::health::Check;
use crate::domain::{CheckId, IntegrationId, OrganizationId, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::table::ABSENT;
use super::{Page, Store, StoreError};

/// So many of an integration's checks are kept.
const KEPT: u16 = 100;
/// And for so long.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How many of those beyond are deleted at a time.
const MOST_DELETED: u16 = 50;

impl Store {
    /// Adds checks, and forgets those that have a hundred newer ones.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn add_checks(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        checks: &[Check],
    ) -> Result<(), StoreError> {
        for check in checks {
            let key = ItemKey::Check(organization, integration, check.id);
            let stored = Stored::first(check.clone()).until(check.checked_at.plus(KEPT_FOR));
            let put = self.client().put_item().condition_expression(ABSENT);
            self.put_if(put, key, &stored).await?;
        }
        let collection = Collection::Checks(organization, integration);
        let limit = Some(KEPT.saturating_add(MOST_DELETED));
        let kept = self.query_down(collection, None, limit).await?;
        for attributes in kept.items.into_iter().skip(usize::from(KEPT)) {
            let check: CheckId = collection.id_of(&attributes)?;
            let key = ItemKey::Check(organization, integration, check);
            match self.delete(key, None).await {
                // Somebody else has.
                Ok(()) | Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// At most `limit` checks made before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn checks(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        (limit, after): (u16, Option<CheckId>),
        now: Timestamp,
    ) -> Result<Page<Versioned<Check>, CheckId>, StoreError> {
        let collection = Collection::Checks(organization, integration);
        let key_of = |check| ItemKey::Check(organization, integration, check);
        let accepts = |stored: &Stored<Check>| stored.is_alive(now);
        self.list_where(collection, key_of, (limit, after), accepts)
            .await
    }
}
