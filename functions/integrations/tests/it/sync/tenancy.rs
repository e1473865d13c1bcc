use serde_json::{Value, json};

use super::Crm;

/// What is there of one organization does not exist for another, though it knows every id.
#[tokio::test]
async fn another_organization_finds_nothing_and_changes_nothing() {
    let crm = Crm::new().await;
    let content = |phone: &str| json!({"phone": phone});
    crm.see(&[("c1", Some(content("1")))]).await;
    crm.change(("PATCH", "/records/contacts/c1"), 1, content("3"))
        .await;
    crm.see(&[("c1", Some(content("2")))]).await;
    let record = crm.get("/records/contacts/c1").await.json();
    let conflict = record["conflictId"].as_str().unwrap().to_owned();
    let started = json!({"syncType": "full", "entities": ["contacts"]});
    let job = crm.post("/sync", started.clone()).await.json();
    let job = job["jobs"][0]["id"].as_str().unwrap().to_owned();
    let theirs = crm.portal.organization();
    // They have an integration of their own; ids of ours below it are no better.
    let own = crm.portal.integration(&theirs).await;
    let before = crm.portal.contents().await;
    let decision = json!({"fields": [{"field": "phone", "side": "source"}]});
    for (method, path, body) in [
        ("POST", "/sync".to_owned(), started),
        ("GET", "/sync/entities".to_owned(), Value::Null),
        ("GET", format!("/sync/jobs/{job}"), Value::Null),
        ("POST", format!("/sync/jobs/{job}/cancel"), Value::Null),
        ("GET", "/records?entity=contacts".to_owned(), Value::Null),
        (
            "GET",
            "/records/export?entity=contacts".to_owned(),
            Value::Null,
        ),
        ("GET", "/records/contacts/c1".to_owned(), Value::Null),
        (
            "GET",
            "/records/contacts/c1/history".to_owned(),
            Value::Null,
        ),
        ("PUT", "/records/contacts/c1".to_owned(), content("9")),
        ("PATCH", "/records/contacts/c1".to_owned(), content("9")),
        ("DELETE", "/records/contacts/c1".to_owned(), Value::Null),
        ("POST", "/records/contacts".to_owned(), content("9")),
        ("GET", format!("/conflicts/{conflict}"), Value::Null),
        ("POST", format!("/conflicts/{conflict}/resolve"), decision),
    ] {
        for integration in [&crm.path, &own] {
            if integration == &own && path.starts_with("/sync") && !path.contains("syn_") {
                continue;
            }
            let target = format!("{integration}{path}");
            let headers = [("if-match", "\"2\"")];
            let answer = crm
                .portal
                .call((method, &target), &theirs, &headers, body.clone())
                .await;
            assert_eq!(answer.status, 404, "{method} {target}: {answer:?}");
        }
    }
    assert_eq!(crm.portal.contents().await, before);
}
