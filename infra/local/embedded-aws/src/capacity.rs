use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use serde_json::Value;

/// Units of the table's capacity, as DynamoDB bills them: a read of 4 KB, a write of 1 KB, and twice as many
/// in a transaction. A write whose condition is not met is not among them, though DynamoDB bills it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub written: f64,
}

/// What calls of DynamoDB have consumed; nothing, until it is started: it has every answer read twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Option<Capacity>>>);

impl Meter {
    /// Begins at nothing.
    pub(crate) fn start(&self) {
        *self.lock() = Some(Capacity::default());
    }

    /// Begins at nothing again, if it was started.
    pub(crate) fn reset(&self) {
        if let Some(capacity) = self.lock().as_mut() {
            *capacity = Capacity::default();
        }
    }

    pub(crate) fn capacity(&self) -> Capacity {
        self.lock().unwrap_or_default()
    }

    /// The request that asks what it consumes too; none, if nobody wants to know.
    pub(crate) fn asking(&self, body: &Bytes) -> Option<Bytes> {
        (*self.lock())?;
        let mut request: Value = serde_json::from_slice(body).ok()?;
        let fields = request.as_object_mut()?;
        fields.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        serde_json::to_vec(&request).ok().map(Bytes::from)
    }

    /// Counts what an answer says.
    pub(crate) fn add(&self, operation: &str, answer: &Bytes) {
        let mut capacity = self.lock();
        let Some(capacity) = capacity.as_mut() else {
            return;
        };
        let units = consumed(answer);
        match operation {
            "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" => capacity.read += units,
            _ => capacity.written += units,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Capacity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one table, or of all that an answer names.
fn consumed(answer: &Bytes) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let units = |table: &Value| table.get("CapacityUnits").and_then(Value::as_f64);
    match answer.get("ConsumedCapacity") {
        Some(Value::Array(tables)) => tables.iter().filter_map(units).sum(),
        Some(table) => units(table).unwrap_or_default(),
        None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn what_answers_say_is_added_up_once_it_is_started() {
        let meter = Meter::default();
        let one = answer(r#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}"#);
        let two = answer(r#"{"ConsumedCapacity":[{"CapacityUnits":2.0},{"CapacityUnits":4.0}]}"#);
        assert_eq!(meter.asking(&answer("{}")), None);
        meter.add("GetItem", &one);
        assert_eq!(meter.capacity(), Capacity::default());

        meter.start();
        let asking = meter.asking(&answer(r#"{"TableName":"t"}"#)).unwrap();
        let asking: Value = serde_json::from_slice(&asking).unwrap();
        assert_eq!(asking["ReturnConsumedCapacity"], "TOTAL");
        assert_eq!(meter.asking(&answer("[")), None);
        meter.add("GetItem", &one);
        meter.add("Query", &one);
        meter.add("TransactWriteItems", &two);
        meter.add("PutItem", &answer("{}"));
        let expected = Capacity {
            read: 3.0,
            written: 6.0,
        };
        assert_eq!(meter.capacity(), expected);
        meter.reset();
        assert_eq!(meter.capacity(), Capacity::default());
    }
}
