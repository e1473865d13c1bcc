//! A disk that is full: what was accepted stays, what is not written is refused, and all goes on when
//! there is room again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::restart::settled;
use super::running::Running;
use super::set_up::SECRET;
use super::{SetUp, stripe};
use crate::receiver::Receiver;

const MEGABYTES: usize = 48;
/// How long everything may take to go on.
const DEADLINE: Duration = Duration::from_secs(120);
/// Enough events to fill what the database has set aside for itself.
const MANY: usize = 2_000;

/// Whether this machine lets anybody mount something where nobody else sees it.
#[expect(clippy::print_stderr, reason = "why nothing was tried")]
fn may_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "true"])
        .status();
    let may = tried.is_ok_and(|status| status.success());
    if !may {
        eprintln!("no file system can be mounted here: a full disk is not tried");
    }
    may
}

/// Fills the disk that a file is on.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// Sends an event that takes some room; the status of the answer.
async fn send(system: &Running, id: &str) -> u16 {
    // It cannot be compressed to much less.
    let noise: String = (0_u32..8_000)
        .map(|n| char::from_u32(0x4e00 + n * n % 20_011).unwrap())
        .collect();
    let body = json!({"id": id, "type": "invoice.paid", "noise": noise}).to_string();
    let signature = crate::stripe::signature(SECRET, body.as_bytes());
    let headers = json!({"stripe-signature": signature});
    let headers = headers.as_object().unwrap();
    system.deliver("/webhooks/stripe", headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes half a minute: scripts/faults runs it"]
async fn a_full_disk_loses_nothing_and_what_is_not_written_is_refused() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let system = Running::start_on_small_disk(folder.path(), MEGABYTES);
    let set_up = SetUp::new(&system, &receiver).await;
    let mut accepted = BTreeSet::new();
    for n in 0..5 {
        let id = format!("evt_before_{n}");
        assert!(system.send(stripe(&id)).await);
        accepted.insert(id);
    }
    let ballast = system.inside(folder.path()).join("ballast");
    fill(&ballast);
    let mut refused = 0;
    for n in 0..MANY {
        let id = format!("evt_full_{n}");
        match send(&system, &id).await {
            200 => _ = accepted.insert(id),
            status => {
                assert!(status >= 500, "{status}");
                refused += 1;
            }
        }
        if refused == 20 {
            break;
        }
    }
    assert_eq!(refused, 20, "the disk was not full");
    std::fs::remove_file(&ballast).unwrap();
    let again = async {
        let mut tries = 0;
        while send(&system, "evt_after").await != 200 {
            tries += 1;
            assert!(tries < MANY, "it does not go on");
        }
    };
    tokio::time::timeout(DEADLINE, again).await.unwrap();
    accepted.insert("evt_after".to_owned());
    let events = tokio::time::timeout(DEADLINE, settled(&system, &set_up, &accepted)).await;
    let events = events.unwrap_or_else(|_| panic!("some of {} events are lost", accepted.len()));
    let ids: BTreeSet<&str> = events.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.len(), events.len(), "an event is stored twice");
    let counts = receiver.counts();
    for id in &accepted {
        assert!(
            counts.contains_key(id),
            "{id} was accepted and never arrived"
        );
    }
}
