use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::config::Environment;
use gatehouse::domain::{
    AuthMethod, Clock, DeliveryStatus, Destination, DestinationId, DestinationStatus,
    DestinationTarget, Endpoint, EndpointId, EndpointStatus, Event, EventId, HttpTarget,
    Integration, IntegrationId, IntegrationStatus, IntegrationType, OrganizationId, Randomness,
    SecretId, Sources, StoredSecret, Timestamp, TraceParent,
};
use gatehouse::flows::connect;
use gatehouse::queue::{DeliveryDue, Queue, ReceivedEvent};
use gatehouse::store::{Replay, Store};
use gatehouse::vault::{DataKeys, SealContext};
use processor::{State, handle};
use url::Url;

pub(crate) const SIGNING_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const START: i64 = 1_790_000_000_000;

#[derive(Debug)]
struct ManualClock(Arc<AtomicI64>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Different bytes each time, the same in each run.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let n = self
                .0
                .fetch_add(1, Ordering::SeqCst)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = n.to_le_bytes()[6];
        }
    }
}

/// An organization with an integration and an endpoint, and the processor.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) state: State,
    pub(crate) store: Store,
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) endpoint: EndpointId,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) queue_url: String,
    pub(crate) dead_letter_url: String,
    pub(crate) sync_queue_url: String,
    keys: DataKeys,
    queue: Queue,
    sources: Sources,
    clock: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Deployed with parameters.
    pub(crate) async fn with(parameters: &[(&str, &str)]) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let time = TimeSource::manual(Arc::clone(&clock));
        let stack = Stack::in_memory(&template, time).await.unwrap();
        let parameters = [&[("EgressAllow", "127.0.0.0/8")], parameters].concat();
        let environment = template
            .environment("processor", stack.endpoint(), &parameters)
            .unwrap();
        let environment: Environment = environment.into_iter().collect();
        let sources = Sources {
            clock: Arc::new(ManualClock(Arc::clone(&clock))),
            randomness: Arc::new(Counting::default()),
        };
        let aws = stack.sdk_config();
        let store = connect::store(&environment, &aws).unwrap();
        let keys = connect::data_keys(&environment, &aws, &store, &sources).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue_url = environment.queue_url().unwrap();
        let queue = connect::queue(&environment, sqs.clone(), &keys, &sources).unwrap();
        let (now, randomness) = (sources.now(), sources.randomness.as_ref());
        let world = Self {
            state: State::connect(
                &environment,
                &stack.sdk_config_of("processor"),
                sources.clone(),
            )
            .unwrap(),
            organization: OrganizationId::generate(now, randomness),
            integration: IntegrationId::generate(now, randomness),
            endpoint: EndpointId::generate(now, randomness),
            dead_letter_url: environment.dead_letter_queue_url().unwrap(),
            sync_queue_url: environment.sync_queue_url().unwrap(),
            stack,
            store,
            sqs,
            queue_url,
            keys,
            queue,
            sources,
            clock,
        };
        world.set_up().await;
        world
    }

    async fn set_up(&self) {
        let now = self.sources.now();
        let integration = Integration {
            id: self.integration,
            organization_id: self.organization,
            name: "Payments".to_owned(),
            integration_type: IntegrationType::Payment,
            provider: None,
            classification: Default::default(),
            environment: Default::default(),
            base_url: "https://example.com/".parse().unwrap(),
            variables: std::collections::BTreeMap::new(),
            api_profile: None,
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::Custom,
            auth_config: None,
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: None,
            created_at: now,
            updated_at: now,
        };
        self.store.create_integration(&integration).await.unwrap();
        self.keys.ensure(self.organization).await.unwrap();
        let endpoint = Endpoint {
            id: self.endpoint,
            organization_id: self.organization,
            integration_id: self.integration,
            path: "/webhooks/a".parse().unwrap(),
            scheme: "none".to_owned(),
            settings: serde_json::json!({}),
            events: Vec::new(),
            allowed_networks: Vec::new(),
            blocked_networks: Vec::new(),
            tolerance_seconds: None,
            retry_policy: None,
            status: EndpointStatus::Active,
            secrets: Vec::new(),
            secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
            created_at: now,
            updated_at: now,
        };
        self.store.create_endpoint(&endpoint).await.unwrap();
    }

    /// Adds a destination, after `change`.
    pub(crate) async fn destination(
        &self,
        url: &Url,
        change: impl FnOnce(&mut Destination),
    ) -> DestinationId {
        let now = self.sources.now();
        let randomness = self.sources.randomness.as_ref();
        let id = DestinationId::generate(now, randomness);
        let secret = SecretId::generate(now, randomness);
        let context = SealContext::SigningSecret {
            owner: id.ulid(),
            secret,
        };
        let sealed = self
            .keys
            .seal(self.organization, &context, SIGNING_SECRET.as_bytes())
            .await
            .unwrap();
        let mut destination = Destination {
            id,
            organization_id: self.organization,
            integration_id: self.integration,
            target: DestinationTarget::Http(HttpTarget {
                url: url.clone(),
                timeout_ms: 5_000,
            }),
            events: Vec::new(),
            filter: None,
            transform: None,
            retry_policy: None,
            status: DestinationStatus::Active,
            disabled_reason: None,
            secrets: vec![StoredSecret {
                id: secret,
                sealed,
                created_at: now,
                expires_at: None,
                unseen: false,
            }],
            secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
            breaker: None,
            created_at: now,
            updated_at: now,
        };
        change(&mut destination);
        self.store.create_destination(&destination).await.unwrap();
        id
    }

    /// An event as `webhooks` has accepted it.
    pub(crate) async fn accept(&self, provider_event_id: Option<&str>, body: &str) -> EventId {
        self.accepted(("none", "invoice.paid"), provider_event_id, body)
            .await
    }

    /// An event of a scheme and a type.
    pub(crate) async fn accept_as(
        &self,
        kind: (&str, &str),
        provider_event_id: &str,
        body: &str,
    ) -> EventId {
        self.accepted(kind, Some(provider_event_id), body).await
    }

    /// Says how the integration's records are synchronized.
    pub(crate) async fn synchronize(&self, config: &str) {
        let found = self
            .store
            .integration(self.organization, self.integration)
            .await;
        let mut found = found.unwrap().unwrap();
        found.item.sync_config = Some(serde_json::from_str(config).unwrap());
        self.store
            .update_integration(&found.item, found.version)
            .await
            .unwrap();
    }

    /// What a destination is told of an alert.
    pub(crate) async fn alert(
        &self,
        destination: DestinationId,
        provider_event_id: &str,
        body: &str,
    ) -> EventId {
        let kind = (Event::ALERTS, "alert.firing");
        let endpoint = destination.ulid().into();
        self.accepted_by(endpoint, kind, Some(provider_event_id), body)
            .await
    }

    async fn accepted(
        &self,
        kind: (&str, &str),
        provider_event_id: Option<&str>,
        body: &str,
    ) -> EventId {
        self.accepted_by(self.endpoint, kind, provider_event_id, body)
            .await
    }

    async fn accepted_by(
        &self,
        endpoint: EndpointId,
        (scheme, event_type): (&str, &str),
        provider_event_id: Option<&str>,
        body: &str,
    ) -> EventId {
        let now = self.sources.now();
        let event = ReceivedEvent {
            id: EventId::generate(now, self.sources.randomness.as_ref()),
            organization_id: self.organization,
            integration_id: self.integration,
            endpoint_id: endpoint,
            received_at: now,
            scheme: scheme.to_owned(),
            provider_event_id: provider_event_id.map(str::to_owned),
            event_type: Some(event_type.to_owned()),
            occurred_at: None,
            verified_with: None,
            content_type: Some("application/json".to_owned()),
            body: body.to_owned().into(),
        };
        let trace = TraceParent::generate(self.sources.randomness.as_ref());
        self.queue.send_event(&event, trace).await.unwrap();
        event.id
    }

    /// Has the failed deliveries of an event made again.
    pub(crate) async fn replay(&self, id: EventId) {
        let (event, now) = (self.event(id).await.unwrap(), self.sources.now());
        let failed = event.deliveries.iter();
        let failed = failed.filter(|delivery| delivery.status == DeliveryStatus::Failed);
        let deliveries: Vec<_> = failed.map(|delivery| delivery.id).collect();
        let replay = Replay {
            deliveries: &deliveries,
            additional: &[],
            now,
            keep_until: now.plus(Duration::from_secs(60)),
        };
        let replayed = self
            .store
            .replay(self.organization, self.integration, id, &replay)
            .await
            .unwrap();
        let due = replayed.begun.iter();
        let due: Vec<_> = due
            .filter_map(|delivery| DeliveryDue::of(&event, delivery))
            .collect();
        self.queue.send_deliveries(&due, now).await.unwrap();
    }

    /// Changes a destination, and waits until the processor notices.
    pub(crate) async fn change(&self, id: DestinationId, change: impl FnOnce(&mut Destination)) {
        let stored = self
            .store
            .destination(self.organization, self.integration, id)
            .await;
        let mut stored = stored.unwrap().unwrap();
        change(&mut stored.item);
        self.store
            .update_destination(&stored.item, stored.version)
            .await
            .unwrap();
        self.advance(Duration::from_secs(10));
    }

    /// What is visible in the queue now.
    pub(crate) async fn receive(&self) -> SqsEvent {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .unwrap();
        let mut event = SqsEvent::default();
        event.records = received
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(record)
            .collect();
        event
    }

    /// Has the processor handle a batch, and deletes what has not failed; how many have.
    pub(crate) async fn handle(&self, event: SqsEvent) -> usize {
        let response = handle(&self.state, event.clone()).await.unwrap();
        let failed: Vec<_> = response
            .batch_item_failures
            .into_iter()
            .map(|item| item.item_identifier)
            .collect();
        for record in event.records {
            if !failed.contains(record.message_id.as_ref().unwrap()) {
                self.sqs
                    .delete_message()
                    .queue_url(&self.queue_url)
                    .set_receipt_handle(record.receipt_handle)
                    .send()
                    .await
                    .unwrap();
            }
        }
        failed.len()
    }

    /// Handles what is visible now, until nothing is.
    pub(crate) async fn settle(&self) {
        loop {
            let event = self.receive().await;
            if event.records.is_empty() {
                return;
            }
            self.handle(event).await;
        }
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let millisecond = i64::try_from(duration.as_millis()).unwrap();
        self.clock.fetch_add(millisecond, Ordering::SeqCst);
    }

    /// Lets time pass and messages be handled until `condition` holds; how much time that took.
    pub(crate) async fn pass_until(
        &self,
        step: Duration,
        condition: impl AsyncFn() -> bool,
    ) -> Duration {
        let mut passed = Duration::ZERO;
        for _ in 0..1_000 {
            self.settle().await;
            if condition().await {
                return passed;
            }
            self.advance(step);
            passed += step;
        }
        panic!("it did not come to that in {passed:?}");
    }

    pub(crate) async fn event(&self, id: EventId) -> Option<Event> {
        let now = self.sources.now();
        self.store
            .event(self.organization, self.integration, id, now)
            .await
            .unwrap()
    }

    /// How often each kind of write was made to the table.
    pub(crate) fn writes(&self) -> u64 {
        let calls = self.stack.calls();
        let names = [
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
        ];
        names
            .iter()
            .filter_map(|name| calls.get(&format!("DynamoDB.{name}")))
            .sum()
    }
}

fn record(message: Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    record.attributes = message
        .attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    record
}
