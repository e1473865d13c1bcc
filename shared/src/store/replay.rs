use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::domain::{
    Delivery, DeliveryId, DeliveryStatus, Event, EventId, EventStatus, IntegrationId,
    OrganizationId, PayloadLocation, Timestamp,
};

use super::error::contended;
use super::items::{EXPIRES_AT, Stored, encode, number};
use super::keys::ItemKey;
use super::table::{TRIES, Transacted};
use super::{Store, StoreError};

/// A new round of deliveries of an event.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The deliveries that begin anew. One that is being attempted right now is left alone.
    pub deliveries: &'a [DeliveryId],
    /// Deliveries to destinations that the event was not routed to before; those that it was
    /// routed to are left out.
    pub additional: &'a [Delivery],
    /// The current instant.
    pub now: Timestamp,
    /// The event is kept at least until then, so that the round can end.
    pub keep_until: Timestamp,
}

/// What a replay has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The deliveries that are due now, as they stand.
    pub begun: Vec<Delivery>,
    /// How the event stands.
    pub status: EventStatus,
}

impl Store {
    /// Begins a new round for some deliveries of an event: they are due at once, and count their
    /// attempts anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the event does not exist.
    pub async fn replay(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        event: EventId,
        replay: &Replay<'_>,
    ) -> Result<Replayed, StoreError> {
        let key = ItemKey::Event(organization, integration, event);
        for _ in 0..TRIES {
            let found = self.outline(key).await?;
            let mut found = found
                .filter(|found| found.is_alive(replay.now))
                .ok_or(StoreError::NotFound(key.item_type()))?;
            let begun = replay.apply(&mut found.data);
            let status = found.data.status;
            if begun.is_empty() {
                return Ok(Replayed { begun, status });
            }
            found.expires_at = found.expires_at.max(Some(replay.keep_until.as_second()));
            let operations = self.replay_operations(key, &found)?;
            match self.transact(operations).await? {
                Transacted::Done => return Ok(Replayed { begun, status }),
                Transacted::Unmet(0) | Transacted::Busy => {}
                Transacted::Unmet(_) => return Err(StoreError::corrupt(key, "payload")),
            }
        }
        Err(contended())
    }

    /// Writes the deliveries, and keeps the payload for as long as the event.
    fn replay_operations(
        &self,
        key: ItemKey,
        event: &Stored<Event>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let deliveries = encode(key, &event.data.deliveries)?;
        let mut operations =
            vec![self.event_update(key, event, "#data.#deliveries", deliveries)?];
        let PayloadLocation::Parts(parts) = event.data.payload else {
            return Ok(operations);
        };
        for part in 1..=parts {
            let part = ItemKey::EventPart(event.data.organization_id, event.data.id, part);
            let update = Update::builder()
                .table_name(self.table())
                .set_key(Some(part.attributes()))
                .update_expression("SET #expires_at = :expires_at")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_names("#expires_at", EXPIRES_AT)
                .expression_attribute_values(
                    ":expires_at",
                    number(event.expires_at.unwrap_or(i64::MAX)),
                )
                .build()
                .map_err(|error| StoreError::Rejected(Box::new(error)))?;
            operations.push(TransactWriteItem::builder().update(update).build());
        }
        Ok(operations)
    }
}

impl Replay<'_> {
    /// Begins the round in `event`, and returns the deliveries that it consists of.
    fn apply(&self, event: &mut Event) -> Vec<Delivery> {
        let mut begun = Vec::new();
        for delivery in &mut event.deliveries {
            let idle = delivery.leased_until.is_none_or(|until| until <= self.now);
            if idle && self.deliveries.contains(&delivery.id) {
                self.begin(delivery);
                begun.push(delivery.clone());
            }
        }
        for delivery in self.additional {
            if event.delivery_to(delivery.destination_id).is_none() {
                let mut delivery = delivery.clone();
                self.begin(&mut delivery);
                event.deliveries.push(delivery.clone());
                begun.push(delivery);
            }
        }
        if !begun.is_empty() {
            event.status = EventStatus::of(&event.deliveries);
        }
        begun
    }

    fn begin(&self, delivery: &mut Delivery) {
        delivery.status = DeliveryStatus::Retrying;
        delivery.earlier_attempts = delivery.attempts;
        delivery.started_at = self.now;
        delivery.next_attempt_at = Some(self.now);
        delivery.leased_until = None;
    }
}
