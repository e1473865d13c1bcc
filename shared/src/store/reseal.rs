//! What is sealed anew where it stands: nothing but the seal changes, and only if nobody else has written
//! meanwhile.

use crate::domain::sync::{RecordChange, RecordConflict};
use crate::domain::{Digest, IntegrationId, OrganizationId, Sealed};

use super::items::{DATA, Stored, encode};
use super::keys::ItemKey;
use super::table::Put;
use super::{Store, StoreError, Versioned};

impl Store {
    /// Seals a record anew at its place in the feed, if it is still there as it was read. Whether it was.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn reseal_change(
        &self,
        (organization, integration, entity): (OrganizationId, IntegrationId, Digest),
        sequence: u64,
        before: &RecordChange,
        body: Sealed,
    ) -> Result<bool, StoreError> {
        let key = ItemKey::RecordChange(organization, integration, entity, sequence);
        // The number of the item stays what it is while its record changes in its place, so it is the
        // seal that tells one from the other: nothing is sealed twice alike. What is deleted expires, and
        // is left alone.
        let request = self
            .client()
            .put_item()
            .condition_expression("#data.#body = :was AND attribute_not_exists(#expires_at)")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#body", "body")
            .expression_attribute_names("#expires_at", super::items::EXPIRES_AT)
            .expression_attribute_values(":was", encode(key, &before.body)?);
        let stored = Stored::first(RecordChange {
            body,
            ..before.clone()
        });
        let put = self.put_if(request, key, &stored).await?;
        Ok(matches!(put, Put::Done(_) | Put::Same))
    }

    /// Seals the sides of a conflict that waits anew, if it is in the version that was read. Whether it was.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn reseal_conflict(
        &self,
        before: &Versioned<RecordConflict>,
        sides: Sealed,
    ) -> Result<bool, StoreError> {
        let item = &before.item;
        let key = ItemKey::RecordConflict(item.organization_id, item.integration_id, item.id);
        let resealed = RecordConflict {
            sides,
            ..item.clone()
        };
        match self.replace(key, resealed, before.version).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
