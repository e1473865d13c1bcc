use std::time::Duration;

use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use super::{Crm, config};

/// The configuration with a target for contacts.
fn with_target(integration: &str, entity: &str) -> Value {
    let mut config = config();
    config["entities"]["contacts"]["target"] =
        json!({"integration": integration, "entity": entity});
    config
}

async fn version(crm: &Crm) -> u64 {
    let read = crm.get("").await;
    let tag = read.headers["etag"].to_str().unwrap();
    tag.trim_matches('"').parse().unwrap()
}

#[tokio::test]
async fn a_kind_of_record_is_not_its_own_target() {
    let crm = Crm::new().await;
    let before = crm.portal.contents().await;
    let body = json!({"syncConfig": with_target(&crm.integration.to_string(), "contacts")});
    let refused = crm.change(("PATCH", ""), version(&crm).await, body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (400, "invalid")
    );
    let pointer = &refused.json()["errors"][0]["pointer"];
    assert_eq!(pointer, "/syncConfig/entities/contacts/target");
    assert_eq!(crm.portal.contents().await, before);
}

#[tokio::test]
async fn a_target_that_is_set_is_told_of_the_records_that_are_there() {
    let crm = Crm::new().await;
    let body = json!({"syncConfig": config()});
    let same = crm.change(("PATCH", ""), version(&crm).await, body).await;
    assert_eq!(same.status, 200, "{same:?}");
    assert_eq!(crm.messages("feed").await.len(), 0, "nobody is to be told");
    // Another kind of the same integration can be one.
    let body = json!({"syncConfig": with_target(&crm.integration.to_string(), "people")});
    let set = crm.change(("PATCH", ""), version(&crm).await, body).await;
    assert_eq!(set.status, 200, "{set:?}");
    let messages = crm.messages("feed").await;
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("\"contacts\""), "{messages:?}");
}

#[tokio::test]
async fn what_is_due_follows_a_configuration_though_that_fails_at_first() {
    let mut quiet = config();
    let contacts = quiet["entities"]["contacts"].as_object_mut().unwrap();
    contacts.remove("schedule");
    let crm = Crm::with(quiet).await;
    let sent = crm.messages("configured").await.len();
    let far = system_sources().now().plus(Duration::from_secs(86_400));
    let due = async || crm.portal.store.due_syncs(far, 10).await.unwrap().len();
    let version = version(&crm).await;
    // The index of what is due is not written.
    crm.portal.stack.refuse(Some("SYNC_DUE#"));
    let body = json!({"syncConfig": with_target(&crm.integration.to_string(), "people")});
    let set = crm.change(("PATCH", ""), version, body).await;
    assert_eq!(set.status, 200, "{set:?}");
    crm.portal.stack.refuse(None);
    assert_eq!((due().await, crm.messages("feed").await.len()), (0, 0));
    // The message that was sent before does it.
    assert_eq!(crm.messages("configured").await.len(), sent + 1);
    let jobs = &crm.portal.jobs;
    jobs.configured(crm.organization, crm.integration)
        .await
        .unwrap();
    assert_eq!((due().await, crm.messages("feed").await.len()), (1, 1));
    // Of an integration that is not there any more, nothing is due.
    let nobody = "int_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
    jobs.configured(crm.organization, nobody).await.unwrap();
    assert_eq!(due().await, 1);
}
