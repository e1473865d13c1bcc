//! What was accepted survives `kill -9`, at moments that follow from a seed as far as a clock on the wall
//! lets them: `GATEHOUSE_SEED=<seed>` chooses the same ones again, `GATEHOUSE_KILLS=<n>` has it be killed
//! so often.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use gatehouse::lambda::system_sources;
use tokio::sync::Notify;

use super::running::Running;
use super::{SetUp, listed, stripe};
use crate::faults::{Dice, Named, variable};
use crate::receiver::Receiver;

/// How long everything may take to settle: the lease of a function that was killed, and some.
const DEADLINE: Duration = Duration::from_secs(120);
/// How often it is killed, if nothing else is said.
const KILLS: u64 = 4;
/// How many webhooks come at once.
const LOAD: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_that_was_accepted_is_delivered_however_often_the_system_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut system = Running::start(folder.path());
    let set_up = SetUp::new(&system, &receiver).await;
    let kills = variable("GATEHOUSE_KILLS").unwrap_or(KILLS);
    let seed = variable("GATEHOUSE_SEED").unwrap_or_else(|| {
        let fresh = system_sources().randomness.fraction();
        Duration::from_millis(1_000_000)
            .mul_f64(fresh)
            .as_millis()
            .try_into()
            .unwrap()
    });
    let (dice, _named) = (Dice::new(seed), Named::of("local::restart", seed));
    let accepted = Mutex::new(BTreeSet::new());
    for round in 0..=kills {
        // At least one is accepted before the kill, and not all.
        let before = accepted.lock().unwrap().len();
        let enough = before + 1 + usize::try_from(dice.below(LOAD - 1)).unwrap();
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
        if round == kills {
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
    assert!(accepted.len() as u64 >= LOAD + kills, "{}", accepted.len());
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
pub(super) async fn settled(
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
