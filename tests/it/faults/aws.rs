//! AWS within one thread, in virtual time: the table is the embedded one, called without a socket; the
//! queues, the key and the secrets are in this file. What becomes of a call is its process's life to say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use embedded_aws::in_process::{Answer, Table, broken, response, sdk_config, throttled};
use gatehouse::domain::{Clock as _, Timestamp};
use serde_json::{Value, json};

use super::dice::{Dice, VirtualClock};
use super::life::{Fate, Life};

/// A message of a queue.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: u64,
    pub(super) body: String,
    /// Its attributes, as they were sent.
    pub(super) attributes: Value,
    pub(super) visible_at: Timestamp,
    pub(super) received: u32,
}

/// The queues, by their URLs. A queue is there as soon as something is sent to it.
#[derive(Debug, Default)]
pub(super) struct Queues {
    sent: u64,
    letters: BTreeMap<String, Vec<Letter>>,
}

impl Queues {
    pub(super) fn of(&mut self, url: &str) -> &mut Vec<Letter> {
        self.letters.entry(url.to_owned()).or_default()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Letter)> {
        let queues = self.letters.iter();
        queues.flat_map(|(url, letters)| letters.iter().map(move |letter| (url.as_str(), letter)))
    }

    /// Puts a message into a queue; its id.
    pub(super) fn send(&mut self, url: &str, letter: Letter) -> u64 {
        self.sent += 1;
        let id = self.sent;
        self.of(url).push(Letter { id, ..letter });
        id
    }

    fn sent(&mut self, url: &str, entry: &Value, now: Timestamp) -> Value {
        let delay = entry["DelaySeconds"].as_u64().unwrap_or_default();
        let letter = Letter {
            id: 0,
            body: entry["MessageBody"].as_str().unwrap().to_owned(),
            attributes: entry["MessageAttributes"].clone(),
            visible_at: now.plus(Duration::from_secs(delay)),
            received: 0,
        };
        let id = self.send(url, letter).to_string();
        json!({"MessageId": id, "MD5OfMessageBody": "0", "Id": entry["Id"]})
    }
}

/// What all processes of a world share.
#[derive(Clone)]
pub(super) struct Aws {
    table: Table,
    table_name: Arc<str>,
    pub(super) clock: VirtualClock,
    queues: Arc<Mutex<Queues>>,
    /// The secrets' versions and texts, by their names.
    secrets: Arc<Mutex<BTreeMap<String, (String, String)>>>,
    wrapped: Dice,
    /// What was written to the table, as it was sent.
    written: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    pub(super) fn new(table: &str, dice: &Dice) -> Self {
        Self {
            table: Table::new(table).unwrap(),
            table_name: table.into(),
            clock: VirtualClock::start(),
            queues: Arc::default(),
            secrets: Arc::default(),
            wrapped: dice.others(),
            written: Arc::default(),
        }
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap()
    }

    /// What was written to the table with `text` in it, as it was sent.
    pub(super) fn written_with(&self, text: &str) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let found = written.iter().filter(|body| body.contains(text));
        found.cloned().collect()
    }

    /// All items of the table.
    pub(super) fn items(&self) -> Vec<Value> {
        self.table.items().unwrap()
    }

    pub(super) fn config(&self, life: &Arc<Life>) -> SdkConfig {
        // What the client would repeat is a fault of its own: `Fate::Repeated`.
        sdk_config(Wire {
            aws: self.clone(),
            life: Arc::clone(life),
        })
    }

    fn answer(&self, target: &str, body: &[u8], life: &Life) -> Answer {
        let (service, operation) = target.split_once('.').unwrap_or_default();
        match (service, operation) {
            ("DynamoDB_20120810", operation) => {
                let answer = self.of_table(operation, body, life);
                if answer.0 == 200 && ["PutItem", "TransactWriteItems"].contains(&operation) {
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    self.written.lock().unwrap().push(body);
                }
                answer
            }
            ("AmazonSQS", operation) => (200, self.of_queue(operation, body, life).to_string()),
            ("TrentService", "Decrypt") => {
                let body: Value = serde_json::from_slice(body).unwrap();
                let wrapped = STANDARD.decode(body["CiphertextBlob"].as_str().unwrap());
                let key: Vec<u8> = wrapped.unwrap().iter().map(|byte| byte ^ 0x5a).collect();
                (
                    200,
                    json!({"Plaintext": STANDARD.encode(key), "KeyId": "key"}).to_string(),
                )
            }
            ("TrentService", "GenerateDataKeyWithoutPlaintext") => {
                let mut wrapped = [0; 32];
                gatehouse::domain::Randomness::fill(&self.wrapped, &mut wrapped);
                (
                    200,
                    json!({"CiphertextBlob": STANDARD.encode(wrapped), "KeyId": "key"}).to_string(),
                )
            }
            ("secretsmanager", operation) => self.of_secrets(operation, body),
            other => panic!("{other:?} is not expected"),
        }
    }

    fn of_secrets(&self, operation: &str, body: &[u8]) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let mut secrets = self.secrets.lock().unwrap();
        match operation {
            "CreateSecret" => {
                let version = (text("ClientRequestToken"), text("SecretString"));
                secrets.insert(text("Name"), version);
                (
                    200,
                    json!({"ARN": text("Name"), "Name": text("Name")}).to_string(),
                )
            }
            "GetSecretValue" => {
                let (version, secret) = secrets[&text("SecretId")].clone();
                assert_eq!(version, text("VersionId"));
                let id = text("SecretId");
                let value =
                    json!({"ARN": id, "Name": id, "VersionId": version, "SecretString": secret});
                (200, value.to_string())
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn of_queue(&self, operation: &str, body: &[u8], life: &Life) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap();
        let (url, now) = (body["QueueUrl"].as_str().unwrap(), self.clock.now());
        let mut queues = self.queues();
        match operation {
            "SendMessage" => queues.sent(url, &body, now),
            "SendMessageBatch" => {
                let (mut done, mut failed) = (Vec::new(), Vec::new());
                for entry in body["Entries"].as_array().unwrap() {
                    if life.dice.one_in(life.rates.partial) {
                        life.note_fault();
                        failed.push(json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
                    } else {
                        done.push(queues.sent(url, entry, now));
                    }
                }
                json!({"Successful": done, "Failed": failed})
            }
            "ChangeMessageVisibility" => {
                let id = body["ReceiptHandle"].as_str().unwrap();
                let wait = body["VisibilityTimeout"].as_u64().unwrap();
                let mut letters = queues.of(url).iter_mut();
                if let Some(letter) = letters.find(|letter| letter.id.to_string() == id) {
                    letter.visible_at = now.plus(Duration::from_secs(wait));
                }
                json!({})
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn of_table(&self, operation: &str, body: &[u8], life: &Life) -> Answer {
        match operation {
            "BatchWriteItem" => self.write_some(body, life),
            _ => self.table.answer(operation, body),
        }
    }

    /// Writes the items of a batch, but for those that are left over.
    fn write_some(&self, body: &[u8], life: &Life) -> Answer {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        let writes = body["RequestItems"][&*self.table_name]
            .as_array_mut()
            .unwrap();
        let all = std::mem::take(writes);
        let (left, written): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|_| life.dice.one_in(life.rates.partial));
        *writes = written;
        let is_empty = writes.is_empty();
        let mut answer = json!({"UnprocessedItems": {}});
        if !is_empty {
            let body = body.to_string();
            let written = self.table.answer("BatchWriteItem", body.as_bytes());
            if written.0 != 200 {
                return written;
            }
        }
        if !left.is_empty() {
            life.note_fault();
            answer["UnprocessedItems"] = json!({&*self.table_name: left});
        }
        (200, answer.to_string())
    }
}

#[derive(Clone, Debug)]
struct Wire {
    aws: Aws,
    life: Arc<Life>,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let target = target.to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let (life, aws) = (&wire.life, &wire.aws);
            let is_slow = life.dice.one_in(life.rates.slow);
            let latency = life.dice.millis(if is_slow { 15_000 } else { 8 });
            tokio::time::sleep(latency).await;
            let fate = life.call();
            match fate {
                Fate::DiesBefore => std::future::pending().await,
                Fate::Throttled => return response(throttled(&target)),
                Fate::LostBefore => return Err(ConnectorError::timeout("no answer".into())),
                _ => {}
            }
            let mut answer = aws.answer(&target, &body, life);
            tokio::time::sleep(life.dice.millis(4)).await;
            match fate {
                Fate::DiesAfter => {
                    life.die();
                    std::future::pending().await
                }
                Fate::LostAfter => return Err(ConnectorError::timeout("no answer".into())),
                Fate::Broken => answer = broken(),
                Fate::Repeated => answer = aws.answer(&target, &body, life),
                _ => {}
            }
            response(answer)
        })
    }
}
