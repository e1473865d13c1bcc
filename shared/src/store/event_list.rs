//! Lists an integration's events, newest first, over all its partitions.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;
use serde::Deserialize;

use super::error::sdk;
use super::items::{self, DATA, Item};
use super::keys::{self, EVENT_SHARDS, SK};
use super::{Store, StoreError};
use crate::domain::{
    Delivery, EndpointId, EventId, EventPattern, EventStatus, IntegrationId, OrganizationId,
    SecretId, Timestamp,
};

/// One call looks at no more than so many events: a filter that fits few of them answers with a
/// short page and a cursor, not with a long wait.
const MAX_EXAMINED: usize = 1_000;
/// What of an item a summary is made of: everything but the body.
const PROJECTION: &str = "sk, item_type, version, expires_at, #data.id, #data.endpointId, \
    #data.providerEventId, #data.eventType, #data.#scheme, #data.verifiedWith, #data.#status, \
    #data.receivedAt, #data.occurredAt, #data.contentType, #data.bodyBytes, #data.deliveries, \
    #data.traceId";

/// An event without its body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of `domain::Event`")]
pub struct EventSummary {
    pub id: EventId,
    pub endpoint_id: EndpointId,
    pub provider_event_id: Option<String>,
    pub event_type: Option<String>,
    pub scheme: String,
    pub verified_with: Option<SecretId>,
    pub status: EventStatus,
    pub received_at: Timestamp,
    pub occurred_at: Option<Timestamp>,
    pub content_type: Option<String>,
    pub body_bytes: u64,
    pub deliveries: Vec<Delivery>,
    pub trace_id: Option<String>,
}

/// Which events are listed: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Of this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Of this status.
    pub status: Option<EventStatus>,
    /// Whose type fits this pattern.
    pub event_type: Option<EventPattern>,
    /// Verified with this secret.
    pub verified_with: Option<SecretId>,
    /// Received then or later.
    pub from: Option<Timestamp>,
    /// Received before then.
    pub to: Option<Timestamp>,
    /// After this one, in the order of the list.
    pub after: Option<EventId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<EventSummary>,
    /// The event after which the next page begins, if there may be one.
    pub next: Option<EventId>,
}

impl EventQuery {
    fn fits(&self, event: &EventSummary) -> bool {
        self.endpoint
            .is_none_or(|endpoint| endpoint == event.endpoint_id)
            && self.status.is_none_or(|status| status == event.status)
            && self
                .verified_with
                .is_none_or(|secret| event.verified_with == Some(secret))
            && self
                .event_type
                .as_ref()
                .is_none_or(|pattern| pattern.matches(event.event_type.as_deref()))
    }
}

impl Store {
    /// A page of the events of `integration` that fit `query`, newest first. Events that come in meanwhile are newer than the first page, so that going through the
    /// pages neither repeats nor skips any.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn events(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        query: &EventQuery,
        now: Timestamp,
    ) -> Result<EventPage, StoreError> {
        let chunk = i32::try_from(query.limit / usize::from(EVENT_SHARDS) * 2)
            .unwrap_or(50)
            .clamp(4, 100);
        let mut shards: Vec<Shard<'_>> = (0..EVENT_SHARDS)
            .map(|shard| {
                let partition = keys::event_partition(organization, integration, shard);
                Shard::new(self, partition, query, chunk)
            })
            .collect();
        let mut page = EventPage {
            events: Vec::new(),
            next: None,
        };
        let mut last = None;
        for examined in 0.. {
            try_join_all(shards.iter_mut().map(Shard::fill)).await?;
            let newest = shards.iter_mut().max_by(|a, b| a.head().cmp(&b.head()));
            let Some(item) = newest.and_then(|shard| shard.buffer.pop_front()) else {
                break;
            };
            if page.events.len() == query.limit || examined == MAX_EXAMINED {
                page.next = last;
                break;
            }
            let expired = items::is_expired(&item, now);
            let event = items::read_as::<EventSummary>("event", item)?.item;
            last = Some(event.id);
            if !expired && query.fits(&event) {
                page.events.push(event);
            }
        }
        Ok(page)
    }
}

/// One partition, read from its newest end.
struct Shard<'a> {
    store: &'a Store,
    partition: String,
    lowest: String,
    highest: String,
    chunk: i32,
    buffer: VecDeque<Item>,
    exhausted: bool,
}

impl<'a> Shard<'a> {
    fn new(store: &'a Store, partition: String, query: &EventQuery, chunk: i32) -> Self {
        let millisecond = |at: Timestamp| u64::try_from(at.as_millisecond()).unwrap_or(0);
        let lowest = keys::first_event_at(query.from.map_or(0, millisecond));
        // A ULID's time part has 48 bits.
        let latest = (1 << 48) - 1;
        let to = query
            .to
            .map_or(latest, |to| millisecond(to).saturating_sub(1).min(latest));
        let mut highest = keys::last_event_at(to);
        if let Some(after) = query.after {
            highest = highest.min(below(&keys::event_sort_key(after)));
        }
        Self {
            store,
            partition,
            lowest,
            highest,
            chunk,
            buffer: VecDeque::new(),
            exhausted: false,
        }
    }

    /// The sort key of the newest item that is left.
    fn head(&self) -> Option<&String> {
        match self.buffer.front()?.get(SK) {
            Some(AttributeValue::S(sk)) => Some(sk),
            _ => None,
        }
    }

    async fn fill(&mut self) -> Result<(), StoreError> {
        if self.exhausted || !self.buffer.is_empty() {
            return Ok(());
        }
        if self.lowest > self.highest {
            self.exhausted = true;
            return Ok(());
        }
        let output = self
            .store
            .client
            .query()
            .table_name(&self.store.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :lowest AND :highest")
            .projection_expression(PROJECTION)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#scheme", "scheme")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pk", AttributeValue::S(self.partition.clone()))
            .expression_attribute_values(":lowest", AttributeValue::S(self.lowest.clone()))
            .expression_attribute_values(":highest", AttributeValue::S(self.highest.clone()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(self.chunk)
            .send()
            .await
            .map_err(sdk)?;
        self.exhausted = output.last_evaluated_key.is_none();
        self.buffer = output.items.unwrap_or_default().into();
        if let Some(Some(AttributeValue::S(oldest))) = self.buffer.back().map(|item| item.get(SK)) {
            self.highest = below(oldest);
        }
        Ok(())
    }
}

/// The greatest sort key of an event below `sort_key`, with room for none in between: the
/// character before the last one, followed by the highest that an id can hold.
fn below(sort_key: &str) -> String {
    let mut text = sort_key.to_owned();
    match text.pop() {
        Some(last) => {
            let before = char::from_u32(u32::from(last).saturating_sub(1)).unwrap_or('0');
            text.push(before);
            text.push('~');
            text
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fits_between_a_key_and_the_bound_below_it() {
        let bound = below("EVENT#evt_01K72Z5QSW0123456789ABCDEF");
        assert!(bound.as_str() < "EVENT#evt_01K72Z5QSW0123456789ABCDEF");
        assert!(bound.as_str() > "EVENT#evt_01K72Z5QSW0123456789ABCDEE");
    }
}
