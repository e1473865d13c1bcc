//! The few forms of request that every entity is made of.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::{StoreError, cancelled};
use super::items::{self, Attributes, Stored, VERSION, Versioned, number};
use super::keys::ItemKey;

/// Demands that there is no item yet.
pub(crate) const ABSENT: &str = "attribute_not_exists(pk)";

/// How often an optimistic update is tried. Of the writers that meet, one succeeds each time, so
/// this many can meet before the last one has to come back later.
pub(crate) const TRIES: usize = 24;

impl Store {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn table(&self) -> String {
        self.table.0.to_string()
    }

    /// Reads one item, with all writes that were answered before.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        key: ItemKey,
    ) -> Result<Option<Stored<T>>, StoreError> {
        let request = self.client.get_item().table_name(self.table());
        let request = request
            .set_key(Some(key.attributes()))
            .consistent_read(true);
        let item = Box::pin(request.send()).await?.item;
        item.map(|attributes| items::read(key, attributes))
            .transpose()
    }

    /// Writes a new item; [`StoreError::Conflict`] if there is one.
    pub(crate) async fn create<T>(&self, key: ItemKey, stored: &Stored<T>) -> Result<(), StoreError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let request = self.client.put_item().condition_expression(ABSENT);
        match self.put_if(request, key, stored).await? {
            Put::Done(_) | Put::Same => Ok(()),
            Put::Missing | Put::Other(_) => Err(StoreError::Conflict),
        }
    }

    /// Replaces the item that was read as `expected`, and returns the new version.
    pub(crate) async fn replace<T>(
        &self,
        key: ItemKey,
        data: T,
        expected: u64,
    ) -> Result<u64, StoreError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(data)
        };
        let request = self
            .client
            .put_item()
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", number(expected));
        match self.put_if(request, key, &stored).await? {
            Put::Done(_) | Put::Same => Ok(stored.version),
            Put::Missing => Err(StoreError::NotFound(key.item_type())),
            Put::Other(_) => Err(StoreError::Conflict),
        }
    }

    /// Writes the item in place of the one that was read as `expected` (0: of none). If that has
    /// changed, says what stands there.
    ///
    /// Unlike [`Store::replace`] it never takes an equal item for its own: two writers that write
    /// the same are still two, and only one of them may go on. So a writer whose answer was lost
    /// sees its own item as somebody else's.
    pub(crate) async fn swap<T>(
        &self,
        key: ItemKey,
        stored: Stored<T>,
        expected: u64,
    ) -> Result<Result<u64, Option<Versioned<T>>>, StoreError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let stored = Stored {
            version: expected.saturating_add(1),
            ..stored
        };
        let request = self.client.put_item();
        let request = if expected == 0 {
            request.condition_expression(ABSENT)
        } else {
            request
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(expected))
        };
        Ok(match self.put_if(request, key, &stored).await? {
            Put::Done(_) => Ok(stored.version),
            Put::Same => Err(Some(stored.into_versioned())),
            Put::Missing => Err(None),
            Put::Other(found) => Err(Some(found.into_versioned())),
        })
    }

    /// Puts under the request's condition, and says what stands there if that is not met.
    pub(crate) async fn put_if<T>(
        &self,
        request: PutItemFluentBuilder,
        key: ItemKey,
        stored: &Stored<T>,
    ) -> Result<Put<T>, StoreError>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let request = request
            .table_name(self.table())
            .set_item(Some(items::write(key, stored)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match Box::pin(request.send()).await {
            Ok(output) => return Ok(Put::Done(output.attributes)),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(error.into());
        };
        let Some(attributes) = failed.item.clone() else {
            return Ok(Put::Missing);
        };
        let found = items::read(key, attributes)?;
        Ok(if found == *stored {
            Put::Same
        } else {
            Put::Other(found)
        })
    }

    /// Deletes the item, if it is still in version `expected` (any, if `None`).
    pub(crate) async fn delete(
        &self,
        key: ItemKey,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(self.table());
        let mut request = request
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(expected) = expected {
            request = request
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(expected));
        }
        let Err(error) = Box::pin(request.send()).await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(failed))
                if failed.item.is_none() =>
            {
                Err(StoreError::NotFound(key.item_type()))
            }
            _ => Err(error.into()),
        }
    }

    /// Deletes the item, and answers what it was. A caller whose answer was lost finds nothing the
    /// second time.
    pub(crate) async fn delete_returning<T: DeserializeOwned>(
        &self,
        key: ItemKey,
    ) -> Result<Option<Stored<T>>, StoreError> {
        let request = self.client.delete_item().table_name(self.table());
        let request = request
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllOld);
        let deleted = Box::pin(request.send()).await?.attributes;
        let deleted = deleted.filter(|attributes| !attributes.is_empty());
        deleted
            .map(|attributes| items::read(key, attributes))
            .transpose()
    }

    /// Updates an item under the request's condition, which has to demand that there is one.
    pub(crate) async fn update_if(
        &self,
        request: UpdateItemFluentBuilder,
        key: ItemKey,
    ) -> Result<(), StoreError> {
        let request = request
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = Box::pin(request.send()).await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed))
                if failed.item.is_none() =>
            {
                Err(StoreError::NotFound(key.item_type()))
            }
            // A transaction is writing the item: what was read of it is about to pass.
            Some(UpdateItemError::TransactionConflictException(_)) => Err(StoreError::Conflict),
            _ => Err(error.into()),
        }
    }

    /// Writes all or nothing.
    pub(crate) async fn transact(
        &self,
        operations: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(operations));
        match Box::pin(request.send()).await {
            Ok(_) => Ok(Transacted::Done),
            Err(error) => cancelled(error),
        }
    }

    /// A put in a transaction.
    pub(crate) fn put_operation<T: Serialize>(
        &self,
        key: ItemKey,
        stored: &Stored<T>,
        condition: Option<&str>,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = aws_sdk_dynamodb::types::Put::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, stored)?))
            .set_condition_expression(condition.map(str::to_owned))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A put in a transaction, over an item in version `expected` (0: over none).
    pub(crate) fn put_over<T: Serialize>(
        &self,
        key: ItemKey,
        stored: &Stored<T>,
        expected: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        if expected == 0 {
            return self.put_operation(key, stored, Some(ABSENT));
        }
        let put = aws_sdk_dynamodb::types::Put::builder()
            .table_name(self.table())
            .set_item(Some(items::write(key, stored)?))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", number(expected))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A delete in a transaction, whether there is such an item or not.
    pub(crate) fn delete_operation(&self, key: ItemKey) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// A check in a transaction that the item exists.
    pub(crate) fn exists_operation(&self, key: ItemKey) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

/// What came of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transacted {
    /// All is written.
    Done,
    /// Nothing is: the condition of the operation with this index is not met, and those before
    /// it are.
    Unmet(usize),
    /// Nothing is: another transaction is writing one of the items.
    Busy,
}

/// What came of a put with a condition.
pub(crate) enum Put<T> {
    /// The item is written. If the request asks for what it replaced, that is here.
    Done(Option<Attributes>),
    /// The very same item is there already: an earlier try of this put, whose answer was lost.
    Same,
    /// The condition is not met, as there is no item.
    Missing,
    /// The condition is not met by the item that is there.
    Other(Stored<T>),
}
