//! Rotations of credentials, what is planned of them, and the index of what has to be looked at.
//!
//! The plan of an integration says which rotation is active and when to look; plan, rotation and the
//! entry of the index change in one transaction, over the versions that were read. So of two who go
//! on with the same step one writes, and there is never a rotation that nobody looks at.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::rotation::{Rotation, RotationPlan};
use crate::domain::{IntegrationId, OrganizationId, RotationId, Timestamp};

use super::error::contended;
use super::items::{Stored, Versioned};
use super::keys::{Collection, Due, ItemKey, SHARDS};
use super::table::Transacted;
use super::{Page, Store, StoreError};

/// An integration whose rotations have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueRotation {
    /// When.
    pub at: Timestamp,
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
}

/// What an entry of the index holds, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    integration_id: IntegrationId,
}

/// What came of writing a plan, and perhaps a rotation, in place of what was read.
#[derive(Clone, Debug, PartialEq)]
pub enum RotationWrite {
    /// All is written, in these versions: the plan's, and the rotation's, if there is one.
    Done {
        /// Of the plan.
        plan: u64,
        /// Of the rotation; 0, if none was given.
        rotation: u64,
    },
    /// Nothing is: somebody else has written meanwhile. Read again, and decide again.
    Moved,
}

impl Store {
    /// What is planned of an integration's rotations; nothing, if none was ever asked for.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn rotation_plan(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Versioned<RotationPlan>, StoreError> {
        let key = ItemKey::RotationPlan(organization, integration);
        let found = self.get::<RotationPlan>(key).await?;
        Ok(found.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Reads a rotation.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn rotation(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        rotation: RotationId,
    ) -> Result<Option<Versioned<Rotation>>, StoreError> {
        let key = ItemKey::Rotation(organization, integration, rotation);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// At most `limit` rotations begun before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn rotations(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        limit: u16,
        after: Option<RotationId>,
    ) -> Result<Page<Versioned<Rotation>, RotationId>, StoreError> {
        let collection = Collection::Rotations(organization, integration);
        let key_of = |id| ItemKey::Rotation(organization, integration, id);
        self.list(collection, key_of, limit, after).await
    }

    /// Writes a plan over the one that was read as `before`, together with the rotation that is
    /// given (over its version; 0, if it is new), and moves the entry of the index to where the
    /// plan says. A write whose answer was lost is recognised by its next try.
    ///
    /// # Errors
    ///
    /// If the table does not answer, an item is corrupt, or others write the same items all the
    /// time.
    pub async fn write_rotation(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        before: &Versioned<RotationPlan>,
        plan: &RotationPlan,
        rotation: Option<&Versioned<Rotation>>,
    ) -> Result<RotationWrite, StoreError> {
        let plan_key = ItemKey::RotationPlan(organization, integration);
        let new_plan = Stored {
            version: before.version.saturating_add(1),
            ..Stored::first(plan.clone())
        };
        let mut operations = vec![self.put_over(plan_key, &new_plan, before.version)?];
        let new_rotation = rotation.map(|rotation| {
            let key = ItemKey::Rotation(organization, integration, rotation.item.id);
            let stored = Stored {
                version: rotation.version.saturating_add(1),
                ..Stored::first(rotation.item.clone())
            };
            (key, stored, rotation.version)
        });
        if let Some((key, stored, expected)) = &new_rotation {
            operations.push(self.put_over(*key, stored, *expected)?);
        }
        if before.item.due_at != plan.due_at {
            let entry = |at| DueRotation {
                at,
                organization,
                integration,
            };
            if let Some(at) = before.item.due_at {
                operations.push(self.delete_operation(entry(at).key())?);
            }
            if let Some(at) = plan.due_at {
                let stored = Stored::first(Entry {
                    integration_id: integration,
                });
                operations.push(self.put_operation(entry(at).key(), &stored, None)?);
            }
        }
        let done = RotationWrite::Done {
            plan: new_plan.version,
            rotation: new_rotation
                .as_ref()
                .map_or(0, |(_, stored, _)| stored.version),
        };
        match self.transact(operations).await? {
            Transacted::Done => return Ok(done),
            Transacted::Busy => return Err(contended()),
            Transacted::Unmet(_) => {}
        }
        let is_ours = self.stands(plan_key, &new_plan).await?
            && match &new_rotation {
                Some((key, stored, _)) => self.stands(*key, stored).await?,
                None => true,
            };
        Ok(if is_ours { done } else { RotationWrite::Moved })
    }

    async fn stands<T>(&self, key: ItemKey, stored: &Stored<T>) -> Result<bool, StoreError>
    where
        T: DeserializeOwned + PartialEq,
    {
        Ok(self.get::<T>(key).await?.as_ref() == Some(stored))
    }

    /// At most `limit` integrations whose rotations have to be looked at by `now`, of all
    /// organizations; those that have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_rotations(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueRotation>, StoreError> {
        let reads = (0..SHARDS).map(|shard| async move {
            let collection = Collection::RotationsDue(shard);
            let found = self.query_up(collection, limit.max(1)).await?;
            let due = found.iter().map(|attributes| {
                let due: Due = collection.id_of(attributes)?;
                Ok(DueRotation {
                    at: due.at,
                    organization: due.organization,
                    integration: due.integration,
                })
            });
            due.collect::<Result<Vec<DueRotation>, StoreError>>()
        });
        let shards = futures::future::try_join_all(reads).await?;
        let mut due: Vec<DueRotation> = shards
            .into_iter()
            .flatten()
            .filter(|due| due.at <= now)
            .collect();
        due.sort_by_key(|due| due.at);
        due.truncate(usize::from(limit));
        Ok(due)
    }

    /// Takes an entry off the index that no plan knows of.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_rotation(&self, due: &DueRotation) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes what is planned of an integration that is gone.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_rotation_plan(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), StoreError> {
        let key = ItemKey::RotationPlan(organization, integration);
        match self.delete(key, None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl DueRotation {
    fn key(&self) -> ItemKey {
        ItemKey::RotationDue(Due {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
        })
    }
}
