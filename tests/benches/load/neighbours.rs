//! What some organizations notice of another one that wants a hundred times as much.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::running::Running;
use crate::tenant::{Kind, Tenant};
use crate::traffic::{Sample, ask, good, percentiles};

/// So many organizations are quiet.
const QUIET: usize = 9;
/// How often each asks for one thing of each kind.
const EVERY: Duration = Duration::from_secs(2);
/// So much more does the loud one ask.
const TIMES: u32 = 100;
/// With and without it, in turns: what else the machine does falls on both.
const TURNS: u32 = 6;
/// What is allowed of the quiet ones' 99th percentile.
const MOST: f64 = 2.0;

/// What the quiet ones saw, and the loud one.
#[derive(Debug, Default)]
struct Seen {
    alone: Vec<Sample>,
    beside: Vec<Sample>,
    loud: Vec<Sample>,
}

pub(crate) async fn run(length: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let (provider, receiver) = (Provider::start(100).await, Receiver::start().await);
    let mut tenants = Vec::new();
    for number in 0..=QUIET {
        let integration = json!({"baseUrl": provider.url});
        let place = (&system, folder.path());
        tenants.push(Tenant::new(place, number, &receiver, &integration).await);
    }
    let loud = tenants.pop().unwrap();
    println!(
        "| {QUIET} organizations, one in two seconds each | Alone: p50, p99 | Beside {TIMES} times as many of another one | Ratio of p50, p99 | Of the loud one, answered well |"
    );
    println!("|---|---|---|---|---|");
    let mut kept = true;
    for (what, kind) in [
        ("webhooks", Kind::Webhook),
        ("webhooks until they are delivered", Kind::Delivery),
        ("gateway", Kind::Call),
    ] {
        turn(&tenants, None, kind, length / TURNS / 4).await;
        let mut seen = Seen::default();
        for _ in 0..TURNS / 2 {
            let (alone, _) = turn(&tenants, None, kind, length / TURNS).await;
            let (beside, of_loud) = turn(&tenants, Some(&loud), kind, length / TURNS).await;
            seen.alone.extend(alone);
            seen.beside.extend(beside);
            seen.loud.extend(of_loud);
        }
        kept &= print(what, &seen);
    }
    assert!(kept, "others notice more than they may");
}

/// All quiet ones, and perhaps the loud one, for some time.
async fn turn(
    quiet: &[Arc<Tenant>],
    loud: Option<&Arc<Tenant>>,
    kind: Kind,
    length: Duration,
) -> (Vec<Sample>, Vec<Sample>) {
    let until = Instant::now() + length;
    let asked = quiet
        .iter()
        .map(|tenant| tokio::spawn(ask(Arc::clone(tenant), kind, EVERY, until)));
    let loud = loud.map(|tenant| ask(Arc::clone(tenant), kind, EVERY / TIMES, until));
    let loud = async {
        match loud {
            Some(loud) => loud.await,
            None => Vec::new(),
        }
    };
    let (quiet, loud) = tokio::join!(join_all(asked), loud);
    (quiet.into_iter().flat_map(Result::unwrap).collect(), loud)
}

/// A row; whether the quiet ones were answered, and soon enough.
fn print(what: &str, seen: &Seen) -> bool {
    let (alone, beside) = (percentiles(&seen.alone), percentiles(&seen.beside));
    let ratio = |this: Duration, other: Duration| this.as_secs_f64() / other.as_secs_f64();
    let of_p99 = ratio(beside.0, alone.0);
    println!(
        "| {what}, {} and {} requests | {} ms, {} ms | {} ms, {} ms | {:.2}, {of_p99:.2} | {} of {} |",
        seen.alone.len(),
        seen.beside.len(),
        alone.1.as_millis(),
        alone.0.as_millis(),
        beside.1.as_millis(),
        beside.0.as_millis(),
        ratio(beside.1, alone.1),
        good(&seen.loud),
        seen.loud.len(),
    );
    let all = good(&seen.alone) == seen.alone.len() && good(&seen.beside) == seen.beside.len();
    all && of_p99 <= MOST
}
