//! Two organizations with three integrations, their providers and destinations, and the processes of
//! `webhooks` and `processor` between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{
    Clock as _, Destination, DestinationId, Endpoint, EndpointId, Integration, IntegrationId,
    OrganizationId, Sources, StoredSecret,
};
use gatehouse::flows::connect;
use gatehouse::queue::Queue;
use gatehouse::store::Store;
use gatehouse::vault::{DataKeys, SealContext};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::super::aws::{Aws, Letter};
use super::super::canary::CANARY;
use super::super::dice::{Dice, VirtualClock};
use super::super::life::{Kill, Life, Rates};
use super::super::stage::{Published, Stage, sources};
use super::destination::{Place, TIMEOUT, Temper};
use super::provider::Scheme;

/// Fewer than in the template, so that some messages end among the dead letters.
const RECEIPTS: u32 = 10;
/// As in the template: how long a message is hidden, and how long the functions may run.
const VISIBILITY: Duration = Duration::from_secs(90);
const PROCESSOR_MAY_RUN: Duration = Duration::from_secs(60);
const WEBHOOKS_MAY_RUN: Duration = Duration::from_secs(10);
/// Of the policies by which deliveries are retried here.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Where a destination's events arrive.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Http(Arc<Mutex<Place>>),
    Queue(String),
}

pub(crate) struct Target {
    pub(crate) id: DestinationId,
    pub(crate) secret: String,
    pub(crate) temper: Temper,
    pub(crate) arrival: Arrival,
}

/// An integration with its endpoint and its destinations.
pub(crate) struct Line {
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) endpoint: EndpointId,
    pub(crate) path: String,
    pub(crate) scheme: Scheme,
    pub(crate) secret: String,
    pub(crate) targets: Vec<Target>,
}

/// A running function.
pub(crate) struct Process<S> {
    pub(crate) state: S,
    pub(crate) life: Arc<Life>,
}

pub(crate) struct World<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) aws: Aws,
    pub(crate) dice: Dice,
    pub(crate) lines: Vec<Line>,
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) queue: Queue,
    pub(crate) queue_url: String,
    pub(crate) dead_letter_url: String,
    pub(crate) rates: Rates,
    pub(crate) kills_one_in: u64,
    pub(crate) skews: &'static [i64],
}

impl<'a> World<'a> {
    pub(crate) async fn new(stage: &'a Stage, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let environment = &stage.environments["processor"];
        let aws = Aws::new(&environment.table::<String>().unwrap(), &dice);
        let config = aws.config(&Arc::new(Life::lucky(dice.others())));
        let sources = sources(aws.clock, &dice);
        let store = connect::store(environment, &config).unwrap();
        let keys = connect::data_keys(environment, &config, &store, &sources).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = connect::queue(environment, sqs, &keys, &sources).unwrap();
        let mut world = Self {
            stage,
            lines: Vec::new(),
            store,
            keys,
            queue,
            queue_url: environment.queue_url().unwrap(),
            dead_letter_url: environment.dead_letter_queue_url().unwrap(),
            rates: Rates::any(&dice),
            kills_one_in: dice.one_of(&[0, 2, 3, 6]),
            skews: dice.one_of(&[&[0], &[0, -1_500, 1_500], &[0, 25_000, -120_000]]),
            aws,
            dice,
        };
        let organizations = [0, 1].map(|_| {
            let now = sources.now();
            OrganizationId::generate(now, sources.randomness.as_ref())
        });
        let lines = [
            (organizations[0], Scheme::Stripe),
            (organizations[1], Scheme::Stripe),
            (organizations[1], Scheme::GoCardless),
        ];
        for (organization, scheme) in lines {
            let line = world.line(organization, scheme, &sources).await;
            world.lines.push(line);
        }
        world
    }

    pub(crate) fn clock(&self) -> VirtualClock {
        self.aws.clock
    }

    async fn line(&self, organization: OrganizationId, scheme: Scheme, sources: &Sources) -> Line {
        let (now, randomness) = (sources.now(), sources.randomness.as_ref());
        self.keys.ensure(organization).await.unwrap();
        let integration = IntegrationId::generate(now, randomness);
        let item: Integration = serde_json::from_value(json!({
            "id": integration, "organizationId": organization, "name": "a", "type": "payment",
            "baseUrl": "https://example.com/", "authMethod": "custom", "status": "active",
            "createdAt": now, "updatedAt": now,
        }))
        .unwrap();
        self.store.create_integration(&item).await.unwrap();
        let endpoint = EndpointId::generate(now, randomness);
        let path = format!("/webhooks/{}", endpoint.ulid().to_string().to_lowercase());
        let secret = format!("{CANARY}secret-{}", self.dice.next());
        let sealed = self
            .sealed(organization, endpoint.ulid(), &secret, sources)
            .await;
        let item: Endpoint = serde_json::from_value(json!({
            "id": endpoint, "organizationId": organization, "integrationId": integration,
            "path": path, "scheme": scheme.name(), "settings": {}, "status": "active",
            "secrets": [sealed], "createdAt": now, "updatedAt": now,
        }))
        .unwrap();
        self.store.create_endpoint(&item).await.unwrap();
        let mut line = Line {
            organization,
            integration,
            endpoint,
            path,
            scheme,
            secret,
            targets: Vec::new(),
        };
        for _ in 0..=self.dice.below(3) {
            let target = self.target(&line, sources).await;
            line.targets.push(target);
        }
        line
    }

    async fn sealed(
        &self,
        organization: OrganizationId,
        owner: ulid::Ulid,
        text: &str,
        sources: &Sources,
    ) -> StoredSecret {
        let secret =
            gatehouse::domain::SecretId::generate(sources.now(), sources.randomness.as_ref());
        let context = SealContext::SigningSecret { owner, secret };
        let sealed = self.keys.seal(organization, &context, text.as_bytes());
        StoredSecret {
            id: secret,
            sealed: sealed.await.unwrap(),
            created_at: sources.now(),
            expires_at: None,
            unseen: false,
        }
    }

    async fn target(&self, line: &Line, sources: &Sources) -> Target {
        let (now, dice) = (sources.now(), &self.dice);
        let id = DestinationId::generate(now, sources.randomness.as_ref());
        let key = format!("{CANARY}key-{}", dice.next());
        let secret = format!("whsec_{}", STANDARD.encode(key));
        let sealed = self
            .sealed(line.organization, id.ulid(), &secret, sources)
            .await;
        let temper = dice.one_of(&[
            Temper::Takes,
            Temper::Takes,
            Temper::Takes,
            Temper::Refuses,
            Temper::Gone,
        ]);
        let (target, temper, arrival) = if dice.one_in(6) {
            let url = format!(
                "https://sqs.eu-central-1.amazonaws.com/1/gatehouse-{}",
                id.ulid()
            );
            let target = json!({"type": "sqs", "queueUrl": url});
            (target, Temper::Takes, Arrival::Queue(url))
        } else {
            let place = Arc::new(Mutex::new(Place {
                temper,
                dice: dice.others(),
                fails_one_in: dice.one_of(&[0, 2, 4]),
                received: [].into(),
            }));
            let url = self.stage.servers.add(&id.to_string(), place.clone());
            let timeout = u64::try_from(TIMEOUT.as_millis()).unwrap();
            let target = json!({"type": "http", "url": url, "timeoutMs": timeout});
            (target, temper, Arrival::Http(place))
        };
        let max_attempts = dice.one_of(&[None, Some(5), Some(12)]);
        let mut policy = json!({"initialDelayMs": 2_000, "multiplier": 3.0, "maxDelayMs": 1_200_000,
            "maxAgeSeconds": MAX_AGE.as_secs()});
        if let Some(max_attempts) = max_attempts {
            policy["maxAttempts"] = json!(max_attempts);
        }
        let mut item = json!({
            "id": id, "organizationId": line.organization, "integrationId": line.integration,
            "events": [], "retryPolicy": policy, "status": "active", "secrets": [sealed],
            "createdAt": now, "updatedAt": now,
        });
        for (name, value) in target.as_object().unwrap() {
            item[name] = value.clone();
        }
        let item: Destination = serde_json::from_value(item).unwrap();
        self.store.create_destination(&item).await.unwrap();
        Target {
            id,
            secret,
            temper,
            arrival,
        }
    }

    /// The life of a process that may be going to die, and the time as it sees it.
    fn fate(&self) -> (Life, VirtualClock) {
        let dice = &self.dice;
        let kill = dice.one_in(self.kills_one_in).then(|| Kill {
            call: dice.index(24),
            has_effect: dice.one_in(2),
        });
        let clock = self.clock().skewed(dice.one_of(self.skews));
        (Life::new(dice.others(), kill, self.rates), clock)
    }

    pub(crate) fn webhooks(&self, lucky: bool) -> Process<Router> {
        let (life, clock) = self.fate_or_luck(lucky);
        let config = self.aws.config(&life);
        let sources = sources(clock, &self.dice);
        let nothing = Arc::new(Published(Vec::new()));
        let environment = &self.stage.environments["webhooks"];
        let state = webhooks::State::connect_with(environment, &config, sources, nothing).unwrap();
        let state = state.with_metrics(self.stage.lines.metrics("webhooks"));
        Process {
            state: webhooks::router(state),
            life,
        }
    }

    pub(crate) fn processor(&self, lucky: bool) -> Process<processor::State> {
        let (life, clock) = self.fate_or_luck(lucky);
        let config = self.aws.config(&life);
        let (sources, egress) = (sources(clock, &self.dice), self.stage.egress.clone());
        let environment = &self.stage.environments["processor"];
        let state = processor::State::connect_with(environment, &config, sources, egress).unwrap();
        Process {
            state: state.with_metrics(self.stage.lines.metrics("processor")),
            life,
        }
    }

    fn fate_or_luck(&self, lucky: bool) -> (Arc<Life>, VirtualClock) {
        let (life, clock) = match lucky {
            true => (Life::lucky(self.dice.others()), self.clock()),
            false => self.fate(),
        };
        (Arc::new(life), clock)
    }

    /// How a request is answered; not at all, if the function dies over it.
    pub(crate) async fn post(
        &self,
        process: &Process<Router>,
        request: Request<Body>,
    ) -> Option<StatusCode> {
        let answer = process.state.clone().oneshot(request);
        let answer = tokio::time::timeout(WEBHOOKS_MAY_RUN, answer);
        let answer = process.life.until_killed(answer).await?;
        answer.ok().map(|response| response.unwrap().status())
    }

    /// Some of the messages that can be seen, in any order: up to `many`.
    pub(crate) fn receive(&self, many: usize) -> Vec<Letter> {
        let now = self.clock().now();
        let mut queues = self.aws.queues();
        let letters = queues.of(&self.queue_url);
        let (dead, alive): (Vec<_>, Vec<_>) = std::mem::take(letters)
            .into_iter()
            .partition(|letter| letter.received >= RECEIPTS && letter.visible_at <= now);
        *letters = alive;
        let mut taken = Vec::new();
        for _ in 0..many {
            let mut visible: Vec<&mut Letter> = letters
                .iter_mut()
                .filter(|letter| letter.visible_at <= now)
                .collect();
            let at = self.dice.index(visible.len());
            let Some(letter) = visible.get_mut(at) else {
                break;
            };
            letter.received += 1;
            letter.visible_at = now.plus(VISIBILITY);
            taken.push(letter.clone());
        }
        let buried = queues.of(&self.dead_letter_url);
        buried.extend(dead);
        taken
    }

    /// Has a process handle a batch, and forgets what is done, but for what is not deleted in time. How
    /// many messages are left over.
    pub(crate) async fn deliver(
        &self,
        process: &Process<processor::State>,
        letters: &[Letter],
        undeleted_one_in: u64,
    ) -> Option<usize> {
        let records: Vec<Value> = letters.iter().map(record).collect();
        let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
        let handled = processor::handle(&process.state, event);
        let handled = tokio::time::timeout(PROCESSOR_MAY_RUN, Box::pin(handled));
        let handled = process.life.until_killed(handled).await?;
        let Ok(answer) = handled else {
            // Whoever is stopped by the time it may run is no more.
            process.life.die();
            return None;
        };
        let failures = answer.unwrap().batch_item_failures;
        let failed: Vec<u64> = failures
            .iter()
            .map(|failure| failure.item_identifier.parse().unwrap())
            .collect();
        let mut queues = self.aws.queues();
        let queue = queues.of(&self.queue_url);
        queue.retain(|letter| {
            let is_done =
                letters.iter().any(|other| other.id == letter.id) && !failed.contains(&letter.id);
            !is_done || self.dice.one_in(undeleted_one_in)
        });
        Some(failed.len())
    }

    /// Puts a message into the queue once more.
    pub(crate) fn repeat(&self, letter: &Letter) {
        let wait = Duration::from_secs(self.dice.one_of(&[0, 3, 50, 400]));
        let again = Letter {
            visible_at: self.clock().now().plus(wait),
            received: 0,
            ..letter.clone()
        };
        self.aws.queues().send(&self.queue_url, again);
    }

    /// Puts the dead letters back, as new ones, as an operator does; how many there were.
    pub(crate) fn redrive(&self) -> usize {
        let now = self.clock().now();
        let mut queues = self.aws.queues();
        let dead = std::mem::take(queues.of(&self.dead_letter_url));
        let many = dead.len();
        for letter in dead {
            let letter = Letter {
                visible_at: now,
                received: 0,
                ..letter
            };
            queues.send(&self.queue_url, letter);
        }
        many
    }
}

/// A message as the function sees it.
pub(crate) fn record(letter: &Letter) -> Value {
    let attributes: BTreeMap<_, _> = letter
        .attributes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = json!({"dataType": value["DataType"], "stringValue": value["StringValue"],
                "stringListValues": [], "binaryListValues": []});
            (name, value)
        })
        .collect();
    json!({"messageId": letter.id.to_string(), "receiptHandle": letter.id.to_string(),
        "body": letter.body, "messageAttributes": attributes,
        "attributes": {"ApproximateReceiveCount": letter.received.to_string()},
        "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:0:events"})
}

/// The same, to look into.
pub(crate) fn message(letter: &Letter) -> SqsMessage {
    serde_json::from_value(record(letter)).unwrap()
}
