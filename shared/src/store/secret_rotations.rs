//! The index of signing secrets that have to be looked at.
//!
//! What is planned of them is in the item of their destination or endpoint, and follows from what the
//! item holds: so whatever writes such an item moves its entry in the same transaction, and whatever
//! deletes one deletes it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put as TransactPut, TransactWriteItem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::secret_rotation::{HasSecrets, SecretOwner};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{self, Stored};
use super::keys::{Collection, ItemKey, SHARDS, SecretsDue};
use super::table::{Put, Transacted};
use super::{Store, StoreError};

/// A destination or an endpoint whose signing secrets have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueSecrets {
    /// When.
    pub at: Timestamp,
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The destination or the endpoint.
    pub owner: SecretOwner,
}

/// What an entry of the index holds, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    integration_id: IntegrationId,
}

/// What a put demands of the item that it replaces.
pub(super) struct Demand {
    pub(super) expression: &'static str,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl DueSecrets {
    fn of(item: &impl HasSecrets, at: Timestamp) -> Self {
        let (organization, integration, owner) = item.owner();
        Self {
            at,
            organization,
            integration,
            owner,
        }
    }

    fn key(&self) -> ItemKey {
        ItemKey::SecretsDue(SecretsDue {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
            owner: self.owner,
        })
    }
}

impl Store {
    /// What moves the entry of `item` from where it was to where the item says now, and nothing, if
    /// that is the same; `item` is changed to say where it is.
    pub(super) fn move_secrets_due(
        &self,
        item: &mut impl HasSecrets,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let due = item.secrets_of().due_at();
        let (_, integration, _) = item.owner();
        let was = std::mem::replace(&mut item.secrets_mut().0.due_at, due);
        let mut operations = Vec::new();
        if was == due {
            return Ok(operations);
        }
        if let Some(at) = was {
            operations.push(self.delete_operation(DueSecrets::of(item, at).key())?);
        }
        if let Some(at) = due {
            let entry = Stored::first(Entry {
                integration_id: integration,
            });
            let key = DueSecrets::of(item, at).key();
            operations.push(self.put_operation(key, &entry, None)?);
        }
        Ok(operations)
    }

    /// What deletes the entry of `item`; nothing, if it has none.
    pub(super) fn delete_secrets_due(
        &self,
        item: &impl HasSecrets,
        due_at: Option<Timestamp>,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        let key = due_at.map(|at| DueSecrets::of(item, at).key());
        key.map(|key| self.delete_operation(key)).transpose()
    }

    /// Puts `stored` under a demand, with the moves of its entry: all or nothing.
    pub(super) async fn put_with_secrets<T>(
        &self,
        key: ItemKey,
        stored: &Stored<T>,
        demand: Demand,
        moves: &[TransactWriteItem],
    ) -> Result<Put<T>, StoreError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let Demand {
            expression,
            names,
            values,
        } = demand;
        if moves.is_empty() {
            let request = self
                .client()
                .put_item()
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(Some(values));
            return self.put_if(request, key, stored).await;
        }
        let put = TransactPut::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, stored)?))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        let mut operations = vec![TransactWriteItem::builder().put(put).build()];
        operations.extend_from_slice(moves);
        match self.transact(operations).await? {
            Transacted::Done => return Ok(Put::Done(None)),
            Transacted::Busy => return Err(contended()),
            Transacted::Unmet(_) => {}
        }
        Ok(match self.get::<T>(key).await? {
            None => Put::Missing,
            Some(found) if found == *stored => Put::Same,
            Some(found) => Put::Other(found),
        })
    }

    /// At most `limit` destinations and endpoints whose signing secrets have to be looked at by `now`,
    /// of all organizations; those that have waited longest come first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an entry is corrupt.
    pub async fn due_secrets(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueSecrets>, StoreError> {
        let reads = (0..SHARDS).map(|shard| async move {
            let collection = Collection::SecretsDue(shard);
            let found = self.query_up(collection, limit.max(1)).await?;
            let due = found.iter().map(|attributes| {
                let due: SecretsDue = collection.id_of(attributes)?;
                Ok(DueSecrets {
                    at: due.at,
                    organization: due.organization,
                    integration: due.integration,
                    owner: due.owner,
                })
            });
            due.collect::<Result<Vec<DueSecrets>, StoreError>>()
        });
        let shards = futures::future::try_join_all(reads).await?;
        let mut due: Vec<DueSecrets> = shards
            .into_iter()
            .flatten()
            .filter(|due| due.at <= now)
            .collect();
        due.sort_by_key(|due| due.at);
        due.truncate(usize::from(limit));
        Ok(due)
    }

    /// Takes an entry off the index that no item knows of.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remove_due_secrets(&self, due: &DueSecrets) -> Result<(), StoreError> {
        match self.delete(due.key(), None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
