//! What every queue of ours does, whatever its messages are.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};

use super::QueueError;
use super::error::sdk;
use crate::domain::{Cause, OrganizationId};

/// What SQS takes in one message, its attributes included.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub(super) const MAX_MESSAGE_BYTES: usize = 1_048_576;
/// What SQS takes in one batch.
pub(super) const MAX_BATCH: usize = 10;
/// The longest that SQS delays a message.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(900);
/// SQS hides a message for 12 hours at most, counted from its receipt and not from the call, and
/// refuses what goes beyond. An hour is more than a function can have spent on it by then.
const MAX_VISIBILITY: Duration = Duration::from_secs(11 * 60 * 60);

pub(super) const TRACE_PARENT: &str = "traceparent";
const STRING: &str = "String";

/// A queue, with the place for messages that cannot be read.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) client: Client,
    pub(super) url: Arc<str>,
    pub(super) dead_letter_url: Option<Arc<str>>,
}

impl Channel {
    /// Sends one batch: all of it, or an error.
    pub(super) async fn send_batch(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<(), QueueError> {
        let output = self
            .client
            .send_message_batch()
            .queue_url(&*self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(sdk)?;
        // What failed by our fault fails again, so it is told rather than anything else.
        match output.failed.iter().max_by_key(|entry| entry.sender_fault) {
            None => Ok(()),
            Some(failed) if failed.sender_fault => Err(QueueError::Refused(failed.code().into())),
            Some(failed) => Err(QueueError::Unavailable(failed.code().into())),
        }
    }

    /// Moves a message to the dead-letter queue, with its group, the reason, the id that it had here, and its
    /// trace. The body stays as it is; it may have been as long as one can be, so what is beside it
    /// is left out, the reason last, as far as it does not fit.
    ///
    /// # Errors
    ///
    /// If SQS does not answer: then the message is still in this queue.
    pub(super) async fn bury(
        &self,
        message: &SqsMessage,
        reason: &'static str,
    ) -> Result<(), QueueError> {
        let url = self.dead_letter_url.as_deref();
        let url = url.ok_or_else(|| refused("no dead-letter queue is configured"))?;
        let body = message.body.as_deref().unwrap_or("(no body)");
        let beside = [
            ("reason", Some(reason)),
            ("messageId", message.message_id.as_deref()),
            (TRACE_PARENT, trace_text(message)),
        ];
        let group = message.attributes.get("MessageGroupId");
        let mut request = self
            .client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .set_message_group_id(group.cloned());
        let mut room = MAX_MESSAGE_BYTES.saturating_sub(body.len());
        for (name, value) in beside {
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            let Some(left) = room.checked_sub(attribute_bytes(name, value)) else {
                break;
            };
            room = left;
            request = request.message_attributes(name, string(value)?);
        }
        request.send().await.map_err(sdk)?;
        Ok(())
    }

    /// Lets a message that is being handled come again after `wait`.
    ///
    /// # Errors
    ///
    /// If SQS does not answer: then it comes again after the queue's visibility time-out.
    pub(super) async fn postpone(
        &self,
        message: &SqsMessage,
        wait: Duration,
    ) -> Result<(), QueueError> {
        self.client
            .change_message_visibility()
            .queue_url(&*self.url)
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(whole_seconds(wait, MAX_VISIBILITY))
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }
}

pub(super) fn trace_text(message: &SqsMessage) -> Option<&str> {
    let attribute = message.message_attributes.get(TRACE_PARENT)?;
    attribute.string_value.as_deref()
}

/// What SQS counts for an attribute: its name, its type and its value.
pub(super) fn attribute_bytes(name: &str, value: &str) -> usize {
    name.len() + STRING.len() + value.len()
}

pub(super) fn string(value: &str) -> Result<MessageAttributeValue, QueueError> {
    MessageAttributeValue::builder()
        .data_type(STRING)
        .string_value(value)
        .build()
        .map_err(refused)
}

/// The group of an organization's messages. A queue whose messages say whose they are hands out first what
/// belongs to those who have little in it, so that who sends little does not wait for who sends much. Unlike that of
/// a FIFO queue it orders nothing.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
pub(super) fn message_group(organization: &OrganizationId) -> String {
    organization.to_string()
}

/// Rounded up, so that nothing comes early.
pub(super) fn whole_seconds(wait: Duration, max: Duration) -> i32 {
    let wait = wait.min(max);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

pub(super) fn refused(error: impl Into<Cause>) -> QueueError {
    QueueError::Refused(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_and_bounded() {
        assert_eq!(whole_seconds(Duration::ZERO, MAX_DELAY), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1), MAX_DELAY), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2_000), MAX_DELAY), 2);
        assert_eq!(whole_seconds(Duration::from_secs(86_400), MAX_DELAY), 900);
    }
}
