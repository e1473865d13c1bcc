//! The replacing of the credentials of many integrations at once: how far each has come, what has
//! come of it for each integration, and the index of those that go on.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::domain::rotation::{EmergencyMember, EmergencyRotation};
use crate::domain::{IntegrationId, OrganizationId, RotationId, Timestamp};

use super::error::contended;
use super::items::{Stored, Versioned};
use super::keys::{Collection, EmergencyDue, ItemKey};
use super::table::Transacted;
use super::{Page, Store, StoreError};

/// How long it is known what was done.
const REMEMBERED: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// An emergency that has to be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueEmergency {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub organization: OrganizationId,
    /// Which.
    pub emergency: RotationId,
}

/// What an entry of the index holds, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    emergency_id: RotationId,
}

impl Store {
    /// Reads an emergency.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn emergency(
        &self,
        organization: OrganizationId,
        emergency: RotationId,
    ) -> Result<Option<Versioned<EmergencyRotation>>, StoreError> {
        let key = ItemKey::Emergency(organization, emergency);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// At most `limit` emergencies begun before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn emergencies(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<RotationId>,
    ) -> Result<Page<Versioned<EmergencyRotation>, RotationId>, StoreError> {
        let collection = Collection::Emergencies(organization);
        let key_of = |id| ItemKey::Emergency(organization, id);
        self.list(collection, key_of, limit, after).await
    }

    /// Writes an emergency over the one that was read as `before` (none, if it is new), and moves its
    /// entry of the index to where it says; its new version. A write whose answer was lost is
    /// recognised by its next try.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], if somebody else has written meanwhile; or the table does not answer.
    pub async fn write_emergency(
        &self,
        before: Option<&Versioned<EmergencyRotation>>,
        emergency: &EmergencyRotation,
    ) -> Result<u64, StoreError> {
        let key = ItemKey::Emergency(emergency.organization_id, emergency.id);
        let expected = before.map_or(0, |before| before.version);
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(emergency.clone()).until(emergency.started_at.plus(REMEMBERED))
        };
        let mut operations = vec![self.put_over(key, &stored, expected)?];
        let was_due = before.and_then(|before| before.item.due_at);
        operations.extend(self.move_entry(emergency, was_due)?);
        match self.transact(operations).await? {
            Transacted::Done => Ok(stored.version),
            Transacted::Busy => Err(contended()),
            Transacted::Unmet(_) => {
                let found: Option<Stored<EmergencyRotation>> = self.get(key).await?;
                if found.as_ref() == Some(&stored) {
                    Ok(stored.version)
                } else {
                    Err(StoreError::Conflict)
                }
            }
        }
    }

    fn move_entry(
        &self,
        emergency: &EmergencyRotation,
        was_due: Option<Timestamp>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut operations = Vec::new();
        if was_due == emergency.due_at {
            return Ok(operations);
        }
        let entry = |at| DueEmergency {
            at,
            organization: emergency.organization_id,
            emergency: emergency.id,
        };
        if let Some(at) = was_due {
            operations.push(self.delete_operation(entry(at).key())?);
        }
        if let Some(at) = emergency.due_at {
            let stored = Stored::first(Entry {
                emergency_id: emergency.id,
            });
            operations.push(self.put_operation(entry(at).key(), &stored, None)?);
        }
        Ok(operations)
    }

    /// At most `limit` emergencies that have to be gone on with by `now`, of all organizations; those
    /// that have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_emergencies(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueEmergency>, StoreError> {
        let collection = Collection::EmergenciesDue;
        let found = self.query_up(collection, limit.max(1)).await?;
        let due = found.iter().map(|attributes| {
            let due: EmergencyDue = collection.id_of(attributes)?;
            Ok(DueEmergency {
                at: due.at,
                organization: due.organization,
                emergency: due.emergency,
            })
        });
        let due: Result<Vec<_>, StoreError> = due.collect();
        Ok(due?.into_iter().filter(|due| due.at <= now).collect())
    }

    /// Takes an entry off the index that no emergency knows of.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_emergency(&self, due: &DueEmergency) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes what has come of an emergency for one integration, whatever stands there.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_emergency_member(
        &self,
        emergency: &EmergencyRotation,
        member: &EmergencyMember,
    ) -> Result<(), StoreError> {
        let key = ItemKey::EmergencyMember(
            emergency.organization_id,
            emergency.id,
            member.integration_id,
        );
        let stored = Stored::first(member.clone()).until(emergency.started_at.plus(REMEMBERED));
        self.put_if(self.client().put_item(), key, &stored).await?;
        Ok(())
    }

    /// What has come of an emergency for one integration, if it was looked at.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn emergency_member(
        &self,
        organization: OrganizationId,
        emergency: RotationId,
        integration: IntegrationId,
    ) -> Result<Option<EmergencyMember>, StoreError> {
        let key = ItemKey::EmergencyMember(organization, emergency, integration);
        let found: Option<Stored<EmergencyMember>> = self.get(key).await?;
        Ok(found.map(|stored| stored.data))
    }

    /// At most `limit` integrations of an emergency that are older than `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn emergency_members(
        &self,
        organization: OrganizationId,
        emergency: RotationId,
        limit: u16,
        after: Option<IntegrationId>,
    ) -> Result<Page<EmergencyMember, IntegrationId>, StoreError> {
        let collection = Collection::EmergencyMembers(organization, emergency);
        let key_of = |id| ItemKey::EmergencyMember(organization, emergency, id);
        let page = self.list(collection, key_of, limit, after).await?;
        let members = page.items.into_iter();
        Ok(Page {
            items: members.map(|member| member.item).collect(),
            next: page.next,
        })
    }
}

impl DueEmergency {
    fn key(&self) -> ItemKey {
        ItemKey::EmergencyDue(EmergencyDue {
            at: self.at,
            organization: self.organization,
            emergency: self.emergency,
        })
    }
}
