mod dice;
mod look;
mod provider;
mod wire;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::config::Environment;
use gatehouse::domain::sync::{EntityName, SyncJob, SyncTrigger, SyncType};
use gatehouse::domain::{
    Clock as _, Integration, IntegrationId, OrganizationId, Sources, Timestamp,
};
use gatehouse::egress::{Egress, EgressPolicy};
use gatehouse::flows::sync::Jobs;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::{SyncMessage, SyncQueue};
use gatehouse::store::Store;
use gatehouse::vault::DataKeys;
use serde_json::{Value, json};
use sync::{State, handle};

pub(crate) use dice::{Dice, VirtualClock};
pub(crate) use look::Look;
pub(crate) use provider::{Faults, Paging, Provider, Providers};
pub(crate) use wire::{Aws, Kill, Letter, Life};

/// How long a message is hidden while it is handled: longer than a function may run.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(360);
/// How many items are purged for one message.
const PURGED: usize = 5;
/// After so many receipts the queue gives a message up.
const RECEIPTS: u32 = 5;

/// What all worlds of one runtime share.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) providers: Providers,
    pub(crate) url: String,
    egress: Egress,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let providers = Providers::default();
        let url = provider::serve(Arc::clone(&providers)).await;
        let egress = Egress::new(EgressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            ..EgressPolicy::default()
        });
        Self {
            aws: Aws::new(),
            providers,
            url,
            egress,
        }
    }
}

/// A running function.
pub(crate) struct Process {
    pub(crate) state: State,
    pub(crate) life: Arc<Life>,
    counted: Counted,
}

/// The lines of metrics that a process has written.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<Vec<u8>>>);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One integration, its provider, its queue, and its time.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) dice: Dice,
    pub(crate) clock: VirtualClock,
    pub(crate) provider: Arc<Mutex<Provider>>,
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) integration: Integration,
    pub(crate) entity: EntityName,
    /// One that nothing happens to.
    pub(crate) lucky: Process,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    Done,
    Again,
    Killed,
}

impl World {
    /// A world of its own, with that provider, and with `rules` over how its records are synchronized.
    pub(crate) async fn new(stage: &Stage, seed: u64, paging: Paging, rules: Value) -> Self {
        let stage = Stage {
            aws: stage.aws.anew(),
            ..stage.clone()
        };
        let clock = stage.aws.clock.clone();
        let dice = Dice::new(seed);
        let provider = Provider::new(paging, dice.clone(), clock.clone());
        let provider = Arc::new(Mutex::new(provider));
        let now = clock.now();
        let sources = sources(&clock, &dice);
        let organization = OrganizationId::generate(now, sources.randomness.as_ref());
        let id = IntegrationId::generate(now, sources.randomness.as_ref());
        let name = id.to_string();
        let known = (name.clone(), Arc::clone(&provider));
        stage.providers.lock().unwrap().extend([known]);
        let base_url = format!("{}/{name}/", stage.url);
        let integration = integration((organization, id), &base_url, now, entity(paging, rules));
        let lucky = process(&stage, &clock, &dice, Life::new(dice.clone(), None, 0, 0));
        let config = stage.aws.config(&lucky.life);
        let store = Store::new(
            aws_sdk_dynamodb::Client::new(&config),
            wire::TABLE.parse().unwrap(),
        );
        let world = Self {
            keys: DataKeys::new(
                aws_sdk_kms::Client::new(&config),
                "key".to_owned(),
                store.clone(),
                sources.clone(),
            ),
            store,
            stage,
            dice,
            clock,
            provider,
            integration,
            entity: "things".parse().unwrap(),
            lucky,
        };
        world
            .store
            .create_integration(&world.integration)
            .await
            .unwrap();
        world
    }

    pub(crate) fn provider(&self) -> std::sync::MutexGuard<'_, Provider> {
        self.provider.lock().unwrap()
    }

    pub(crate) fn sources(&self) -> Sources {
        sources(&self.clock, &self.dice)
    }

    /// Changes what is said of an integration.
    pub(crate) async fn configure(&self, id: IntegrationId, change: impl FnOnce(&mut Value)) {
        let organization = self.integration.organization_id;
        let found = self.store.integration(organization, id).await;
        let found = found.unwrap().unwrap();
        let mut json = serde_json::to_value(&found.item).unwrap();
        change(&mut json);
        let changed = serde_json::from_value(json).unwrap();
        let written = self.store.update_integration(&changed, found.version);
        written.await.unwrap();
        // Longer than it is remembered.
        self.clock.pass(Duration::from_secs(6));
    }

    /// Another integration of the organization, with a provider of its own.
    pub(crate) async fn beside(&self, rules: Value) -> (Integration, Arc<Mutex<Provider>>) {
        let provider = Provider::new(Paging::Cursor, self.dice.clone(), self.clock.clone());
        let provider = Arc::new(Mutex::new(provider));
        let (now, sources) = (self.clock.now(), self.sources());
        let id = IntegrationId::generate(now, sources.randomness.as_ref());
        let known = (id.to_string(), Arc::clone(&provider));
        self.stage.providers.lock().unwrap().extend([known]);
        let base_url = format!("{}/{id}/", self.stage.url);
        let owner = (self.integration.organization_id, id);
        let rules = entity(Paging::Cursor, rules);
        let integration = integration(owner, &base_url, now, rules);
        let made = self.store.create_integration(&integration);
        made.await.unwrap();
        (integration, provider)
    }

    /// Puts a message into the queue.
    pub(crate) async fn send(&self, message: &SyncMessage) {
        let config = self.stage.aws.config(&self.lucky.life);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = SyncQueue::new(sqs, "https://queue/sync".to_owned());
        queue.send(message, Duration::ZERO).await.unwrap();
    }

    pub(crate) fn process(&self, life: Life) -> Process {
        process(&self.stage, &self.clock, &self.dice, life)
    }

    /// The reasons for which the one that nothing happens to has counted `metric`.
    pub(crate) fn counted(&self, metric: &str) -> Vec<String> {
        let lines = self.lucky.counted.0.lock().unwrap();
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let counted = lines.filter(|line| line.get(metric).is_some());
        counted
            .map(|line| line["reason"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        self.lucky.state.jobs()
    }

    pub(crate) async fn start(&self, sync_type: SyncType) -> SyncJob {
        let started = self.jobs().start(
            &self.integration,
            &self.entity,
            sync_type,
            SyncTrigger::Manual,
        );
        started.await.unwrap().job.item
    }

    /// Takes any message that can be seen, if there is one.
    pub(crate) fn take(&self) -> Option<Letter> {
        let now = self.clock.now();
        let mut letters = self.stage.aws.letters.lock().unwrap();
        letters.retain(|letter| letter.received < RECEIPTS || letter.visible_at > now);
        let mut visible: Vec<&mut Letter> = letters
            .iter_mut()
            .filter(|letter| letter.visible_at <= now)
            .collect();
        let at = usize::try_from(self.dice.below(visible.len() as u64)).unwrap();
        let letter = visible.get_mut(at)?;
        letter.received += 1;
        letter.visible_at = now.plus(VISIBILITY);
        Some(letter.clone())
    }

    /// Puts a message into the queue once more.
    pub(crate) fn repeat(&self, letter: &Letter, wait: Duration) {
        let again = Letter {
            id: usize::MAX - usize::try_from(self.dice.below(1 << 40)).unwrap(),
            visible_at: self.clock.now().plus(wait),
            received: 0,
            body: letter.body.clone(),
        };
        self.stage.aws.letters.lock().unwrap().push(again);
    }

    /// When the next message can be seen, if there is one.
    pub(crate) fn next_letter_at(&self) -> Option<Timestamp> {
        let letters = self.stage.aws.letters.lock().unwrap();
        letters.iter().map(|letter| letter.visible_at).min()
    }

    /// Has a process handle a message.
    pub(crate) async fn deliver(&self, process: &Process, letter: &Letter) -> Handled {
        let id = letter.id.to_string();
        let event = json!({"Records": [{"messageId": id, "receiptHandle": id, "body": letter.body,
            "attributes": {"ApproximateReceiveCount": letter.received.to_string()},
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:0:sync"}]});
        let Some(answer) = until_killed(process, handle(&process.state, event)).await else {
            return Handled::Killed;
        };
        let answer = answer.unwrap();
        if answer["batchItemFailures"]
            .as_array()
            .is_none_or(Vec::is_empty)
        {
            let mut letters = self.stage.aws.letters.lock().unwrap();
            letters.retain(|other| other.id != letter.id);
            Handled::Done
        } else {
            Handled::Again
        }
    }

    /// What the schedule does each minute.
    pub(crate) async fn tick(&self, process: &Process) -> Option<Value> {
        let event = json!({"version": "0", "detail-type": "Scheduled Event", "detail": {}});
        until_killed(process, handle(&process.state, event))
            .await?
            .ok()
    }

    /// Handles what there is, and what follows from it, by the one that nothing happens to.
    pub(crate) async fn run(&self) {
        for _ in 0..1_000 {
            let Some(letter) = self.take() else {
                match self.next_letter_at() {
                    Some(at) => self.clock.go_to(at),
                    None => return,
                }
                continue;
            };
            self.deliver(&self.lucky, &letter).await;
        }
        panic!("there is no end of messages");
    }
}

/// What a call comes to; nothing, if its process dies.
pub(crate) async fn until_killed<T>(process: &Process, call: impl Future<Output = T>) -> Option<T> {
    let mut call = std::pin::pin!(call);
    loop {
        tokio::select! {
            biased;
            end = &mut call => return (!process.life.is_dead()).then_some(end),
            () = tokio::time::sleep(Duration::from_micros(500)) => {}
        }
        if process.life.is_dead() {
            return None;
        }
    }
}

fn sources(clock: &VirtualClock, dice: &Dice) -> Sources {
    Sources {
        clock: Arc::new(clock.clone()),
        randomness: Arc::new(Dice::new(dice.next())),
    }
}

fn process(stage: &Stage, clock: &VirtualClock, dice: &Dice, life: Life) -> Process {
    let life = Arc::new(life);
    let variables = [
        ("GATEHOUSE_TABLE", wire::TABLE),
        ("GATEHOUSE_KEY_ARN", "key"),
        ("GATEHOUSE_SECRET_PREFIX", "gatehouse"),
        ("GATEHOUSE_QUEUE_URL", "https://queue/events"),
        ("GATEHOUSE_SYNC_QUEUE_URL", "https://queue/sync"),
        ("GATEHOUSE_SYNC_DEAD_LETTER_QUEUE_URL", "https://queue/dead"),
        ("GATEHOUSE_REQUEST_RETENTION_DAYS", "30"),
        ("GATEHOUSE_RECORD_RETENTION_DAYS", "30"),
        ("GATEHOUSE_AUDIT_RETENTION_DAYS", "400"),
    ];
    let environment: Environment = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let config = stage.aws.config(&life);
    let counted = Counted::default();
    let metrics = Metrics::with_writer("sync", counted.clone());
    let (sources, egress) = (sources(clock, dice), stage.egress.clone());
    let state = State::connect_with(&environment, &config, sources, egress, metrics);
    Process {
        state: state.unwrap().purging_in_steps_of(PURGED),
        life,
        counted,
    }
}

/// How the provider's records are listed, with `rules` over it.
fn entity(paging: Paging, rules: Value) -> Value {
    let is_post = paging == Paging::Post;
    let since = if is_post { "/variables/since" } else { "since" };
    let mut source = json!({"listPath": "items?all=yes", "items": "items", "id": "id",
        "cursorField": "updatedAt", "deleted": "deleted", "changedSince": {"parameter": since},
        "pagination": paging.described(3)});
    if is_post {
        source["method"] = "POST".into();
        source["body"] = json!({"query": "all", "variables": {}});
    }
    source["listPath"] = format!("/{}", source["listPath"].as_str().unwrap()).into();
    let mut entity =
        json!({"source": source, "mapping": {"number": "number", "odd": "nested.odd"}});
    for (name, value) in rules.as_object().unwrap() {
        entity[name] = value.clone();
    }
    entity
}

fn integration(
    (organization, id): (OrganizationId, IntegrationId),
    base_url: &str,
    now: Timestamp,
    entity: Value,
) -> Integration {
    let integration = json!({
        "id": id, "organizationId": organization, "name": "a provider", "type": "enterprise",
        "baseUrl": base_url, "authMethod": "api_key", "status": "active",
        "credentials": {"version": "v", "fields": ["apiKey"], "createdAt": now},
        "gatewayConfig": {"retry": {"maxAttempts": 1}},
        "syncConfig": {"entities": {"things": entity}},
        "createdAt": now, "updatedAt": now,
    });
    serde_json::from_value(integration).unwrap()
}
