//! How many events a second of a processor is enough for: accepted, and delivered. Of the local system, and
//! of svix-server where there is one, in turns.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::clock::now;
use crate::process::processor_time_of_all;
use crate::receiver::Receiver;
use crate::running::Running;
use crate::svix::Svix;
use crate::tenant::{Kind, Tenant};

/// So many wait for an answer at the same time.
const SENDERS: usize = 16;
/// With one and the other, in turns: what else the machine does falls on both.
const TURNS: u32 = 3;
/// How long what was accepted may take to be delivered.
const PATIENCE: Duration = Duration::from_secs(120);

/// What takes events, and delivers them.
struct Contender {
    name: &'static str,
    accepting: Accepting,
    receiver: Receiver,
    /// Those that work for it, with what they have started.
    processes: Vec<u32>,
    took: Duration,
    worked: Duration,
}

#[derive(Clone)]
enum Accepting {
    Gatehouse(Arc<Tenant>),
    Svix(Arc<Svix>),
}

impl Accepting {
    async fn send(&self) -> Option<u16> {
        match self {
            Self::Gatehouse(tenant) => tenant.send(Kind::Webhook).await,
            Self::Svix(svix) => svix.send().await,
        }
    }
}

impl Contender {
    fn new(name: &'static str, accepting: Accepting, receiver: Receiver, ids: Vec<u32>) -> Self {
        Self {
            name,
            accepting,
            receiver,
            processes: ids,
            took: Duration::ZERO,
            worked: Duration::ZERO,
        }
    }

    fn processor_time(&self) -> Duration {
        self.processes
            .iter()
            .copied()
            .map(processor_time_of_all)
            .sum()
    }

    /// Has it accept events, and deliver them; how long that took, and how long processors worked for it.
    async fn deliver(&self, events: u64) -> (Duration, Duration) {
        let (began, worked) = (now(), self.processor_time());
        let (before, left) = (self.receiver.received(), Arc::new(AtomicU64::new(events)));
        let senders = (0..SENDERS).map(|_| {
            let (accepting, left) = (self.accepting.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                let one_less = |left: u64| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                    .is_ok()
                {
                    let status = accepting.send().await;
                    assert!(status.is_some_and(|it| it < 300), "answered {status:?}");
                }
            })
        });
        for sender in join_all(senders).await {
            sender.unwrap();
        }
        let until = Instant::now() + PATIENCE;
        while self.receiver.received() < before + events {
            assert!(Instant::now() < until, "{}: events are missing", self.name);
            sleep(Duration::from_millis(5)).await;
        }
        (began.elapsed(), self.processor_time() - worked)
    }
}

/// Sends `events` in each turn. `svix` is the binary of svix-server, and the folder of a running PostgreSQL.
pub(crate) async fn run(events: u64, svix: Option<(&Path, &Path)>) {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let receiver = Receiver::start().await;
    let place = (&system, folder.path());
    let integration = json!({"baseUrl": receiver.url});
    let tenant = Tenant::new(place, 0, &receiver, &integration).await;
    let accepting = Accepting::Gatehouse(tenant);
    let ours = Contender::new("local system", accepting, receiver, vec![system.id()]);
    let mut contenders = vec![ours];
    if let Some((binary, database)) = svix {
        let receiver = Receiver::start().await;
        let svix = Arc::new(Svix::start(binary, database, &receiver.url).await);
        let processes = svix.processes();
        let accepting = Accepting::Svix(svix);
        contenders.push(Contender::new(
            "svix-server",
            accepting,
            receiver,
            processes,
        ));
    }
    for contender in &contenders {
        contender.deliver(events / 10).await;
    }
    for _ in 0..TURNS {
        for contender in &mut contenders {
            let (took, worked) = contender.deliver(events).await;
            contender.took += took;
            contender.worked += worked;
        }
    }
    print(events * u64::from(TURNS), &contenders);
}

fn print(events: u64, contenders: &[Contender]) {
    println!(
        "| {events} events, {SENDERS} at the same time | Delivered a second | Processor time of one | Delivered for a second of a processor |"
    );
    println!("|---|---|---|---|");
    for contender in contenders {
        let count = f64::from(u32::try_from(events).unwrap());
        let (took, worked) = (contender.took.as_secs_f64(), contender.worked.as_secs_f64());
        println!(
            "| {} | {:.0} | {:.2} ms | {:.0} |",
            contender.name,
            count / took,
            worked / count * 1_000.0,
            count / worked,
        );
    }
}
