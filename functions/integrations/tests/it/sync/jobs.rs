use gatehouse::domain::SyncJobId;
use gatehouse::domain::sync::{JobStatus, ParkedPage};
use gatehouse::lambda::system_sources;
use gatehouse::store::{ChangeSet, Committed, JobWrite};
use serde_json::{Value, json};

use super::{Crm, config};

fn start(entities: &[&str]) -> Value {
    json!({"syncType": "full", "entities": entities})
}

/// Two kinds of record.
async fn two() -> Crm {
    let mut two = config();
    two["entities"]["deals"] = two["entities"]["contacts"].clone();
    Crm::with(two).await
}

/// Has a job stop, as `sync` would.
async fn stop(crm: &Crm, id: &str, error: &str, parked: Option<ParkedPage>) {
    let store = &crm.portal.store;
    let now = system_sources().now();
    let id: SyncJobId = id.parse().unwrap();
    let (organization, integration) = (crm.organization, crm.integration);
    let found = store.sync_job(organization, integration, id, now).await;
    let found = found.unwrap().unwrap();
    let state = store.entity_state(organization, integration, &found.item.entity);
    let mut set = ChangeSet::new(organization, integration, state.await.unwrap(), now);
    set.state.running = false;
    let mut job = found.item;
    job.status = JobStatus::Failed;
    (job.error, job.parked) = (Some(error.to_owned()), parked);
    set.job = Some(JobWrite {
        job,
        version: found.version,
        expires_at: None,
    });
    let done = store.commit_changes(&set).await.unwrap();
    assert!(matches!(done, Committed::Done(_)), "{done:?}");
}

#[tokio::test]
async fn a_synchronization_is_a_job_for_each_kind_and_starts_once() {
    let crm = two().await;
    let started = crm.post("/sync", start(&["contacts", "deals"])).await;
    assert_eq!(started.status, 202, "{started:?}");
    let jobs = started.json()["jobs"].as_array().unwrap().clone();
    assert_eq!(jobs.len(), 2);
    let job = &jobs[0];
    assert_eq!(
        (&job["entity"], &job["syncType"], &job["status"]),
        (&json!("contacts"), &json!("full"), &json!("running"))
    );
    assert_eq!(
        (&job["trigger"], &job["recordsProcessed"]),
        (&json!("manual"), &json!(0))
    );
    let steps = crm.messages("step").await;
    assert_eq!(steps.len(), 2, "{steps:?}");
    let again = json!({"syncType": "incremental", "entities": ["deals"]});
    let again = crm.post("/sync", again).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["jobs"][0]),
        (202, &jobs[1])
    );
    let read = crm
        .get(&format!("/sync/jobs/{}", job["id"].as_str().unwrap()))
        .await;
    assert_eq!(read.json(), *job);
    let contacts = crm.contacts().await;
    assert_eq!(
        (
            &contacts["entity"],
            &contacts["running"],
            &contacts["jobId"]
        ),
        (&json!("contacts"), &json!(true), &job["id"])
    );
    assert_eq!(
        (&contacts["canSync"], &contacts["schedule"]),
        (&json!(true), &json!("rate(15 minutes)"))
    );
    assert!(contacts["nextRunAt"].is_string());
    assert_eq!(
        (&contacts["creates"], &contacts["deletes"]),
        (&json!(true), &json!(true))
    );
}

#[tokio::test]
async fn what_cannot_be_synchronized_starts_nothing() {
    let crm = two().await;
    let before = crm.portal.contents().await;
    for (body, pointer) in [
        (json!({}), "/syncType"),
        (
            json!({"syncType": "some", "entities": ["contacts"]}),
            "/syncType",
        ),
        (json!({"syncType": "full"}), "/entities"),
        (start(&[]), "/entities"),
        (start(&["contacts", "leads"]), "/entities/1"),
        (start(&["contacts", "deals", "contacts"]), "/entities/2"),
        (start(&["con#tacts"]), "/entities/0"),
        (start(&["c"; 51]), "/entities"),
        (
            json!({"syncType": "full", "entities": ["contacts"], "force": true}),
            "/force",
        ),
    ] {
        let text = body.to_string();
        let answer = crm.post("/sync", body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid".to_owned()),
            "{text}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{text}");
    }
    assert_eq!(crm.portal.contents().await, before);
    let version = crm.portal.get(&crm.path, &crm.token).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let headers = [("if-match", version.as_str())];
    let off = json!({"status": "inactive"});
    crm.portal
        .call(("PATCH", &crm.path), &crm.token, &headers, off)
        .await;
    let before = crm.portal.contents().await;
    let answer = crm.post("/sync", start(&["contacts"])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (409, "conflict".to_owned())
    );
    assert_eq!(crm.portal.contents().await, before);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_kind_and_status() {
    let crm = two().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job = crm.post("/sync", start(&["contacts"])).await.json();
        let id = job["jobs"][0]["id"].as_str().unwrap().to_owned();
        crm.post(&format!("/sync/jobs/{id}/cancel"), Value::Null)
            .await;
        ids.push(id);
    }
    crm.post("/sync", start(&["deals"])).await;
    let listed = async |query: &str| {
        let list = crm.get(&format!("/sync/jobs{query}")).await;
        assert_eq!(list.status, 200, "{list:?}");
        list.json()
    };
    let of = |list: &Value| list["items"].as_array().unwrap().len();
    assert_eq!(of(&listed("").await), 4);
    assert_eq!(of(&listed("?entity=contacts").await), 3);
    assert_eq!(of(&listed("?status=running").await), 1);
    assert_eq!(of(&listed("?status=failed").await), 0);
    let first = listed("?entity=contacts&limit=2").await;
    let next = first["nextCursor"].as_str().unwrap();
    let rest = listed(&format!("?entity=contacts&limit=2&cursor={next}")).await;
    assert_eq!((of(&first), &rest["items"][0]["id"]), (2, &json!(ids[0])));
    for query in [
        "?status=over",
        "?limit=0",
        "?limit=201",
        "?cursor=x",
        "?entity=%23",
        "?sort=1",
    ] {
        let answer = crm.get(&format!("/sync/jobs{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "malformed".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_job_that_stopped_is_retried_skipped_or_cancelled_by_a_person() {
    let crm = Crm::new().await;
    let job = crm.post("/sync", start(&["contacts"])).await.json();
    let id = job["jobs"][0]["id"].as_str().unwrap();
    let path = |what: &str| format!("/sync/jobs/{id}/{what}");
    let refused = async |what: &str| {
        let before = crm.portal.contents().await;
        let answer = crm.post(&path(what), Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "conflict".to_owned()),
            "{what}"
        );
        assert_eq!(crm.portal.contents().await, before, "{what}");
    };
    for what in ["retry", "skip", "approve-deletes"] {
        refused(what).await;
    }
    let parked = |can_skip| ParkedPage {
        page: 3,
        request_id: None,
        records: vec![2],
        can_skip,
    };
    stop(&crm, id, "bad_records", Some(parked(true))).await;
    let shown = crm.get(&format!("/sync/jobs/{id}")).await.json();
    assert_eq!(
        (&shown["status"], &shown["error"]),
        (&json!("failed"), &json!("bad_records"))
    );
    assert_eq!(
        shown["parked"],
        json!({"page": 3, "records": [2], "canSkip": true})
    );
    refused("approve-deletes").await;
    let sent = crm.messages("step").await.len();
    let skipped = crm.post(&path("skip"), Value::Null).await;
    assert_eq!(
        (skipped.status.as_u16(), &skipped.json()["status"]),
        (200, &json!("running"))
    );
    assert_eq!(crm.messages("step").await.len(), sent + 1);
    stop(&crm, id, "not_json", Some(parked(false))).await;
    refused("skip").await;
    let retried = crm.post(&path("retry"), Value::Null).await.json();
    assert_eq!(
        (&retried["status"], &retried["parked"]),
        (&json!("running"), &Value::Null)
    );
    stop(&crm, id, "too_many_deletes", None).await;
    refused("retry").await;
    let approved = crm.post(&path("approve-deletes"), Value::Null).await;
    assert_eq!(
        (approved.status.as_u16(), &approved.json()["status"]),
        (200, &json!("running"))
    );
    let cancelled = crm.post(&path("cancel"), Value::Null).await.json();
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["endedAt"].is_string());
    for what in ["cancel", "retry", "skip", "approve-deletes"] {
        refused(what).await;
    }
    let unknown = "syn_01K72Z5QSW0123456789ABCDEF";
    for what in ["cancel", "retry", "skip", "approve-deletes"] {
        let answer = crm
            .post(&format!("/sync/jobs/{unknown}/{what}"), Value::Null)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (404, "not_found".to_owned())
        );
    }
}

#[tokio::test]
async fn a_schedule_begins_with_the_configuration_that_says_so() {
    let mut quiet = config();
    quiet["entities"]["contacts"]["schedule"] = Value::Null;
    let quiet_contacts = quiet["entities"]["contacts"].as_object_mut().unwrap();
    quiet_contacts.remove("schedule");
    let crm = Crm::with(quiet).await;
    let far = system_sources()
        .now()
        .plus(std::time::Duration::from_secs(86_400));
    let due = async || crm.portal.store.due_syncs(far, 10).await.unwrap().len();
    assert_eq!(due().await, 0);
    let version = crm.portal.get(&crm.path, &crm.token).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let headers = [("if-match", version.as_str())];
    let change = json!({"syncConfig": config()});
    let changed = crm
        .portal
        .call(("PATCH", &crm.path), &crm.token, &headers, change)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(due().await, 1);
}
