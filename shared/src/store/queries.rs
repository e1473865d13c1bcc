//! Reads of a collection in the order of its keys, a page at a time.

use std::str::FromStr;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::items::{self, Attributes, Stored, Versioned};
use super::keys::{Collection, ItemKey, PK, SK};
use super::{Page, Store, StoreError};

/// After looking at this many items a list is returned as it is, however short.
const MAX_READ: usize = 1_000;

/// One page of a query, and where the next one starts.
pub(crate) struct QueryPage {
    pub(crate) items: Vec<Attributes>,
    pub(crate) more: bool,
}

impl Store {
    /// One page of items that have ids, newest first, starting below `after`.
    pub(crate) async fn list<T, Id>(
        &self,
        collection: Collection,
        key_of: impl Fn(Id) -> ItemKey,
        limit: u16,
        after: Option<Id>,
    ) -> Result<Page<Versioned<T>, Id>, StoreError>
    where
        T: DeserializeOwned,
        Id: Copy + FromStr,
    {
        let limit = limit.max(1);
        // One more than asked for tells whether there is a next page.
        let wanted = Some(limit.saturating_add(1));
        let after = after.map(&key_of);
        let mut found = self.query_down(collection, after, wanted).await?;
        let more = found.more || found.items.len() > usize::from(limit);
        found.items.truncate(usize::from(limit));

        let mut page = Page {
            items: Vec::with_capacity(found.items.len()),
            next: None,
        };
        for attributes in found.items {
            let id = collection.id_of(&attributes)?;
            let stored: Stored<T> = items::read(key_of(id), attributes)?;
            page.items.push(stored.into_versioned());
            page.next = more.then_some(id);
        }
        Ok(page)
    }

    /// A consistent read of a collection.
    pub(super) fn query(&self, collection: Collection) -> QueryFluentBuilder {
        let (pk, prefix) = collection.render();
        self.client()
            .query()
            .table_name(self.table())
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .consistent_read(true)
    }

    /// One page of a collection from the highest key down, starting below `after`.
    pub(crate) async fn query_down(
        &self,
        collection: Collection,
        after: Option<ItemKey>,
        limit: Option<u16>,
    ) -> Result<QueryPage, StoreError> {
        let request = self
            .query(collection)
            .scan_index_forward(false)
            .set_limit(limit.map(i32::from))
            .set_exclusive_start_key(after.map(ItemKey::attributes));
        let output = Box::pin(request.send()).await?;
        Ok(QueryPage {
            more: output.last_evaluated_key.is_some(),
            items: output.items.unwrap_or_default(),
        })
    }

    /// The first `limit` items of a collection, from the lowest key up.
    pub(crate) async fn query_up(
        &self,
        collection: Collection,
        limit: u16,
    ) -> Result<Vec<Attributes>, StoreError> {
        let request = self.query(collection).limit(i32::from(limit));
        Ok(Box::pin(request.send()).await?.items.unwrap_or_default())
    }

    /// The keys of the first `limit` items of a collection: whoever deletes these reads on from the start.
    pub(crate) async fn query_keys(
        &self,
        collection: Collection,
        limit: u16,
    ) -> Result<QueryPage, StoreError> {
        let request = self.query(collection).limit(i32::from(limit));
        let request = request.projection_expression("#pk, #sk");
        let output = Box::pin(request.send()).await?;
        Ok(QueryPage {
            more: output.last_evaluated_key.is_some(),
            items: output.items.unwrap_or_default(),
        })
    }

    /// The first items of a collection, and of all others that share its partition: one request, so at most
    /// 1 MB.
    pub(crate) async fn query_partition(
        &self,
        collection: Collection,
    ) -> Result<QueryPage, StoreError> {
        let (pk, _) = collection.render();
        let request = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .consistent_read(true);
        let output = Box::pin(request.send()).await?;
        Ok(QueryPage {
            more: output.last_evaluated_key.is_some(),
            items: output.items.unwrap_or_default(),
        })
    }

    /// As [`Store::list`], of those items that `accepts` lets pass. Work is bounded: a page can be
    /// short, even empty, and still have a next one.
    pub(crate) async fn list_where<T, Id>(
        &self,
        collection: Collection,
        key_of: impl Fn(Id) -> ItemKey,
        (limit, after): (u16, Option<Id>),
        accepts: impl Fn(&Stored<T>) -> bool,
    ) -> Result<Page<Versioned<T>, Id>, StoreError>
    where
        T: DeserializeOwned,
        Id: Copy + FromStr,
    {
        let limit = limit.max(1);
        let mut page = Page {
            items: Vec::new(),
            next: after,
        };
        let mut read = 0;
        loop {
            let below = page.next.map(&key_of);
            let wanted = Some(limit.saturating_add(1));
            let found = self.query_down(collection, below, wanted).await?;
            read += found.items.len().max(1);
            for attributes in found.items {
                if page.items.len() == usize::from(limit) {
                    return Ok(page);
                }
                let id = collection.id_of(&attributes)?;
                let stored: Stored<T> = items::read(key_of(id), attributes)?;
                page.next = Some(id);
                if accepts(&stored) {
                    page.items.push(stored.into_versioned());
                }
            }
            if !found.more {
                page.next = None;
                return Ok(page);
            }
            if page.items.len() == usize::from(limit) || read >= MAX_READ {
                return Ok(page);
            }
        }
    }

    /// At most `limit` items of a collection with keys from `low` to `high`, both included: upwards, or
    /// downwards if that is asked for. One request, so at most 1 MB.
    pub(crate) async fn query_between(
        &self,
        collection: Collection,
        (low, high): (ItemKey, ItemKey),
        limit: u16,
        downwards: bool,
    ) -> Result<QueryPage, StoreError> {
        let (pk, _) = collection.render();
        let bound = |key: ItemKey| AttributeValue::S(key.render().1);
        let request = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :low AND :high")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":low", bound(low))
            .expression_attribute_values(":high", bound(high))
            .consistent_read(true)
            .scan_index_forward(!downwards)
            .limit(i32::from(limit.max(1)));
        let output = Box::pin(request.send()).await?;
        Ok(QueryPage {
            more: output.last_evaluated_key.is_some(),
            items: output.items.unwrap_or_default(),
        })
    }
}
