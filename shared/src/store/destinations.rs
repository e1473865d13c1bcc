use aws_sdk_dynamodb::types::AttributeValue;

use super::error::sdk;
use super::items::{self, DATA, VERSION, Versioned};
use super::keys::{ItemKey, integration_partition, prefix};
use super::table::Order;
use super::{Store, StoreError};
use crate::domain::{
    Breaker, Destination, DestinationId, DestinationStatus, DisabledReason, IntegrationId,
    OrganizationId,
};

/// An integration has at most this many destinations, so that all are read in one query and an
/// event's item holds all its deliveries.
const MAX_DESTINATIONS: i32 = 50;

impl Store {
    /// Stores a new destination.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if its id exists.
    pub async fn create_destination(&self, destination: &Destination) -> Result<(), StoreError> {
        self.create(items::item(key(destination), destination, 1, None)?)
            .await
    }

    /// A destination of `integration`.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: DestinationId,
    ) -> Result<Option<Versioned<Destination>>, StoreError> {
        self.get_as(ItemKey::Destination(organization, integration, id))
            .await
    }

    /// All destinations of `integration`, oldest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn destinations(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Vec<Versioned<Destination>>, StoreError> {
        let partition = integration_partition(organization, integration);
        let found = self
            .query(
                &partition,
                prefix::DESTINATION,
                Order::OldestFirst,
                MAX_DESTINATIONS,
                None,
            )
            .await?;
        found
            .into_iter()
            .map(|item| items::read_as("destination", item))
            .collect()
    }

    /// Replaces a destination of version `expected`; the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is of another version by now, or gone.
    pub async fn update_destination(
        &self,
        destination: &Destination,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.replace(key(destination), destination, expected).await
    }

    /// Deletes a destination, if it exists.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: DestinationId,
    ) -> Result<(), StoreError> {
        self.delete(ItemKey::Destination(organization, integration, id))
            .await
    }

    /// Opens (again), or closes, the circuit breaker of `destination`, if it is still in the state
    /// that `destination` shows. Returns whether it was.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn set_breaker(
        &self,
        destination: &Destination,
        breaker: Option<Breaker>,
    ) -> Result<bool, StoreError> {
        let expected = match destination.breaker {
            Some(breaker) => items::value(&breaker)?,
            // An absent breaker cannot be compared with, so its absence is asked for by this.
            None => AttributeValue::Null(true),
        };
        let condition = match destination.breaker {
            Some(_) => "#data.breaker = :expected",
            None => {
                "attribute_exists(pk) AND (attribute_not_exists(#data.breaker) OR #data.breaker = :expected)"
            }
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(destination).attributes()))
            .condition_expression(condition)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", expected)
            .expression_attribute_values(":one", items::number(1));
        let update = match breaker {
            Some(breaker) => update
                .update_expression("SET #data.breaker = :breaker ADD #version :one")
                .expression_attribute_values(":breaker", items::value(&breaker)?),
            None => update.update_expression("REMOVE #data.breaker ADD #version :one"),
        };
        match update.send().await.map_err(sdk) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Disables a destination, if it exists.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn disable_destination(
        &self,
        destination: &Destination,
        reason: DisabledReason,
    ) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(destination).attributes()))
            .condition_expression("attribute_exists(pk)")
            .update_expression(
                "SET #data.#status = :disabled, #data.disabledReason = :reason ADD #version :one",
            )
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":disabled", items::value(&DestinationStatus::Disabled)?)
            .expression_attribute_values(":reason", items::value(&reason)?)
            .expression_attribute_values(":one", items::number(1))
            .send()
            .await;
        match sent.map_err(sdk) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn key(destination: &Destination) -> ItemKey<'static> {
    ItemKey::Destination(
        destination.organization_id,
        destination.integration_id,
        destination.id,
    )
}
