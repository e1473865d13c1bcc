use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures::{StreamExt as _, TryStreamExt as _};

use super::envelope::{self, Opened};
use super::error::sdk;
use super::{DeliveryDue, Message, OpenError, QueueError, ReceivedEvent, Unreadable};
use crate::domain::{Cause, Randomness, Sources, Timestamp, TraceParent};
use crate::vault::DataKeys;

/// What SQS takes in one message, its attributes included.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_MESSAGE_BYTES: usize = 1_048_576;
/// What SQS takes in one batch.
const MAX_BATCH: usize = 10;
/// How many batches of one request are sent at a time. A thousand events take as long as ten.
const PARALLEL_BATCHES: usize = 10;
/// The longest that SQS delays a message.
const MAX_DELAY: Duration = Duration::from_secs(900);
/// SQS hides a message for 12 hours at most, counted from its receipt and not from the call, and
/// refuses what goes beyond. An hour is more than a function can have spent on it by then.
const MAX_VISIBILITY: Duration = Duration::from_secs(11 * 60 * 60);

const TRACE_PARENT: &str = "traceparent";
const STRING: &str = "String";

/// The queue of accepted events and due deliveries.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: Arc<str>,
    dead_letter_url: Option<Arc<str>>,
    keys: DataKeys,
    sources: Sources,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String, keys: DataKeys, sources: Sources) -> Self {
        Self {
            client,
            url: url.into(),
            dead_letter_url: None,
            keys,
            sources,
        }
    }

    /// The same queue, with the place for messages that cannot be read.
    #[must_use]
    pub fn with_dead_letters(self, url: String) -> Self {
        Self {
            dead_letter_url: Some(url.into()),
            ..self
        }
    }

    /// Sends an accepted event: one call. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`QueueError::TooLarge`] before anything is sent, or SQS or the vault does not answer.
    pub async fn send_event(
        &self,
        event: &ReceivedEvent,
        trace: TraceParent,
    ) -> Result<(), QueueError> {
        let body = envelope::seal_event(&self.keys, event).await?;
        let trace = trace.to_string();
        if body.len() + attribute_bytes(TRACE_PARENT, &trace) > MAX_MESSAGE_BYTES {
            return Err(QueueError::TooLarge {
                limit_bytes: MAX_MESSAGE_BYTES as u64,
            });
        }
        self.client
            .send_message()
            .queue_url(&*self.url)
            .message_body(body)
            .message_attributes(TRACE_PARENT, string(&trace)?)
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// Sends several accepted events, ten in a call at most, and ten calls at a time. All are durable
    /// when this returns. Nothing is sent if one of them cannot be.
    ///
    /// # Errors
    ///
    /// As of [`Queue::send_event`], or if SQS has not taken all of them. Some may have been taken
    /// then: they come again with those that were not, and are recognised by their ids.
    pub async fn send_events(
        &self,
        events: &[(ReceivedEvent, TraceParent)],
    ) -> Result<(), QueueError> {
        if let [(event, trace)] = events {
            return self.send_event(event, *trace).await;
        }
        let mut batches: Vec<Vec<SendMessageBatchRequestEntry>> = Vec::new();
        let mut room = 0;
        for (event, trace) in events {
            let body = envelope::seal_event(&self.keys, event).await?;
            let trace = trace.to_string();
            let bytes = body.len() + attribute_bytes(TRACE_PARENT, &trace);
            if bytes > MAX_MESSAGE_BYTES {
                return Err(QueueError::TooLarge {
                    limit_bytes: MAX_MESSAGE_BYTES as u64,
                });
            }
            let entry = SendMessageBatchRequestEntry::builder()
                .message_body(body)
                .message_attributes(TRACE_PARENT, string(&trace)?);
            match batches.last_mut() {
                Some(batch) if batch.len() < MAX_BATCH && bytes <= room => {
                    room -= bytes;
                    batch.push(entry.id(batch.len().to_string()).build().map_err(refused)?);
                }
                _ => {
                    room = MAX_MESSAGE_BYTES - bytes;
                    batches.push(vec![entry.id("0").build().map_err(refused)?]);
                }
            }
        }
        futures::stream::iter(batches)
            .map(Ok)
            .try_for_each_concurrent(PARALLEL_BATCHES, |batch| self.send_batch(batch))
            .await
    }

    /// Sends deliveries that are due: one call for ten. Each is hidden until it is due, or as long
    /// as SQS can hide it.
    ///
    /// # Errors
    ///
    /// If SQS does not answer, or has not taken all of them. Some may have been taken.
    pub async fn send_deliveries(
        &self,
        due: &[DeliveryDue],
        now: Timestamp,
    ) -> Result<(), QueueError> {
        for chunk in due.chunks(MAX_BATCH) {
            let entries = chunk.iter().enumerate().map(|(index, due)| {
                let body = envelope::write_delivery(due).map_err(refused)?;
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(body)
                    .delay_seconds(whole_seconds(due.not_before.since(now), MAX_DELAY))
                    .build()
                    .map_err(refused)
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            self.send_batch(entries).await?;
        }
        Ok(())
    }

    /// Sends one batch: all of it, or an error.
    async fn send_batch(
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

    /// Opens a message of this queue.
    ///
    /// # Errors
    ///
    /// Whether the message is to be buried or to come again.
    pub async fn open(&self, message: &SqsMessage) -> Result<Message, OpenError> {
        let text = message.body.as_deref().ok_or(Unreadable::Malformed)?;
        match envelope::open(&self.keys, text, self.sources.now()).await? {
            Opened::Delivery(due) => Ok(Message::Delivery(due)),
            Opened::Event(event) => Ok(Message::Event(
                event,
                trace_of(message, self.sources.randomness.as_ref()),
            )),
        }
    }

    /// Moves a message to the dead-letter queue, with the reason, the id that it had here, and its
    /// trace. The body stays as it is; it may have been as long as one can be, so what is beside it
    /// is left out, the reason last, as far as it does not fit.
    ///
    /// # Errors
    ///
    /// If SQS does not answer: then the message is still in this queue.
    pub async fn bury(&self, message: &SqsMessage, reason: &'static str) -> Result<(), QueueError> {
        let url = self.dead_letter_url.as_deref();
        let url = url.ok_or_else(|| refused("no dead-letter queue is configured"))?;
        let body = message.body.as_deref().unwrap_or("(no body)");
        let beside = [
            ("reason", Some(reason)),
            ("messageId", message.message_id.as_deref()),
            (TRACE_PARENT, trace_text(message)),
        ];
        let mut request = self.client.send_message().queue_url(url).message_body(body);
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
    pub async fn postpone(&self, message: &SqsMessage, wait: Duration) -> Result<(), QueueError> {
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

/// The trace of the message; a new one, if it bears none.
fn trace_of(message: &SqsMessage, randomness: &dyn Randomness) -> TraceParent {
    trace_text(message)
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| TraceParent::generate(randomness))
}

fn trace_text(message: &SqsMessage) -> Option<&str> {
    let attribute = message.message_attributes.get(TRACE_PARENT)?;
    attribute.string_value.as_deref()
}

/// What SQS counts for an attribute: its name, its type and its value.
fn attribute_bytes(name: &str, value: &str) -> usize {
    name.len() + STRING.len() + value.len()
}

fn string(value: &str) -> Result<MessageAttributeValue, QueueError> {
    MessageAttributeValue::builder()
        .data_type(STRING)
        .string_value(value)
        .build()
        .map_err(refused)
}

/// Rounded up, so that nothing comes early.
fn whole_seconds(wait: Duration, max: Duration) -> i32 {
    let wait = wait.min(max);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn refused(error: impl Into<Cause>) -> QueueError {
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
