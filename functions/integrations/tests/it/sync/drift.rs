//! What has changed of the provider's fields, as the API shows it.

use gatehouse::domain::sync::{Drift, DriftKind, DriftPolicy, FieldType, FoundDrift};
use gatehouse::lambda::system_sources;
use gatehouse::store::{ChangeSet, JobWrite};
use serde_json::{Value, json};

use super::Crm;

#[tokio::test]
async fn a_job_and_its_kind_of_record_say_which_fields_have_changed() {
    let crm = Crm::new().await;
    let body = json!({"syncType": "full", "entities": ["contacts"]});
    let started = crm.post("/sync", body).await.json();
    let id = started["jobs"][0]["id"].as_str().unwrap().to_owned();
    assert!(started["jobs"][0]["drift"].is_null() && crm.contacts().await["drift"].is_null());
    // What `sync` writes with the page that it has seen it on.
    let now = system_sources().now();
    let store = &crm.portal.store;
    let entity = "contacts".parse().unwrap();
    let state = store.entity_state(crm.organization, crm.integration, &entity);
    let mut set = ChangeSet::new(crm.organization, crm.integration, state.await.unwrap(), now);
    let job = store.sync_job(crm.organization, crm.integration, id.parse().unwrap(), now);
    let mut job = job.await.unwrap().unwrap();
    let retyped = DriftKind::Retyped {
        from: FieldType::String,
        to: FieldType::Integer,
    };
    let changes = [("mail", DriftKind::New), ("phone", retyped)];
    let drifts = changes.map(|(field, kind)| Drift {
        field: field.to_owned(),
        kind,
    });
    let policy = (job.item.id, DriftPolicy::Add);
    job.item.drift = FoundDrift::with(None, policy, &drifts, now);
    set.state.drift.clone_from(&job.item.drift);
    set.job = Some(JobWrite {
        job: job.item,
        version: job.version,
        expires_at: None,
    });
    store.commit_changes(&set).await.unwrap();
    let shown = json!({"jobId": id, "policy": "add", "firstSeenAt": now, "more": false, "changes": [
        {"field": "mail", "kind": "new"},
        {"field": "phone", "kind": "retyped", "from": "string", "to": "integer"}]});
    let read: Value = crm.get(&format!("/sync/jobs/{id}")).await.json();
    assert_eq!(read["drift"], shown);
    assert_eq!(crm.contacts().await["drift"], shown);
}
