use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use crate::domain::{
    Breaker, Destination, DestinationId, DestinationStatus, DisabledReason, IntegrationId,
    OrganizationId,
};

use super::error::contended;
use super::items::{DATA, Stored, VERSION, Versioned, encode, number};
use super::keys::{Collection, ItemKey};
use super::secret_rotations::Demand;
use super::table::{ABSENT, Put, TRIES, Transacted};
use super::{Page, Store, StoreError};

/// How many destinations are read at once: as many as an integration is to have.
const PAGE: u16 = 50;

impl Store {
    /// Adds a destination.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if its integration does not exist, [`StoreError::Conflict`] if
    /// there is a destination with its id.
    pub async fn create_destination(&self, destination: &Destination) -> Result<(), StoreError> {
        let integration =
            ItemKey::Integration(destination.organization_id, destination.integration_id);
        let mut item = Stored::first(destination.clone());
        let moves = self.move_secrets_due(&mut item.data)?;
        let mut operations = vec![
            self.exists_operation(integration)?,
            self.put_operation(key(destination), &item, Some(ABSENT))?,
        ];
        operations.extend(moves);
        match self.transact(operations).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(0) => Err(StoreError::NotFound(integration.item_type())),
            Transacted::Unmet(_) => match self.get(key(destination)).await? {
                // The answer to an earlier try was lost.
                Some(found) if found == item => Ok(()),
                _ => Err(StoreError::Conflict),
            },
            Transacted::Busy => Err(contended()),
        }
    }

    /// Reads a destination.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        destination: DestinationId,
    ) -> Result<Option<Versioned<Destination>>, StoreError> {
        let key = ItemKey::Destination(organization, integration, destination);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// At most `limit` destinations of an integration made before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn destinations(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        limit: u16,
        after: Option<DestinationId>,
    ) -> Result<Page<Versioned<Destination>, DestinationId>, StoreError> {
        let collection = Collection::Destinations(organization, integration);
        let key_of = |id| ItemKey::Destination(organization, integration, id);
        self.list(collection, key_of, limit, after).await
    }

    /// All destinations of an integration, newest first. It may have more than the limit, as two may be made
    /// at the same time.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn all_destinations(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Vec<Destination>, StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.destinations(organization, integration, PAGE, after);
            let page = page.await?;
            found.extend(page.items.into_iter().map(|stored| stored.item));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Replaces the destination that was read in version `expected`; returns the new version.
    /// Its breaker stays what it is: see [`Store::set_breaker`].
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn update_destination(
        &self,
        destination: &Destination,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let mut stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(destination.clone())
        };
        let moves = self.move_secrets_due(&mut stored.data)?;
        for _ in 0..TRIES {
            let demand = demand(&stored.data, expected)?;
            let put = self.put_with_secrets(key(destination), &stored, demand, &moves);
            match put.await? {
                Put::Done(_) | Put::Same => return Ok(stored.version),
                Put::Missing => return Err(StoreError::NotFound(key(destination).item_type())),
                Put::Other(found) if found.version == expected => {
                    stored.data.breaker = found.data.breaker;
                }
                Put::Other(_) => return Err(StoreError::Conflict),
            }
        }
        Err(contended())
    }

    /// Sets or clears the breaker, if it still is `expected`. The version stays the same, so
    /// that a person's update is not refused because deliveries fail meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if the breaker is not `expected`.
    pub async fn set_breaker(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        destination: DestinationId,
        breaker: Option<Breaker>,
        expected: Option<Breaker>,
    ) -> Result<(), StoreError> {
        let key = ItemKey::Destination(organization, integration, destination);
        let request = self
            .client()
            .update_item()
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#breaker", "breaker");
        let request = match breaker {
            Some(breaker) => request
                .update_expression("SET #data.#breaker = :breaker")
                .expression_attribute_values(":breaker", encode(key, &breaker)?),
            None => request.update_expression("REMOVE #data.#breaker"),
        };
        let request = match expected {
            Some(expected) => request
                .condition_expression("#data.#breaker = :was")
                .expression_attribute_values(":was", encode(key, &expected)?),
            None => request.condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(#data.#breaker)",
            ),
        };
        self.update_if(request, key).await
    }

    /// Disables a destination, in whatever version it is; the version counts on.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub async fn disable_destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        destination: DestinationId,
        reason: DisabledReason,
    ) -> Result<(), StoreError> {
        let key = ItemKey::Destination(organization, integration, destination);
        let request = self
            .client()
            .update_item()
            .update_expression(
                "SET #data.#status = :status, #data.#reason = :reason, #version = #version + :one",
            )
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#reason", "disabledReason")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":status", encode(key, &DestinationStatus::Disabled)?)
            .expression_attribute_values(":reason", encode(key, &reason)?)
            .expression_attribute_values(":one", number(1));
        self.update_if(request, key).await
    }

    /// Deletes a destination, in version `expected` if one is given.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn delete_destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        destination: DestinationId,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let found = self
                .destination(organization, integration, destination)
                .await?;
            let key = ItemKey::Destination(organization, integration, destination);
            let found = found.ok_or(StoreError::NotFound(key.item_type()))?;
            if expected.is_some_and(|expected| expected != found.version) {
                return Err(StoreError::Conflict);
            }
            match self.delete_as_read(key, &found).await {
                // It was changed since it was read.
                Err(StoreError::Conflict) => {}
                deleted => return deleted,
            }
        }
        Err(contended())
    }

    /// Deletes a destination in the version in which it was read, with its entry among what is due.
    async fn delete_as_read(
        &self,
        key: ItemKey,
        found: &Versioned<Destination>,
    ) -> Result<(), StoreError> {
        let due_at = found.item.secret_plan.due_at;
        let Some(entry) = self.delete_secrets_due(&found.item, due_at)? else {
            return self.delete(key, Some(found.version)).await;
        };
        let item = Delete::builder()
            .table_name(self.table())
            .set_key(Some(key.attributes()))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", number(found.version))
            .build()
            .map_err(|error| StoreError::Rejected(Box::new(error)))?;
        let item = TransactWriteItem::builder().delete(item).build();
        match self.transact(vec![item, entry]).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }
}

/// That the item is in the version read, and has the breaker that `destination` carries.
fn demand(destination: &Destination, expected: u64) -> Result<Demand, StoreError> {
    let names = [
        ("#version", VERSION),
        ("#data", DATA),
        ("#breaker", "breaker"),
    ];
    let names = names.map(|(name, of)| (name.to_owned(), of.to_owned()));
    let mut values = HashMap::from([(":expected".to_owned(), number(expected))]);
    let mut expression = "#version = :expected AND attribute_not_exists(#data.#breaker)";
    if let Some(breaker) = destination.breaker {
        expression = "#version = :expected AND #data.#breaker = :was";
        values.insert(":was".to_owned(), encode(key(destination), &breaker)?);
    }
    Ok(Demand {
        expression,
        names: HashMap::from(names),
        values,
    })
}

fn key(destination: &Destination) -> ItemKey {
    ItemKey::Destination(
        destination.organization_id,
        destination.integration_id,
        destination.id,
    )
}
