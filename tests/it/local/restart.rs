//! What was accepted survives `kill -9`.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::Randomness;
use gatehouse::lambda::system_sources;
use tokio::sync::Notify;

use super::running::Running;
use super::{SetUp, listed, stripe};
use crate::receiver::Receiver;

/// How long everything may take to settle: the lease of a function that was killed, and some.
const DEADLINE: Duration = Duration::from_secs(120);
const KILLS: usize = 4;
/// How many webhooks come at once.
const LOAD: usize = 60;

/// How many of them are accepted before the system is killed: at least one, and not all.
fn before_the_kill(randomness: &dyn Randomness) -> usize {
    let mut byte = [0];
    randomness.fill(&mut byte);
    1 + usize::from(byte[0]) % (LOAD - 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_that_was_accepted_is_delivered_however_often_the_system_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut system = Running::start(folder.path());
    let set_up = SetUp::new(&system, &receiver).await;
    let randomness = system_sources().randomness;
    let accepted = Mutex::new(BTreeSet::new());
    for round in 0..=KILLS {
        let before = accepted.lock().unwrap().len();
        let enough = before + before_the_kill(randomness.as_ref());
        let cut = Notify::new();
        let load = join_all((0..LOAD).map(|n| {
            let id = format!("evt_{round}_{n}");
            let (system, accepted, cut) = (&system, &accepted, &cut);
            async move {
                if system.send(stripe(&id)).await {
                    let mut accepted = accepted.lock().unwrap();
                    accepted.insert(id);
                    if accepted.len() == enough {
                        cut.notify_one();
                    }
                }
            }
        }));
        if round == KILLS {
            load.await;
            break;
        }
        tokio::select! {
            _ = load => {}
            () = cut.notified() => {}
        }
        system.kill();
        system = Running::start(folder.path());
    }
    let accepted = accepted.into_inner().unwrap();
    assert!(accepted.len() >= LOAD + KILLS, "{}", accepted.len());
    let events = tokio::time::timeout(DEADLINE, settled(&system, &set_up, &accepted)).await;
    let events =
        events.unwrap_or_else(|_| panic!("some of {} events are not settled", accepted.len()));
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

/// Waits until every accepted event is listed as delivered.
async fn settled(
    system: &Running,
    set_up: &SetUp,
    accepted: &BTreeSet<String>,
) -> Vec<(String, String)> {
    loop {
        let events = listed(system, set_up).await;
        let delivered: BTreeSet<&str> = events
            .iter()
            .filter(|(_, status)| status == "delivered")
            .map(|(id, _)| id.as_str())
            .collect();
        if accepted.iter().all(|id| delivered.contains(id.as_str())) {
            return events;
        }
        tokio::task::yield_now().await;
    }
}
