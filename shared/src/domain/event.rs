use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Delivery, DeliveryStatus, DestinationId, EndpointId, EventId, IntegrationId, OrganizationId,
    Sealed, SecretId, Timestamp,
};

/// One verified inbound fact, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its id, and the `webhook-id` that every destination sees on every try.
    pub id: EventId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration it came in by.
    pub integration_id: IntegrationId,
    /// The endpoint it came in by.
    pub endpoint_id: EndpointId,
    /// The provider's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_event_id: Option<String>,
    /// The provider's name for what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// When it happened, if the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The scheme that it was verified by.
    pub scheme: String,
    /// The signing secret that it was verified with; none if the scheme is `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_with: Option<SecretId>,
    /// How it stands: follows from its deliveries.
    pub status: EventStatus,
    /// Why it failed before it was routed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// The media type of its body, as the provider sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The length of its body.
    pub body_bytes: u64,
    /// Its body.
    pub payload: PayloadLocation,
    /// Its deliveries, one for each destination that it was routed to.
    pub deliveries: Vec<Delivery>,
    /// The trace that it belongs to (W3C Trace Context `trace-id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Event {
    /// The scheme of what is no event of the provider's, but a change of a record that is synchronized.
    pub const RECORDS: &'static str = "records";
    /// The scheme of what is no event of the provider's either, but tells of alerts.
    pub const ALERTS: &'static str = "alerts";

    /// Whether it is none of the provider's, but one of ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        [Self::RECORDS, Self::ALERTS].contains(&self.scheme.as_str())
    }

    /// The one destination that it is for, whatever others want: of what tells of alerts. It came in by no
    /// endpoint, and has the destination's number in the place of that.
    #[must_use]
    pub fn addressee(&self) -> Option<DestinationId> {
        (self.scheme == Self::ALERTS).then(|| self.endpoint_id.ulid().into())
    }

    /// The delivery to `destination`, if the event was routed there.
    #[must_use]
    pub fn delivery_to(&self, destination: DestinationId) -> Option<&Delivery> {
        self.deliveries
            .iter()
            .find(|delivery| delivery.destination_id == destination)
    }
}

/// Where the sealed body of an event is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadLocation {
    /// In the event's own item.
    Inline(Sealed),
    /// In this many items of their own, because an item holds at most 400 KB.
    Parts(u16),
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Some delivery is still being tried.
    Retrying,
    /// Every delivery is made.
    Delivered,
    /// Some delivery failed for good, and none is being tried; or it could not be routed.
    Failed,
    /// No destination wanted it. It can be replayed once one does.
    Unrouted,
    /// The endpoint's event filter keeps it from being routed.
    Filtered,
}

impl EventStatus {
    /// What follows from the deliveries of a routed event.
    #[must_use]
    pub fn of(deliveries: &[Delivery]) -> Self {
        let any = |status| deliveries.iter().any(|delivery| delivery.status == status);
        if deliveries.is_empty() {
            Self::Unrouted
        } else if any(DeliveryStatus::Retrying) {
            Self::Retrying
        } else if any(DeliveryStatus::Failed) {
            Self::Failed
        } else {
            Self::Delivered
        }
    }
}
