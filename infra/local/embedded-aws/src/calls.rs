use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How often each operation was called, how many items that was to write, and what is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    operations: BTreeMap<String, u64>,
    items: u64,
    refused: String,
}

/// `TransactWriteItems`, as far as its items are counted.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    transact_items: Vec<BTreeMap<String, IgnoredAny>>,
}

/// `BatchWriteItem`, as far as its items are counted.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    request_items: BTreeMap<String, Vec<IgnoredAny>>,
}

impl Calls {
    pub(crate) fn count(&self, service: &str, operation: &str) {
        let operation = format!("{service}.{operation}");
        *self.lock().operations.entry(operation).or_default() += 1;
    }

    /// Counts the items that a call of DynamoDB is to write or delete, whether or not it may.
    pub(crate) fn count_items(&self, operation: &str, body: &Bytes) {
        let items = match operation {
            "PutItem" | "UpdateItem" | "DeleteItem" => 1,
            "TransactWriteItems" => serde_json::from_slice(body).map_or(0, written),
            "BatchWriteItem" => serde_json::from_slice(body).map_or(0, written_in_batch),
            _ => 0,
        };
        self.lock().items += items;
    }

    /// Refuses what has this text in its body from now on.
    pub(crate) fn refuse(&self, text: Option<String>) {
        self.lock().refused = text.unwrap_or_default();
    }

    pub(crate) fn refuses(&self, body: &Bytes) -> bool {
        let counts = self.lock();
        let text = counts.refused.as_bytes();
        !text.is_empty() && body.windows(text.len()).any(|part| part == text)
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<String, u64> {
        self.lock().operations.clone()
    }

    pub(crate) fn items(&self) -> u64 {
        self.lock().items
    }

    pub(crate) fn reset(&self) {
        let mut counts = self.lock();
        counts.operations.clear();
        counts.items = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check of a condition writes nothing.
fn written(transaction: Transaction) -> u64 {
    let items = transaction.transact_items.iter();
    let written = items.filter(|item| !item.contains_key("ConditionCheck"));
    written.count() as u64
}

fn written_in_batch(batch: Batch) -> u64 {
    let items = batch.request_items.values().map(Vec::len);
    items.sum::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_writes_what_is_no_check_and_a_batch_all() {
        let calls = Calls::default();
        let body =
            r#"{"TransactItems":[{"Put":{}},{"Delete":{}},{"Update":{}},{"ConditionCheck":{}}]}"#;
        calls.count_items("TransactWriteItems", &Bytes::from_static(body.as_bytes()));
        calls.count_items("PutItem", &Bytes::new());
        calls.count_items("Query", &Bytes::new());
        calls.count_items("TransactWriteItems", &Bytes::from_static(b"{"));
        let batch = r#"{"RequestItems":{"t":[{"DeleteRequest":{}},{"PutRequest":{}}]}}"#;
        calls.count_items("BatchWriteItem", &Bytes::from_static(batch.as_bytes()));
        assert_eq!(calls.items(), 6);
        calls.reset();
        assert_eq!(calls.items(), 0);
    }
}
