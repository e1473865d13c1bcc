//! What whole runs come to, and cost.

use std::time::Duration;

use gatehouse::domain::Clock as _;
use gatehouse::domain::sync::{JobStatus, RecordRetention, SyncTrigger, SyncType};
use serde_json::json;

use crate::world::{Life, Paging, Stage, World};

async fn world(paging: Paging, rules: serde_json::Value) -> World {
    World::new(&Stage::new().await, 1, paging, rules).await
}

async fn full(world: &World) -> gatehouse::domain::sync::SyncJob {
    world.start(SyncType::Full).await;
    world.run().await;
    world.job().await.unwrap()
}

fn put(world: &World, ids: &[&str]) {
    for id in ids {
        world.provider().put(id);
    }
}

#[tokio::test]
async fn lists_of_every_kind_are_read_to_their_end() {
    for paging in Paging::ALL {
        let world = world(paging, json!({})).await;
        put(&world, &["a", "b", "c", "d", "e", "f", "g/?&"]);
        let job = full(&world).await;
        assert_eq!(job.status, JobStatus::Completed, "{paging:?}: {job:?}");
        assert_eq!(
            (job.counts.created, job.counts.processed),
            (7, 7),
            "{paging:?}"
        );
        let look = world.look().await;
        assert_eq!(look.live(), world.provider().live(), "{paging:?}");
        assert!(look.state.full_at.is_some() && !look.state.running);
    }
}

#[tokio::test]
async fn a_second_run_over_the_same_writes_hardly_anything() {
    let world = world(Paging::Cursor, json!({})).await;
    let ids: Vec<String> = (0..60).map(|n| format!("r{n}")).collect();
    for id in &ids {
        world.provider().put(id);
    }
    let items = |world: &World| {
        let mut calls = world.stage.aws.calls.lock().unwrap();
        let items = calls
            .remove("items written in transactions")
            .unwrap_or_default();
        calls.clear();
        items
    };
    full(&world).await;
    let first = items(&world);
    let second = full(&world).await;
    let again = items(&world);
    assert_eq!((second.counts.unchanged, second.counts.updated), (60, 0));
    // A page of three: two items of each record, and the state; then, the job and what was seen.
    assert!(first >= 60 * 2, "{first}");
    assert!(again <= 20 * 2 + 12, "{again}");
}

#[tokio::test]
async fn an_incremental_run_asks_from_a_little_before_what_it_has_seen() {
    let world = world(Paging::Cursor, json!({"lookbackSeconds": 60})).await;
    put(&world, &["a", "b"]);
    full(&world).await;
    world.clock.pass(Duration::from_secs(3_600));
    put(&world, &["b", "c"]);
    world.provider().delete("a");
    let cursor = world.look().await.state.cursor.unwrap().instant().unwrap();
    let job = world.start(SyncType::Incremental).await;
    let since = job.since.unwrap().instant().unwrap();
    assert_eq!(cursor.since(since), Duration::from_secs(60));
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(
        (job.counts.created, job.counts.updated, job.counts.processed),
        (1, 1, 2)
    );
    let live = world.look().await.live();
    assert!(
        live.contains_key("a"),
        "it cannot know that this one is gone"
    );
    assert_eq!(live["b"], world.provider().live()["b"]);
}

#[tokio::test]
async fn what_is_deleted_is_kept_for_as_long_as_its_organization_says() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let world = world(Paging::Cursor, json!({})).await;
    let organization = world.integration.organization_id;
    put(&world, &["a", "b", "c"]);
    let first = full(&world).await;
    world.provider().delete("a");
    full(&world).await;
    let days = RecordRetention { days: Some(2) };
    let said = (world.store).replace_record_retention(organization, days, 0);
    said.await.unwrap();
    world.provider().delete("b");
    let last = full(&world).await;
    assert_eq!(world.look().await.deleted().len(), 2);
    world.clock.pass(2 * DAY);
    assert_eq!(world.look().await.deleted(), ["a".to_owned()].into());
    let job = |job| {
        let integration = world.integration.id;
        (world.store).sync_job(organization, integration, job, world.clock.now())
    };
    assert!(job(first.id).await.unwrap().is_some());
    assert!(job(last.id).await.unwrap().is_none());
    world.clock.pass(29 * DAY);
    let look = world.look().await;
    assert!(look.deleted().is_empty());
    assert_eq!(look.live().len(), 1);
}

#[tokio::test]
async fn a_record_that_says_it_is_of_the_future_does_not_hide_what_comes() {
    let world = world(Paging::Cursor, json!({"lookbackSeconds": 0})).await;
    world.provider().skew = 7_200;
    put(&world, &["a"]);
    full(&world).await;
    world.provider().skew = 0;
    world.clock.pass(Duration::from_secs(60));
    put(&world, &["b"]);
    world.start(SyncType::Incremental).await;
    world.run().await;
    assert!(world.look().await.live().contains_key("b"));
}

#[tokio::test]
async fn a_marked_record_is_deleted_and_comes_back_with_the_next_version() {
    let world = world(Paging::LinkBody, json!({})).await;
    world.provider().marks_deleted = true;
    put(&world, &["a", "b"]);
    full(&world).await;
    world.provider().delete("a");
    let job = full(&world).await;
    assert_eq!((job.counts.deleted, job.counts.missing), (1, 0));
    assert!(world.look().await.deleted().contains("a"));
    world.clock.pass(Duration::from_secs(5));
    put(&world, &["a"]);
    let job = full(&world).await;
    assert_eq!(job.counts.created, 1);
    let look = world.look().await;
    let (_, change, body) = look
        .records
        .iter()
        .find(|(_, _, body)| body.id == "a")
        .unwrap();
    assert_eq!((change.version, change.deleted), (3, false));
    assert_eq!(body.history.len(), 2);
}

#[tokio::test]
async fn what_is_missing_is_looked_for_before_it_is_deleted() {
    let rules = json!({"calls": {"read": {"method": "GET", "path": "/one/{id}"}}});
    let world = world(Paging::Cursor, rules).await;
    put(&world, &["a", "b"]);
    full(&world).await;
    // The list is behind: it has neither, and one of them is there.
    let hidden = {
        let mut provider = world.provider();
        provider.delete("a");
        let empty = (200, Vec::new(), json!({"items": []}).to_string());
        provider.script = vec![empty];
        provider.live()
    };
    let job = full(&world).await;
    assert_eq!((job.counts.missing, job.counts.deleted), (2, 1));
    assert_eq!(world.look().await.live(), hidden);
    assert!(
        world
            .provider()
            .calls
            .iter()
            .any(|call| call.starts_with("/one/b"))
    );
}

#[tokio::test]
async fn one_job_of_a_kind_runs_and_asking_twice_is_asking_once() {
    let world = world(Paging::Cursor, json!({})).await;
    let first = world.start(SyncType::Full).await;
    let (jobs, integration) = (world.jobs(), &world.integration);
    let second = jobs.start(
        integration,
        &world.entity,
        SyncType::Incremental,
        SyncTrigger::Gap,
    );
    let second = second.await.unwrap();
    assert_eq!((second.job.item.id, second.is_new), (first.id, false));
    world.run().await;
    let third = world.start(SyncType::Incremental).await;
    assert_ne!(third.id, first.id);
    assert_eq!(third.trigger, SyncTrigger::Manual);
}

#[tokio::test]
async fn messages_of_steps_that_are_over_do_nothing() {
    let world = world(Paging::Cursor, json!({})).await;
    put(&world, &["a", "b", "c", "d"]);
    world.start(SyncType::Full).await;
    let first = world.take().unwrap();
    world.deliver(&world.lucky, &first).await;
    let calls = world.provider().calls.len();
    let sent = |world: &World| world.stage.aws.letters.lock().unwrap().len();
    let before = sent(&world);
    // At once: a repetition. Later: the next message may never have been sent, and is, once more.
    world.deliver(&world.lucky, &first).await;
    assert_eq!(
        (world.provider().calls.len(), sent(&world)),
        (calls, before)
    );
    world.clock.pass(Duration::from_secs(11));
    world.deliver(&world.lucky, &first).await;
    assert_eq!(
        (world.provider().calls.len(), sent(&world)),
        (calls, before + 1)
    );
    world.run().await;
    assert_eq!(world.look().await.live(), world.provider().live());
    world.deliver(&world.lucky, &first).await;
    assert_eq!(sent(&world), 0);
}

#[tokio::test]
async fn a_job_whose_message_is_lost_is_woken_and_schedules_start_jobs() {
    let rules = json!({"schedule": "rate(30 minutes)", "fullSchedule": "rate(10 hours)"});
    let world = world(Paging::Cursor, rules).await;
    put(&world, &["a"]);
    world.jobs().reschedule(&world.integration).await.unwrap();
    let due = world.look().await.state.due_at.unwrap();
    let now = world.clock.now();
    assert!(due > now && due.since(now) <= Duration::from_secs(1_800));
    let report = world.tick(&world.lucky).await.unwrap();
    assert_eq!(report["started"], 0);
    world.clock.go_to(due);
    let report = world.tick(&world.lucky).await.unwrap();
    assert_eq!(report["started"], 1);
    world.stage.aws.letters.lock().unwrap().clear();
    world.clock.pass(Duration::from_secs(301));
    let dead = world.process(Life::new(world.dice.clone(), None, 1, 0));
    assert_eq!(world.tick(&dead).await, None);
    let report = world.tick(&world.lucky).await.unwrap();
    assert_eq!(report["late"], 1);
    world.run().await;
    let look = world.look().await;
    assert_eq!(look.live().len(), 1);
    assert!(
        look.state
            .due_at
            .is_some_and(|next| next > world.clock.now())
    );
}

#[tokio::test]
async fn calls_are_in_the_log_and_name_who_makes_them() {
    let world = world(Paging::Cursor, json!({})).await;
    full(&world).await;
    let query = gatehouse::store::RequestQuery {
        status: None,
        method: None,
        path_prefix: None,
        response_status: None,
        from: None,
        to: None,
        limit: 10,
        after: None,
        now: world.clock.now(),
    };
    let (organization, integration) = (world.integration.organization_id, world.integration.id);
    let requests = world
        .store
        .requests(organization, integration, &query)
        .await
        .unwrap();
    assert_eq!(requests.items.len(), 1);
    assert_eq!(requests.items[0].caller, "sync");
}

#[tokio::test]
async fn no_answer_comes_from_the_cache() {
    let world = world(Paging::Cursor, json!({})).await;
    let (organization, id) = (world.integration.organization_id, world.integration.id);
    let found = world.store.integration(organization, id).await;
    let mut found = found.unwrap().unwrap();
    let cache = json!({"ttlSeconds": 600, "respectCacheControl": false});
    found.item.gateway_config = Some(json!({"retry": {"maxAttempts": 1}, "cache": cache}));
    let updated = world.store.update_integration(&found.item, found.version);
    updated.await.unwrap();
    for calls in 1..=2 {
        put(&world, &["a"]);
        full(&world).await;
        assert_eq!(world.provider().calls.len(), calls);
        assert_eq!(world.look().await.live(), world.provider().live());
    }
}
