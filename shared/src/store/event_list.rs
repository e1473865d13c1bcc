//! The newest events of an integration: its shards, each in the order of ids, merged into one.
//!
//! A page ends at a position in that order, not at an offset. Events that arrive meanwhile are
//! newer than the position, so going on from it neither repeats an event nor skips an older one.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;
use ulid::Ulid;

use crate::domain::{
    EndpointId, Event, EventId, EventPattern, EventStatus, IntegrationId, OrganizationId, SecretId,
    Timestamp,
};

use super::events::{projection, read_outline};
use super::items::Stored;
use super::keys::{Collection, ItemKey, PK, SK, event_bound, event_shards};
use super::{Page, Store, StoreError};

/// After reading this many events a page is returned as it is, however short.
const MAX_READ: usize = 1_000;

/// The most events read from one shard at a time: what is read and not reached is read again by
/// the next page.
const MAX_SHARD_PAGE: usize = 64;

/// How many events are looked through for the last use of a signing secret.
const LAST_USE_WINDOW: usize = 200;

/// Which events to list.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Only those that came in by this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those that stand like this.
    pub status: Option<EventStatus>,
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
            status: None,
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
            && self.status.is_none_or(|wanted| event.status == wanted)
            && self
                .event_type
                .as_ref()
                .is_none_or(|wanted| wanted.matches(event_type))
    }

    /// The lowest and the highest ULID to read; `None` if nothing lies between. The time part of
    /// an event's id is the instant of its receipt.
    fn bounds(&self) -> Option<(Ulid, Ulid)> {
        let low = self.from.map_or(0, lowest);
        let end = self.to.map_or(u128::MAX, lowest);
        let end = end.min(self.after.map_or(u128::MAX, |after| after.ulid().into()));
        let high = end.checked_sub(1)?;
        (low <= high).then(|| (low.into(), high.into()))
    }
}

/// The lowest ULID of an instant.
fn lowest(instant: Timestamp) -> u128 {
    let millisecond = u64::try_from(instant.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(millisecond, 0).into()
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
        let mut page = Page {
            items: Vec::new(),
            next: None,
        };
        let Some(bounds) = query.bounds() else {
            return Ok(page);
        };
        let wanted = usize::from(query.limit.max(1));
        let mut merge = Merge::new(self, (organization, integration), bounds, wanted);
        while page.items.len() < wanted {
            let Some((id, stored)) = merge.next().await? else {
                page.next = page.next.filter(|_| !merge.is_at_end());
                return Ok(page);
            };
            page.next = Some(id);
            if query.accepts(&stored) {
                page.items.push(stored.data);
            }
        }
        page.next = page.next.filter(|_| !merge.is_at_end());
        Ok(page)
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
        let mut merge = Merge::new(self, owner, bounds, LAST_USE_WINDOW);
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

/// The shards of an integration as one descending sequence.
struct Merge<'a> {
    store: &'a Store,
    owner: (OrganizationId, IntegrationId),
    low: Ulid,
    shards: Vec<Shard>,
    /// How many events are read from a shard the next time.
    page: usize,
    /// How many have been read.
    read: usize,
}

struct Shard {
    number: u8,
    buffer: VecDeque<(EventId, Stored<Event>)>,
    /// Where reading goes on; `None` once everything is read.
    rest: Option<Ulid>,
}

impl<'a> Merge<'a> {
    fn new(
        store: &'a Store,
        owner: (OrganizationId, IntegrationId),
        (low, high): (Ulid, Ulid),
        wanted: usize,
    ) -> Self {
        let shards: Vec<Shard> = event_shards()
            .map(|number| Shard {
                number,
                buffer: VecDeque::new(),
                rest: Some(high),
            })
            .collect();
        // Ids spread evenly; a few more than a shard's share save most second reads.
        let page = (wanted / shards.len().max(1) + 8).min(MAX_SHARD_PAGE);
        Self {
            store,
            owner,
            low,
            shards,
            page,
            read: 0,
        }
    }

    /// The next event; none at the end, or when enough has been read.
    async fn next(&mut self) -> Result<Option<(EventId, Stored<Event>)>, StoreError> {
        while self.shards.iter().any(Shard::is_dry) {
            if self.read >= MAX_READ {
                return Ok(None);
            }
            self.refill().await?;
        }
        let newest = self
            .shards
            .iter_mut()
            .max_by_key(|shard| shard.buffer.front().map(|(id, _)| *id));
        Ok(newest.and_then(|shard| shard.buffer.pop_front()))
    }

    fn is_at_end(&self) -> bool {
        let done = |shard: &Shard| shard.buffer.is_empty() && shard.rest.is_none();
        self.shards.iter().all(done)
    }

    /// Reads on in every shard that nothing is known of, at the same time.
    async fn refill(&mut self) -> Result<(), StoreError> {
        let (store, low, page) = (self.store, self.low, self.page);
        let owner = self.owner;
        let dry = self.shards.iter_mut().filter(|shard| shard.is_dry());
        let reads = dry.map(|shard| async move { store.read_shard(shard, owner, low, page).await });
        let read = futures::future::try_join_all(reads).await?;
        // An empty answer counts too, so that the work stays bounded.
        self.read += read.iter().map(|count| (*count).max(1)).sum::<usize>();
        self.page = (self.page * 2).min(MAX_SHARD_PAGE);
        Ok(())
    }
}

impl Shard {
    /// Whether its next event is unknown.
    fn is_dry(&self) -> bool {
        self.buffer.is_empty() && self.rest.is_some()
    }
}

impl Store {
    /// Reads up to `page` events from where the shard's reading stands, and says how many.
    async fn read_shard(
        &self,
        shard: &mut Shard,
        owner: (OrganizationId, IntegrationId),
        low: Ulid,
        page: usize,
    ) -> Result<usize, StoreError> {
        let Some(high) = shard.rest.filter(|high| low <= *high) else {
            shard.rest = None;
            return Ok(0);
        };
        let collection = Collection::Events(owner.0, owner.1, shard.number);
        let (pk, _) = collection.render();
        let (projection, names) = projection();
        let request = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :low AND :high")
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":low", AttributeValue::S(event_bound(low)))
            .expression_attribute_values(":high", AttributeValue::S(event_bound(high)))
            .projection_expression(projection)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(page).unwrap_or(i32::MAX));
        let output = Box::pin(request.send()).await?;
        let items = output.items.unwrap_or_default();
        let count = items.len();
        for attributes in items {
            let id: EventId = collection.id_of(&attributes)?;
            let key = ItemKey::Event(owner.0, owner.1, id);
            shard.buffer.push_back((id, read_outline(key, attributes)?));
        }
        shard.rest = match output.last_evaluated_key {
            Some(last) => {
                let last: EventId = collection.id_of(&last)?;
                u128::from(last.ulid()).checked_sub(1).map(Ulid::from)
            }
            None => None,
        };
        Ok(count)
    }
}
