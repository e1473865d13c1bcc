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
