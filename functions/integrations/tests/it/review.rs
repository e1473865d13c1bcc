//! Who may do what, and when it was last here.

use std::time::Duration;

use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::Portal;

/// The whole review, page by page.
async fn review(portal: &Portal, token: &str, limit: u16) -> Vec<Value> {
    let mut items = Vec::new();
    let mut path = format!("/portal/access/review?limit={limit}");
    loop {
        let page = portal.get(&path, token).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else {
            return items;
        };
        path = format!("/portal/access/review?limit={limit}&cursor={cursor}");
    }
}

fn names(value: &Value) -> Vec<&str> {
    let names = value.as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test]
async fn everybody_who_was_here_and_every_key_is_listed_with_what_they_may_do() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    for (subject, role) in [
        ("dora", "developer"),
        ("vera", "viewer"),
        ("nobody", "none"),
    ] {
        let token = portal.token_as(organization, subject, &[role]);
        portal.get("/portal/integrations", &token).await;
    }
    let key = json!({"name": "CI", "roles": ["operator"], "actions": ["callProvider", "readAudit"],
        "expiresAt": system_sources().now().plus(Duration::from_secs(3600))});
    assert_eq!(
        portal.post("/portal/access/keys", &owner, key).await.status,
        201
    );
    let items = review(&portal, &owner, 2).await;
    assert_eq!(items, review(&portal, &owner, 200).await);
    let of = |subject: &str| {
        let found = items
            .iter()
            .find(|item| item["subject"] == subject || item["name"] == subject);
        found.unwrap_or_else(|| panic!("{subject} is not in {items:?}"))
    };
    assert_eq!(items.len(), 5, "{items:?}");
    assert_eq!(of("vera")["roles"], json!(["viewer"]));
    assert!(of("vera")["lastSeenAt"].is_string());
    let rights = &of("vera")["rights"];
    assert!(names(&rights["always"]).contains(&"readIntegration"));
    assert!(!names(&rights["always"]).contains(&"updateIntegration"));
    // Its data, where it is restricted, with a second factor only.
    let events = rights["sometimes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "readEvents");
    let on = events.unwrap()["on"].as_array().unwrap();
    assert_eq!(on.len(), 24);
    for place in on {
        assert_eq!(
            place["needsMfa"],
            place["classification"] == "restricted",
            "{place}"
        );
    }
    let nobody = &of("nobody")["rights"];
    assert_eq!(
        nobody,
        &json!({"always": [], "withMfa": [], "sometimes": []})
    );
    assert!(names(&of("me")["rights"]["withMfa"]).contains(&"grantOwner"));
    let key = of("CI");
    assert_eq!(
        (&key["kind"], &key["lastSeenAt"]),
        (&json!("api_key"), &Value::Null)
    );
    let can = key["rights"]["sometimes"].as_array().unwrap();
    assert_eq!(can.len(), 1, "{key}");
    assert_eq!(can[0]["action"], "callProvider");
    assert_eq!(can[0]["on"].as_array().unwrap().len(), 18);
}

#[tokio::test]
async fn elevations_that_go_on_are_shown_with_who_has_them() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let (owner, vera) = (
        portal.token(organization),
        portal.token_as(organization, "vera", &["viewer"]),
    );
    let body = json!({"role": "operator", "reason": "r", "durationMinutes": 5});
    let asked = portal.post("/portal/access/elevations", &vera, body).await;
    let path = format!("/portal/access/elevations/{}/approve", asked.id());
    assert_eq!(portal.post(&path, &owner, Value::Null).await.status, 200);
    let items = review(&portal, &owner, 50).await;
    let vera = items.iter().find(|item| item["subject"] == "vera").unwrap();
    assert_eq!(vera["elevations"][0]["role"], "operator");
    assert!(!names(&vera["rights"]["always"]).contains(&"retryEvents"));
}

#[tokio::test]
async fn who_was_here_is_written_once_in_a_while() {
    let portal = Portal::new().await;
    let token = portal.organization();
    portal.get("/portal/integrations", &token).await;
    let sightings = async || {
        let contents = portal.stack.contents().await.unwrap();
        let lines = contents.lines().filter(|line| line.contains("USER#"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = sightings().await;
    assert_eq!(before.len(), 1);
    portal.get("/portal/integrations", &token).await;
    assert_eq!(sightings().await, before);
}
