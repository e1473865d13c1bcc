//! Messages that come too early or too often, and steps that take long.

use std::time::Duration;

use gatehouse::domain::Clock as _;
use gatehouse::domain::sync::{JobStatus, SyncPhase, SyncType};
use serde_json::json;

use crate::world::{Handled, Life, Paging, Stage, World};

async fn world(rules: serde_json::Value) -> World {
    World::new(&Stage::new().await, 1, Paging::Cursor, rules).await
}

fn letters(world: &World) -> usize {
    world.stage.aws.letters.lock().unwrap().len()
}

#[tokio::test]
async fn a_message_that_comes_before_a_step_is_to_be_tried_again_calls_nobody() {
    let world = world(json!({})).await;
    world.provider().put("a");
    let limited = (429, vec![("retry-after", "120".to_owned())], String::new());
    world.provider().script = vec![limited];
    world.start(SyncType::Full).await;
    let letter = world.take().unwrap();
    // The queue has it twice.
    world.repeat(&letter, Duration::ZERO);
    assert_eq!(world.deliver(&world.lucky, &letter).await, Handled::Done);
    let retry_at = world.job().await.unwrap().retry_at.unwrap();
    let again = world.take().unwrap();
    assert_eq!(world.deliver(&world.lucky, &again).await, Handled::Again);
    assert_eq!(world.provider().calls.len(), 1);
    // It comes again when the step does, and not before.
    let next = world.next_letter_at().unwrap();
    assert!(
        retry_at.since(next) <= Duration::from_secs(1),
        "{next} {retry_at}"
    );
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(world.provider().calls.len(), 2);
}

#[tokio::test]
async fn what_meets_trouble_of_ours_comes_again_later_each_time() {
    let world = world(json!({})).await;
    world.start(SyncType::Full).await;
    for seconds in [20, 40, 80] {
        let letter = world.take().unwrap();
        let troubled = world.process(Life::throttled_at(0));
        assert_eq!(world.deliver(&troubled, &letter).await, Handled::Again);
        let wait = world.next_letter_at().unwrap().since(world.clock.now());
        assert_eq!(wait.as_millis().div_ceil(1_000), seconds);
        world.clock.pass(wait);
    }
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!(job.status, JobStatus::Completed);
}

#[tokio::test]
async fn who_starts_what_runs_already_asks_for_its_step_only_if_that_may_be_lost() {
    let world = world(json!({})).await;
    let job = world.start(SyncType::Full).await;
    assert_eq!(letters(&world), 1);
    for _ in 0..5 {
        assert_eq!(world.start(SyncType::Full).await.id, job.id);
    }
    assert_eq!(letters(&world), 1);
    // Who started it may have died before it asked for the first step.
    world.clock.pass(Duration::from_secs(10));
    world.start(SyncType::Full).await;
    assert_eq!(letters(&world), 2);
    // A step that waits to be tried again has its message already.
    world.provider().script = vec![(503, vec![("retry-after", "300".to_owned())], String::new())];
    let letter = world.take().unwrap();
    world.deliver(&world.lucky, &letter).await;
    assert!(world.job().await.unwrap().retry_at.is_some());
    let before = letters(&world);
    world.clock.pass(Duration::from_secs(60));
    world.start(SyncType::Full).await;
    assert_eq!(letters(&world), before);
}

/// A world of which all four records are gone, each of which is looked for before it is deleted; up to the
/// step that does.
async fn four_missing() -> World {
    let read = json!({"read": {"method": "GET", "path": "/one/{id}"}});
    let world = world(json!({"calls": read})).await;
    for id in ["a", "b", "c", "d"] {
        world.provider().put(id);
    }
    world.start(SyncType::Full).await;
    world.run().await;
    for id in ["a", "b", "c", "d"] {
        world.provider().delete(id);
    }
    world.start(SyncType::Full).await;
    while world.job().await.unwrap().phase != SyncPhase::DeleteMissing {
        let letter = world.take().unwrap();
        world.deliver(&world.lucky, &letter).await;
    }
    world.provider().calls.clear();
    world
}

#[tokio::test]
async fn a_step_that_looks_for_records_writes_what_it_has_found_before_it_takes_too_long() {
    let world = four_missing().await;
    world.provider().takes = Duration::from_secs(15);
    let began = world.clock.now();
    let letter = world.take().unwrap();
    world.deliver(&world.lucky, &letter).await;
    assert!(world.clock.now().since(began) < Duration::from_secs(60));
    let job = world.job().await.unwrap();
    assert_eq!(
        (job.counts.deleted, job.position.after.as_deref()),
        (3, Some("3"))
    );
    world.run().await;
    assert_eq!(world.job().await.unwrap().status, JobStatus::Completed);
    assert_eq!(world.provider().calls.len(), 4);
    assert!(world.look().await.live().is_empty());
}

#[tokio::test]
async fn what_was_looked_for_before_trouble_is_not_looked_for_again() {
    let world = four_missing().await;
    let gone = (404, Vec::new(), String::new());
    let trouble = (503, Vec::new(), String::new());
    world.provider().script = vec![gone.clone(), gone, trouble];
    let letter = world.take().unwrap();
    world.deliver(&world.lucky, &letter).await;
    let job = world.job().await.unwrap();
    assert_eq!((job.counts.deleted, job.failures), (2, 0));
    world.run().await;
    assert_eq!(world.job().await.unwrap().status, JobStatus::Completed);
    // The one of which nobody knew is asked for once more.
    let calls = world.provider().calls.clone();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(world.look().await.live().is_empty());
}
