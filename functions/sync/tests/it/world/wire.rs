//! AWS within one thread: the table is the embedded one, called without a socket, and the queue is in
//! this file. A process is killed by letting what it says reach nobody, and nothing reach it, from a
//! given call on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_types::SdkConfig;
use embedded_aws::in_process::{Answer, Table, broken, data_key, response, sdk_config, throttled};
use gatehouse::domain::{Clock as _, Timestamp};
use serde_json::{Value, json};

use super::dice::{Dice, VirtualClock};

pub(crate) const TABLE: &str = "gatehouse";

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// With which of its calls of AWS, counted from 0.
    pub(crate) call: usize,
    /// Whether that call still has its effect.
    pub(crate) has_effect: bool,
}

/// The life of one process.
#[derive(Debug)]
pub(crate) struct Life {
    kill: Option<Kill>,
    /// Which of its calls is throttled for sure.
    throttled: Option<usize>,
    calls: AtomicUsize,
    /// Whether only those that may change something are counted.
    counts_changes: bool,
    is_dead: AtomicBool,
    dice: Dice,
    /// One of so many calls of AWS is throttled; 0: none.
    throttles_one_in: u64,
    /// One of so many answers is lost; 0: none.
    loses_one_in: u64,
}

impl Life {
    pub(crate) fn new(dice: Dice, kill: Option<Kill>, throttles: u64, loses: u64) -> Self {
        Self {
            kill,
            throttled: None,
            calls: AtomicUsize::new(0),
            counts_changes: false,
            is_dead: AtomicBool::new(false),
            dice,
            throttles_one_in: throttles,
            loses_one_in: loses,
        }
    }

    /// One of which the call with this number is throttled, and nothing else happens.
    pub(crate) fn throttled_at(call: usize) -> Self {
        Self {
            throttled: Some(call),
            ..Self::new(Dice::new(1), None, 0, 0)
        }
    }

    /// One that is killed with calls that may change something: with another, it leaves what the last of
    /// these has left.
    pub(crate) fn killed(dice: Dice, kill: Kill) -> Self {
        Self {
            counts_changes: true,
            ..Self::new(dice, Some(kill), 0, 0)
        }
    }

    /// One more call: its number, if it is counted.
    fn count(&self, target: &str) -> Option<usize> {
        let is_read = ["GetItem", "Query", "GetSecretValue", "Decrypt"]
            .iter()
            .any(|operation| target.ends_with(operation));
        let is_counted = !self.counts_changes || !is_read;
        is_counted.then(|| self.calls.fetch_add(1, Ordering::SeqCst))
    }

    /// How many calls of AWS it has made.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }
}

/// A message of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) id: usize,
    pub(crate) body: String,
    pub(crate) visible_at: Timestamp,
    pub(crate) received: u32,
}

/// How often each operation was called, and how many items it wrote.
pub(crate) type Calls = BTreeMap<String, usize>;

/// What all processes share.
#[derive(Clone)]
pub(crate) struct Aws {
    table: Table,
    pub(crate) clock: VirtualClock,
    pub(crate) letters: Arc<Mutex<Vec<Letter>>>,
    pub(crate) buried: Arc<Mutex<Vec<String>>>,
    /// What was sent to the queue of events.
    pub(crate) events: Arc<Mutex<Vec<String>>>,
    pub(crate) calls: Arc<Mutex<Calls>>,
    sent: Arc<AtomicUsize>,
    /// Whether secrets may not be read.
    pub(crate) refuses_secrets: Arc<AtomicBool>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new(TABLE).unwrap(),
            clock: VirtualClock::start(),
            letters: Arc::default(),
            buried: Arc::default(),
            events: Arc::default(),
            calls: Arc::default(),
            sent: Arc::default(),
            refuses_secrets: Arc::default(),
        }
    }

    /// The same services at another time, with an empty queue.
    pub(crate) fn anew(&self) -> Self {
        Self {
            clock: VirtualClock::start(),
            letters: Arc::default(),
            buried: Arc::default(),
            events: Arc::default(),
            calls: Arc::default(),
            ..self.clone()
        }
    }

    /// All that is in the table, by its keys.
    pub(crate) fn items(&self) -> BTreeMap<String, Value> {
        let items = self.table.items().unwrap().into_iter();
        let items = items.map(|item| {
            let key = ["pk", "sk"].map(|name| item[name]["S"].as_str().unwrap());
            (key.join(" "), item)
        });
        items.collect()
    }

    /// Puts items back as they were.
    pub(crate) fn restore(&self, items: &BTreeMap<String, Value>) {
        for item in items.values() {
            let put = json!({"TableName": TABLE, "Item": item}).to_string();
            let (status, answer) = self.table.answer("PutItem", put.as_bytes());
            assert_eq!(status, 200, "{answer}");
        }
    }

    pub(crate) fn config(&self, life: &Arc<Life>) -> SdkConfig {
        sdk_config(Connector {
            aws: self.clone(),
            life: Arc::clone(life),
        })
    }

    fn answer(&self, target: &str, body: &[u8]) -> Answer {
        let (service, operation) = target.split_once('.').unwrap_or_default();
        self.count(target, 1);
        match (service, operation) {
            ("DynamoDB_20120810", operation) => self.of_table(operation, body),
            ("AmazonSQS", operation) => (200, self.of_queue(operation, body).to_string()),
            ("TrentService", operation) => data_key(operation).unwrap(),
            ("secretsmanager", "GetSecretValue") if self.refuses_secrets.load(Ordering::SeqCst) => {
                (400, json!({"__type": "AccessDeniedException"}).to_string())
            }
            ("secretsmanager", "GetSecretValue") => {
                let secret = json!({"apiKey": "not-so-secret"}).to_string();
                let value =
                    json!({"ARN": "arn", "Name": "n", "VersionId": "v", "SecretString": secret});
                (200, value.to_string())
            }
            other => panic!("{other:?} is not expected"),
        }
    }

    /// Writes one item of a batch, and leaves the rest.
    fn write_one_of(&self, target: &str, body: &[u8]) -> Answer {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        let writes = body["RequestItems"][TABLE].as_array_mut().unwrap();
        let rest = writes.split_off(1);
        let (status, text) = self.answer(target, body.to_string().as_bytes());
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        if status == 200 && !rest.is_empty() {
            answer["UnprocessedItems"] = json!({TABLE: rest});
        }
        (status, answer.to_string())
    }

    fn count(&self, what: &str, times: usize) {
        let mut calls = self.calls.lock().unwrap();
        *calls.entry(what.to_owned()).or_default() += times;
    }

    fn of_queue(&self, operation: &str, body: &[u8]) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap();
        let now = self.clock.now();
        match operation {
            "SendMessage" if body["QueueUrl"] == "https://queue/dead" => {
                let text = body["MessageBody"].as_str().unwrap().to_owned();
                self.buried.lock().unwrap().push(text);
                json!({"MessageId": "m", "MD5OfMessageBody": "0"})
            }
            "SendMessage" if body["QueueUrl"] == "https://queue/events" => {
                let text = body["MessageBody"].as_str().unwrap().to_owned();
                self.events.lock().unwrap().push(text);
                json!({"MessageId": "e", "MD5OfMessageBody": "0"})
            }
            "SendMessage" => {
                let id = self.sent.fetch_add(1, Ordering::SeqCst);
                let delay = body["DelaySeconds"].as_u64().unwrap_or_default();
                self.letters.lock().unwrap().push(Letter {
                    id,
                    body: body["MessageBody"].as_str().unwrap().to_owned(),
                    visible_at: now.plus(Duration::from_secs(delay)),
                    received: 0,
                });
                json!({"MessageId": id.to_string(), "MD5OfMessageBody": "0"})
            }
            "SendMessageBatch" => {
                let entries = body["Entries"].as_array().unwrap();
                let mut done = Vec::new();
                for entry in entries {
                    let mut one = entry.clone();
                    one["QueueUrl"] = body["QueueUrl"].clone();
                    let mut answer = self.of_queue("SendMessage", one.to_string().as_bytes());
                    answer["Id"] = entry["Id"].clone();
                    done.push(answer);
                }
                json!({"Successful": done, "Failed": []})
            }
            "ChangeMessageVisibility" => {
                let id = body["ReceiptHandle"].as_str().unwrap();
                let wait = body["VisibilityTimeout"].as_u64().unwrap();
                let mut letters = self.letters.lock().unwrap();
                let letter = letters
                    .iter_mut()
                    .find(|letter| letter.id.to_string() == id);
                if let Some(letter) = letter {
                    letter.visible_at = now.plus(Duration::from_secs(wait));
                }
                json!({})
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn of_table(&self, operation: &str, body: &[u8]) -> Answer {
        if operation == "TransactWriteItems" {
            let json: Value = serde_json::from_slice(body).unwrap();
            let items = json["TransactItems"].as_array().map_or(0, Vec::len);
            self.count("items written in transactions", items);
        }
        self.table.answer(operation, body)
    }
}

#[derive(Clone, Debug)]
struct Connector {
    aws: Aws,
    life: Arc<Life>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let target = target.to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let (life, aws) = (&connector.life, &connector.aws);
            // Others get their turn here.
            tokio::task::yield_now().await;
            let number = life.count(&target);
            let kill = life.kill.filter(|kill| number == Some(kill.call));
            if kill.is_some_and(|kill| !kill.has_effect) {
                life.is_dead.store(true, Ordering::SeqCst);
            }
            if life.is_dead() {
                std::future::pending::<()>().await;
            }
            aws.clock.pass(Duration::from_millis(life.dice.below(8)));
            let is_throttled = number.is_some() && life.throttled == number;
            if is_throttled || life.dice.one_in(life.throttles_one_in) {
                return response(throttled(&target));
            }
            let mut answer = if target.ends_with("BatchWriteItem") && life.throttles_one_in > 0 {
                aws.write_one_of(&target, &body)
            } else {
                aws.answer(&target, &body)
            };
            if kill.is_some() {
                life.is_dead.store(true, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            if life.dice.one_in(life.loses_one_in) {
                answer = broken();
            }
            response(answer)
        })
    }
}
