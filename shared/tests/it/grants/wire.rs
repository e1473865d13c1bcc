//! AWS within one thread, in virtual time: the table is the embedded one, called without a socket,
//! so that nothing happens that a seed does not say. A process is killed by letting what it says
//! reach nobody, and nothing reach it, from a given call on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use embedded_aws::in_process::{Table, broken, data_key, response, sdk_config};
use gatehouse::domain::{Clock, Randomness, Sources, Timestamp};
use gatehouse::store::{Store, TableName};
use gatehouse::vault::DataKeys;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub(super) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn one_in(&self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(super) fn millis(&self, at_most: u64) -> Duration {
        Duration::from_millis(self.below(at_most + 1))
    }
}

impl Randomness for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[0];
        }
    }
}

/// The runtime's own time, which passes when nobody has anything to do.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock {
    began: tokio::time::Instant,
    at: Timestamp,
}

impl VirtualClock {
    pub(super) fn start() -> Self {
        Self {
            began: tokio::time::Instant::now(),
            at: Timestamp::from_second(1_790_000_000).unwrap(),
        }
    }

    /// When it was started.
    pub(super) fn began(&self) -> tokio::time::Instant {
        self.began
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.at.plus(self.began.elapsed())
    }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// With which of its calls of others, counted from 0.
    pub(super) call: usize,
    /// Whether that call still has its effect.
    pub(super) has_effect: bool,
}

/// The life of one process.
#[derive(Debug)]
pub(super) struct Life {
    kill: Option<Kill>,
    calls: AtomicUsize,
    is_dead: AtomicBool,
    /// The exchange whose answer is not in the table yet.
    unwritten: Mutex<Option<usize>>,
    dice: Dice,
    /// How long a call takes, at most, each way.
    latency_ms: u64,
    /// One of so many answers of the table is lost; 0: none.
    loses_one_in: u64,
    killed_at: Mutex<Option<&'static str>>,
}

/// What a process calls others for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Read,
    /// Of a lease, or of the answer once there is one.
    Write,
    Call,
}

impl Life {
    pub(super) fn new(dice: Dice, kill: Option<Kill>, latency_ms: u64, loses_one_in: u64) -> Self {
        Self {
            kill,
            calls: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            unwritten: Mutex::default(),
            dice,
            latency_ms,
            loses_one_in,
            killed_at: Mutex::default(),
        }
    }

    /// How many calls it has made of the table and the provider.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Where it was killed, if it was.
    pub(super) fn killed_at(&self) -> Option<&'static str> {
        *self.killed_at.lock().unwrap()
    }

    fn die(&self, step: Step, has_effect: bool, has_answer: bool) {
        self.is_dead.store(true, Ordering::SeqCst);
        let place = match (step, has_effect, has_answer) {
            (Step::Read, false, _) => "before the read",
            (Step::Read, true, _) => "after the read",
            (Step::Write, false, false) => "before the lease",
            (Step::Write, true, false) => "after the lease",
            (Step::Call, false, _) => "before the call",
            (Step::Call, true, _) => "after the call",
            (Step::Write, false, true) => "before the write",
            (Step::Write, true, true) => "after the write",
        };
        *self.killed_at.lock().unwrap() = Some(place);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// The exchange that was killed before its answer was written.
    pub(super) fn lost(&self) -> Option<usize> {
        self.unwritten.lock().unwrap().filter(|_| self.is_dead())
    }

    pub(super) fn exchanged(&self, number: usize) {
        *self.unwritten.lock().unwrap() = Some(number);
    }

    /// The exchange whose answer is being written.
    fn written(&self) -> Option<usize> {
        self.unwritten.lock().unwrap().take()
    }

    /// One call of somebody else, with its latency; `effect` is what it does there.
    pub(super) async fn call<T>(&self, step: Step, effect: impl FnOnce() -> T) -> T {
        self.stay_alive().await;
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let kill = self.kill.filter(|kill| kill.call == number);
        tokio::time::sleep(self.dice.millis(self.latency_ms)).await;
        let has_answer = self.unwritten.lock().unwrap().is_some();
        if kill.is_some_and(|kill| !kill.has_effect) {
            self.die(step, false, has_answer);
        }
        self.stay_alive().await;
        let result = effect();
        if kill.is_some() {
            self.die(step, true, has_answer);
        }
        tokio::time::sleep(self.dice.millis(self.latency_ms)).await;
        self.stay_alive().await;
        result
    }

    /// Nothing is heard of a dead process.
    async fn stay_alive(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

/// What all processes share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) table: Table,
    /// What happened to each exchange: whether its answer was written.
    pub(super) written: Arc<Mutex<Vec<usize>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

const TABLE: &str = "gatehouse";

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(TABLE).unwrap(),
            written: Arc::default(),
        }
    }

    /// What a process is made of.
    pub(super) fn process(&self, life: &Arc<Life>, sources: &Sources) -> (Store, DataKeys) {
        let config = sdk_config(Connector {
            shared: self.clone(),
            life: Arc::clone(life),
        });
        let table: TableName = TABLE.parse().unwrap();
        let store = Store::new(aws_sdk_dynamodb::Client::new(&config), table);
        let kms = aws_sdk_kms::Client::new(&config);
        let keys = DataKeys::new(kms, "key".to_owned(), store.clone(), sources.clone());
        (store, keys)
    }
}

#[derive(Clone, Debug)]
struct Connector {
    shared: Shared,
    life: Arc<Life>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let (life, shared) = (&connector.life, &connector.shared);
            if let Some(answer) = data_key(&operation) {
                return response(answer);
            }
            let step = match operation.as_str() {
                "GetItem" | "Query" => Step::Read,
                _ => Step::Write,
            };
            let mut answer = life
                .call(step, || {
                    let (status, text) = shared.table.answer(&operation, &body);
                    let is_write = status == 200 && step == Step::Write;
                    if let Some(number) = is_write.then(|| life.written()).flatten() {
                        shared.written.lock().unwrap().push(number);
                    }
                    (status, text)
                })
                .await;
            if life.loses_one_in > 0 && life.dice.one_in(life.loses_one_in) {
                answer = broken();
            }
            response(answer)
        })
    }
}
