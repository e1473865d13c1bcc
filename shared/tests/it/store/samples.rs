//! Items with sane defaults. Ids count upwards, so that tests are the same each time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatehouse::domain::{
    Attempt, AttemptOutcome, AuthMethod, Delivery, DeliveryStatus, Destination, DestinationStatus,
    DestinationTarget, Endpoint, EndpointStatus, Event, EventStatus, HttpTarget, Integration,
    IntegrationId, IntegrationStatus, IntegrationType, OrganizationId, PayloadLocation,
    RetryPolicy, Sealed, StoredSecret, Timestamp,
};
use gatehouse::store::Store;
use ulid::Ulid;

use crate::support::Table;

/// A store with one integration, and ids for more.
pub(crate) struct World {
    pub(crate) table: Table,
    pub(crate) store: Store,
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    next: AtomicU64,
}

/// The instant at which tests begin.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// Some seconds after the beginning.
pub(crate) fn at(seconds: u64) -> Timestamp {
    start().plus(Duration::from_secs(seconds))
}

impl World {
    pub(crate) async fn new() -> Self {
        let table = Table::new().await;
        let mut world = Self {
            store: table.store(),
            table,
            organization: Ulid::nil().into(),
            integration: Ulid::nil().into(),
            next: AtomicU64::new(1),
        };
        world.organization = world.id();
        let integration = world.integration();
        world.integration = integration.id;
        world.store.create_integration(&integration).await.unwrap();
        world
    }

    /// A new id of the time at which tests begin.
    pub(crate) fn id<Id: From<Ulid>>(&self) -> Id {
        self.id_at(start())
    }

    /// A new id of some time.
    pub(crate) fn id_at<Id: From<Ulid>>(&self, instant: Timestamp) -> Id {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let millisecond = u64::try_from(instant.as_millisecond()).unwrap();
        Ulid::from_parts(millisecond, u128::from(count)).into()
    }

    pub(crate) fn integration(&self) -> Integration {
        Integration {
            id: self.id(),
            organization_id: self.organization,
            name: "Billing".to_owned(),
            integration_type: IntegrationType::Payment,
            provider: Some("stripe".to_owned()),
            classification: Default::default(),
            environment: Default::default(),
            base_url: "https://api.stripe.com/".parse().unwrap(),
            variables: std::collections::BTreeMap::new(),
            api_profile: None,
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::ApiKey,
            auth_config: Some(serde_json::json!({"keyLocation": "header", "n": [1, 1.5, null]})),
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: None,
            created_at: start(),
            updated_at: start(),
        }
    }

    pub(crate) fn secret(&self) -> StoredSecret {
        StoredSecret {
            id: self.id(),
            sealed: Sealed::from_bytes(vec![0, 1, 254, 255]),
            created_at: start(),
            expires_at: None,
            unseen: false,
        }
    }

    pub(crate) fn endpoint(&self, path: &str) -> Endpoint {
        Endpoint {
            id: self.id(),
            organization_id: self.organization,
            integration_id: self.integration,
            path: path.parse().unwrap(),
            scheme: "stripe".to_owned(),
            settings: serde_json::json!({}),
            events: vec!["invoice.*".parse().unwrap()],
            allowed_networks: vec!["192.0.2.0/24".parse().unwrap()],
            blocked_networks: vec!["192.0.2.128/25".parse().unwrap()],
            tolerance_seconds: Some(300),
            retry_policy: Some(RetryPolicy::default()),
            status: EndpointStatus::Active,
            secrets: vec![self.secret()],
            secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
            created_at: start(),
            updated_at: start(),
        }
    }

    pub(crate) fn destination(&self) -> Destination {
        Destination {
            id: self.id(),
            organization_id: self.organization,
            integration_id: self.integration,
            target: DestinationTarget::Http(HttpTarget {
                url: "https://example.com/hook".parse().unwrap(),
                timeout_ms: 10_000,
            }),
            events: Vec::new(),
            filter: Some("data.paid".parse().unwrap()),
            transform: None,
            retry_policy: None,
            status: DestinationStatus::Active,
            disabled_reason: None,
            secrets: vec![self.secret()],
            secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
            breaker: None,
            created_at: start(),
            updated_at: start(),
        }
    }

    pub(crate) fn event_at(&self, received_at: Timestamp) -> Event {
        Event {
            id: self.id_at(received_at),
            organization_id: self.organization,
            integration_id: self.integration,
            endpoint_id: self.id(),
            provider_event_id: Some("in_1".to_owned()),
            event_type: Some("invoice.paid".to_owned()),
            occurred_at: Some(received_at),
            scheme: "stripe".to_owned(),
            verified_with: Some(self.id()),
            status: EventStatus::Unrouted,
            received_at,
            content_type: Some("application/json".to_owned()),
            error: None,
            body_bytes: 2,
            payload: PayloadLocation::Inline(Sealed::from_bytes(b"sealed".to_vec())),
            deliveries: Vec::new(),
            trace_id: None,
        }
    }

    /// An event with as many deliveries, each after a first attempt that failed.
    pub(crate) fn retrying_event(&self, deliveries: usize) -> Event {
        let deliveries = (0..deliveries).map(|_| self.delivery()).collect();
        Event {
            deliveries,
            status: EventStatus::Retrying,
            ..self.event_at(start())
        }
    }

    /// A delivery after a first attempt that failed, due again after 10 seconds.
    pub(crate) fn delivery(&self) -> Delivery {
        Delivery {
            id: self.id(),
            destination_id: self.id(),
            status: DeliveryStatus::Retrying,
            attempts: 1,
            earlier_attempts: 0,
            started_at: start(),
            next_attempt_at: Some(at(10)),
            leased_until: None,
            error: None,
            last_attempt: Some(attempt(1, AttemptOutcome::Retryable)),
        }
    }

    /// Stores an event that expires after a day.
    pub(crate) async fn put(&self, event: &Event) {
        self.store.put_event(event, at(86_400)).await.unwrap();
    }

    /// The event as it is stored, ten seconds after the beginning.
    pub(crate) async fn read(&self, event: &Event) -> Event {
        let (organization, integration) = (event.organization_id, event.integration_id);
        let found = self
            .store
            .event(organization, integration, event.id, at(10));
        found.await.unwrap().unwrap()
    }
}

pub(crate) fn attempt(number: u16, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        number,
        started_at: at(u64::from(number)),
        duration_ms: 20,
        outcome,
        response_status: Some(503),
        response_body: Some("busy".to_owned()),
        error: None,
    }
}

/// `delivery` after one more attempt.
pub(crate) fn after_attempt(delivery: &Delivery, outcome: AttemptOutcome) -> Delivery {
    let attempts = delivery.attempts + 1;
    let (status, next_attempt_at) = match outcome {
        AttemptOutcome::Delivered => (DeliveryStatus::Delivered, None),
        AttemptOutcome::Retryable => (DeliveryStatus::Retrying, Some(at(20))),
        AttemptOutcome::Permanent => (DeliveryStatus::Failed, None),
    };
    Delivery {
        status,
        attempts,
        next_attempt_at,
        leased_until: None,
        last_attempt: Some(attempt(attempts, outcome)),
        ..delivery.clone()
    }
}
