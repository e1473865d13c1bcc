//! What happened at an integration, by minutes, by five minutes and by hours. A roll-up is put whole, in
//! place of whatever was there: who computes it again changes nothing.

use crate::domain::health::{RollUp, Width};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::items::{self, Stored};
use super::keys::{Collection, ItemKey};
use super::{Store, StoreError};

/// The most that one request reads.
const PAGE: u16 = 1_000;

impl Store {
    /// Puts a roll-up in place of the one that was computed before, if it was.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_roll_up(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        roll_up: &RollUp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (width, start) = (roll_up.width, roll_up.start);
        let key = ItemKey::RollUp(organization, integration, width, start);
        let stored = Stored::first(roll_up.clone()).until(now.plus(width.kept_for()));
        self.put_if(self.client().put_item(), key, &stored).await?;
        Ok(())
    }

    /// The roll-ups of a width that begin from `from` until before `to`, the earliest first. Where nothing
    /// happened there is none.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn roll_ups(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        width: Width,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<RollUp>, StoreError> {
        let collection = Collection::RollUps(organization, integration, width);
        let key = |start| ItemKey::RollUp(organization, integration, width, start);
        let mut found = Vec::new();
        let mut from = from;
        // The bounds of a query are both included.
        let last = to.minus(std::time::Duration::from_millis(1));
        while from <= last {
            let page = self
                .query_between(collection, (key(from), key(last)), PAGE, false)
                .await?;
            let mut end = from;
            for attributes in page.items {
                let start: Timestamp = collection.id_of(&attributes)?;
                let stored: Stored<RollUp> = items::read(key(start), attributes)?;
                end = start;
                if stored.is_alive(now) {
                    found.push(stored.data);
                }
            }
            if !page.more {
                break;
            }
            from = end.plus(std::time::Duration::from_millis(1));
        }
        Ok(found)
    }
}
