use std::time::Duration;

use rusqlite::{Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::attributes::{Attributes, digest};
use super::queues::{Queue, arn};
use super::send::{check_batch, failed_entry, parameter};
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    queue_url: String,
    #[serde(default = "one")]
    max_number_of_messages: i64,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    #[serde(default, alias = "AttributeNames")]
    message_system_attribute_names: Vec<String>,
}

fn one() -> i64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneReceipt {
    queue_url: String,
    #[serde(flatten)]
    receipt: Receipt,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ManyReceipts {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    #[serde(flatten)]
    receipt: Receipt,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

/// A row of the table.
struct Stored {
    id: i64,
    message_id: String,
    body: String,
    attributes: String,
    trace_header: Option<String>,
    source_queue: Option<String>,
    sent_at: i64,
    first_received_at: Option<i64>,
    receive_count: i64,
}

impl Receive {
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let in_range = (1..=10).contains(&self.max_number_of_messages)
            && (0..=20).contains(&self.wait_time_seconds.unwrap_or(0))
            && (0..=43_200).contains(&self.visibility_timeout.unwrap_or(0));
        if in_range {
            Ok(())
        } else {
            Err(parameter("a number is out of its range".to_owned()))
        }
    }
}

impl Call<'_> {
    /// The messages that are visible now, and how long to wait if there are none.
    pub(super) fn receive_messages(
        &self,
        input: &Receive,
    ) -> Result<(Vec<Value>, Duration), ApiError> {
        let queue = self.queue(&input.queue_url)?;
        let wait = input
            .wait_time_seconds
            .unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
        let hidden = input
            .visibility_timeout
            .unwrap_or_else(|| queue.number("VisibilityTimeout"));
        self.connection
            .prepare_cached(
                "DELETE FROM messages WHERE queue = ?1 AND visible_at <= ?2 AND expires_at <= ?2",
            )?
            .execute(params![queue.name, self.now])?;
        let mut messages = Vec::new();
        for stored in self.visible(&queue, input.max_number_of_messages)? {
            if let Some(message) = self.hand_out(&queue, &stored, hidden, input)? {
                messages.push(message);
            }
        }
        Ok((
            messages,
            Duration::from_secs(u64::try_from(wait).unwrap_or(0)),
        ))
    }

    fn visible(&self, queue: &Queue, limit: i64) -> Result<Vec<Stored>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_id, body, attributes, trace_header, source_queue, sent_at, \
             first_received_at, receive_count FROM messages \
             WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![queue.name, self.now, limit], Stored::read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Hides a message under a new receipt, or moves it to the dead letters if it was received too
    /// often.
    fn hand_out(
        &self,
        queue: &Queue,
        stored: &Stored,
        hidden: i64,
        input: &Receive,
    ) -> Result<Option<Value>, ApiError> {
        if let Some((dead_letters, max)) = queue.redrive()
            && stored.receive_count >= max
            && self.find(&dead_letters)?.is_some()
        {
            self.connection.execute(
                "UPDATE messages SET queue = ?2, source_queue = ?3, visible_at = ?4, receipt = NULL \
                 WHERE id = ?1",
                params![stored.id, dead_letters, queue.name, self.now],
            )?;
            return Ok(None);
        }
        let receipt = random_id()?;
        let first = stored.first_received_at.unwrap_or(self.now);
        self.connection
            .prepare_cached(
                "UPDATE messages SET visible_at = ?2, receipt = ?3, first_received_at = ?4, \
                 receive_count = receive_count + 1 WHERE id = ?1",
            )?
            .execute(params![stored.id, self.now + hidden * 1000, receipt, first])?;
        stored.message(&receipt, first, input).map(Some)
    }

    pub(super) fn delete_message(&self, input: &OneReceipt) -> ApiResult {
        self.queue(&input.queue_url)?;
        self.delete(&input.receipt)
    }

    pub(super) fn delete_message_batch(&self, input: &ManyReceipts) -> ApiResult {
        self.for_each(input, |receipt| self.delete(receipt))
    }

    pub(super) fn change_visibility(&self, input: &OneReceipt) -> ApiResult {
        self.queue(&input.queue_url)?;
        self.hide(&input.receipt)
    }

    pub(super) fn change_visibility_batch(&self, input: &ManyReceipts) -> ApiResult {
        self.for_each(input, |receipt| self.hide(receipt))
    }

    fn for_each(&self, input: &ManyReceipts, act: impl Fn(&Receipt) -> ApiResult) -> ApiResult {
        self.queue(&input.queue_url)?;
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, receipt } in &input.entries {
            match act(receipt) {
                Ok(_) => successful.push(json!({"Id": id})),
                Err(error) => failed.push(failed_entry(id, &error)),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    /// Deleting by a receipt that is no longer valid has no effect and is no error, as on AWS.
    fn delete(&self, receipt: &Receipt) -> ApiResult {
        self.connection
            .prepare_cached("DELETE FROM messages WHERE receipt = ?1")?
            .execute([&receipt.receipt_handle])?;
        Ok(Value::Null)
    }

    fn hide(&self, receipt: &Receipt) -> ApiResult {
        let seconds = receipt.visibility_timeout.unwrap_or(-1);
        if !(0..=43_200).contains(&seconds) {
            return Err(parameter(
                "VisibilityTimeout must be from 0 to 43200".to_owned(),
            ));
        }
        let changed = self.connection.execute(
            "UPDATE messages SET visible_at = ?2 WHERE receipt = ?1 AND visible_at > ?3",
            params![receipt.receipt_handle, self.now + seconds * 1000, self.now],
        )?;
        if changed == 0 {
            return Err(
                ApiError::new("MessageNotInflight", "the message is not in flight")
                    .with_query_code("AWS.SimpleQueueService.MessageNotInflight"),
            );
        }
        Ok(Value::Null)
    }
}

impl Stored {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            message_id: row.get(1)?,
            body: row.get(2)?,
            attributes: row.get(3)?,
            trace_header: row.get(4)?,
            source_queue: row.get(5)?,
            sent_at: row.get(6)?,
            first_received_at: row.get(7)?,
            receive_count: row.get(8)?,
        })
    }

    fn message(&self, receipt: &str, first: i64, input: &Receive) -> ApiResult {
        let mut message = json!({
            "MessageId": self.message_id,
            "ReceiptHandle": receipt,
            "MD5OfBody": format!("{:x}", md5::compute(&self.body)),
            "Body": self.body,
        });
        let mut attributes: Attributes = serde_json::from_str(&self.attributes)
            .map_err(|_| ApiError::internal("the attributes cannot be read"))?;
        attributes.retain(|name, _| wants(&input.message_attribute_names, name));
        let mut system = json!({
            "SenderId": crate::ACCOUNT,
            "SentTimestamp": self.sent_at.to_string(),
            "ApproximateReceiveCount": (self.receive_count + 1).to_string(),
            "ApproximateFirstReceiveTimestamp": first.to_string(),
        });
        if let Some(fields) = system.as_object_mut() {
            if let Some(trace) = &self.trace_header {
                fields.insert("AWSTraceHeader".to_owned(), trace.as_str().into());
            }
            if let Some(source) = &self.source_queue {
                fields.insert("DeadLetterQueueSourceArn".to_owned(), arn(source).into());
            }
            fields.retain(|name, _| wants(&input.message_system_attribute_names, name));
        }
        if let Some(fields) = message.as_object_mut() {
            if let Some(digest) = digest(&attributes)? {
                fields.insert("MD5OfMessageAttributes".to_owned(), digest.into());
                fields.insert("MessageAttributes".to_owned(), json!(attributes));
            }
            fields.insert("Attributes".to_owned(), system);
        }
        Ok(message)
    }
}

/// Whether a caller that names `names` wants `name`: `All`, `.*` and `prefix.*` are patterns.
fn wants(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| {
        wanted == "All"
            || wanted == name
            || wanted
                .strip_suffix(".*")
                .is_some_and(|prefix| name.starts_with(prefix))
    })
}
