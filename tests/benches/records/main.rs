//! What a full run costs: one that finds everything new, one that finds nothing changed, and one that
//! finds one record in ten changed. `scripts/bench` runs it; a number of records can be given.
//!
//! The local system, the provider and all that is measured share this machine, so rates are of use
//! for comparing two versions on one machine, and for nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
#[path = "../figures/clock.rs"]
mod clock;
mod provider;
#[path = "../../it/local/running.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod running;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::clock::now;
use self::provider::Provider;
use self::running::Running;

const RECORDS: u64 = 100_000;
const PAGE: u64 = 1_000;
/// Long enough for any machine; without it, a lost job would be waited for for ever.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How often the job is looked at, which is audited: each look costs a write at most.
const LOOK: Duration = Duration::from_secs(1);

/// What a run has cost.
struct Cost {
    time: Duration,
    /// How often each operation of AWS was called.
    calls: Value,
    /// Items of the table that were written.
    items: u64,
    /// How long the process was on a processor: unlike `time`, no other load adds to it.
    processor: Duration,
    /// The most memory that the process had, in kilobytes.
    memory: u64,
}

#[tokio::main]
async fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let records = given.unwrap_or(RECORDS);
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(records).await;
    let mut path = None;
    println!(
        "| {records} records, pages of {PAGE} | Records a second | For a second of a processor | Items written | Of those, for each changed record | For each record | Peak memory |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (what, changed) in [
        ("all are new", records),
        ("none has changed", 0),
        ("one in ten has changed", records / 10),
    ] {
        if !all.is_empty() {
            provider.change(changed);
        }
        let cost = cost(folder.path(), &provider, &mut path, all.len(), changed).await;
        print(what, records, changed, &cost);
        all.push(cost);
    }
    println!();
    for cost in &all {
        println!("{}", cost.calls);
    }
    assert!(
        all[1].items * 10 <= all[0].items,
        "a run that finds nothing changed costs more than a tenth"
    );
}

fn print(what: &str, records: u64, changed: u64, cost: &Cost) {
    let per = |many: u64| {
        let thousandths = cost.items * 1_000 / many.max(1);
        format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
    };
    let rate = |time: Duration| {
        let milliseconds = u64::try_from(time.as_millis()).unwrap();
        records * 1_000 / milliseconds.max(1)
    };
    println!(
        "| {what} | {} | {} | {} | {} | {} | {} MB |",
        rate(cost.time),
        rate(cost.processor),
        cost.items,
        if changed == 0 {
            "–".to_owned()
        } else {
            per(changed)
        },
        per(records),
        cost.memory / 1_000,
    );
}

/// Runs once, in a process of its own, and sees that as many records have changed.
async fn cost(
    folder: &Path,
    provider: &Arc<Provider>,
    path: &mut Option<String>,
    runs: usize,
    changed: u64,
) -> Cost {
    let system = Running::start(folder);
    if path.is_none() {
        *path = Some(integration(&system, provider).await);
    }
    let path = path.as_deref().unwrap();
    let began = now();
    let wanted = json!({"syncType": "full", "entities": ["people"]});
    let started = system.post(&format!("{path}/sync"), &wanted).await;
    let id = started["jobs"][0]["id"].as_str().unwrap();
    let job = format!("{path}/sync/jobs/{id}");
    let job = loop {
        let job = system.get(&job).await;
        if job["status"] != "running" {
            break job;
        }
        assert!(began.elapsed() < PATIENCE, "the run does not end: {job}");
        tokio::time::sleep(LOOK).await;
    };
    let time = began.elapsed();
    assert_eq!(job["status"], "completed", "{job}");
    let news = job["created"].as_u64().unwrap() + job["updated"].as_u64().unwrap();
    assert_eq!(news, changed, "{job}");
    let memory = peak_memory(system.id());
    let processor = processor_time(system.id());
    system.signal("INT");
    assert!(system.ended().await.success());
    let end = said_at_the_end(folder, runs).await;
    Cost {
        time,
        calls: serde_json::from_str(end["calls"].as_str().unwrap()).unwrap(),
        items: end["items"].as_u64().unwrap(),
        processor,
        memory,
    }
}

async fn integration(system: &Running, provider: &Provider) -> String {
    let integration = json!({
        "name": "CRM", "type": "enterprise", "baseUrl": provider.url,
        "authMethod": "api_key", "credentials": {"apiKey": "k"},
        "syncConfig": {"entities": {"people": {
            "source": {
                "listPath": "/people", "items": "people", "id": "id", "cursorField": "updatedAt",
                "pagination": {
                    "kind": "cursor", "next": "next", "parameter": "after",
                    "size": {"parameter": "limit", "max": PAGE},
                },
            },
        }}},
    });
    let made = system.post("/portal/integrations", &integration).await;
    format!("/portal/integrations/{}", made["id"].as_str().unwrap())
}

/// The most memory that a process ever had, in kilobytes.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let (_, peak) = status.split_once("VmHWM:").unwrap();
    peak.split_ascii_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// How long a process was on a processor: the 14th and 15th field of `stat`, in hundredths of a
/// second (proc(5)).
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is a name, in parentheses.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = [fields[11], fields[12]].map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(10 * (ticks[0] + ticks[1]))
}

/// What the system has logged last, when it had run before as often as that.
async fn said_at_the_end(folder: &Path, runs: usize) -> Value {
    let logged = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let log = std::fs::read_to_string(folder.join("log")).unwrap();
            let mut ends = log
                .lines()
                .filter(|line| line.contains("everything in hand is finished"));
            if let Some(Ok(line)) = ends.nth(runs).map(serde_json::from_str::<Value>) {
                return line;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    let line = logged.await.unwrap();
    match line.get("fields") {
        Some(fields) => fields.clone(),
        None => line,
    }
}
