//! Events with their payloads. An event is one item; a payload that does not fit is cut into
//! items of its own, written in the same transaction, so there is never one without the other.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Event, EventId, IntegrationId, OrganizationId, PayloadLocation, Sealed, Timestamp,
};

use super::error::contended;
use super::items::{
    self, Attributes, DATA, EXPIRES_AT, ITEM_TYPE, SCHEMA_VERSION, Stored, VERSION,
};
use super::keys::{ItemKey, SK};
use super::table::{ABSENT, Put, Transacted};
use super::{Store, StoreError};

/// The most bytes of a sealed payload: what fits into one transaction (4 MB) with its event.
pub const MAX_PAYLOAD_BYTES: usize = 3_500_000;

/// The most bytes of a sealed payload that are kept in the event's own item.
const INLINE_BYTES: usize = 300_000;

/// How much of an event's item (400 KB) is left to everything but its payload and deliveries.
const EVENT_RESERVE_BYTES: usize = 16_000;

/// How much a delivery may take, with the answer to its last attempt.
const DELIVERY_RESERVE_BYTES: usize = 6_000;

/// The most bytes in one part.
const PART_BYTES: usize = 350_000;

/// Whether this call has stored the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutEvent {
    /// It has.
    Stored,
    /// It was there before, and is left as it is.
    AlreadyStored,
}

/// One part of a sealed payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    sealed: Sealed,
}

impl Store {
    /// Stores an event with its payload and the deliveries made so far: in one put, or, if the
    /// payload is too large for one item, in one transaction. `payload` is given inline either way.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] if the payload has more than [`MAX_PAYLOAD_BYTES`], or the
    /// deliveries alone fill the item.
    pub async fn put_event(
        &self,
        event: &Event,
        expires_at: Timestamp,
    ) -> Result<PutEvent, StoreError> {
        let key = ItemKey::Event(event.organization_id, event.integration_id, event.id);
        match &event.payload {
            PayloadLocation::Inline(sealed) if !fits_inline(event, sealed) => {
                self.put_in_parts(key, event, sealed, expires_at).await
            }
            PayloadLocation::Inline(_) | PayloadLocation::Parts(_) => {
                let stored = Stored::first(event.clone()).until(expires_at);
                let request = self.client().put_item().condition_expression(ABSENT);
                Ok(match self.put_if(request, key, &stored).await? {
                    Put::Done(_) => PutEvent::Stored,
                    Put::Same | Put::Missing | Put::Other(_) => PutEvent::AlreadyStored,
                })
            }
        }
    }

    async fn put_in_parts(
        &self,
        key: ItemKey,
        event: &Event,
        sealed: &Sealed,
        expires_at: Timestamp,
    ) -> Result<PutEvent, StoreError> {
        let too_large = StoreError::TooLarge {
            limit_bytes: MAX_PAYLOAD_BYTES as u64,
        };
        if sealed.as_bytes().len() > MAX_PAYLOAD_BYTES {
            return Err(too_large);
        }
        let mut operations = Vec::new();
        let mut parts = 0;
        for bytes in sealed.as_bytes().chunks(PART_BYTES) {
            parts += 1;
            let part = ItemKey::EventPart(event.organization_id, event.id, parts);
            let sealed = Sealed::from_bytes(bytes.to_vec());
            let stored = Stored::first(Part { sealed }).until(expires_at);
            operations.push(self.put_operation(part, &stored, None)?);
        }
        let event = Event {
            payload: PayloadLocation::Parts(parts),
            ..event.clone()
        };
        let stored = Stored::first(event).until(expires_at);
        operations.push(self.put_operation(key, &stored, Some(ABSENT))?);
        Ok(match self.transact(operations).await? {
            Transacted::Done => PutEvent::Stored,
            Transacted::Unmet(_) => PutEvent::AlreadyStored,
            Transacted::Busy => return Err(contended()),
        })
    }

    /// Reads an event with its deliveries.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn event(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        event: EventId,
        now: Timestamp,
    ) -> Result<Option<Event>, StoreError> {
        let key = ItemKey::Event(organization, integration, event);
        let stored = self.get::<Event>(key).await?;
        Ok(stored
            .filter(|stored| stored.is_alive(now))
            .map(|stored| stored.data))
    }

    /// The whole sealed payload of an event that was read by its id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] if parts are missing.
    pub async fn payload(&self, event: &Event) -> Result<Sealed, StoreError> {
        let parts = match &event.payload {
            PayloadLocation::Inline(sealed) => return Ok(sealed.clone()),
            PayloadLocation::Parts(parts) => *parts,
        };
        let reads = (1..=parts).map(|number| async move {
            let key = ItemKey::EventPart(event.organization_id, event.id, number);
            let part = self.get::<Part>(key).await?;
            part.ok_or_else(|| StoreError::corrupt(key, DATA))
        });
        let parts = futures::future::try_join_all(reads).await?;
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(|part| part.data.sealed.as_bytes())
            .copied()
            .collect();
        Ok(Sealed::from_bytes(bytes))
    }

    /// Reads an event without its payload.
    pub(crate) async fn outline(&self, key: ItemKey) -> Result<Option<Stored<Event>>, StoreError> {
        let (projection, names) = projection();
        let request = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names));
        let item = Box::pin(request.send()).await?.item;
        item.map(|attributes| read_outline(key, attributes))
            .transpose()
    }
}

/// Whether the event's item has room for its payload and for all that will be said of its
/// deliveries.
fn fits_inline(event: &Event, sealed: &Sealed) -> bool {
    let deliveries = event
        .deliveries
        .len()
        .saturating_mul(DELIVERY_RESERVE_BYTES);
    let taken = deliveries.saturating_add(EVENT_RESERVE_BYTES);
    let room = 400_000_usize.saturating_sub(taken);
    sealed.as_bytes().len() <= INLINE_BYTES.min(room)
}

/// Every field of an event, as they are stored, but the bytes of its payload.
const OUTLINE_FIELDS: [&str; 16] = [
    "id",
    "organizationId",
    "integrationId",
    "endpointId",
    "providerEventId",
    "eventType",
    "occurredAt",
    "scheme",
    "verifiedWith",
    "status",
    "error",
    "receivedAt",
    "contentType",
    "bodyBytes",
    "deliveries",
    "traceId",
];

/// What a read names in order to leave the payload out, and the attributes behind the names.
pub(crate) fn projection() -> (String, HashMap<String, String>) {
    let mut paths = Vec::new();
    let mut names = HashMap::from([
        ("#data".to_owned(), DATA.to_owned()),
        ("#payload".to_owned(), "payload".to_owned()),
        ("#parts".to_owned(), "parts".to_owned()),
    ]);
    for (index, attribute) in [SK, ITEM_TYPE, SCHEMA_VERSION, VERSION, EXPIRES_AT]
        .into_iter()
        .enumerate()
    {
        paths.push(format!("#a{index}"));
        names.insert(format!("#a{index}"), attribute.to_owned());
    }
    for (index, field) in OUTLINE_FIELDS.into_iter().enumerate() {
        paths.push(format!("#data.#f{index}"));
        names.insert(format!("#f{index}"), field.to_owned());
    }
    paths.push("#data.#payload.#parts".to_owned());
    (paths.join(", "), names)
}

/// Reads an event whose payload was left out: it stands as [`PayloadLocation::Parts`], of which
/// there are none if it is in the event's own item.
pub(crate) fn read_outline(
    key: ItemKey,
    mut attributes: Attributes,
) -> Result<Stored<Event>, StoreError> {
    if let Some(AttributeValue::M(data)) = attributes.get_mut(DATA) {
        let left_out = || items::encode(key, &PayloadLocation::Parts(0));
        if !data.contains_key("payload") {
            data.insert("payload".to_owned(), left_out()?);
        }
    }
    items::read(key, attributes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outline_has_every_field_but_the_payload() {
        let id = |prefix: &str| format!("{prefix}01K72Z5QSW0123456789ABCDEF");
        let event: Event = serde_json::from_value(json!({
            "id": id("evt_"), "organizationId": id("org_"), "integrationId": id("int_"),
            "endpointId": id("whk_"), "providerEventId": "1", "eventType": "a", "scheme": "none",
            "verifiedWith": id("sec_"), "status": "unrouted", "error": "a",
            "receivedAt": "2026-01-01T00:00:00Z", "occurredAt": "2026-01-01T00:00:00Z",
            "contentType": "text/plain", "bodyBytes": 1, "payload": {"parts": 1},
            "deliveries": [], "traceId": "0",
        }))
        .unwrap();
        let fields = serde_json::to_value(event).unwrap();
        let mut expected: Vec<_> = fields.as_object().unwrap().keys().collect();
        expected.retain(|field| *field != "payload");
        expected.sort_unstable();
        let mut named = OUTLINE_FIELDS.to_vec();
        named.sort_unstable();
        assert_eq!(named, expected);
    }
}
