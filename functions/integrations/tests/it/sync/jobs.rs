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

/// A job that runs, as a person moves it.
struct Job {
    crm: Crm,
    id: String,
}

impl Job {
    async fn new() -> Self {
        let crm = Crm::new().await;
        let started = crm.post("/sync", start(&["contacts"])).await.json();
        let id = started["jobs"][0]["id"].as_str().unwrap().to_owned();
        Self { crm, id }
    }

    async fn stop(&self, error: &str, parked: Option<ParkedPage>) {
        stop(&self.crm, &self.id, error, parked).await;
    }

    /// Moves it; as it is then.
    async fn moved(&self, what: &str) -> Value {
        let path = format!("/sync/jobs/{}/{what}", self.id);
        let answer = self.crm.post(&path, Value::Null).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        answer.json()
    }

    async fn refuses(&self, moves: &[&str]) {
        let before = self.crm.portal.contents().await;
        for what in moves {
            let path = format!("/sync/jobs/{}/{what}", self.id);
            let answer = self.crm.post(&path, Value::Null).await;
            let said = (answer.status.as_u16(), answer.code());
            assert_eq!(said, (409, "conflict".to_owned()), "{what}");
        }
        assert_eq!(self.crm.portal.contents().await, before);
    }
}

fn parked(can_skip: bool) -> Option<ParkedPage> {
    Some(ParkedPage {
        page: 3,
        request_id: None,
        records: vec![2],
        can_skip,
    })
}

#[tokio::test]
async fn a_page_that_a_job_stopped_at_is_read_again_or_skipped() {
    let job = Job::new().await;
    job.refuses(&["retry", "skip", "approve-deletes"]).await;
    job.stop("bad_records", parked(true)).await;
    let shown = job.crm.get(&format!("/sync/jobs/{}", job.id)).await.json();
    assert_eq!(
        (&shown["status"], &shown["error"]),
        (&json!("failed"), &json!("bad_records"))
    );
    let page = json!({"page": 3, "records": [2], "canSkip": true});
    assert_eq!(shown["parked"], page);
    job.refuses(&["approve-deletes"]).await;
    let sent = job.crm.messages("step").await.len();
    assert_eq!(job.moved("skip").await["status"], "running");
    assert_eq!(job.crm.messages("step").await.len(), sent + 1);
    job.stop("not_json", parked(false)).await;
    job.refuses(&["skip"]).await;
    let retried = job.moved("retry").await;
    assert_eq!(
        (&retried["status"], &retried["parked"]),
        (&json!("running"), &Value::Null)
    );
}

#[tokio::test]
async fn a_job_that_asks_is_let_delete_or_cancelled() {
    let job = Job::new().await;
    job.stop("too_many_deletes", None).await;
    job.refuses(&["retry", "skip"]).await;
    assert_eq!(job.moved("approve-deletes").await["status"], "running");
    let cancelled = job.moved("cancel").await;
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["endedAt"].is_string());
    let moves = ["cancel", "retry", "skip", "approve-deletes"];
    job.refuses(&moves).await;
    for what in moves {
        let path = format!("/sync/jobs/syn_01K72Z5QSW0123456789ABCDEF/{what}");
        let answer = job.crm.post(&path, Value::Null).await;
        let said = (answer.status.as_u16(), answer.code());
        assert_eq!(said, (404, "not_found".to_owned()));
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
