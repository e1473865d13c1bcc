use std::fmt;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::{StreamExt as _, TryStreamExt as _};

use super::channel::{
    Channel, MAX_BATCH, MAX_DELAY, MAX_MESSAGE_BYTES, TRACE_PARENT, attribute_bytes, message_group,
    refused, string, trace_text, whole_seconds,
};
use super::envelope::{self, Opened};
use super::error::sdk;
use super::{DeliveryDue, Message, OpenError, QueueError, ReceivedEvent, Unreadable};
use crate::domain::{Randomness, Sources, Timestamp, TraceParent};
use crate::vault::DataKeys;

/// How many batches of one request are sent at a time. A thousand events take as long as ten.
const PARALLEL_BATCHES: usize = 10;

/// The queue of accepted events and due deliveries.
#[derive(Clone)]
pub struct Queue {
    channel: Channel,
    keys: DataKeys,
    sources: Sources,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("url", &self.channel.url)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String, keys: DataKeys, sources: Sources) -> Self {
        Self {
            channel: Channel {
                client,
                url: url.into(),
                dead_letter_url: None,
            },
            keys,
            sources,
        }
    }

    /// The same queue, with the place for messages that cannot be read.
    #[must_use]
    pub fn with_dead_letters(mut self, url: String) -> Self {
        self.channel.dead_letter_url = Some(url.into());
        self
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
        self.channel
            .client
            .send_message()
            .queue_url(&*self.channel.url)
            .message_body(body)
            .message_attributes(TRACE_PARENT, string(&trace)?)
            .message_group_id(message_group(&event.organization_id))
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
                .message_attributes(TRACE_PARENT, string(&trace)?)
                .message_group_id(message_group(&event.organization_id));
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
            .try_for_each_concurrent(PARALLEL_BATCHES, |batch| self.channel.send_batch(batch))
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
                    .message_group_id(message_group(&due.organization_id))
                    .delay_seconds(whole_seconds(due.not_before.since(now), MAX_DELAY))
                    .build()
                    .map_err(refused)
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            self.channel.send_batch(entries).await?;
        }
        Ok(())
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
        self.channel.bury(message, reason).await
    }

    /// Lets a message that is being handled come again after `wait`.
    ///
    /// # Errors
    ///
    /// If SQS does not answer: then it comes again after the queue's visibility time-out.
    pub async fn postpone(&self, message: &SqsMessage, wait: Duration) -> Result<(), QueueError> {
        self.channel.postpone(message, wait).await
    }
}

/// The trace of the message; a new one, if it bears none.
fn trace_of(message: &SqsMessage, randomness: &dyn Randomness) -> TraceParent {
    trace_text(message)
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| TraceParent::generate(randomness))
}
