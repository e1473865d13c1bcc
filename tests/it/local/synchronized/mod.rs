//! Lists of real servers are read, page by page, and kept in step with: S3 as `moto` has it (Apache-2.0),
//! Azure's storage as `azurite` has it (MIT), SCIM by `scim2-server` (Apache-2.0), and GraphQL by
//! `graphql-http` and `graphql-relay` (MIT). These run if `GATEHOUSE_PEERS` is set.

mod graphql;
mod scim;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::Running;

/// How many records a page has: several pages have to be read.
const PAGE: usize = 3;
/// No job takes longer.
const DEADLINE: Duration = Duration::from_secs(120);

/// A server's script among the peers.
fn script(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(name)
}

/// An integration of the local system. One kind of its records is kept in step, by `name` and
/// `state`.
struct Source {
    system: Running,
    path: String,
    entity: &'static str,
    _folder: TempDir,
}

impl Source {
    async fn new(integration: Value, entity: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let system = Running::start(folder.path());
        let made = system.post("/portal/integrations", &integration).await;
        Self {
            path: format!("/portal/integrations/{}", made["id"].as_str().unwrap()),
            system,
            entity,
            _folder: folder,
        }
    }

    /// A call of the provider, which has to succeed.
    async fn call(&self, call: Value) -> Value {
        called(&self.system, &self.path, call).await
    }

    /// What a full run comes to.
    async fn run(&self) -> Value {
        let wanted = json!({"syncType": "full", "entities": [self.entity]});
        let path = format!("{}/sync", self.path);
        let id = self.system.post(&path, &wanted).await["jobs"][0]["id"].clone();
        let path = format!("{}/sync/jobs/{}", self.path, id.as_str().unwrap());
        let ended = tokio::time::timeout(DEADLINE, async {
            loop {
                let job = self.system.get(&path).await;
                if job["status"] != "running" {
                    return job;
                }
            }
        });
        ended.await.unwrap()
    }

    /// How many records a run that succeeds creates, updates, deletes and finds unchanged.
    async fn counts(&self) -> [u64; 4] {
        let job = self.run().await;
        assert_eq!(job["status"], "completed", "{job}");
        ["created", "updated", "deleted", "unchanged"].map(|name| job[name].as_u64().unwrap())
    }

    /// What has changed since a cursor, and the cursor of the next read.
    async fn changes(&self, since: Option<&str>) -> (Vec<Value>, String) {
        let since = since.map_or_else(String::new, |since| format!("&changedAfter={since}"));
        let list = format!("{}/records?entity={}{since}", self.path, self.entity);
        let page = self.system.get(&list).await;
        let changes = page["items"].as_array().unwrap().clone();
        let next = page["changesCursor"].as_str().unwrap().to_owned();
        (changes, next)
    }

    /// Records with these names are made, changed, deleted and made again at the provider, and each
    /// run finds exactly that.
    async fn is_kept_in_step(
        &self,
        names: [&str; 7],
        pages: u64,
        put: impl AsyncFn(&str, &str),
        delete: impl AsyncFn(&str),
    ) {
        for name in names {
            put(name, "first").await;
        }
        let first = self.run().await;
        assert_eq!(first["status"], "completed", "{first}");
        let seen = ["created", "recordsProcessed", "pages"].map(|name| first[name].clone());
        assert_eq!(seen, [json!(7), json!(7), json!(pages)], "{first}");
        let (records, cursor) = self.changes(None).await;
        let held = records.iter().map(|record| name(&record["content"]));
        assert_eq!(held.collect::<BTreeSet<_>>(), BTreeSet::from(names));
        let ids: BTreeMap<&str, &str> = records
            .iter()
            .map(|record| (record["id"].as_str().unwrap(), name(&record["content"])))
            .collect();

        put(names[2], "second").await;
        delete(names[5]).await;
        assert_eq!(self.counts().await, [0, 1, 1, 5]);
        let (changes, cursor) = self.changes(Some(&cursor)).await;
        let told = changes
            .iter()
            .map(|change| (ids[change["id"].as_str().unwrap()], &change["deleted"]));
        let expected = [(names[2], &json!(false)), (names[5], &json!(true))];
        assert_eq!(told.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
        let changed = changes.iter().find(|change| change["deleted"] == false);
        let before = records
            .iter()
            .find(|record| name(&record["content"]) == names[2]);
        let [before, changed] = [before, changed].map(|record| &record.unwrap()["content"]);
        assert_ne!(before["state"], changed["state"]);

        assert_eq!(self.counts().await, [0, 0, 0, 6]);
        put(names[5], "third").await;
        let [created, updated, deleted, unchanged] = self.counts().await;
        assert_eq!((created + updated, deleted, unchanged), (1, 0, 6));
        let (changes, cursor) = self.changes(Some(&cursor)).await;
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(name(&changes[0]["content"]), names[5]);
        let (changes, _) = self.changes(Some(&cursor)).await;
        assert_eq!(changes, [Value::Null; 0]);
    }
}

fn name(content: &Value) -> &str {
    content["name"].as_str().unwrap()
}

/// A call through the gateway to an integration's provider, which has to succeed.
async fn called(system: &Running, integration: &str, call: Value) -> Value {
    let answer = system.post(&format!("{integration}/requests"), &call).await;
    let status = answer["status"].as_u64().unwrap();
    assert!((200..300).contains(&status), "{call}: {answer}");
    answer
}

/// Text as it stands in a path, with its slashes.
fn encoded(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = text.bytes().map(|byte| match byte {
        _ if kept(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
