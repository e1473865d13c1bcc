use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::error::sdk;
use super::items::{self, Versioned};
use super::keys::{ItemKey, integration_partition, prefix};
use super::table::Order;
use super::{Store, StoreError};
use crate::domain::{
    Endpoint, EndpointId, EndpointPath, Integration, IntegrationId, IntegrationStatus,
    OrganizationId,
};

/// An integration has at most this many endpoints, so that all are read in one query.
const MAX_ENDPOINTS: i32 = 100;

/// What listens at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointAtPath {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How its integration stands.
    pub integration_status: IntegrationStatus,
}

/// What the item of a path holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathOwner {
    organization_id: OrganizationId,
    integration_id: IntegrationId,
    endpoint_id: EndpointId,
}

impl Store {
    /// Stores a new endpoint and takes its path.
    ///
    /// # Errors
    ///
    /// [`StoreError::PathTaken`] if another endpoint listens there.
    pub async fn create_endpoint(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let owner = PathOwner {
            organization_id: endpoint.organization_id,
            integration_id: endpoint.integration_id,
            endpoint_id: endpoint.id,
        };
        let path = items::item(ItemKey::EndpointPath(&endpoint.path), &owner, 1, None)?;
        let item = items::item(key(endpoint), endpoint, 1, None)?;
        let puts = [path, item].map(|item| {
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .build();
            put.map(|put| TransactWriteItem::builder().put(put).build())
        });
        let puts = puts
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::Refused(error.into()))?;
        let sent = self
            .client
            .transact_write_items()
            .set_transact_items(Some(puts))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if first_condition_failed(error.as_service_error()) => {
                Err(StoreError::PathTaken)
            }
            Err(error) => Err(sdk(error)),
        }
    }

    /// The endpoint that listens at `path`, in whichever organization.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn endpoint_at(
        &self,
        path: &EndpointPath,
    ) -> Result<Option<EndpointAtPath>, StoreError> {
        let Some(owner) = self
            .get_as::<PathOwner>(ItemKey::EndpointPath(path))
            .await?
        else {
            return Ok(None);
        };
        let PathOwner {
            organization_id,
            integration_id,
            endpoint_id,
        } = owner.item;
        let (endpoint, integration) = futures::try_join!(
            self.endpoint(organization_id, integration_id, endpoint_id),
            self.get_as::<Integration>(ItemKey::Integration(organization_id, integration_id)),
        )?;
        Ok(endpoint
            .zip(integration)
            .map(|(endpoint, integration)| EndpointAtPath {
                endpoint: endpoint.item,
                integration_status: integration.item.status,
            }))
    }

    /// An endpoint of `integration`.
    ///
    /// # Errors
    ///
    /// If the table does not answer or the item is corrupt.
    pub async fn endpoint(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: EndpointId,
    ) -> Result<Option<Versioned<Endpoint>>, StoreError> {
        self.get_as(ItemKey::Endpoint(organization, integration, id))
            .await
    }

    /// All endpoints of `integration`, oldest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer or an item is corrupt.
    pub async fn endpoints(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Vec<Versioned<Endpoint>>, StoreError> {
        let partition = integration_partition(organization, integration);
        let found = self
            .query(
                &partition,
                prefix::ENDPOINT,
                Order::OldestFirst,
                MAX_ENDPOINTS,
                None,
            )
            .await?;
        found
            .into_iter()
            .map(|item| items::read_as("endpoint", item))
            .collect()
    }

    /// Replaces an endpoint of version `expected`; the new version. Its path cannot change.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is of another version by now, or gone.
    pub async fn update_endpoint(
        &self,
        endpoint: &Endpoint,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.replace(key(endpoint), endpoint, expected).await
    }

    /// Deletes an endpoint and frees its path.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_endpoint(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let deletes = [ItemKey::EndpointPath(&endpoint.path), key(endpoint)].map(|key| {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(key.attributes()))
                .build();
            delete.map(|delete| TransactWriteItem::builder().delete(delete).build())
        });
        let deletes = deletes
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::Refused(error.into()))?;
        self.client
            .transact_write_items()
            .set_transact_items(Some(deletes))
            .send()
            .await
            .map_err(sdk)?;
        Ok(())
    }
}

fn key(endpoint: &Endpoint) -> ItemKey<'static> {
    ItemKey::Endpoint(
        endpoint.organization_id,
        endpoint.integration_id,
        endpoint.id,
    )
}

/// Whether a transaction was called off because the condition of its first item did not hold.
fn first_condition_failed(error: Option<&TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error else {
        return false;
    };
    let first = cancelled.cancellation_reasons().first();
    first.and_then(|reason| reason.code()) == Some("ConditionalCheckFailed")
}
