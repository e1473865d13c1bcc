use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::error::sdk;
use super::items::{self, DATA, VERSION, Versioned};
use super::keys::{ItemKey, attempt_partition, prefix};
use super::table::Order;
use super::{Store, StoreError};
use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryStatus, Event, EventId, EventStatus, IntegrationId,
    OrganizationId, Timestamp,
};

/// How often a change to an event is tried again because another delivery of it was recorded in
/// between. There are at most 50 deliveries, and they rarely end in the same millisecond.
const MAX_RACES: usize = 50;

/// Whether a delivery may be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is ours until the lease ends.
    Won,
    /// Another function is at it.
    Held {
        /// When its lease ends.
        until: Timestamp,
    },
    /// It is not as it was when it was read: tried, settled, or gone.
    Stale,
}

impl Store {
    /// Stores an event with its deliveries: one write, unless its body is very long. An event that
    /// is stored already is left as it is.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the event is too large even without its body.
    pub async fn put_event(&self, event: &Event, expires_at: Timestamp) -> Result<(), StoreError> {
        let payload = self.put_parts(event, expires_at).await?;
        let item = if payload == event.payload {
            items::item(key(event), event, 1, Some(expires_at))?
        } else {
            items::item(
                key(event),
                &Event {
                    payload,
                    ..event.clone()
                },
                1,
                Some(expires_at),
            )?
        };
        match self.create(item).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// An event of `integration`, unless it has expired.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn event(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: EventId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Event>>, StoreError> {
        let key = ItemKey::Event(organization, integration, id);
        let found = self
            .get(key)
            .await?
            .filter(|item| !items::is_expired(item, now));
        found.map(|item| items::read(key, item)).transpose()
    }

    /// The attempts of a delivery that were followed by others, oldest first; the newest is in the
    /// delivery itself. At most 100.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn earlier_attempts(
        &self,
        organization: OrganizationId,
        delivery: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        let partition = attempt_partition(organization, delivery);
        let mut found = self
            .query(&partition, prefix::ATTEMPT, Order::NewestFirst, 100, None)
            .await?;
        found.reverse();
        let read = |item| items::read_as("attempt", item).map(|attempt| attempt.item);
        found.into_iter().map(read).collect()
    }

    /// Takes a delivery for an attempt, if it is still as `event` shows it and nobody has it.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the event is corrupt.
    pub async fn lease_delivery(
        &self,
        event: &Event,
        delivery: &Delivery,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Lease, StoreError> {
        let Some(path) = path_of(event, delivery) else {
            return Ok(Lease::Stale);
        };
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(event).attributes()))
            .update_expression(format!("SET {path}.leasedUntil = :until"))
            .condition_expression(format!(
                "{path}.id = :id AND {path}.attempts = :attempts AND {path}.#status = :retrying \
                 AND (attribute_not_exists({path}.leasedUntil) OR {path}.leasedUntil <= :now)"
            ))
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":until", items::value(&until)?)
            .expression_attribute_values(":id", items::value(&delivery.id)?)
            .expression_attribute_values(":attempts", items::number(delivery.attempts.into()))
            .expression_attribute_values(":retrying", items::value(&DeliveryStatus::Retrying)?)
            .expression_attribute_values(":now", items::value(&now)?)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => return Ok(Lease::Won),
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(sdk(error));
        };
        let Some(item) = failed.item().cloned() else {
            return Ok(Lease::Stale);
        };
        let stored: Event = items::read(key(event), item)?.item;
        Ok(match stored.delivery_to(delivery.destination_id) {
            Some(now_stored) if now_stored.attempts == delivery.attempts => {
                match now_stored.leased_until.filter(|until| *until > now) {
                    Some(until) => Lease::Held { until },
                    None => Lease::Stale,
                }
            }
            _ => Lease::Stale,
        })
    }

    /// Records what became of a delivery that had `before` attempts, and what follows for the
    /// event. The attempt that its newest one replaces becomes an item of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if somebody else has recorded that attempt.
    pub async fn record_attempt(
        &self,
        event: &Versioned<Event>,
        delivery: &Delivery,
        before: u16,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Event {
            organization_id,
            integration_id,
            id,
            ..
        } = event.item;
        let mut current = event.clone();
        for _ in 0..MAX_RACES {
            match self
                .try_record(&current, delivery, before, expires_at)
                .await
            {
                Err(StoreError::Conflict) => {
                    current = self
                        .event(organization_id, integration_id, id, now)
                        .await?
                        .ok_or(StoreError::NotFound)?;
                }
                end => return end,
            }
        }
        Err(StoreError::Conflict)
    }

    async fn try_record(
        &self,
        event: &Versioned<Event>,
        delivery: &Delivery,
        before: u16,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut deliveries = event.item.deliveries.clone();
        let stored = deliveries
            .iter_mut()
            .find(|stored| stored.id == delivery.id);
        let stored = stored.ok_or(StoreError::NotFound)?;
        if stored.attempts != before {
            // Not a race to be repeated: the attempt is recorded.
            return Err(StoreError::NotFound);
        }
        let replaced = stored
            .last_attempt
            .take()
            .filter(|_| delivery.attempts > before);
        *stored = delivery.clone();
        let update = self.update_of_deliveries(event, &deliveries, EventStatus::of(&deliveries))?;
        let mut writes = vec![TransactWriteItem::builder().update(update).build()];
        if let Some(attempt) = replaced {
            let key = ItemKey::Attempt(event.item.organization_id, delivery.id, attempt.number);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(items::item(key, &attempt, 1, Some(expires_at))?))
                .build()
                .map_err(|error| StoreError::Refused(error.into()))?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        sent.map(|_| ()).map_err(sdk)
    }

    /// Replaces the deliveries of an event of the version that `event` shows.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is of another version by now, or gone.
    pub async fn update_deliveries(
        &self,
        event: &Versioned<Event>,
        deliveries: &[Delivery],
    ) -> Result<(), StoreError> {
        let update = self.update_of_deliveries(event, deliveries, EventStatus::of(deliveries))?;
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }

    fn update_of_deliveries(
        &self,
        event: &Versioned<Event>,
        deliveries: &[Delivery],
        status: EventStatus,
    ) -> Result<Update, StoreError> {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&event.item).attributes()))
            .update_expression(
                "SET #data.deliveries = :deliveries, #data.#status = :status ADD #version :one",
            )
            .condition_expression("#version = :version")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":deliveries", items::value(&deliveries)?)
            .expression_attribute_values(":status", items::value(&status)?)
            .expression_attribute_values(":version", items::number(event.version))
            .expression_attribute_values(":one", items::number(1))
            .build()
            .map_err(|error| StoreError::Refused(error.into()))
    }
}

fn key(event: &Event) -> ItemKey<'static> {
    ItemKey::Event(event.organization_id, event.integration_id, event.id)
}

/// Where in the item a delivery is. Deliveries are only ever added at the end.
fn path_of(event: &Event, delivery: &Delivery) -> Option<String> {
    let index = event
        .deliveries
        .iter()
        .position(|stored| stored.id == delivery.id)?;
    Some(format!("#data.deliveries[{index}]"))
}
