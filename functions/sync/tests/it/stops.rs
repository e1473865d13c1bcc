//! Jobs that stop, and what people do about it.

use std::time::Duration;

use gatehouse::domain::sync::{JobStatus, SyncJob, SyncPhase, SyncType};
use gatehouse::domain::{Error, IntegrationStatus};
use serde_json::{Value, json};

use crate::world::{Paging, Stage, World};

pub(crate) async fn world(paging: Paging, rules: Value) -> World {
    World::new(&Stage::new().await, 1, paging, rules).await
}

pub(crate) async fn run(world: &World, sync_type: SyncType) -> SyncJob {
    world.start(sync_type).await;
    world.run().await;
    world.job().await.unwrap()
}

pub(crate) fn page(items: &Value, next: &Value) -> String {
    json!({"items": items, "next": next}).to_string()
}

/// An answer, the code of the trouble with it, and whether its page can be left out.
type Case = (u16, String, &'static str, bool);

async fn check_stops(cases: impl IntoIterator<Item = Case>) {
    let world = world(Paging::Cursor, json!({})).await;
    for (status, body, code, can_skip) in cases {
        let said = format!("{status} {}", body.chars().take(60).collect::<String>());
        world.provider().script = vec![(status, Vec::new(), body)];
        let job = run(&world, SyncType::Full).await;
        assert_eq!(job.status, JobStatus::Failed, "{said}");
        assert_eq!(job.error.as_deref(), Some(code), "{said}");
        let parked = job.parked.unwrap();
        assert_eq!((parked.page, parked.can_skip), (0, can_skip), "{said}");
        assert!(parked.request_id.is_some(), "{said}");
        assert_eq!(world.look().await.records.len(), 0, "{said}");
        assert!(!world.look().await.state.running);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_page_stops_the_job_and_says_why() {
    Box::pin(check_stops([
        (401, String::new(), "authentication", false),
        (403, String::new(), "authentication", false),
        (404, String::new(), "business", false),
        (422, String::new(), "data", false),
        (302, String::new(), "unexpected_status", false),
        (200, "<html>".to_owned(), "not_json", false),
        (200, "[".repeat(200), "not_json", false),
        (200, json!({"items": {}}).to_string(), "no_list", false),
        (200, json!({}).to_string(), "no_list", false),
    ]))
    .await;
}

#[tokio::test]
async fn a_page_that_cannot_be_taken_stops_the_job_and_says_why() {
    let record = json!({"id": "a", "number": 1});
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    let bad = |items: Value| (200, page(&items, &json!(null)), "bad_records", true);
    let lost = page(&json!([record]), &json!([1]));
    Box::pin(check_stops([
        (200, lost, "next_page_unreadable", false),
        bad(json!([{"number": 1}])),
        bad(json!([{"id": ""}])),
        bad(json!([{"id": {}}, record])),
        bad(json!(["text"])),
        bad(json!([{"id": "a", "number": deep}])),
        bad(json!([{"id": "a", "number": "x".repeat(140_000)}])),
    ]))
    .await;
}

#[tokio::test]
async fn a_list_that_goes_round_in_circles_stops_the_job() {
    let world = world(Paging::Cursor, json!({})).await;
    let same = (
        200,
        Vec::new(),
        page(&json!([{"id": "a", "number": 1}]), &json!("x")),
    );
    world.provider().script = vec![same; 5];
    let job = run(&world, SyncType::Full).await;
    assert_eq!(job.error.as_deref(), Some("next_page_unreadable"));
    assert_eq!(job.counts.pages, 1);
}

#[tokio::test]
async fn a_list_that_only_seemed_to_go_round_in_circles_is_read_on_when_a_person_says_so() {
    let world = world(Paging::Offset, json!({})).await;
    // Before each page another record has joined the list, and so the last one is read again.
    let moved = (
        200,
        Vec::new(),
        page(&json!([{"id": "a", "number": 1}]), &json!(null)),
    );
    world.provider().script = vec![moved; 6];
    let job = run(&world, SyncType::Incremental).await;
    assert_eq!(job.error.as_deref(), Some("next_page_unreadable"));
    let retried = world.jobs().retry(&world.integration, job.id).await;
    retried.unwrap();
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!(
        (job.status, job.error),
        (JobStatus::Completed, None),
        "the page that stopped it is like those before"
    );
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for_as_long_as_the_provider_says() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("a");
    let limited = (429, vec![("retry-after", "120".to_owned())], String::new());
    world.provider().script = vec![limited, (503, Vec::new(), String::new())];
    world.start(SyncType::Full).await;
    let began = gatehouse::domain::Clock::now(&world.clock);
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!(
        (job.status, job.failures, job.error),
        (JobStatus::Completed, 0, None)
    );
    assert!(job.ended_at.unwrap().since(began) >= Duration::from_secs(120));
}

#[tokio::test]
async fn trouble_without_end_is_left_to_a_person_who_can_have_it_tried_again() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("a");
    world.provider().script = vec![(500, Vec::new(), String::new()); 12];
    let job = run(&world, SyncType::Full).await;
    assert_eq!(
        (job.status, job.failures),
        (JobStatus::Failed, 12),
        "{job:?}"
    );
    assert_eq!(job.error.as_deref(), Some("network"));
    let retried = world
        .jobs()
        .retry(&world.integration, job.id)
        .await
        .unwrap();
    assert_eq!(
        (retried.item.status, retried.item.parked),
        (JobStatus::Running, None)
    );
    world.run().await;
    assert_eq!(world.job().await.unwrap().status, JobStatus::Completed);
    assert_eq!(world.look().await.live().len(), 1);
}

#[tokio::test]
async fn records_that_cannot_be_taken_are_named_and_can_be_left_out() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("old");
    run(&world, SyncType::Full).await;
    world.provider().delete("old");
    let mixed = page(
        &json!([{"id": null}, {"id": "a", "number": 1}, {"id": true}]),
        &json!(null),
    );
    world.provider().script = vec![(200, Vec::new(), mixed); 2];
    let job = run(&world, SyncType::Full).await;
    assert_eq!(job.parked.unwrap().records, [0, 2]);
    world.jobs().skip(&world.integration, job.id).await.unwrap();
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!((job.status, job.incomplete), (JobStatus::Completed, true));
    assert_eq!(
        (job.counts.skipped, job.counts.created, job.counts.deleted),
        (2, 1, 0)
    );
    let live = world.look().await.live();
    assert!(
        live.contains_key("old"),
        "what left something out deletes nothing"
    );
}

#[tokio::test]
async fn an_unreadable_page_can_be_left_out_where_the_next_one_can_be_counted() {
    let world = world(Paging::Page, json!({})).await;
    for id in ["a", "b", "c", "d"] {
        world.provider().put(id);
    }
    world.provider().script = vec![(200, Vec::new(), "<html>".to_owned()); 2];
    let job = run(&world, SyncType::Full).await;
    assert!(job.parked.unwrap().can_skip);
    world.jobs().skip(&world.integration, job.id).await.unwrap();
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!((job.status, job.incomplete), (JobStatus::Completed, true));
    assert_eq!(
        world.look().await.live().into_keys().collect::<Vec<_>>(),
        ["d"]
    );
}

#[tokio::test]
async fn more_deletes_than_a_run_may_make_wait_for_a_person() {
    let world = world(
        Paging::Cursor,
        json!({"deleteGuard": {"percent": 20, "records": 1}}),
    )
    .await;
    for n in 0..10 {
        world.provider().put(&format!("r{n}"));
    }
    run(&world, SyncType::Full).await;
    for n in 0..3 {
        world.provider().delete(&format!("r{n}"));
    }
    let job = run(&world, SyncType::Full).await;
    assert_eq!(job.error.as_deref(), Some("too_many_deletes"));
    assert_eq!(
        (job.counts.missing, job.phase),
        (3, SyncPhase::DeleteMissing)
    );
    assert_eq!(world.look().await.live().len(), 10);
    let (jobs, integration) = (world.jobs(), &world.integration);
    assert!(matches!(
        jobs.retry(integration, job.id).await,
        Err(Error::Conflict(_))
    ));
    assert!(matches!(
        jobs.skip(integration, job.id).await,
        Err(Error::Conflict(_))
    ));
    // One that is back meanwhile stays.
    world.clock.pass(Duration::from_secs(60));
    world.provider().put("r0");
    run(&world, SyncType::Incremental).await;
    jobs.approve_deletes(integration, job.id).await.unwrap();
    world.run().await;
    assert_eq!(world.job().await.unwrap().status, JobStatus::Completed);
    assert_eq!(world.look().await.live(), world.provider().live());
    let again = jobs.approve_deletes(integration, job.id).await;
    assert!(matches!(again, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_run_of_which_too_much_is_forgotten_deletes_nothing() {
    let guard = json!({"deleteGuard": {"percent": 1, "records": 1}});
    let world = world(Paging::Cursor, guard).await;
    for name in ["a", "b", "c"] {
        world.provider().put(name);
    }
    run(&world, SyncType::Full).await;
    let (jobs, integration) = (world.jobs(), &world.integration);
    // What it would have to know of its first pages has expired when it goes on.
    world.provider().script = vec![(401, Vec::new(), String::new())];
    let failed = run(&world, SyncType::Full).await;
    world.clock.pass(Duration::from_secs(7 * 24 * 60 * 60));
    world.provider().delete("a");
    jobs.retry(integration, failed.id).await.unwrap();
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!((job.status, job.incomplete), (JobStatus::Completed, true));
    assert_eq!(world.look().await.live().len(), 3);

    // The same holds for one that has asked.
    world.provider().delete("b");
    let asks = run(&world, SyncType::Full).await;
    assert_eq!(asks.error.as_deref(), Some("too_many_deletes"));
    world.clock.pass(Duration::from_secs(7 * 24 * 60 * 60));
    let late = jobs.approve_deletes(integration, asks.id).await;
    assert!(matches!(late, Err(Error::Conflict(_))));
    assert_eq!(world.look().await.live().len(), 3);
}

#[tokio::test]
async fn a_job_whose_steps_never_end_is_left_to_a_person() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("a");
    world.start(SyncType::Full).await;
    let mut looks = 0;
    while world.job().await.unwrap().status == JobStatus::Running {
        looks += 1;
        assert!(looks < 20);
        world.stage.aws.letters.lock().unwrap().clear();
        world.clock.pass(Duration::from_secs(301));
        world.tick(&world.lucky).await.unwrap();
    }
    let job = world.job().await.unwrap();
    assert_eq!(job.error.as_deref(), Some("stalled"));
    world.run().await;
    assert_eq!(world.provider().calls.len(), 0);
}

#[tokio::test]
async fn a_cancelled_job_does_nothing_more_and_is_not_moved_again() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("a");
    let job = world.start(SyncType::Full).await;
    let (jobs, integration) = (world.jobs(), &world.integration);
    jobs.cancel(integration, job.id).await.unwrap();
    world.run().await;
    assert_eq!(world.look().await.records.len(), 0);
    assert_eq!(world.provider().calls.len(), 0);
    for refused in [
        jobs.cancel(integration, job.id).await,
        jobs.retry(integration, job.id).await,
        jobs.skip(integration, job.id).await,
        jobs.approve_deletes(integration, job.id).await,
    ] {
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    let unknown = gatehouse::domain::SyncJobId::from(ulid());
    let missing = jobs.cancel(integration, unknown).await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}

fn ulid() -> ulid::Ulid {
    ulid::Ulid::from(1_u128)
}

#[tokio::test]
async fn a_job_that_failed_does_not_run_beside_another_one() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().script = vec![(401, Vec::new(), String::new())];
    let failed = run(&world, SyncType::Full).await;
    let other = world.start(SyncType::Full).await;
    let (jobs, integration) = (world.jobs(), &world.integration);
    let refused = jobs.retry(integration, failed.id).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    jobs.cancel(integration, other.id).await.unwrap();
    jobs.retry(integration, failed.id).await.unwrap();
    world.run().await;
    assert_eq!(world.job().await.unwrap().id, failed.id);
}

#[tokio::test]
async fn an_integration_that_is_switched_off_or_deleted_ends_its_jobs() {
    let world = world(Paging::Cursor, json!({"schedule": "rate(5 minutes)"})).await;
    let (organization, id) = (world.integration.organization_id, world.integration.id);
    world.jobs().reschedule(&world.integration).await.unwrap();
    let mut found = world
        .store
        .integration(organization, id)
        .await
        .unwrap()
        .unwrap();
    found.item.status = IntegrationStatus::Inactive;
    world
        .store
        .update_integration(&found.item, found.version)
        .await
        .unwrap();
    let job = run(&world, SyncType::Full).await;
    assert_eq!(job.error.as_deref(), Some("integration_unusable"));
    world.clock.pass(Duration::from_secs(600));
    let report = world.tick(&world.lucky).await.unwrap();
    assert_eq!(
        (&report["started"], &report["moved"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn a_message_that_is_none_is_buried() {
    let world = world(Paging::Cursor, json!({})).await;
    let letter = crate::world::Letter {
        id: 1,
        body: "{\"v\":9}".to_owned(),
        visible_at: gatehouse::domain::Clock::now(&world.clock),
        received: 1,
    };
    let handled = world.deliver(&world.lucky, &letter).await;
    assert_eq!(handled, crate::world::Handled::Done);
    assert_eq!(*world.stage.aws.buried.lock().unwrap(), ["{\"v\":9}"]);
}
