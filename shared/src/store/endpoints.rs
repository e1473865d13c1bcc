use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::domain::{
    Endpoint, EndpointId, EndpointPath, IntegrationId, IntegrationStatus, OrganizationId,
};

use super::error::contended;
use super::guards::AtMost;
use super::items::{DATA, Stored, VERSION, Versioned, number, text};
use super::keys::{Collection, ItemKey};
use super::secret_rotations::Demand;
use super::table::{ABSENT, Put, Transacted};
use super::{Page, Store, StoreError};

/// Which endpoint a path leads to. The item's existence is what makes the path unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathOwner {
    organization_id: OrganizationId,
    integration_id: IntegrationId,
    endpoint_id: EndpointId,
}

impl PathOwner {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            organization_id: endpoint.organization_id,
            integration_id: endpoint.integration_id,
            endpoint_id: endpoint.id,
        }
    }
}

/// An endpoint as the webhook path needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredEndpoint {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The status of its integration, which may refuse webhooks as a whole.
    pub integration_status: IntegrationStatus,
}

impl Store {
    /// Adds an endpoint and takes its path, both or neither.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if its integration does not exist, [`StoreError::PathTaken`] if
    /// any endpoint of the deployment has the path.
    pub async fn create_endpoint(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let operations = self.creation(endpoint)?;
        self.created(endpoint, self.transact(operations).await?)
            .await
    }

    /// As [`Store::create_endpoint`], if its integration has less than `max` then.
    ///
    /// # Errors
    ///
    /// As it; and [`StoreError::LimitReached`].
    pub async fn create_endpoint_within(
        &self,
        endpoint: &Endpoint,
        max: u32,
    ) -> Result<(), StoreError> {
        let (organization, integration) = (endpoint.organization_id, endpoint.integration_id);
        let limit = AtMost {
            what: "endpoints",
            max,
            collection: Collection::Endpoints(organization, integration),
            guard: ItemKey::EndpointsGuard(organization, integration),
        };
        let operations = self.creation(endpoint)?;
        let now = endpoint.created_at;
        let transacted = self.add_within(limit, &operations, now).await?;
        self.created(endpoint, transacted).await
    }

    /// That its integration exists; its path; the endpoint itself; its entry among what is due.
    fn creation(&self, endpoint: &Endpoint) -> Result<Vec<TransactWriteItem>, StoreError> {
        let integration = ItemKey::Integration(endpoint.organization_id, endpoint.integration_id);
        let path = ItemKey::endpoint_path(&endpoint.path);
        let mut item = Stored::first(endpoint.clone());
        let moves = self.move_secrets_due(&mut item.data)?;
        let mut operations = vec![
            self.exists_operation(integration)?,
            self.put_operation(path, &Stored::first(PathOwner::of(endpoint)), Some(ABSENT))?,
            self.put_operation(key(endpoint), &item, Some(ABSENT))?,
        ];
        operations.extend(moves);
        Ok(operations)
    }

    /// What came of [`Store::creation`].
    async fn created(&self, endpoint: &Endpoint, transacted: Transacted) -> Result<(), StoreError> {
        let owner = PathOwner::of(endpoint);
        let path = ItemKey::endpoint_path(&endpoint.path);
        match transacted {
            Transacted::Done => Ok(()),
            Transacted::Unmet(0) => Err(StoreError::NotFound("integration")),
            // Ours already, if the answer to an earlier try was lost.
            Transacted::Unmet(1) if self.path_owner(path).await? == Some(owner) => Ok(()),
            Transacted::Unmet(1) => Err(StoreError::PathTaken),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }

    /// Reads an endpoint.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn endpoint(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        endpoint: EndpointId,
    ) -> Result<Option<Versioned<Endpoint>>, StoreError> {
        let key = ItemKey::Endpoint(organization, integration, endpoint);
        Ok(self.get(key).await?.map(Stored::into_versioned))
    }

    /// The endpoint that listens at `path`, if it and its integration exist. Three reads, two of
    /// them at the same time.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn endpoint_at(
        &self,
        path: &EndpointPath,
    ) -> Result<Option<RegisteredEndpoint>, StoreError> {
        let Some(owner) = self.path_owner(ItemKey::endpoint_path(path)).await? else {
            return Ok(None);
        };
        let (endpoint, integration) = futures::future::try_join(
            self.endpoint(
                owner.organization_id,
                owner.integration_id,
                owner.endpoint_id,
            ),
            self.integration(owner.organization_id, owner.integration_id),
        )
        .await?;
        let registered =
            endpoint
                .zip(integration)
                .map(|(endpoint, integration)| RegisteredEndpoint {
                    endpoint: endpoint.item,
                    integration_status: integration.item.status,
                });
        Ok(registered.filter(|registered| registered.endpoint.path == *path))
    }

    async fn path_owner(&self, path: ItemKey) -> Result<Option<PathOwner>, StoreError> {
        let stored = self.get::<PathOwner>(path).await?;
        Ok(stored.map(|stored| stored.data))
    }

    /// At most `limit` endpoints of an integration made before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn endpoints(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        limit: u16,
        after: Option<EndpointId>,
    ) -> Result<Page<Versioned<Endpoint>, EndpointId>, StoreError> {
        let collection = Collection::Endpoints(organization, integration);
        let key_of = |id| ItemKey::Endpoint(organization, integration, id);
        self.list(collection, key_of, limit, after).await
    }

    /// Replaces the endpoint that was read in version `expected`; returns the new version. Its
    /// path stays what it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version or has
    /// another path.
    pub async fn update_endpoint(
        &self,
        endpoint: &Endpoint,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let mut stored = Stored {
            version: expected.saturating_add(1),
            ..Stored::first(endpoint.clone())
        };
        let moves = self.move_secrets_due(&mut stored.data)?;
        let names = [("#version", VERSION), ("#data", DATA), ("#path", "path")];
        let demand = Demand {
            expression: "#version = :expected AND #data.#path = :path",
            names: names
                .map(|(name, of)| (name.to_owned(), of.to_owned()))
                .into(),
            values: HashMap::from([
                (":expected".to_owned(), number(expected)),
                (":path".to_owned(), text(&endpoint.path)),
            ]),
        };
        let put = self.put_with_secrets(key(endpoint), &stored, demand, &moves);
        match put.await? {
            Put::Done(_) | Put::Same => Ok(stored.version),
            Put::Missing => Err(StoreError::NotFound(key(endpoint).item_type())),
            Put::Other(_) => Err(StoreError::Conflict),
        }
    }

    /// Deletes an endpoint, in version `expected` if one is given, and frees its path.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn delete_endpoint(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        endpoint: EndpointId,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        let found = self.endpoint(organization, integration, endpoint).await?;
        let key = ItemKey::Endpoint(organization, integration, endpoint);
        let found = found.ok_or(StoreError::NotFound(key.item_type()))?;
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(StoreError::Conflict);
        }
        let path = Delete::builder()
            .set_key(Some(ItemKey::endpoint_path(&found.item.path).attributes()))
            .condition_expression("attribute_not_exists(pk) OR #data.#endpoint = :endpoint")
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#endpoint", "endpointId")
            .expression_attribute_values(":endpoint", text(endpoint));
        let item = Delete::builder()
            .set_key(Some(key.attributes()))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":expected", number(found.version));
        let mut operations = Vec::new();
        for delete in [path, item] {
            let delete = delete.table_name(self.table()).build();
            let delete = delete.map_err(|error| StoreError::Rejected(Box::new(error)))?;
            operations.push(TransactWriteItem::builder().delete(delete).build());
        }
        operations.extend(self.delete_secrets_due(&found.item, found.item.secret_plan.due_at)?);
        match self.transact(operations).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }
}

fn key(endpoint: &Endpoint) -> ItemKey {
    ItemKey::Endpoint(
        endpoint.organization_id,
        endpoint.integration_id,
        endpoint.id,
    )
}
