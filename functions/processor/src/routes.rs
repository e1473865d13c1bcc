//! Where an event goes.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::sync::SyncConfig;
use gatehouse::domain::{
    Destination, DestinationId, Endpoint, EndpointId, EventPattern, IntegrationId, OrganizationId,
    RetryPolicy, Timestamp,
};
use gatehouse::lambda::WarmCache;
use gatehouse::store::{Store, StoreError};

/// How long set-ups are remembered: for so long, a change does not reach a warm function.
const MAX_AGE: Duration = Duration::from_secs(5);
/// How long it is remembered of which events records learn: one read a minute and integration.
const MAX_AGE_OF_RULES: Duration = Duration::from_secs(60);
const CAPACITY: usize = 1_000;

/// The endpoints and destinations of integrations, remembered for a short time.
#[derive(Debug)]
pub(crate) struct Routes {
    store: Store,
    endpoints: WarmCache<EndpointId, Option<Arc<Endpoint>>>,
    destinations: WarmCache<IntegrationId, Arc<[Destination]>>,
    /// The events of which each integration's records learn.
    of_records: WarmCache<IntegrationId, Arc<[EventPattern]>>,
}

impl Routes {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            endpoints: WarmCache::new(CAPACITY, MAX_AGE),
            destinations: WarmCache::new(CAPACITY, MAX_AGE),
            of_records: WarmCache::new(CAPACITY, MAX_AGE_OF_RULES),
        }
    }

    /// The endpoint, unless it has been deleted.
    pub(crate) async fn endpoint(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<Option<Arc<Endpoint>>, StoreError> {
        if let Some(endpoint) = self.endpoints.get(&id, now) {
            return Ok(endpoint);
        }
        let stored = self.store.endpoint(organization, integration, id).await?;
        let endpoint = stored.map(|stored| Arc::new(stored.item));
        self.endpoints.insert(id, endpoint.clone(), now);
        Ok(endpoint)
    }

    /// The destinations of an integration, those that are disabled included.
    pub(crate) async fn destinations(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        now: Timestamp,
    ) -> Result<Arc<[Destination]>, StoreError> {
        if let Some(destinations) = self.destinations.get(&integration, now) {
            return Ok(destinations);
        }
        let found = self.store.all_destinations(organization, integration);
        let destinations: Arc<[Destination]> = found.await?.into();
        self.destinations
            .insert(integration, Arc::clone(&destinations), now);
        Ok(destinations)
    }

    /// Whether a rule of the integration's `syncConfig` wants an event of this type.
    pub(crate) async fn holds_records(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        event_type: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let wants = |rules: &[EventPattern]| rules.iter().any(|rule| rule.matches(event_type));
        if let Some(rules) = self.of_records.get(&integration, now) {
            return Ok(wants(&rules));
        }
        let found = self.store.integration(organization, integration).await?;
        // What is not understood has no rules: it is told where it is set up, and where jobs run.
        let config =
            found.and_then(|found| SyncConfig::stored(found.item.sync_config.as_ref()).ok());
        let entities = config
            .into_iter()
            .flat_map(|config| config.entities.into_values());
        let rules = entities.flat_map(|entity| entity.events);
        let rules: Arc<[EventPattern]> = rules.flat_map(|rule| rule.types).collect();
        let wanted = wants(&rules);
        self.of_records.insert(integration, rules, now);
        Ok(wanted)
    }

    /// One destination, unless it has been deleted.
    pub(crate) async fn destination(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: DestinationId,
        now: Timestamp,
    ) -> Result<Option<Destination>, StoreError> {
        let destinations = self.destinations(organization, integration, now).await?;
        Ok(destinations
            .iter()
            .find(|destination| destination.id == id)
            .cloned())
    }

    /// Forgets the destinations of an integration, because one has just been changed.
    pub(crate) fn forget_destinations(&self, integration: IntegrationId) {
        self.destinations.remove(&integration);
    }
}

/// How a delivery to `destination` is retried.
pub(crate) fn retry_policy(destination: &Destination, endpoint: Option<&Endpoint>) -> RetryPolicy {
    destination
        .retry_policy
        .or_else(|| endpoint.and_then(|endpoint| endpoint.retry_policy))
        .unwrap_or_default()
}

/// Whether the endpoint's own filter keeps the event from being routed.
pub(crate) fn is_filtered(endpoint: Option<&Endpoint>, event_type: Option<&str>) -> bool {
    endpoint.is_some_and(|endpoint| !EventPattern::any_matches(&endpoint.events, event_type))
}
