//! Deliveries live inside their event, so that an event, its status and what became of it at each
//! destination are one item and change together. Every change adds 1 to the event's version;
//! changes that rest on more than one delivery demand the version that they were decided on.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryStatus, DestinationId, Event, EventId, EventStatus,
    IntegrationId, OrganizationId, Timestamp,
};

use super::error::contended;
use super::items::{self, DATA, EXPIRES_AT, Stored, VERSION, encode, number, text};
use super::keys::{Collection, ItemKey};
use super::table::{TRIES, Transacted};
use super::{Store, StoreError};

/// A bid to make the next attempt of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryLease {
    /// Where the event goes.
    pub destination: DestinationId,
    /// How many attempts the caller knows of.
    pub expected_attempts: u16,
    /// The current instant.
    pub now: Timestamp,
    /// Until when nobody else may make it.
    pub until: Timestamp,
}

/// Whether to make the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Make it. Nobody else will until the lease ends.
    Leased(Box<Event>),
    /// Not yet: it is due later, or somebody else is making it.
    NotDue {
        /// When to come back.
        until: Timestamp,
    },
    /// Never: it has been made, is no longer wanted, or the event has expired.
    Gone,
}

/// What became of the record of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is stored, and the event stands like this.
    Stored(EventStatus),
    /// Somebody else has recorded an attempt meanwhile, which stands; this one is not kept.
    Superseded,
}

impl Store {
    /// Takes the right to make an attempt, if it is due and nobody else has it.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn lease_delivery(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        event: EventId,
        lease: &DeliveryLease,
    ) -> Result<Lease, StoreError> {
        let key = ItemKey::Event(organization, integration, event);
        for _ in 0..TRIES {
            let found = self.get::<Event>(key).await?;
            let Some(mut found) = found.filter(|found| found.is_alive(lease.now)) else {
                return Ok(Lease::Gone);
            };
            let deliveries = found.data.deliveries.iter_mut().enumerate();
            let mut wanted = deliveries.filter(|(_, it)| it.destination_id == lease.destination);
            let Some((index, delivery)) = wanted.next() else {
                return Ok(Lease::Gone);
            };
            if let Some(refusal) = refusal(delivery, lease) {
                return Ok(refusal);
            }
            match self
                .update_if(self.lease(index, delivery, lease), key)
                .await
            {
                Ok(()) => {
                    delivery.leased_until = Some(lease.until);
                    return Ok(Lease::Leased(Box::new(found.data)));
                }
                Err(StoreError::Conflict) => {}
                Err(StoreError::NotFound(_)) => return Ok(Lease::Gone),
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// The update that leases a delivery which is still as it was read.
    fn lease(
        &self,
        index: usize,
        delivery: &Delivery,
        lease: &DeliveryLease,
    ) -> UpdateItemFluentBuilder {
        let path = format!("#data.#deliveries[{index}]");
        self.client()
            .update_item()
            .update_expression(format!(
                "SET {path}.#until = :until, #version = #version + :one"
            ))
            .condition_expression(format!(
                "{path}.#id = :id AND {path}.#attempts = :attempts AND {path}.#status = :retrying \
                 AND {path}.#started = :started \
                 AND (attribute_not_exists({path}.#until) OR {path}.#until <= :now)"
            ))
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#deliveries", "deliveries")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#started", "startedAt")
            .expression_attribute_names("#until", "leasedUntil")
            .expression_attribute_values(":id", text(delivery.id))
            .expression_attribute_values(":attempts", number(delivery.attempts))
            .expression_attribute_values(":retrying", text("retrying"))
            .expression_attribute_values(":started", text(delivery.started_at))
            .expression_attribute_values(":now", text(lease.now))
            .expression_attribute_values(":until", text(lease.until))
            .expression_attribute_values(":one", number(1))
    }

    /// Records an attempt: `delivery` as it stands after it, in place of the one that had
    /// `expected_attempts`. The attempt that was the newest until now gets an item of its own, in
    /// the same transaction. Also serves to put a delivery off without an attempt.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the event or the delivery does not exist.
    pub async fn record_attempt(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        event: EventId,
        delivery: &Delivery,
        expected_attempts: u16,
    ) -> Result<Recorded, StoreError> {
        let key = ItemKey::Event(organization, integration, event);
        for _ in 0..TRIES {
            let found = self.outline(key).await?;
            let mut found = found.ok_or(StoreError::NotFound(key.item_type()))?;
            let deliveries = found.data.deliveries.iter_mut().enumerate();
            let mut wanted = deliveries.filter(|(_, it)| it.id == delivery.id);
            let Some((index, slot)) = wanted.next() else {
                return Err(StoreError::NotFound("delivery"));
            };
            let replaced = std::mem::replace(slot, delivery.clone());
            found.data.status = EventStatus::of(&found.data.deliveries);
            if replaced == *delivery {
                // An earlier try of this call, whose answer was lost.
                return Ok(Recorded::Stored(found.data.status));
            }
            if replaced.attempts != expected_attempts {
                return Ok(Recorded::Superseded);
            }
            match self.write_attempt(key, index, &found, &replaced).await? {
                Transacted::Done => return Ok(Recorded::Stored(found.data.status)),
                Transacted::Unmet(_) | Transacted::Busy => {}
            }
        }
        Err(contended())
    }

    /// Writes `event`, in which the delivery at `index` has replaced `replaced`.
    async fn write_attempt(
        &self,
        key: ItemKey,
        index: usize,
        event: &Stored<Event>,
        replaced: &Delivery,
    ) -> Result<Transacted, StoreError> {
        let slot = event.data.deliveries.get(index);
        let path = format!("#data.#deliveries[{index}]");
        let update = self.event_update(key, event, &path, encode(key, &slot)?)?;
        let mut operations = vec![update];
        let newest = slot.and_then(|delivery| delivery.last_attempt.as_ref());
        if let Some(attempt) = replaced.last_attempt.as_ref()
            && newest != Some(attempt)
            && let ItemKey::Event(organization, ..) = key
        {
            let key = ItemKey::Attempt(organization, replaced.id, attempt.number);
            let stored = Stored {
                expires_at: event.expires_at,
                ..Stored::first(attempt.clone())
            };
            operations.push(self.put_operation(key, &stored, None)?);
        }
        self.transact(operations).await
    }

    /// An update in a transaction that sets `path` to `value`, and the event's status and expiry
    /// to what `event` says, if the event is still in the version of `event`.
    pub(crate) fn event_update(
        &self,
        key: ItemKey,
        event: &Stored<Event>,
        path: &str,
        value: AttributeValue,
    ) -> Result<TransactWriteItem, StoreError> {
        let expires_at = event.expires_at.unwrap_or(i64::MAX);
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .update_expression(format!(
                "SET {path} = :value, #data.#status = :status, #version = :next, \
                 #expires_at = :expires_at"
            ))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#deliveries", "deliveries")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":status", encode(key, &event.data.status)?)
            .expression_attribute_values(":expected", number(event.version))
            .expression_attribute_values(":next", number(event.version.saturating_add(1)))
            .expression_attribute_values(":expires_at", number(expires_at))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The attempts of a delivery before its newest, which is in the delivery itself; newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn earlier_attempts(
        &self,
        organization: OrganizationId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        let collection = Collection::Attempts(organization, delivery);
        let mut attempts = Vec::new();
        let mut after = None;
        loop {
            let page = self.query_down(collection, after, None).await?;
            for attributes in page.items {
                let number = collection.id_of(&attributes)?;
                let key = ItemKey::Attempt(organization, delivery, number);
                attempts.push(items::read(key, attributes)?.data);
                after = Some(key);
            }
            if !page.more {
                return Ok(attempts);
            }
        }
    }
}

/// Why an attempt must not be made (yet).
fn refusal(delivery: &Delivery, lease: &DeliveryLease) -> Option<Lease> {
    if delivery.status != DeliveryStatus::Retrying || delivery.attempts != lease.expected_attempts {
        return Some(Lease::Gone);
    }
    let waits = [delivery.leased_until, delivery.next_attempt_at];
    let until = waits.into_iter().flatten().max();
    until
        .filter(|until| lease.now < *until)
        .map(|until| Lease::NotDue { until })
}
