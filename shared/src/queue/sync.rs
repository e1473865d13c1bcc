//! The queue of synchronization: steps of jobs, changes that are to be sent, events that hold records,
//! integrations that are to be purged. A message has ids and digests, and nothing of a record: what is to be
//! done stands in the table.

use std::fmt;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use super::channel::{Channel, MAX_BATCH, MAX_DELAY, message_group, refused, whole_seconds};
use super::error::sdk;
use super::{QueueError, Unreadable};
use crate::domain::sync::EntityName;
use crate::domain::{Digest, EventId, IntegrationId, OrganizationId, SyncJobId, Timestamp};

const VERSION: u64 = 1;

/// What a message of synchronization asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SyncMessage {
    /// The next step of a job is to be done.
    Step {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// The job.
        job: SyncJobId,
        /// The number of the step. Once it is committed, the message is stale.
        step: u64,
    },
    /// A change that was made here is to be sent to the provider.
    Push {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// The kind of record.
        entity: EntityName,
        /// The digest of the record's id.
        record: Digest,
    },
    /// Records of a kind may have changed: whoever is to be told is told.
    Feed {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// The kind of record.
        entity: EntityName,
    },
    /// The record that this one is linked to is to be brought in step with it.
    Link {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// The kind of record.
        entity: EntityName,
        /// The digest of the record's id.
        record: Digest,
    },
    /// An event that holds records is stored.
    Event {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// The event.
        event: EventId,
    },
    /// An integration's configuration may have changed: what is due follows it, and targets are told.
    Configured {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
    },
    /// What an integration leaves behind is to be deleted, once it is deleted itself.
    Purge {
        /// Who owns the integration.
        organization: OrganizationId,
        /// The integration.
        integration: IntegrationId,
        /// When its deletion was asked for.
        asked_at: Timestamp,
        /// When it was first seen to be gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone_at: Option<Timestamp>,
    },
}

impl SyncMessage {
    /// Who owns the integration.
    fn organization(&self) -> &OrganizationId {
        match self {
            Self::Step { organization, .. }
            | Self::Push { organization, .. }
            | Self::Feed { organization, .. }
            | Self::Link { organization, .. }
            | Self::Event { organization, .. }
            | Self::Configured { organization, .. }
            | Self::Purge { organization, .. } => organization,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    v: u64,
    kind: Kind,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Step,
    Push,
    Feed,
    Link,
    Event,
    Purge,
    Configured,
    #[serde(other)]
    Unknown,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u64,
    #[serde(flatten)]
    message: &'a SyncMessage,
}

/// The queue of synchronization.
#[derive(Clone)]
pub struct SyncQueue {
    channel: Channel,
}

impl fmt::Debug for SyncQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncQueue")
            .field("url", &self.channel.url)
            .finish_non_exhaustive()
    }
}

impl SyncQueue {
    /// The queue at `url`.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self {
            channel: Channel {
                client,
                url: url.into(),
                dead_letter_url: None,
            },
        }
    }

    /// The same queue, with the place for messages that cannot be read.
    #[must_use]
    pub fn with_dead_letters(mut self, url: String) -> Self {
        self.channel.dead_letter_url = Some(url.into());
        self
    }

    /// Sends a message. It is hidden for `delay`, or for as long as SQS can hide it: 15 minutes.
    ///
    /// # Errors
    ///
    /// If SQS does not answer; it may have been taken.
    pub async fn send(&self, message: &SyncMessage, delay: Duration) -> Result<(), QueueError> {
        self.channel
            .client
            .send_message()
            .queue_url(&*self.channel.url)
            .message_body(write(message)?)
            .message_group_id(message_group(message.organization()))
            .delay_seconds(whole_seconds(delay, MAX_DELAY))
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    /// Sends several messages, each after its delay: one call for ten.
    ///
    /// # Errors
    ///
    /// If SQS does not answer, or has not taken all of them. Some may have been taken.
    pub async fn send_all(&self, messages: &[(SyncMessage, Duration)]) -> Result<(), QueueError> {
        for chunk in messages.chunks(MAX_BATCH) {
            let entries = chunk.iter().enumerate().map(|(index, (message, delay))| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(write(message)?)
                    .message_group_id(message_group(message.organization()))
                    .delay_seconds(whole_seconds(*delay, MAX_DELAY))
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
    /// If it is none: it never will be, and is to be buried.
    pub fn open(&self, message: &SqsMessage) -> Result<SyncMessage, Unreadable> {
        read(message.body.as_deref().ok_or(Unreadable::Malformed)?)
    }

    /// Moves a message to the dead-letter queue, with the reason and the id that it had here.
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

fn write(message: &SyncMessage) -> Result<String, QueueError> {
    let v = VERSION;
    serde_json::to_string(&Outgoing { v, message }).map_err(refused)
}

fn read(text: &str) -> Result<SyncMessage, Unreadable> {
    let header: Header = serde_json::from_str(text).map_err(|_| Unreadable::Malformed)?;
    if header.v != VERSION || header.kind == Kind::Unknown {
        return Err(Unreadable::UnknownVersion);
    }
    serde_json::from_str(text).map_err(|_| Unreadable::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use ulid::Ulid;

    use super::*;

    const ULID: &str = "01K72Z5QSW0123456789ABCDEF";

    fn owner(mut rest: Value) -> Value {
        rest["organization"] = format!("org_{ULID}").into();
        rest["integration"] = format!("int_{ULID}").into();
        rest
    }

    fn messages() -> [(SyncMessage, Value); 6] {
        let ulid = Ulid::from_string(ULID).unwrap();
        let (organization, integration) = (ulid.into(), ulid.into());
        let step = SyncMessage::Step {
            organization,
            integration,
            job: ulid.into(),
            step: 7,
        };
        let push = SyncMessage::Push {
            organization,
            integration,
            entity: "contacts".parse().unwrap(),
            record: Digest::of(b"text"),
        };
        let feed = SyncMessage::Feed {
            organization,
            integration,
            entity: "contacts".parse().unwrap(),
        };
        let link = SyncMessage::Link {
            organization,
            integration,
            entity: "contacts".parse().unwrap(),
            record: Digest::of(b"text"),
        };
        let event = SyncMessage::Event {
            organization,
            integration,
            event: ulid.into(),
        };
        let configured = SyncMessage::Configured {
            organization,
            integration,
        };
        let digest = Digest::of(b"text").to_string();
        [
            (
                step,
                owner(json!({"v": 1, "kind": "step", "job": format!("syn_{ULID}"), "step": 7})),
            ),
            (
                push,
                owner(json!({"v": 1, "kind": "push", "entity": "contacts", "record": digest})),
            ),
            (
                feed,
                owner(json!({"v": 1, "kind": "feed", "entity": "contacts"})),
            ),
            (
                link,
                owner(json!({"v": 1, "kind": "link", "entity": "contacts", "record": digest})),
            ),
            (
                event,
                owner(json!({"v": 1, "kind": "event", "event": format!("evt_{ULID}")})),
            ),
            (configured, owner(json!({"v": 1, "kind": "configured"}))),
        ]
    }

    fn purges() -> [(SyncMessage, Value); 2] {
        let ulid = Ulid::from_string(ULID).unwrap();
        let at = "2026-11-26T09:30:00.000Z";
        [None, Some(at)].map(|gone_at| {
            let message = SyncMessage::Purge {
                organization: ulid.into(),
                integration: ulid.into(),
                asked_at: at.parse().unwrap(),
                gone_at: gone_at.map(|at| at.parse().unwrap()),
            };
            let mut spelled = json!({"v": 1, "kind": "purge", "asked_at": at,
                "organization": format!("org_{ULID}"), "integration": format!("int_{ULID}")});
            if let Some(at) = gone_at {
                spelled["gone_at"] = at.into();
            }
            (message, spelled)
        })
    }

    #[test]
    fn messages_are_spelled_like_this_and_are_read_again() {
        for (message, spelled) in messages().into_iter().chain(purges()) {
            let text = write(&message).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), spelled);
            assert_eq!(read(&text), Ok(message));
        }
    }

    #[test]
    fn what_is_no_message_is_told_from_what_is_one_of_later() {
        let [(_, step), (_, push), ..] = messages();
        let [_, (_, purge)] = purges();
        let with = |of: &Value, name: &str, value: Value| {
            let mut changed = of.clone();
            changed[name] = value;
            read(&changed.to_string())
        };
        assert_eq!(with(&step, "v", json!(2)), Err(Unreadable::UnknownVersion));
        assert_eq!(
            with(&step, "kind", json!("leap")),
            Err(Unreadable::UnknownVersion)
        );
        let malformed = [
            with(&step, "step", json!(-1)),
            with(&step, "job", json!("syn_1")),
            with(&step, "organization", json!(null)),
            with(&push, "record", json!("00")),
            with(&push, "entity", json!("a#b")),
            with(&push, "kind", json!("event")),
            with(&purge, "asked_at", json!(null)),
            with(&purge, "gone_at", json!("soon")),
            read(""),
            read("[]"),
        ];
        for opened in malformed {
            assert_eq!(opened, Err(Unreadable::Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = read(&text);
        }
    }
}
