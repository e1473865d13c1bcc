//! The services in memory, at a time that tests move, and what is asked of them over and over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};

/// A test that waits longer than this fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    clock: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
        let time = TimeSource::manual(Arc::clone(&clock));
        let stack = Stack::in_memory(&nothing(), time).await.unwrap();
        let config = stack.sdk_config();
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            stack,
            clock,
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) async fn queue(&self, name: &str) -> String {
        self.queue_with(name, &[]).await
    }

    pub(crate) async fn queue_with(
        &self,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> String {
        let mut request = self.sqs.create_queue().queue_name(name);
        for (name, value) in attributes {
            request = request.attributes(name.clone(), *value);
        }
        request.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let request = self.sqs.send_message().queue_url(queue).message_body(body);
        request.send().await.unwrap().message_id.unwrap()
    }

    /// What can be received at once, with all of its attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Message> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn receive_one(&self, queue: &str) -> Message {
        let mut messages = self.receive(queue).await;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    pub(crate) async fn attributes(&self, queue: &str) -> HashMap<QueueAttributeName, String> {
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(queue)
            .attribute_names(QueueAttributeName::All);
        request.send().await.unwrap().attributes.unwrap()
    }

    /// How many messages are visible, in flight, and delayed.
    pub(crate) async fn counts(&self, queue: &str) -> [String; 3] {
        let mut attributes = self.attributes(queue).await;
        [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ]
        .map(|name| attributes.remove(&name).unwrap())
    }

    pub(crate) async fn hide(&self, queue: &str, message: &Message, seconds: i32) -> String {
        let request = self
            .sqs
            .change_message_visibility()
            .queue_url(queue)
            .receipt_handle(receipt(message))
            .visibility_timeout(seconds);
        code(request.send().await)
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Message) -> String {
        let request = self.sqs.delete_message().queue_url(queue);
        code(request.receipt_handle(receipt(message)).send().await)
    }
}

/// A template with no resources.
pub(crate) fn nothing() -> Template {
    Template::parse("Resources: {}").unwrap()
}

pub(crate) fn receipt(message: &Message) -> &str {
    message.receipt_handle.as_deref().unwrap()
}

pub(crate) fn system(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes.as_ref()?.get(&name).map(String::as_str)
}

pub(crate) fn receive_count(message: &Message) -> &str {
    system(message, MessageSystemAttributeName::ApproximateReceiveCount).unwrap()
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    typed("String", value)
}

pub(crate) fn typed(data_type: &str, value: &str) -> MessageAttributeValue {
    let built = MessageAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build();
    built.unwrap()
}

/// The code of an error; `ok`, if there is none.
pub(crate) fn code<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

/// The message of an error.
pub(crate) fn message<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    let error = result.err().unwrap();
    error.message().unwrap().to_owned()
}

pub(crate) async fn within_patience<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}
