use std::collections::BTreeMap;

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::attributes::{Attributes, checked_bytes, digest};
use super::queues::Queue;
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

/// What a batch may weigh in all.
const MAX_BATCH_BYTES: usize = 1_048_576;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    queue_url: String,
    #[serde(flatten)]
    message: NewMessage,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    #[serde(flatten)]
    message: NewMessage,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewMessage {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, Value>,
}

impl NewMessage {
    fn bytes(&self) -> Result<usize, ApiError> {
        Ok(self.message_body.len() + checked_bytes(&self.message_attributes)?)
    }
}

impl Call<'_> {
    pub(super) fn send_message(&self, input: SendMessage) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.insert(&queue, &input.message)
    }

    pub(super) fn send_message_batch(&self, input: SendMessageBatch) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut bytes = 0;
        for entry in &input.entries {
            bytes += entry.message.bytes()?;
        }
        if bytes > MAX_BATCH_BYTES {
            return Err(
                ApiError::new("BatchRequestTooLong", "the batch is too long")
                    .with_query_code("AWS.SimpleQueueService.BatchRequestTooLong"),
            );
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, message } in &input.entries {
            match self.insert(&queue, message) {
                Ok(mut sent) => {
                    if let Some(fields) = sent.as_object_mut() {
                        fields.insert("Id".to_owned(), id.as_str().into());
                    }
                    successful.push(sent);
                }
                Err(error) => failed.push(failed_entry(id, &error)),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    fn insert(&self, queue: &Queue, message: &NewMessage) -> ApiResult {
        let limit = queue.number("MaximumMessageSize");
        if i64::try_from(message.bytes()?).unwrap_or(i64::MAX) > limit {
            return Err(parameter(format!(
                "a message must be at most {limit} bytes"
            )));
        }
        if message.message_body.is_empty() {
            return Err(ApiError::new("MissingParameter", "MessageBody is required"));
        }
        if !message.message_body.chars().all(is_allowed) {
            return Err(
                ApiError::new("InvalidMessageContents", "a character is not allowed")
                    .with_query_code("InvalidMessageContents"),
            );
        }
        let delay = message
            .delay_seconds
            .unwrap_or_else(|| queue.number("DelaySeconds"));
        if !(0..=900).contains(&delay) {
            return Err(parameter("DelaySeconds must be from 0 to 900".to_owned()));
        }
        let trace = message.message_system_attributes.get("AWSTraceHeader");
        let trace = trace
            .and_then(|header| header.get("StringValue"))
            .and_then(Value::as_str);
        let id = random_id()?;
        let attributes = json!(message.message_attributes).to_string();
        let kept = queue.number("MessageRetentionPeriod");
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO messages (queue, message_id, body, attributes, trace_header, sent_at, \
             expires_at, visible_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute(params![
            queue.name,
            id,
            message.message_body,
            attributes,
            trace,
            self.now,
            self.now + kept * 1000,
            self.now + delay * 1000,
        ])?;
        let mut sent = json!({
            "MessageId": id,
            "MD5OfMessageBody": format!("{:x}", md5::compute(&message.message_body)),
        });
        if let (Some(digest), Some(fields)) =
            (digest(&message.message_attributes)?, sent.as_object_mut())
        {
            fields.insert("MD5OfMessageAttributes".to_owned(), digest.into());
        }
        Ok(sent)
    }
}

/// The characters of XML 1.0, to which SQS holds bodies.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

pub(super) fn parameter(message: String) -> ApiError {
    ApiError::new("InvalidParameterValue", message).with_query_code("InvalidParameterValue")
}

/// One to ten entries whose ids differ.
pub(super) fn check_batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let mut ids: Vec<&str> = ids.collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    let (code, query_code) = match count {
        0 => (
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
        ),
        1..=10 if ids.len() == count => return Ok(()),
        1..=10 => (
            "BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        _ => (
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
    };
    Err(ApiError::new(code, "the batch is not valid").with_query_code(query_code))
}

pub(super) fn failed_entry(id: &str, error: &ApiError) -> Value {
    json!({"Id": id, "SenderFault": true, "Code": error.code(), "Message": error.message()})
}
