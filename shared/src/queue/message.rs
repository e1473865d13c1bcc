use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Delivery, DeliveryStatus, DestinationId, EndpointId, Event, EventId, IntegrationId,
    OrganizationId, SecretId, Timestamp, TraceParent,
};

/// What a message asks for.
#[derive(Debug)]
pub enum Message {
    /// An accepted event is to be stored and delivered.
    Event(Box<ReceivedEvent>, TraceParent),
    /// A delivery is to be tried (again).
    Delivery(DeliveryDue),
}

/// An event as it was accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Its id.
    pub id: EventId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration it came in by.
    pub integration_id: IntegrationId,
    /// The endpoint it came in by.
    pub endpoint_id: EndpointId,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// The scheme that it was verified by.
    pub scheme: String,
    /// The provider's id of it.
    pub provider_event_id: Option<String>,
    /// The provider's name for what happened.
    pub event_type: Option<String>,
    /// When it happened, if the provider says so.
    pub occurred_at: Option<Timestamp>,
    /// The signing secret that it was verified with.
    pub verified_with: Option<SecretId>,
    /// The media type of its body.
    pub content_type: Option<String>,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// Without the body.
impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedEvent")
            .field("id", &self.id)
            .field("endpoint_id", &self.endpoint_id)
            .field("received_at", &self.received_at)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A delivery that is to be tried. It holds no payload: that is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDue {
    /// Who owns the event.
    #[serde(rename = "organization")]
    pub organization_id: OrganizationId,
    /// The integration it came in by.
    #[serde(rename = "integration")]
    pub integration_id: IntegrationId,
    /// The event.
    #[serde(rename = "event")]
    pub event_id: EventId,
    /// Where it goes.
    #[serde(rename = "destination")]
    pub destination_id: DestinationId,
    /// The number of the attempt that is asked for. Once it has been made, the message is stale.
    pub attempt: u16,
    /// Not before then.
    pub not_before: Timestamp,
}

impl DeliveryDue {
    /// The message that a delivery of `event` needs, if it is to be tried again.
    #[must_use]
    pub fn of(event: &Event, delivery: &Delivery) -> Option<Self> {
        (delivery.status == DeliveryStatus::Retrying).then(|| Self {
            organization_id: event.organization_id,
            integration_id: event.integration_id,
            event_id: event.id,
            destination_id: delivery.destination_id,
            attempt: delivery.attempts.saturating_add(1),
            not_before: delivery.next_attempt_at.unwrap_or(delivery.started_at),
        })
    }
}
