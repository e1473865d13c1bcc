//! In place of Lambda's SQS trigger: receives batches, has a function handle them, and deletes
//! what it has not reported as failed.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use gatehouse::domain::Cause;
use gatehouse::lambda::telemetry::chain;
use tokio::sync::watch;

/// How long one receive waits for messages, in seconds.
const WAIT_SECONDS: i32 = 5;
/// How long to wait after a failure of the queue.
const PAUSE: Duration = Duration::from_secs(1);

/// A function that a queue triggers.
#[derive(Clone)]
pub(crate) enum Triggered {
    Processor(Box<processor::State>),
    Sync(Box<sync::State>),
}

impl Triggered {
    async fn handle(&self, event: SqsEvent) -> Result<SqsBatchResponse, Cause> {
        match self {
            Self::Processor(state) => Ok(processor::handle(state, event).await?),
            Self::Sync(state) => {
                let answer = sync::handle(state, serde_json::to_value(event)?).await?;
                Ok(serde_json::from_value(answer)?)
            }
        }
    }
}

/// Handles messages of one queue, one batch at a time.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) client: Client,
    pub(crate) queue_url: String,
    pub(crate) batch_size: i32,
    /// The function's time-out.
    pub(crate) timeout: Duration,
    pub(crate) function: Triggered,
}

impl Poller {
    /// Goes on until `stop` becomes true; the batch in hand is finished first.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let received = tokio::select! {
                received = self.receive() => received,
                _ = stop.changed() => continue,
            };
            let handled = match received {
                Ok(messages) if messages.is_empty() => Ok(()),
                Ok(messages) => self.handle(messages).await,
                Err(error) => Err(error),
            };
            if let Err(error) = handled {
                tracing::error!(cause = chain(error.as_ref()), "a batch was not handled");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn receive(&self) -> Result<Vec<Message>, Cause> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size)
            .wait_time_seconds(WAIT_SECONDS)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        Ok(output.messages.unwrap_or_default())
    }

    async fn handle(&self, messages: Vec<Message>) -> Result<(), Cause> {
        let receipts: Vec<(String, String)> = messages
            .iter()
            .filter_map(|message| {
                Some((message.message_id.clone()?, message.receipt_handle.clone()?))
            })
            .collect();
        let mut event = SqsEvent::default();
        event.records = messages.into_iter().map(record).collect();
        let response = tokio::time::timeout(self.timeout, self.function.handle(event)).await??;
        let failed: Vec<&str> = response
            .batch_item_failures
            .iter()
            .map(|item| item.item_identifier.as_str())
            .collect();
        let done = receipts
            .iter()
            .filter(|(id, _)| !failed.contains(&id.as_str()));
        let entries = done
            .enumerate()
            .map(|(index, (_, receipt))| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !entries.is_empty() {
            self.client
                .delete_message_batch()
                .queue_url(&self.queue_url)
                .set_entries(Some(entries))
                .send()
                .await?;
        }
        Ok(())
    }
}

/// A message as Lambda hands it over.
fn record(message: Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    record.md5_of_body = message.md5_of_body;
    record.attributes = message
        .attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    record.message_attributes = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| {
            let mut attribute = SqsMessageAttribute::default();
            attribute.data_type = Some(value.data_type);
            attribute.string_value = value.string_value;
            (name, attribute)
        })
        .collect();
    record
}
