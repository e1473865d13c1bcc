//! AWS as one process sees it: the table is the embedded one, called without a socket, and Secrets
//! Manager is that of the embedded services. A process is killed by letting what it says reach
//! nobody, and nothing reach it, from a given call on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_types::SdkConfig;
use embedded_aws::in_process::{Answer, Table, broken, data_key, response, sdk_config, throttled};
use serde_json::Value;
use tokio::sync::Notify;

use super::dice::Dice;
use super::watch::Watch;

pub(super) const TABLE: &str = "gatehouse";

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// With which of its calls, of AWS and of the provider, counted from 0.
    pub(super) call: usize,
    /// Whether that call still has its effect.
    pub(super) has_effect: bool,
    /// Which calls are counted.
    pub(super) of: Of,
}

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// All of them.
    All,
    /// Those that may change something. A process that is killed with another one leaves what the
    /// last of these has left.
    Changes,
}

/// The life of one process.
#[derive(Debug)]
pub(super) struct Life {
    kill: Option<Kill>,
    calls: AtomicUsize,
    changes: AtomicUsize,
    is_dead: AtomicBool,
    death: Notify,
    dice: Dice,
    /// One of so many calls of AWS is throttled; 0: none.
    throttles_one_in: u64,
    /// One of so many answers is lost; 0: none.
    loses_one_in: u64,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is made, and answered.
    Lives,
    /// It is not made.
    DiesBefore,
    /// It is made, and not answered.
    DiesAfter,
}

impl Life {
    pub(super) fn new(dice: Dice, kill: Option<Kill>, throttles: u64, loses: u64) -> Self {
        Self {
            kill,
            calls: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            death: Notify::new(),
            dice,
            throttles_one_in: throttles,
            loses_one_in: loses,
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// Ends with it.
    pub(super) async fn death(&self) {
        let mut death = std::pin::pin!(self.death.notified());
        death.as_mut().enable();
        if !self.is_dead() {
            death.await;
        }
    }

    /// How many calls it has made.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// One more call, and whether it may change something.
    pub(super) fn call(&self, changes: bool) -> Fate {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let change = match changes {
            true => Some(self.changes.fetch_add(1, Ordering::SeqCst)),
            false => None,
        };
        let kill = self.kill.filter(|kill| match kill.of {
            Of::All => kill.call == number,
            Of::Changes => change == Some(kill.call),
        });
        if kill.is_some_and(|kill| !kill.has_effect) {
            self.die();
        }
        if self.is_dead() {
            Fate::DiesBefore
        } else if kill.is_some() {
            Fate::DiesAfter
        } else {
            Fate::Lives
        }
    }

    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.death.notify_waiters();
    }
}

/// What all processes of a world share.
#[derive(Clone)]
pub(super) struct Aws {
    pub(super) table: Table,
    pub(super) watch: Arc<Watch>,
    /// Where Secrets Manager is.
    secrets: Arc<str>,
    client: reqwest::Client,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    pub(super) fn new(
        (client, secrets): (reqwest::Client, &str),
        watch: Arc<Watch>,
        table: Table,
    ) -> Self {
        Self {
            table,
            watch,
            secrets: secrets.into(),
            client,
        }
    }

    pub(super) fn config(&self, life: &Arc<Life>) -> SdkConfig {
        sdk_config(Connector {
            aws: self.clone(),
            life: Arc::clone(life),
        })
    }

    async fn answer(&self, target: &str, body: &[u8]) -> Answer {
        let (service, operation) = target.split_once('.').unwrap_or_default();
        match (service, operation) {
            ("DynamoDB_20120810", operation) => self.table.answer(operation, body),
            ("TrentService", operation) => data_key(operation).unwrap(),
            ("secretsmanager", operation) => {
                let request = self.client.post(&*self.secrets);
                let request = request.header("x-amz-target", target).body(body.to_vec());
                let response = request.send().await.unwrap();
                let status = response.status().as_u16();
                let text = response.text().await.unwrap();
                if status == 200 && ["CreateSecret", "PutSecretValue"].contains(&operation) {
                    self.watch.stored(&serde_json::from_slice(body).unwrap());
                }
                (status, text)
            }
            other => panic!("{other:?} is not expected"),
        }
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
            let changes = changes(&target);
            let fate = life.call(changes);
            if fate == Fate::DiesBefore {
                std::future::pending::<()>().await;
            }
            if life.dice.one_in(life.throttles_one_in) {
                return response(throttled(&target));
            }
            let mut answer = aws.answer(&target, &body).await;
            if changes {
                aws.watch.look_after(&aws.table, &body);
            }
            if fate == Fate::DiesAfter {
                life.die();
                std::future::pending::<()>().await;
            }
            if life.dice.one_in(life.loses_one_in) {
                answer = broken();
            }
            response(answer)
        })
    }
}

/// Whether a call of AWS may change something.
fn changes(target: &str) -> bool {
    let operation = target
        .split_once('.')
        .map_or("", |(_, operation)| operation);
    let reads = ["Get", "Query", "BatchGet", "Describe", "List", "Decrypt"];
    // A data key is nowhere until it is written.
    let reads_or_makes = reads.iter().chain(&["GenerateDataKey"]);
    !{ reads_or_makes }.any(|begin| operation.starts_with(begin))
}

/// What the lines of metrics that a process writes go to.
#[derive(Clone, Default)]
pub(super) struct Lines(pub(super) Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// How often `metric` was counted.
    pub(super) fn count(&self, metric: &str) -> usize {
        let lines = self.0.lock().unwrap();
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        lines.filter(|line| line.get(metric).is_some()).count()
    }
}
