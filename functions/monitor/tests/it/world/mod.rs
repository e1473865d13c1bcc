#[path = "../../../../sync/tests/it/world/dice.rs"]
#[expect(dead_code, reason = "the tests of synchronization need more of it")]
mod dice;
mod provider;
#[path = "../../../../sync/tests/it/world/wire.rs"]
#[expect(dead_code, reason = "the tests of synchronization need more of it")]
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use gatehouse::audit::Trail;
use gatehouse::config::Environment;
use gatehouse::domain::health::{RollUp, Watch, Width};
use gatehouse::domain::{
    Clock as _, Event, Integration, IntegrationId, OrganizationId, Randomness as _, RequestRecord,
    Sources, Timestamp,
};
use gatehouse::egress::{Egress, EgressPolicy};
use gatehouse::flows::alerts::Alerts;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::{Activity, connect};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::{Message, Queue, ReceivedEvent};
use gatehouse::store::{DueWatch, Store};
use gatehouse::vault::DataKeys;
use monitor::{Report, State, handle};
use serde_json::{Value, json};

pub(crate) use dice::Dice;
pub(crate) use provider::Provider;
pub(crate) use wire::{Aws, Kill, Life, TABLE};

const EVENTS_QUEUE: &str = "https://queue/events";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The function, an organization, and what its functions have stored.
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) store: Store,
    pub(crate) provider: Provider,
    pub(crate) organization: OrganizationId,
    activity: Activity,
    dice: Dice,
    egress: Egress,
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        Self::of(Aws::new(), Provider::start().await, seed)
    }

    /// Another one with a provider that is running.
    pub(crate) fn of(aws: Aws, provider: Provider, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let life = Arc::new(Life::new(dice.clone(), None, 0, 0));
        let client = aws_sdk_dynamodb::Client::new(&aws.config(&life));
        let store = Store::new(client, TABLE.parse().unwrap());
        // A time of its own, at the beginning of an hour.
        aws.clock
            .go_to(Timestamp::from_second(1_790_002_800).unwrap());
        let egress = Egress::new(EgressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            ..EgressPolicy::default()
        });
        let sources = sources(&aws, &dice);
        Self {
            organization: dice.ulid(aws.clock.now()).into(),
            activity: Activity::new(store.clone(), sources),
            provider,
            egress,
            store,
            aws,
            dice,
        }
    }

    pub(crate) fn dice(&self) -> &Dice {
        &self.dice
    }

    pub(crate) fn trail(&self) -> Trail {
        let sources = sources(&self.aws, &self.dice);
        Trail::new(self.store.clone(), sources, "tests", DAY * 400)
    }

    /// What the function of the API has of alerts.
    pub(crate) fn alerts(&self) -> Alerts {
        let sources = sources(&self.aws, &self.dice);
        let metrics = Metrics::with_writer("tests", std::io::sink());
        Alerts::new(self.store.clone(), self.trail(), sources, metrics)
    }

    pub(crate) fn keys(&self) -> DataKeys {
        let life = Arc::new(Life::new(self.dice.clone(), None, 0, 0));
        let aws = self.aws.config(&life);
        let environment: Environment = [(
            "GATEHOUSE_KEY_ARN".to_owned(),
            "arn:aws:kms:eu-central-1:1:key/k".to_owned(),
        )]
        .into_iter()
        .collect();
        let sources = sources(&self.aws, &self.dice);
        connect::data_keys(&environment, &aws, &self.store, &sources).unwrap()
    }

    /// An event that was sent to the queue.
    pub(crate) async fn open_event(&self, text: &str) -> ReceivedEvent {
        let life = Arc::new(Life::new(self.dice.clone(), None, 0, 0));
        let sqs = aws_sdk_sqs::Client::new(&self.aws.config(&life));
        let sources = sources(&self.aws, &self.dice);
        let queue = Queue::new(sqs, EVENTS_QUEUE.to_owned(), self.keys(), sources);
        let mut message = SqsMessage::default();
        message.body = Some(text.to_owned());
        match queue.open(&message).await.unwrap() {
            Message::Event(event, _) => *event,
            Message::Delivery(_) => panic!("a delivery"),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.aws.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.aws.clock.pass(time);
    }

    /// An integration of the provider; `fields` are put over what it would be.
    pub(crate) async fn integration(&self, fields: Value) -> IntegrationId {
        let now = self.now();
        let id: IntegrationId = self.dice.ulid(now).into();
        let mut integration = json!({
            "id": id, "organizationId": self.organization, "name": "a provider", "type": "payment",
            "baseUrl": self.provider.url, "authMethod": "api_key", "status": "active",
            "apiProfile": {"verification": {"path": "/me"}},
            "credentials": {"version": "v", "fields": ["apiKey"], "createdAt": now},
            "createdAt": now, "updatedAt": now,
        });
        for (name, value) in fields.as_object().unwrap() {
            integration[name] = value.clone();
        }
        let integration: Integration = serde_json::from_value(integration).unwrap();
        self.store.create_integration(&integration).await.unwrap();
        id
    }

    /// A call that began `ago` and is recorded now, as the functions do it that make calls.
    pub(crate) async fn call(&self, integration: IntegrationId, fields: Value) -> RequestRecord {
        let now = self.now();
        let mut request = json!({
            "id": format!("req_{}", self.dice.ulid(now)), "organizationId": self.organization,
            "integrationId": integration, "caller": "me", "method": "GET", "path": "/",
            "status": "succeeded", "responseStatus": 200, "attempts": 1, "cache": "none",
            "startedAt": now, "durationMs": 10 + self.dice.below(500),
        });
        for (name, value) in fields.as_object().unwrap() {
            request[name] = value.clone();
        }
        let request: RequestRecord = serde_json::from_value(request).unwrap();
        self.activity
            .note(self.organization, integration, now)
            .await;
        let until = now.plus(Duration::from_secs(30 * 24 * 60 * 60));
        self.store.start_request(&request, until).await.unwrap();
        self.store.end_request(&request, until).await.unwrap();
        request
    }

    /// An event that came in `ago` and is stored now, as the function does it that processes events.
    pub(crate) async fn event(
        &self,
        integration: IntegrationId,
        endpoint: &str,
        ago: Duration,
    ) -> Event {
        self.event_that_is("delivered", integration, endpoint, ago)
            .await
    }

    /// One that stands like this.
    pub(crate) async fn event_that_is(
        &self,
        status: &str,
        integration: IntegrationId,
        endpoint: &str,
        ago: Duration,
    ) -> Event {
        let at = self.now().minus(ago);
        let event: Event = serde_json::from_value(json!({
            "id": format!("evt_{}", self.dice.ulid(at)), "organizationId": self.organization,
            "integrationId": integration, "endpointId": endpoint, "scheme": "stripe",
            "status": status, "receivedAt": at, "bodyBytes": 1,
            "payload": {"inline": "AAAA"}, "deliveries": [],
        }))
        .unwrap();
        self.activity.note(self.organization, integration, at).await;
        let until = self.now().plus(Duration::from_secs(30 * 24 * 60 * 60));
        self.store.put_event(&event, until).await.unwrap();
        event
    }

    /// One run, as EventBridge makes it.
    pub(crate) async fn run(&self) -> Report {
        let life = Life::new(self.dice.clone(), None, 0, 0);
        let state = self.state(&Arc::new(life));
        handle(&state, scheduled()).await.unwrap()
    }

    /// A run that is killed with one of its calls of AWS that may change something; whether it came so far.
    pub(crate) async fn run_killed(&self, kill: Kill) -> bool {
        let life = Arc::new(Life::killed(self.dice.clone(), kill));
        let state = self.state(&life);
        let mut run = std::pin::pin!(handle(&state, scheduled()));
        loop {
            tokio::select! {
                biased;
                _ = &mut run => return life.is_dead(),
                () = tokio::time::sleep(Duration::from_micros(500)) => {}
            }
            if life.is_dead() {
                return true;
            }
        }
    }

    /// Runs each minute for so long.
    pub(crate) async fn run_for(&self, minutes: u32) {
        for _ in 0..minutes {
            self.pass(MINUTE);
            self.run().await;
        }
    }

    fn state(&self, life: &Arc<Life>) -> State {
        let environment: Environment = [
            ("GATEHOUSE_TABLE", TABLE),
            ("GATEHOUSE_KEY_ARN", "arn:aws:kms:eu-central-1:1:key/k"),
            ("GATEHOUSE_QUEUE_URL", EVENTS_QUEUE),
            ("GATEHOUSE_SECRET_PREFIX", "gatehouse/test"),
            ("GATEHOUSE_AUDIT_RETENTION_DAYS", "400"),
            ("GATEHOUSE_REQUEST_RETENTION_DAYS", "30"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let (aws, sources) = (self.aws.config(life), sources(&self.aws, &self.dice));
        State::connect_with(&environment, &aws, sources, self.egress.clone()).unwrap()
    }

    /// What makes calls, as a running function has it.
    pub(crate) fn outbound(&self) -> Outbound {
        let life = Arc::new(Life::new(self.dice.clone(), None, 0, 0));
        let aws = self.aws.config(&life);
        let environment: Environment = [
            ("GATEHOUSE_KEY_ARN", "arn:aws:kms:eu-central-1:1:key/k"),
            ("GATEHOUSE_SECRET_PREFIX", "gatehouse/test"),
            ("GATEHOUSE_AUDIT_RETENTION_DAYS", "400"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let sources = sources(&self.aws, &self.dice);
        let store = self.store.clone();
        let services = Services {
            keys: connect::data_keys(&environment, &aws, &store, &sources).unwrap(),
            credentials: connect::credentials(&environment, &aws).unwrap(),
            egress: self.egress.clone(),
            trail: connect::trail(&environment, &store, &sources, "tests").unwrap(),
            store,
            sources,
        };
        let metrics = Metrics::with_writer("tests", std::io::sink());
        Outbound::new(services, metrics, Duration::from_secs(30 * 24 * 60 * 60))
    }

    /// The roll-ups of a width, by when they begin.
    pub(crate) async fn roll_ups(
        &self,
        integration: IntegrationId,
        width: Width,
    ) -> BTreeMap<Timestamp, RollUp> {
        let range = (Timestamp::UNIX_EPOCH, self.now());
        let found = self
            .store
            .roll_ups(self.organization, integration, width, range, self.now());
        let found = found.await.unwrap().into_iter();
        found.map(|roll_up| (roll_up.start, roll_up)).collect()
    }

    pub(crate) async fn watch(&self, integration: IntegrationId) -> Watch {
        let watch = self.store.watch(self.organization, integration).await;
        watch.unwrap().unwrap().item
    }

    /// Every entry of the index.
    pub(crate) async fn due(&self) -> Vec<DueWatch> {
        let far = Timestamp::from_second(4_000_000_000).unwrap();
        self.store.due_watches(far, 1_000).await.unwrap()
    }
}

fn sources(aws: &Aws, dice: &Dice) -> Sources {
    Sources {
        clock: Arc::new(aws.clock.clone()),
        randomness: Arc::new(dice.clone()),
    }
}

fn scheduled() -> Value {
    let event = include_str!("../../../../../events/monitor/scheduled.json");
    serde_json::from_str(event).unwrap()
}
