//! What the receiver of a message does with it: delete it, or hide it for longer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::send::{check_batch, failed_entry, parameter};
use super::settings::MAX_HIDDEN;
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

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

/// What a receipt handle says under its encoding, so that one that was never issued for a queue is
/// told from one that is out of date.
#[derive(Debug, Deserialize)]
struct Handle {
    queue: String,
    /// When the message was received: the 12 hours that it can be hidden begin there.
    received_at: i64,
}

/// A handle for one receipt of a message of `queue`; no two are alike.
pub(super) fn issue(queue: &str, received_at: i64) -> Result<String, ApiError> {
    let id = random_id()?;
    let handle = json!({"queue": queue, "received_at": received_at, "id": id});
    Ok(STANDARD.encode(handle.to_string()))
}

impl Receipt {
    fn handle(&self, queue: &str) -> Result<Handle, ApiError> {
        let text = STANDARD.decode(&self.receipt_handle).ok();
        let handle = text.and_then(|text| serde_json::from_slice::<Handle>(&text).ok());
        handle
            .filter(|handle| handle.queue == queue)
            .ok_or_else(|| {
                let message = format!(
                    "The input receipt handle \"{}\" is not a valid receipt handle.",
                    self.receipt_handle
                );
                ApiError::new("com.amazonaws.sqs#ReceiptHandleIsInvalid", message)
                    .with_query_code("ReceiptHandleIsInvalid")
            })
    }
}

impl Call<'_> {
    pub(super) fn delete_message(&self, input: &OneReceipt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.delete(&queue.name, &input.receipt)
    }

    pub(super) fn delete_message_batch(&self, input: &ManyReceipts) -> ApiResult {
        self.for_each(input, |queue, receipt| self.delete(queue, receipt))
    }

    pub(super) fn change_visibility(&self, input: &OneReceipt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.hide(&queue.name, &input.receipt)
    }

    pub(super) fn change_visibility_batch(&self, input: &ManyReceipts) -> ApiResult {
        self.for_each(input, |queue, receipt| self.hide(queue, receipt))
    }

    fn for_each(
        &self,
        input: &ManyReceipts,
        act: impl Fn(&str, &Receipt) -> ApiResult,
    ) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        check_batch(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, receipt } in &input.entries {
            match act(&queue.name, receipt) {
                Ok(_) => successful.push(json!({"Id": id})),
                Err(error) => failed.push(failed_entry(id, &error)),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    /// Deleting by a receipt that is no longer the last has no effect and is no error, as on AWS.
    fn delete(&self, queue: &str, receipt: &Receipt) -> ApiResult {
        receipt.handle(queue)?;
        self.connection
            .prepare_cached("DELETE FROM messages WHERE receipt = ?1")?
            .execute([&receipt.receipt_handle])?;
        Ok(Value::Null)
    }

    fn hide(&self, queue: &str, receipt: &Receipt) -> ApiResult {
        let seconds = receipt.visibility_timeout.unwrap_or(-1);
        let invalid = |reason: &str| {
            parameter(format!(
                "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: {reason}"
            ))
        };
        if !(0..=MAX_HIDDEN).contains(&seconds) {
            return Err(invalid("Must be between 0 and 43200, if provided."));
        }
        let handle = receipt.handle(queue)?;
        let visible_at: Option<i64> = self
            .connection
            .prepare_cached("SELECT visible_at FROM messages WHERE receipt = ?1")?
            .query_row([&receipt.receipt_handle], |row| row.get(0))
            .optional()?;
        let Some(visible_at) = visible_at else {
            return Err(parameter(format!(
                "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
                receipt.receipt_handle
            )));
        };
        let until = self.now + seconds * 1000;
        if until > handle.received_at + MAX_HIDDEN * 1000 {
            return Err(invalid(
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        // Once it is visible again, AWS says yes and leaves it so.
        if visible_at > self.now {
            self.connection.execute(
                "UPDATE messages SET visible_at = ?2 WHERE receipt = ?1",
                params![receipt.receipt_handle, until],
            )?;
        }
        Ok(Value::Null)
    }
}
