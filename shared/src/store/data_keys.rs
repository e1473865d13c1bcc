//! The data keys of organizations, what is planned for them, and the index of those that are to be
//! looked at.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};

use crate::domain::data_key::DataKeyPlan;
use crate::domain::{OrganizationId, Timestamp};

use super::error::contended;
use super::items::{self, Stored, Versioned};
use super::keys::{Collection, DataKeyDue, ItemKey};
use super::table::{ABSENT, Transacted};
use super::{Page, Store, StoreError};

/// The number of an organization's first data key.
const FIRST: u16 = 1;

/// A data key of an organization as it is stored: under KMS, of no use without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedKey {
    /// Counted from 1.
    pub number: u16,
    /// The key as KMS has wrapped it.
    #[serde(with = "serde_bytes")]
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The ARN of the KMS key that wraps it. Not known of one that was made before that was kept: it is
    /// the KMS key that the functions are configured with then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
    /// When it was wrapped last, if not when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped_at: Option<Timestamp>,
    /// Of the first one: the number of the newest, if that is another. So who knows the first one,
    /// which has to be read anyway as long as there is no other, knows under which to seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<u16>,
}

/// Data keys that have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueDataKeys {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub organization: OrganizationId,
}

/// What came of writing a plan over the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKeyWrite {
    /// It is written, in this version.
    Done(u64),
    /// Somebody else has written meanwhile; nothing is.
    Moved,
}

/// What an entry of the index holds, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    organization_id: OrganizationId,
}

impl Store {
    /// The data key with this number.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn data_key(
        &self,
        organization: OrganizationId,
        number: u16,
    ) -> Result<Option<WrappedKey>, StoreError> {
        let stored = self.get(ItemKey::DataKey(organization, number)).await?;
        Ok(stored.map(|stored| stored.data))
    }

    /// The data key with the highest number.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn newest_data_key(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<WrappedKey>, StoreError> {
        let collection = Collection::DataKeys(organization);
        let page = self.query_down(collection, None, Some(1)).await?;
        let Some(attributes) = page.items.into_iter().next() else {
            return Ok(None);
        };
        let key = ItemKey::DataKey(organization, collection.id_of(&attributes)?);
        items::read(key, attributes).map(|stored: Stored<WrappedKey>| Some(stored.data))
    }

    /// At most `limit` data keys with numbers below `after`, from the newest down.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn data_keys(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<u16>,
    ) -> Result<Page<Versioned<WrappedKey>, u16>, StoreError> {
        let collection = Collection::DataKeys(organization);
        let key_of = |number| ItemKey::DataKey(organization, number);
        self.list(collection, key_of, limit, after).await
    }

    /// Adds a data key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one with its number: somebody else was faster, and
    /// theirs is the one to use.
    pub async fn put_data_key(
        &self,
        organization: OrganizationId,
        key: &WrappedKey,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(key.clone());
        self.create(ItemKey::DataKey(organization, key.number), &stored)
            .await
    }

    /// Adds the first data key of an organization, with what is planned for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one: somebody else was faster, and theirs is the one to use.
    pub async fn put_first_data_key(
        &self,
        organization: OrganizationId,
        key: &WrappedKey,
        plan: &DataKeyPlan,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(key.clone());
        let item = ItemKey::DataKey(organization, FIRST);
        let plan_key = ItemKey::DataKeyPlan(organization);
        let mut operations = vec![
            self.put_operation(item, &stored, Some(ABSENT))?,
            self.put_operation(plan_key, &Stored::first(plan.clone()), None)?,
        ];
        operations.extend(self.move_data_key_entry(organization, None, plan)?);
        match self.transact(operations).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }

    /// Writes a newly wrapped form of a data key over the one that was read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if somebody else has written it meanwhile, [`StoreError::NotFound`]; or the
    /// table does not answer.
    pub async fn rewrap_data_key(
        &self,
        organization: OrganizationId,
        before: &Versioned<WrappedKey>,
        key: &WrappedKey,
    ) -> Result<u64, StoreError> {
        let item = ItemKey::DataKey(organization, before.item.number);
        self.replace(item, key.clone(), before.version).await
    }

    /// The organization's first data key, in its version.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn first_data_key(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Versioned<WrappedKey>>, StoreError> {
        let stored = self.get(ItemKey::DataKey(organization, FIRST)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// Makes `key` the newest data key: it is added, the `first` one names it, and the plan says so; all of
    /// it or nothing.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn add_data_key(
        &self,
        organization: OrganizationId,
        first: &Versioned<WrappedKey>,
        key: &WrappedKey,
        before: &Versioned<DataKeyPlan>,
        plan: &DataKeyPlan,
    ) -> Result<DataKeyWrite, StoreError> {
        let added = Stored::first(key.clone());
        let named = Stored {
            version: first.version.saturating_add(1),
            ..Stored::first(WrappedKey {
                newest: Some(key.number),
                ..first.item.clone()
            })
        };
        let item = |number| ItemKey::DataKey(organization, number);
        let mut operations = vec![
            self.put_operation(item(key.number), &added, Some(ABSENT))?,
            self.put_over(item(FIRST), &named, first.version)?,
        ];
        operations.extend(self.plan_operations(organization, before, plan)?);
        self.write_plan(before, plan, operations).await
    }

    /// What is planned for the organization's data keys.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn data_key_plan(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Versioned<DataKeyPlan>>, StoreError> {
        let stored = self.get(ItemKey::DataKeyPlan(organization)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// Plans for an organization whose data key is older than plans are. One that there is stays.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn adopt_data_keys(
        &self,
        organization: OrganizationId,
        plan: &DataKeyPlan,
    ) -> Result<(), StoreError> {
        let key = ItemKey::DataKeyPlan(organization);
        let stored = Stored::first(plan.clone());
        let mut operations = vec![self.put_operation(key, &stored, Some(ABSENT))?];
        operations.extend(self.move_data_key_entry(organization, None, plan)?);
        match self.transact(operations).await? {
            Transacted::Done | Transacted::Unmet(_) => Ok(()),
            Transacted::Busy => Err(contended()),
        }
    }

    /// Writes a plan over the one that was read as `before`, and moves the entry of the index to where it
    /// says. A write whose answer was lost looks like somebody else's, who is as far as that.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn write_data_key_plan(
        &self,
        organization: OrganizationId,
        before: &Versioned<DataKeyPlan>,
        plan: &DataKeyPlan,
    ) -> Result<DataKeyWrite, StoreError> {
        let operations = self.plan_operations(organization, before, plan)?;
        self.write_plan(before, plan, operations).await
    }

    fn plan_operations(
        &self,
        organization: OrganizationId,
        before: &Versioned<DataKeyPlan>,
        plan: &DataKeyPlan,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let stored = written(before, plan);
        let key = ItemKey::DataKeyPlan(organization);
        let mut operations = vec![self.put_over(key, &stored, before.version)?];
        let was_due = Some(before.item.due_at);
        operations.extend(self.move_data_key_entry(organization, was_due, plan)?);
        Ok(operations)
    }

    async fn write_plan(
        &self,
        before: &Versioned<DataKeyPlan>,
        plan: &DataKeyPlan,
        operations: Vec<TransactWriteItem>,
    ) -> Result<DataKeyWrite, StoreError> {
        let stored = written(before, plan);
        match self.transact(operations).await? {
            Transacted::Done => Ok(DataKeyWrite::Done(stored.version)),
            Transacted::Busy => Err(contended()),
            Transacted::Unmet(_) => Ok(DataKeyWrite::Moved),
        }
    }

    fn move_data_key_entry(
        &self,
        organization: OrganizationId,
        was_due: Option<Timestamp>,
        plan: &DataKeyPlan,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut operations = Vec::new();
        if was_due == Some(plan.due_at) {
            return Ok(operations);
        }
        let entry = |at| DueDataKeys { at, organization };
        if let Some(at) = was_due {
            operations.push(self.delete_operation(entry(at).key())?);
        }
        let stored = Stored::first(Entry {
            organization_id: organization,
        });
        operations.push(self.put_operation(entry(plan.due_at).key(), &stored, None)?);
        Ok(operations)
    }

    /// At most `limit` organizations whose data keys have to be looked at by `now`; those that have waited
    /// longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_data_keys(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueDataKeys>, StoreError> {
        let collection = Collection::DataKeysDue;
        let found = self.query_up(collection, limit.max(1)).await?;
        let due = found.iter().map(|attributes| {
            let due: DataKeyDue = collection.id_of(attributes)?;
            Ok(DueDataKeys {
                at: due.at,
                organization: due.organization,
            })
        });
        let due: Result<Vec<_>, StoreError> = due.collect();
        Ok(due?.into_iter().filter(|due| due.at <= now).collect())
    }

    /// Takes an entry off the index that no plan knows of.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_data_keys(&self, due: &DueDataKeys) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A plan as it is written over the one before.
fn written(before: &Versioned<DataKeyPlan>, plan: &DataKeyPlan) -> Stored<DataKeyPlan> {
    Stored {
        version: before.version.saturating_add(1),
        ..Stored::first(plan.clone())
    }
}

impl WrappedKey {
    /// Of the first data key: the number of the newest.
    #[must_use]
    pub fn newest(&self) -> u16 {
        self.newest.unwrap_or(FIRST)
    }
}

impl DueDataKeys {
    fn key(&self) -> ItemKey {
        ItemKey::DataKeyDue(DataKeyDue {
            at: self.at,
            organization: self.organization,
        })
    }
}
