//! Mixed traffic for long, and what the system has of the machine meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::process::{open_files, own_kilobytes};
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::running::Running;
use crate::tenant::{Kind, Tenant};
use crate::traffic::{Sample, ask, good, percentiles};

/// So many organizations, each of which asks for one thing of each kind this often.
const TENANTS: usize = 5;
const EVERY: Duration = Duration::from_millis(1_000);
/// How often the process is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How long what was accepted may take to be delivered at the end.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the last quarter may still rise, an hour: of memory, as a part of what there is. Until then caches
/// fill, some of which keep things for ten minutes.
const MORE_MEMORY: f64 = 0.05;
/// What the last quarter may have more than the second one of file handles, which come in bursts, at least.
const MORE_FILES: f64 = 8.0;

pub(crate) async fn run(length: Duration, file: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let (provider, receiver) = (Provider::start(200).await, Receiver::start().await);
    let tenants = tenants((&system, folder.path()), &provider, &receiver).await;
    let until = Instant::now() + length;
    let asked = [Kind::Webhook, Kind::Call, Kind::Read].map(|kind| {
        let tenants = tenants.clone();
        tokio::spawn(async move {
            let asked = tenants.into_iter().map(|it| ask(it, kind, EVERY, until));
            let asked = join_all(asked).await.into_iter().flatten();
            asked.collect::<Vec<Sample>>()
        })
    });
    let looks = look(&system, &provider, until, file).await;
    let asked = join_all(asked).await.into_iter().map(Result::unwrap);
    let asked: Vec<Vec<Sample>> = asked.collect();
    let accepted = u64::try_from(good(&asked[0])).unwrap();
    let patience = Instant::now() + PATIENCE;
    while receiver.received() < accepted && Instant::now() < patience {
        sleep(Duration::from_millis(100)).await;
    }
    print(length, &asked);
    let received = receiver.received();
    println!("\n{received} deliveries of {accepted} accepted webhooks.");
    let is_steady = verdict(&looks);
    let all_well = asked.iter().all(|samples| good(samples) == samples.len());
    assert!(all_well, "some requests failed");
    assert_eq!(received, accepted, "some events were lost, or came twice");
    assert!(is_steady, "it takes more and more");
}

/// Organizations whose people are read by schedule each minute.
async fn tenants(
    place: (&Running, &Path),
    provider: &Provider,
    receiver: &Receiver,
) -> Vec<Arc<Tenant>> {
    let integration = json!({
        "baseUrl": provider.url,
        "syncConfig": {"entities": {"people": {
            "schedule": "rate(1 minute)",
            "source": {
                "listPath": "/people", "items": "people", "id": "id",
                "pagination": {
                    "kind": "cursor", "next": "next", "parameter": "after",
                    "size": {"parameter": "limit", "max": 50},
                },
            },
        }}},
    });
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        tenants.push(Tenant::new(place, number, receiver, &integration).await);
    }
    tenants
}

fn print(length: Duration, asked: &[Vec<Sample>]) {
    let seconds = length.as_secs();
    println!("| {seconds} s, {TENANTS} organizations | Requests | Answered well | p50, p99 |");
    println!("|---|---|---|---|");
    for (what, samples) in ["webhooks", "gateway", "API"].iter().zip(asked) {
        let (p99, p50) = percentiles(samples);
        let (all, good) = (samples.len(), good(samples));
        println!(
            "| {what} | {all} | {good} | {} ms, {} ms |",
            p50.as_millis(),
            p99.as_millis()
        );
    }
    let mut bad = BTreeMap::<Option<u16>, usize>::new();
    for sample in asked.iter().flatten().filter(|sample| !sample.is_good()) {
        *bad.entry(sample.status).or_default() += 1;
    }
    for (status, count) in bad {
        let status = status.map_or("no answer".to_owned(), |status| status.to_string());
        println!("\n{status}: {count} times");
    }
}

/// What the process has, at some second.
#[derive(Clone, Copy, Debug)]
struct Look {
    second: f64,
    megabytes: f64,
    files: f64,
}

async fn look(
    system: &Running,
    provider: &Arc<Provider>,
    until: Instant,
    file: &Path,
) -> Vec<Look> {
    let (began, mut looks) = (Instant::now(), Vec::new());
    let mut file = File::create(file).unwrap();
    writeln!(file, "second,megabytes,files").unwrap();
    for number in 1_u32.. {
        let at = began + LOOK * number;
        if at > until {
            break;
        }
        sleep_until(at).await;
        provider.change(u64::from(number / 6 % 10) * 20);
        let kilobytes = u32::try_from(own_kilobytes(system.id())).unwrap();
        let look = Look {
            second: (LOOK * number).as_secs_f64(),
            megabytes: f64::from(kilobytes) / 1_000.0,
            files: f64::from(u32::try_from(open_files(system.id())).unwrap()),
        };
        writeln!(file, "{},{},{}", look.second, look.megabytes, look.files).unwrap();
        looks.push(look);
    }
    looks
}

/// Prints what the quarters have, at least and on the mean, and how steeply it rises in each; whether it has
/// come to an end in the last.
fn verdict(looks: &[Look]) -> bool {
    let quarters = [0, 1, 2, 3].map(|number| {
        let (from, to) = (looks.len() * number / 4, looks.len() * (number + 1) / 4);
        &looks[from..to]
    });
    let memory = quarters.map(|quarter| line(quarter, |look| look.megabytes));
    let files = quarters.map(|quarter| line(quarter, |look| look.files));
    println!("\n| Quarters: least, mean, slope an hour | First | Second | Third | Last |");
    println!("|---|---|---|---|---|");
    for (what, quarters) in [("memory, MB", memory), ("file handles", files)] {
        print!("| {what} |");
        for Line { least, mean, slope } in quarters {
            print!(" {least:.1}, {mean:.1}, {slope:+.1} |");
        }
        println!();
    }
    memory[3].slope <= memory[3].mean * MORE_MEMORY && files[3].least <= files[1].least + MORE_FILES
}

/// How something went for some time.
#[derive(Clone, Copy, Debug)]
struct Line {
    least: f64,
    mean: f64,
    /// Of the line that fits best, an hour.
    slope: f64,
}

fn line(looks: &[Look], of: impl Fn(&Look) -> f64) -> Line {
    let count = f64::from(u32::try_from(looks.len()).unwrap());
    let mean = |of: &dyn Fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (seconds, value) = (
        mean(&|look: &Look| look.second),
        mean(&|look: &Look| of(look)),
    );
    let spread = mean(&|look: &Look| (look.second - seconds).powi(2));
    let together = mean(&|look: &Look| (look.second - seconds) * (of(look) - value));
    Line {
        least: looks.iter().map(of).fold(f64::INFINITY, f64::min),
        mean: value,
        slope: together / spread * 3_600.0,
    }
}
