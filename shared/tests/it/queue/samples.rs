//! A queue with an organization that has a data key, and an event.

use aws_lambda_events::event::sqs::SqsMessage;
use bytes::Bytes;
use gatehouse::domain::{Clock as _, OrganizationId, TraceParent};
use gatehouse::queue::{Message, OpenError, Queue, ReceivedEvent, Unreadable};
use gatehouse::vault::DataKeys;
use serde_json::Value;

use crate::account::Account;

pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) keys: DataKeys,
    pub(crate) queue: Queue,
    pub(crate) organization: OrganizationId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let account = Account::new().await;
        let organization = account.id();
        let keys = account.data_keys();
        keys.ensure(organization).await.unwrap();
        account.wire.said();
        Self {
            queue: account.queue(&keys),
            keys,
            organization,
            account,
        }
    }

    pub(crate) fn event(&self, body: impl Into<Bytes>) -> ReceivedEvent {
        ReceivedEvent {
            id: self.account.id(),
            organization_id: self.organization,
            integration_id: self.account.id(),
            endpoint_id: self.account.id(),
            received_at: self.account.clock.now(),
            scheme: "stripe".to_owned(),
            provider_event_id: Some("evt_1".to_owned()),
            event_type: Some("invoice.paid".to_owned()),
            occurred_at: Some(self.account.clock.now()),
            verified_with: Some(self.account.id()),
            content_type: Some("application/json".to_owned()),
            body: body.into(),
        }
    }

    /// Sends an event, and takes its message out of the queue.
    pub(crate) async fn sent(&self, event: &ReceivedEvent) -> SqsMessage {
        self.queue.send_event(event, trace()).await.unwrap();
        self.account.take().await
    }

    /// What opening `message` comes to, where it is an event.
    pub(crate) async fn opened(&self, message: &SqsMessage) -> (ReceivedEvent, TraceParent) {
        match self.queue.open(message).await.unwrap() {
            Message::Event(event, trace) => (*event, trace),
            Message::Delivery(due) => panic!("{due:?}"),
        }
    }

    /// Why `message` is to be buried.
    pub(crate) async fn flaw(&self, message: &SqsMessage) -> Unreadable {
        match self.queue.open(message).await {
            Err(OpenError::Unreadable(flaw)) => flaw,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn trace() -> TraceParent {
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    text.parse().unwrap()
}

/// `message` with another body.
pub(crate) fn with_body(message: &SqsMessage, body: &str) -> SqsMessage {
    let mut message = message.clone();
    message.body = Some(body.to_owned());
    message
}

/// `message` with another value of one field of its body.
pub(crate) fn with_field(message: &SqsMessage, field: &str, value: Value) -> SqsMessage {
    let mut body: Value = serde_json::from_str(message.body.as_deref().unwrap()).unwrap();
    assert!(body.get(field).is_some(), "{field}");
    body[field] = value;
    with_body(message, &body.to_string())
}
