//! Grants, with their sealed tokens, and the index by which `rotation` finds those that nobody uses.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::domain::{Grant, IntegrationId, OrganizationId, Sealed, Timestamp};

use super::error::contended;
use super::items::{self, Stored, VERSION, Versioned, number};
use super::keys::{Collection, Due, ItemKey};
use super::table::{self, ABSENT, Transacted};
use super::{Store, StoreError};

/// A grant as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredGrant {
    /// What is known of it.
    pub grant: Grant,
    /// Its tokens, sealed; none before the first ones are obtained, and after the last ones are
    /// forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Sealed>,
}

/// What came of writing a grant in place of the one that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum GrantWrite {
    /// It is written, in this version.
    Done(u64),
    /// Somebody else has written meanwhile: this stands there.
    Passed(Option<Box<Versioned<StoredGrant>>>),
}

/// A grant that has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueGrant {
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

/// From which day on there may be entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct From {
    from: Timestamp,
}

impl Store {
    /// The grant of an integration, with its tokens.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn grant(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Versioned<StoredGrant>>, StoreError> {
        let key = ItemKey::Grant(organization, integration);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// Writes a grant in place of the one that was read as `expected` (0: of none). One whose
    /// answer was lost is recognised by the next try: no two grants that are written are equal,
    /// since each lease has an owner of its own, and nothing is sealed twice alike.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn put_grant(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        grant: &StoredGrant,
        expected: u64,
    ) -> Result<GrantWrite, StoreError> {
        let key = ItemKey::Grant(organization, integration);
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(grant.clone())
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
        Ok(match self.put_if(request, key, &stored).await? {
            table::Put::Done(_) | table::Put::Same => GrantWrite::Done(stored.version),
            table::Put::Missing => GrantWrite::Passed(None),
            table::Put::Other(found) => GrantWrite::Passed(Some(Box::new(found.into_versioned()))),
        })
    }

    /// As [`Store::put_grant`], together with an entry of the index: there is never one without the
    /// other.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn put_grant_due(
        &self,
        grant: &StoredGrant,
        expected: u64,
        due: &DueGrant,
    ) -> Result<GrantWrite, StoreError> {
        let key = ItemKey::Grant(due.organization, due.integration);
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(grant.clone())
        };
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, &stored)?));
        let put = if expected == 0 {
            put.condition_expression(ABSENT)
        } else {
            put.condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(expected))
        };
        let put = put
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        let (entry_key, entry) = due.entry();
        let operations = vec![
            TransactWriteItem::builder().put(put).build(),
            self.put_operation(entry_key, &entry, None)?,
        ];
        match self.transact(operations).await? {
            Transacted::Done => return Ok(GrantWrite::Done(stored.version)),
            Transacted::Busy => return Err(contended()),
            Transacted::Unmet(_) => {}
        }
        let found = self.get::<StoredGrant>(key).await?;
        Ok(match found {
            Some(found) if found == stored => GrantWrite::Done(stored.version),
            found => GrantWrite::Passed(found.map(|found| Box::new(found.into_versioned()))),
        })
    }

    /// Deletes a grant for good: its integration is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is in another version, or the table does not answer.
    pub async fn delete_grant(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        expected: u64,
    ) -> Result<(), StoreError> {
        let key = ItemKey::Grant(organization, integration);
        match self.delete(key, Some(expected)).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sees to it that a grant is looked at, at the instant that `due` says. An entry for a grant
    /// that does not come to be does no harm, so this comes first.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_due_grant(&self, due: &DueGrant) -> Result<(), StoreError> {
        let (key, stored) = due.entry();
        self.put_if(self.client().put_item(), key, &stored).await?;
        Ok(())
    }

    /// Takes an entry off the index.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_grant(&self, due: &DueGrant) -> Result<(), StoreError> {
        let (key, _) = due.entry();
        match self.delete(key, None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// At most `limit` grants that have to be looked at on the UTC day of `day`, and before
    /// `until`; those that have been for longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_grants(
        &self,
        day: Timestamp,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueGrant>, StoreError> {
        let collection = Collection::GrantsDue(day);
        let found = self.query_up(collection, limit).await?;
        let due: Result<Vec<DueGrant>, StoreError> = found
            .iter()
            .map(|attributes| {
                let due: Due = collection.id_of(attributes)?;
                Ok(DueGrant {
                    at: due.at,
                    organization: due.organization,
                    integration: due.integration,
                })
            })
            .collect();
        Ok(due?.into_iter().filter(|due| due.at <= until).collect())
    }

    /// The first day that may have entries; none, if no run has written it yet.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn grants_due_from(&self) -> Result<Option<Timestamp>, StoreError> {
        let stored = self.get::<From>(ItemKey::GrantsDueFrom).await?;
        Ok(stored.map(|stored| stored.data.from))
    }

    /// Writes that there are no entries of days before that of `from`.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_grants_due_from(&self, from: Timestamp) -> Result<(), StoreError> {
        let stored = Stored::first(From { from });
        let put = self.client().put_item();
        self.put_if(put, ItemKey::GrantsDueFrom, &stored).await?;
        Ok(())
    }
}

impl DueGrant {
    fn entry(&self) -> (ItemKey, Stored<Entry>) {
        let due = Due {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
        };
        let entry = Entry {
            integration_id: self.integration,
        };
        (ItemKey::GrantDue(due), Stored::first(entry))
    }
}
