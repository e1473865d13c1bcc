//! Many items at once, by their keys.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest};
use futures::{StreamExt as _, TryStreamExt as _};

use super::items::Attributes;
use super::keys::{ItemKey, PK, SK};
use super::{Store, StoreError};

/// What DynamoDB takes in one request: so many reads, or so many writes.
const MAX_BATCH: usize = 100;
const MAX_WRITES: usize = 25;
/// How many requests are made at a time.
const PARALLEL_BATCHES: usize = 4;
/// How often a request that yields nothing at all is made again, and how long is waited before the
/// first of these; twice as long before each one after it.
const IDLE_TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(25);

impl Store {
    /// The items with these keys, in the order of the keys; none, where there is none. All writes that
    /// were answered before are seen. What DynamoDB leaves out of an answer is asked for again.
    pub(crate) async fn batch(
        &self,
        keys: &[ItemKey],
    ) -> Result<Vec<Option<Attributes>>, StoreError> {
        let rendered: Vec<(String, String)> = keys.iter().map(|key| key.render()).collect();
        // A key that is there twice would be refused.
        let mut seen = HashSet::new();
        let distinct: Vec<Attributes> = keys
            .iter()
            .zip(&rendered)
            .filter(|(_, rendered)| seen.insert(*rendered))
            .map(|(key, _)| key.attributes())
            .collect();
        let chunks = distinct.chunks(MAX_BATCH).map(<[_]>::to_vec);
        let read: Vec<Vec<Attributes>> = futures::stream::iter(chunks.collect::<Vec<_>>())
            .map(|chunk| self.chunk(chunk))
            .buffered(PARALLEL_BATCHES)
            .try_collect()
            .await?;
        let found: HashMap<(String, String), Attributes> = read
            .into_iter()
            .flatten()
            .filter_map(|attributes| Some((key_of(&attributes)?, attributes)))
            .collect();
        let items = rendered.iter().map(|key| found.get(key).cloned());
        Ok(items.collect())
    }

    async fn chunk(&self, mut keys: Vec<Attributes>) -> Result<Vec<Attributes>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        let mut idle = 0;
        loop {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::Rejected(Box::new(error)))?;
            let request = self
                .client()
                .batch_get_item()
                .request_items(self.table(), wanted);
            let output = Box::pin(request.send()).await?;
            let before = items.len();
            let responses = output.responses.unwrap_or_default();
            items.extend(responses.into_values().flatten());
            let left = output.unprocessed_keys.unwrap_or_default();
            keys = left.into_values().flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                return Ok(items);
            }
            if items.len() > before {
                idle = 0;
            } else if idle < IDLE_TRIES {
                tokio::time::sleep(FIRST_WAIT * 2_u32.pow(idle)).await;
                idle += 1;
            } else {
                let cause = "some items of a batch were not read";
                return Err(StoreError::Throttled(cause.into()));
            }
        }
    }
}

impl Store {
    /// Deletes the items with these keys, where there are such. Each is deleted by itself: if it fails, some
    /// of them are gone. What DynamoDB leaves out is asked for again.
    pub(crate) async fn delete_all(&self, keys: Vec<Attributes>) -> Result<(), StoreError> {
        // A key that is there twice would be refused.
        let mut seen = HashSet::new();
        let distinct: Vec<Attributes> = keys
            .into_iter()
            .filter(|key| key_of(key).is_some_and(|key| seen.insert(key)))
            .collect();
        let chunks = distinct.chunks(MAX_WRITES).map(<[_]>::to_vec);
        futures::stream::iter(chunks.collect::<Vec<_>>())
            .map(|chunk| self.delete_chunk(chunk))
            .buffer_unordered(PARALLEL_BATCHES)
            .try_collect()
            .await
    }

    async fn delete_chunk(&self, keys: Vec<Attributes>) -> Result<(), StoreError> {
        let deletes = keys.into_iter().map(|key| {
            let delete = DeleteRequest::builder()
                .set_key(Some(key))
                .build()
                .map_err(|error| StoreError::Rejected(Box::new(error)))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        });
        let mut left = deletes.collect::<Result<Vec<_>, StoreError>>()?;
        let mut idle = 0;
        while !left.is_empty() {
            let before = left.len();
            let request = self.client().batch_write_item();
            let request = request.request_items(self.table(), left);
            let output = Box::pin(request.send()).await?;
            let unprocessed = output.unprocessed_items.unwrap_or_default();
            left = unprocessed.into_values().flatten().collect();
            if left.len() < before {
                idle = 0;
            } else if idle < IDLE_TRIES {
                tokio::time::sleep(FIRST_WAIT * 2_u32.pow(idle)).await;
                idle += 1;
            } else {
                let cause = "some items of a batch were not deleted";
                return Err(StoreError::Throttled(cause.into()));
            }
        }
        Ok(())
    }
}

fn key_of(attributes: &Attributes) -> Option<(String, String)> {
    match (attributes.get(PK), attributes.get(SK)) {
        (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => {
            Some((pk.clone(), sk.clone()))
        }
        _ => None,
    }
}
