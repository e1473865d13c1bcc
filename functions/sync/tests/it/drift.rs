//! The provider's fields change: who is told, and of what.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gatehouse::domain::sync::{DriftKind, DriftPolicy, JobStatus, SyncType};
use serde_json::json;

use crate::stops::{page, run, world};
use crate::world::Paging;

/// What stands for something of a person in a name of the provider's.
const CANARY: &str = "ada.canary@example.com";

/// The lines that the process has logged about fields, whichever test it was.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let wanted = ["schema_drift", "fields of the provider's records", CANARY];
        if wanted.iter().any(|part| text.contains(part)) {
            self.0.lock().unwrap().extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn fields_that_change_stop_a_job_that_is_to_stop_until_a_person_goes_on() {
    let world = world(Paging::Cursor, json!({"drift": "stop"})).await;
    world.provider().put("a");
    run(&world, SyncType::Full).await;
    let other = page(
        &json!([{"id": "a", "number": "1", "extra": 1}]),
        &json!(null),
    );
    world.provider().script = vec![(200, Vec::new(), other); 2];
    let job = run(&world, SyncType::Incremental).await;
    assert_eq!(job.error.as_deref(), Some("schema_drift"));
    // What the provider calls its fields is for those who look at the job.
    let detail = job.error_detail.unwrap();
    assert_eq!(
        detail,
        "fields that are new, or have another type: 2; see `drift`"
    );
    let drift = job.drift.unwrap();
    assert_eq!((drift.job_id, drift.policy), (job.id, DriftPolicy::Stop));
    let names = drift.changes.iter().map(|drift| drift.field.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["extra", "number"]);
    assert_eq!(world.glance().await.state.drift.as_ref(), Some(&drift));
    assert!(world.counted("FieldsDrifted").is_empty());
    world.jobs().skip(&world.integration, job.id).await.unwrap();
    world.run().await;
    let job = world.job().await.unwrap();
    assert_eq!((job.status, job.incomplete), (JobStatus::Completed, false));
    // It was seen when the job stopped, and is told once.
    assert_eq!(job.drift.as_ref(), Some(&drift));
    let state = world.glance().await.state;
    assert!(state.schema.contains_key("extra"));
    assert_eq!(state.drift, job.drift);
    assert_eq!(world.counted("FieldsDrifted"), ["new", "retyped"]);
}

#[tokio::test]
async fn what_was_last_found_to_have_changed_of_the_fields_can_be_read() {
    let world = world(Paging::Cursor, json!({})).await;
    world.provider().put("a");
    assert_eq!(run(&world, SyncType::Full).await.drift, None);
    let without = page(
        &json!([{"id": "a", "number": 1, "updatedAt": null}]),
        &json!(null),
    );
    world.provider().script = vec![(200, Vec::new(), without)];
    let job = run(&world, SyncType::Full).await;
    let drift = job.drift.unwrap();
    let changes: Vec<_> = drift
        .changes
        .iter()
        .map(|one| (one.field.as_str(), one.kind))
        .collect();
    let vanished = DriftKind::Vanished;
    assert_eq!(changes, [("deleted", vanished), ("nested", vanished)]);
    assert_eq!((drift.policy, drift.more), (DriftPolicy::Ignore, false));
    assert!(drift.first_seen_at >= job.started_at);
    // A run that finds nothing leaves what was found before.
    world.provider().script = Vec::new();
    let back = run(&world, SyncType::Full).await.drift.unwrap();
    assert_eq!(back.changes.len(), 2);
    assert_eq!(run(&world, SyncType::Full).await.drift, None);
    assert_eq!(world.glance().await.state.drift, Some(back));
}

#[tokio::test]
async fn what_a_provider_calls_its_fields_is_in_no_log_and_no_error() {
    let logs = Logs::default();
    let sink = logs.clone();
    let lines = tracing_subscriber::fmt().json();
    let lines = lines.with_writer(move || sink.clone()).finish();
    // For all threads: what one of them has found to be of no interest is so for the others.
    tracing::subscriber::set_global_default(lines).unwrap();
    for policy in ["ignore", "add", "stop"] {
        let world = world(Paging::Cursor, json!({"drift": policy})).await;
        world.provider().put("a");
        run(&world, SyncType::Full).await;
        let record = json!({"id": "a", "number": 1, CANARY: 1});
        let body = page(&json!([record]), &json!(null));
        world.provider().script = vec![(200, Vec::new(), body)];
        let job = run(&world, SyncType::Full).await;
        let found = job.drift.unwrap().changes;
        assert!(found.iter().any(|drift| drift.field == CANARY), "{policy}");
        let detail = job.error_detail.unwrap_or_default();
        assert!(!detail.contains("canary"), "{detail}");
    }
    let text = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("schema_drift") && text.contains("fields of the provider's records"));
    assert!(!text.contains("canary"));
}
