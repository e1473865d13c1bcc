//! Conflicts that a person decides on. They are opened and settled by [`Store::commit_changes`], together
//! with their records.

use crate::domain::sync::{ConflictStatus, EntityName, RecordConflict};
use crate::domain::{ConflictId, IntegrationId, OrganizationId, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::{Page, Store, StoreError};

/// Which conflicts to list.
#[derive(Clone, Debug)]
pub struct ConflictQuery {
    /// Only those of this kind of record.
    pub entity: Option<EntityName>,
    /// Only those that stand like this.
    pub status: Option<ConflictStatus>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this conflict: the `next` of the page before.
    pub after: Option<ConflictId>,
    /// The current instant: what has expired is not listed.
    pub now: Timestamp,
}

impl Store {
    /// Reads a conflict.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn record_conflict(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        conflict: ConflictId,
        now: Timestamp,
    ) -> Result<Option<Versioned<RecordConflict>>, StoreError> {
        let key = ItemKey::RecordConflict(organization, integration, conflict);
        let stored = self.get::<RecordConflict>(key).await?;
        Ok(stored
            .filter(|stored| stored.is_alive(now))
            .map(Stored::into_versioned))
    }

    /// At most `query.limit` conflicts, newest first. Work is bounded: a page can be short, even empty, and
    /// still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn record_conflicts(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        query: &ConflictQuery,
    ) -> Result<Page<Versioned<RecordConflict>, ConflictId>, StoreError> {
        let collection = Collection::RecordConflicts(organization, integration);
        let key_of = |conflict| ItemKey::RecordConflict(organization, integration, conflict);
        let accepts = |stored: &Stored<RecordConflict>| {
            let conflict = &stored.data;
            stored.is_alive(query.now)
                && query.status.is_none_or(|wanted| conflict.status == wanted)
                && query
                    .entity
                    .as_ref()
                    .is_none_or(|wanted| conflict.entity == *wanted)
        };
        self.list_where(collection, key_of, (query.limit, query.after), accepts)
            .await
    }
}
