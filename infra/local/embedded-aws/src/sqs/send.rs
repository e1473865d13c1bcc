use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::attributes::{self, Attribute, Attributes, digest};
use super::queues::Queue;
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

/// What a batch may weigh in all.
const MAX_BATCH_BYTES: usize = 1_048_576;
const TRACE_HEADER: &str = "AWSTraceHeader";

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
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
}

impl NewMessage {
    fn bytes(&self) -> usize {
        self.message_body.len() + attributes::bytes(&self.message_attributes)
    }

    /// What X-Ray wants handed on; nothing else can be sent as a system attribute.
    fn trace_header(&self) -> Result<Option<&str>, ApiError> {
        attributes::check(&self.message_system_attributes)?;
        let mut names = self.message_system_attributes.keys();
        if let Some(name) = names.find(|name| *name != TRACE_HEADER) {
            return Err(parameter(format!(
                "Message (system) attribute name '{name}' is invalid."
            )));
        }
        let header = self.message_system_attributes.get(TRACE_HEADER);
        Ok(header.and_then(Attribute::text))
    }

    fn check(&self, queue: &Queue) -> Result<(), ApiError> {
        if self.message_body.is_empty() {
            return Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            )
            .with_query_code("MissingParameter"));
        }
        attributes::check(&self.message_attributes)?;
        let limit = queue.number("MaximumMessageSize");
        if i64::try_from(self.bytes()).unwrap_or(i64::MAX) > limit {
            return Err(parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
            )));
        }
        if !self.message_body.chars().all(is_allowed) {
            return Err(ApiError::new(
                "com.amazonaws.sqs#InvalidMessageContents",
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
            )
            .with_query_code("InvalidMessageContents"));
        }
        let delay = self.delay_seconds.unwrap_or(0);
        if !(0..=900).contains(&delay) {
            return Err(parameter(format!(
                "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            )));
        }
        if let Some(group) = &self.message_group_id
            && !is_group(group)
        {
            return Err(parameter(format!(
                "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )));
        }
        Ok(())
    }
}

/// 1 to 128 letters, digits and punctuation marks.
fn is_group(group: &str) -> bool {
    (1..=128).contains(&group.len()) && group.chars().all(|c| c.is_ascii_graphic())
}

impl Call<'_> {
    pub(super) fn send_message(&self, input: SendMessage) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.insert(&queue, &input.message)
    }

    pub(super) fn send_message_batch(&self, input: SendMessageBatch) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let bytes: usize = input.entries.iter().map(|e| e.message.bytes()).sum();
        if bytes > MAX_BATCH_BYTES {
            let message = format!(
                "Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {bytes} bytes."
            );
            return Err(
                ApiError::new("com.amazonaws.sqs#BatchRequestTooLong", message)
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
        message.check(queue)?;
        let trace = message.trace_header()?;
        let delay = message
            .delay_seconds
            .unwrap_or_else(|| queue.number("DelaySeconds"));
        let id = random_id()?;
        let attributes = json!(message.message_attributes).to_string();
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO messages (queue, message_id, body, attributes, trace_header, group_id, \
             sent_at, expires_at, visible_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement.execute(params![
            queue.name,
            id,
            message.message_body,
            attributes,
            trace,
            message.message_group_id,
            self.now,
            queue.expiry(self.now),
            self.now + delay * 1000,
        ])?;
        let mut sent = json!({
            "MessageId": id,
            "MD5OfMessageBody": format!("{:x}", md5::compute(&message.message_body)),
        });
        if let Some(fields) = sent.as_object_mut() {
            for (name, attributes) in [
                ("MD5OfMessageAttributes", &message.message_attributes),
                (
                    "MD5OfMessageSystemAttributes",
                    &message.message_system_attributes,
                ),
            ] {
                if let Some(digest) = digest(attributes)? {
                    fields.insert(name.to_owned(), digest.into());
                }
            }
        }
        Ok(sent)
    }
}

/// The characters of XML 1.0, to which SQS holds bodies.
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

pub(super) fn parameter(message: String) -> ApiError {
    ApiError::new("InvalidParameterValue", message).with_query_code("InvalidParameterValue")
}

/// One to ten entries whose ids are well-formed and differ.
pub(super) fn check_batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let mut ids: Vec<&str> = ids.collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let well_formed = |id: &&str| (1..=80).contains(&id.len()) && id.chars().all(fits);
    let (code, query_code, message) = match count {
        0 => (
            "com.amazonaws.sqs#EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one entry in the request.".to_owned(),
        ),
        11.. => (
            "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are 10. You have sent {count}."),
        ),
        _ if !ids.iter().all(well_formed) => (
            "com.amazonaws.sqs#InvalidBatchEntryId",
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.".to_owned(),
        ),
        _ if ids.len() < count => (
            "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.".to_owned(),
        ),
        _ => return Ok(()),
    };
    Err(ApiError::new(code, message).with_query_code(query_code))
}

pub(super) fn failed_entry(id: &str, error: &ApiError) -> Value {
    json!({"Id": id, "SenderFault": true, "Code": error.code(), "Message": error.message()})
}
