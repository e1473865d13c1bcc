//! The newest events of an integration.

use std::collections::HashMap;

use ulid::Ulid;

use crate::domain::{
    EndpointId, Event, EventId, EventPattern, EventStatus, IntegrationId, OrganizationId, SecretId,
    Timestamp,
};

use super::events::{projection, read_outline};
use super::items::{Attributes, Stored};
use super::keys::{Collection, ItemKey};
use super::sharded::{Merge, Owner, Range, Sharded};
use super::{Page, Store, StoreError};

/// How many events are looked through for the last use of a signing secret.
const LAST_USE_WINDOW: usize = 200;

/// Events without their payloads. The time part of an event's id is the instant of its receipt.
struct Outlines;

impl Sharded for Outlines {
    type Owner = Owner;
    type Id = EventId;
    type Data = Event;

    fn collection(owner: Owner, shard: u8) -> Collection {
        Collection::Events(owner.0, owner.1, shard)
    }

    fn key(owner: Owner, id: EventId) -> ItemKey {
        ItemKey::Event(owner.0, owner.1, id)
    }

    fn projection() -> (String, HashMap<String, String>) {
        projection()
    }

    fn read(key: ItemKey, attributes: Attributes) -> Result<Stored<Event>, StoreError> {
        read_outline(key, attributes)
    }
}

/// Which events to list.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Only those that came in by this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those that stand like one of these; all, if there are none.
    pub statuses: Vec<EventStatus>,
    /// Only those whose type fits.
    pub event_type: Option<EventPattern>,
    /// Only those received at this instant or later.
    pub from: Option<Timestamp>,
    /// Only those received before this instant.
    pub to: Option<Timestamp>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this event: the `next` of the page before.
    pub after: Option<EventId>,
    /// The current instant: what has expired is not listed.
    pub now: Timestamp,
}

impl EventQuery {
    /// The newest `limit` events.
    #[must_use]
    pub fn newest(limit: u16, now: Timestamp) -> Self {
        Self {
            endpoint: None,
            statuses: Vec::new(),
            event_type: None,
            from: None,
            to: None,
            limit,
            after: None,
            now,
        }
    }

    fn accepts(&self, stored: &Stored<Event>) -> bool {
        let event = &stored.data;
        let event_type = event.event_type.as_deref();
        stored.is_alive(self.now)
            && self
                .endpoint
                .is_none_or(|wanted| event.endpoint_id == wanted)
            && (self.statuses.is_empty() || self.statuses.contains(&event.status))
            && self
                .event_type
                .as_ref()
                .is_none_or(|wanted| wanted.matches(event_type))
    }
}

impl Store {
    /// At most `query.limit` events without their payloads, newest first. Work is bounded: a page
    /// can be short, even empty, and still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn events(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        query: &EventQuery,
    ) -> Result<Page<Event, EventId>, StoreError> {
        let range = Range {
            from: query.from,
            to: query.to,
            after: query.after.map(EventId::ulid),
            limit: query.limit,
        };
        let accepts = |stored: &Stored<Event>| query.accepts(stored);
        self.newest::<Outlines>((organization, integration), range, accepts)
            .await
    }

    /// Every event that came in from `from` until before `to`, in no order, without payloads.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn each_event(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        span: (Timestamp, Timestamp),
        mut fold: impl FnMut(Event),
    ) -> Result<(), StoreError> {
        self.each::<Outlines>((organization, integration), span, |stored| {
            fold(stored.data);
        })
        .await
    }

    /// When the newest event came in that was verified with this signing secret. Only the newest
    /// 200 events of the integration are looked at: `None` means "not lately".
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn newest_event_verified_with(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        endpoint: EndpointId,
        secret: SecretId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let bounds = (Ulid::nil(), Ulid::from(u128::MAX));
        let owner = (organization, integration);
        let mut merge = Merge::<Outlines>::new(self, owner, bounds, LAST_USE_WINDOW);
        for _ in 0..LAST_USE_WINDOW {
            let Some((_, stored)) = merge.next().await? else {
                break;
            };
            let event = stored.data;
            if event.endpoint_id == endpoint && event.verified_with == Some(secret) {
                return Ok(Some(event.received_at));
            }
        }
        Ok(None)
    }
}
