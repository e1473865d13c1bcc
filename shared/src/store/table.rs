use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::error::sdk;
use super::items::{self, Item, VERSION, Versioned};
use super::keys::{ItemKey, PK, SK};

/// The table.
#[derive(Clone)]
pub struct Store {
    pub(super) client: Client,
    pub(super) table: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// Which end of a partition a query starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

impl Store {
    /// The table called `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads an item, consistently.
    pub(super) async fn get(&self, key: ItemKey<'_>) -> Result<Option<Item>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(sdk)?;
        Ok(output.item)
    }

    pub(super) async fn get_as<T: DeserializeOwned>(
        &self,
        key: ItemKey<'_>,
    ) -> Result<Option<Versioned<T>>, StoreError> {
        self.get(key)
            .await?
            .map(|item| items::read(key, item))
            .transpose()
    }

    /// Writes an item that must not exist yet.
    pub(super) async fn create(&self, item: Item) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// Replaces an item of `expected` version; the new version.
    pub(super) async fn replace<T: Serialize>(
        &self,
        key: ItemKey<'_>,
        data: &T,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let version = expected.saturating_add(1);
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(items::item(key, data, version, None)?))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", items::number(expected))
            .send()
            .await
            .map_err(sdk)?;
        Ok(version)
    }

    /// Deletes an item, if it exists.
    pub(super) async fn delete(&self, key: ItemKey<'_>) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// The items of one partition whose sort keys start with `prefix`: at most `limit`, after the
    /// sort key `after`.
    pub(super) async fn query(
        &self,
        partition: &str,
        prefix: &str,
        order: Order,
        limit: i32,
        after: Option<String>,
    ) -> Result<Vec<Item>, StoreError> {
        let start = after.map(|sk| {
            [(PK, partition.to_owned()), (SK, sk)]
                .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
                .into()
        });
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .scan_index_forward(order == Order::OldestFirst)
            .consistent_read(true)
            .limit(limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(sdk)?;
        Ok(output.items.unwrap_or_default())
    }
}
