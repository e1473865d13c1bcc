use serde_json::{Value, json};

use super::Crm;
use crate::portal::Answer;

/// The path, below the integration's, of an export's next page.
fn next(crm: &Crm, page: &Answer) -> Option<String> {
    let link = page.headers.get("link")?.to_str().unwrap();
    let target = link.strip_prefix('<').unwrap();
    let (target, relation) = target.split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"next\"");
    Some(target.strip_prefix(&crm.path).unwrap().to_owned())
}

#[tokio::test]
async fn an_export_is_all_records_a_line_each_in_pages_that_lambda_can_answer_with() {
    let crm = Crm::new().await;
    let long = "a".repeat(100_000);
    for n in 0..45 {
        let id = format!("c{n:03}");
        crm.see(&[(&id, Some(json!({"name": long, "n": n})))]).await;
    }
    let first = crm.get("/records/export?entity=contacts").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["content-type"], "application/x-ndjson");
    assert!(!first.headers.contains_key("gatehouse-changes-cursor"));
    // What changes meanwhile is of the next export.
    crm.see(&[("c044", None), ("c000", Some(json!({"name": "b"})))])
        .await;
    let mut lines: Vec<Value> = Vec::new();
    let mut page = first;
    let changes = loop {
        assert!(page.text.len() <= 4_000_000 && page.text.ends_with('\n'));
        lines.extend(
            page.text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        match next(&crm, &page) {
            Some(path) => page = crm.get(&path).await,
            None => {
                break page.headers["gatehouse-changes-cursor"]
                    .to_str()
                    .unwrap()
                    .to_owned();
            }
        }
    };
    let ids: Vec<String> = lines
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..44).map(|n| format!("c{n:03}")).collect();
    assert_eq!(ids, expected);
    let path = format!("/records/export?entity=contacts&changedAfter={changes}");
    let later = crm.get(&path).await;
    let later: Vec<Value> = later
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(later.len(), 2);
    assert_eq!(
        (&later[0]["id"], &later[0]["deleted"]),
        (&json!("c044"), &json!(true))
    );
    assert_eq!(later[1]["content"], json!({"name": "b"}));
}

#[tokio::test]
async fn an_export_of_nothing_has_no_line_and_is_in_the_audit_trail() {
    let crm = Crm::new().await;
    let empty = crm.get("/records/export?entity=contacts").await;
    assert_eq!((empty.status.as_u16(), empty.text.as_str()), (200, ""));
    assert!(empty.headers.contains_key("gatehouse-changes-cursor"));
    let limited = crm.get("/records/export?entity=contacts&limit=5").await;
    assert_eq!(
        (limited.status.as_u16(), limited.code()),
        (400, "malformed".to_owned())
    );
    let trail = crm
        .portal
        .get("/portal/audit?action=record.export", &crm.token)
        .await;
    let outcomes: Vec<Value> = trail.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["refused", "started", "started"]);
}
