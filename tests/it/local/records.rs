//! Records of a provider come, change, stop at what is too much, and leave nothing in clear.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::running::Running;
use super::secrets::search_files;

const PAGE: usize = 50;
const SECRET: &str = "canary-of-the-provider";

/// A provider that lists people by pages.
#[derive(Default)]
struct Provider {
    people: Mutex<Vec<Value>>,
}

impl Provider {
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/people", get(people))
            .with_state(Arc::clone(self));
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }

    fn set(&self, people: impl Iterator<Item = Value>) {
        *self.people.lock().unwrap() = people.collect();
    }
}

async fn people(
    State(provider): State<Arc<Provider>>,
    Query(page): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let people = provider.people.lock().unwrap();
    let after = page.get("after").map_or(0, |after| after.parse().unwrap());
    let items: Vec<&Value> = people.iter().skip(after).take(PAGE).collect();
    let end = after + items.len();
    let next = (end < people.len()).then(|| end.to_string());
    Json(json!({ "people": items, "next": next }))
}

fn person(number: usize, name: &str) -> Value {
    json!({"id": number, "profile": {"name": format!("canary-{name}-{number}")}, "updated": "2026-11-26T00:00:00Z"})
}

/// What a job has come to, once it does not run any more.
async fn ended(system: &Running, path: &str, started: &Value) -> Value {
    let job = started["jobs"][0]["id"].as_str().unwrap();
    settled(system, &format!("{path}/sync/jobs/{job}")).await
}

async fn settled(system: &Running, job: &str) -> Value {
    let settled = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let job = system.get(job).await;
            if job["status"] != "running" {
                return job;
            }
        }
    });
    settled.await.unwrap()
}

async fn sync(system: &Running, path: &str) -> Value {
    let wanted = json!({"syncType": "full", "entities": ["people"]});
    let started = system.post(&format!("{path}/sync"), &wanted).await;
    ended(system, path, &started).await
}

/// All changes since a cursor, and the cursor of the next read.
async fn changes(system: &Running, path: &str, since: &str) -> (Vec<Value>, String) {
    let mut changes = Vec::new();
    let mut place = since.to_owned();
    loop {
        let list = format!("{path}/records?entity=people&limit=100{place}");
        let page = system.get(&list).await;
        changes.extend(page["items"].as_array().unwrap().clone());
        match &page["nextCursor"] {
            Value::String(next) => place = format!("&cursor={next}"),
            _ => return (changes, page["changesCursor"].as_str().unwrap().to_owned()),
        }
    }
}

/// Adds an integration whose people are synchronized; its path.
async fn set_up(system: &Running, base_url: &str) -> String {
    let made = json!({
        "name": "CRM", "type": "enterprise", "baseUrl": base_url,
        "authMethod": "api_key", "authConfig": {"keyLocation": "header", "keyHeader": "X-Key"},
        "credentials": {"apiKey": SECRET},
        "syncConfig": {"entities": {"people": {
            "source": {
                "listPath": "/people", "items": "people", "id": "id", "cursorField": "updated",
                "pagination": {"kind": "cursor", "next": "next", "parameter": "after"},
            },
            "mapping": {"name": "profile.name"},
        }}},
    });
    let made = system.post("/portal/integrations", &made).await;
    format!("/portal/integrations/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn records_are_kept_in_step_with_the_providers() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let provider = Arc::new(Provider::default());
    provider.set((0..240).map(|number| person(number, "old")));
    let path = set_up(&system, &provider.start().await).await;
    let first = sync(&system, &path).await;
    assert_eq!(first["status"], "completed", "{first}");
    assert_eq!(
        (&first["created"], &first["pages"]),
        (&json!(240), &json!(5))
    );
    let (records, cursor) = changes(&system, &path, "").await;
    assert_eq!(records.len(), 240);
    assert_eq!(records[0]["content"], json!({"name": "canary-old-0"}));

    // One changes, one goes, one comes: nothing else is told of.
    let fewer = (0..239).map(|number| person(number, if number == 7 { "new" } else { "old" }));
    provider.set(fewer.chain([person(900, "old")]));
    let second = sync(&system, &path).await;
    let counts = ["created", "updated", "deleted", "unchanged"].map(|count| second[count].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(1), json!(238)]);
    let since = format!("&changedAfter={cursor}");
    let (changed, cursor) = changes(&system, &path, &since).await;
    let mut told: Vec<(&str, bool)> = changed
        .iter()
        .map(|change| (change["id"].as_str().unwrap(), change["deleted"] == true))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("239", true), ("7", false), ("900", false)]);
    let history = system
        .get(&format!("{path}/records/people/7/history"))
        .await;
    let earlier = &history["items"][1]["content"]["name"];
    assert_eq!(earlier, "canary-old-7", "{history}");

    // Most of them are gone: a person is asked before they are deleted here.
    provider.set((0..10).map(|number| person(number, "old")));
    let third = sync(&system, &path).await;
    assert_eq!(third["status"], "failed", "{third}");
    assert_eq!(third["error"], "too_many_deletes", "{third}");
    let job = format!("{path}/sync/jobs/{}", third["id"].as_str().unwrap());
    system
        .post(&format!("{job}/approve-deletes"), &json!({}))
        .await;
    let third = settled(&system, &job).await;
    assert_eq!(third["status"], "completed", "{third}");
    let since = format!("&changedAfter={cursor}");
    let (changed, _) = changes(&system, &path, &since).await;
    let deleted = changed.iter().filter(|change| change["deleted"] == true);
    assert_eq!(deleted.count(), 230);

    drop(system);
    search_files(folder.path(), &[SECRET, "canary-old", "canary-new"]);
}
