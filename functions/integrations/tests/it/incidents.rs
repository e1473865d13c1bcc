//! Incidents, as people look after them.

use gatehouse::domain::OrganizationId;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, with};

const INCIDENTS: &str = "/portal/incidents";

fn body() -> Value {
    json!({"title": "Payments are refused", "type": "availability", "severity": "high"})
}

/// An organization with an integration, and those who act in it.
struct Scene {
    portal: Portal,
    organization: OrganizationId,
    integration: String,
    owner: String,
    operator: String,
    viewer: String,
}

impl Scene {
    async fn new() -> Self {
        let portal = Portal::new().await;
        let organization = portal.organization_id();
        let owner = portal.token(organization);
        let path = portal.integration(&owner).await;
        Self {
            integration: path.rsplit('/').next().unwrap().to_owned(),
            operator: portal.token_as(organization, "operator", &["operator"]),
            viewer: portal.token_as(organization, "viewer", &["viewer"]),
            portal,
            organization,
            owner,
        }
    }

    async fn open(&self, body: Value) -> String {
        let made = self.portal.post(INCIDENTS, &self.operator, body).await;
        let id = made.id();
        let path = format!("{INCIDENTS}/{id}");
        assert_eq!(made.headers["location"], path.as_str());
        path
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.portal.post(path, &self.operator, body).await
    }

    /// A change of what stands there now.
    async fn change(&self, method: &str, path: &str, of: &str, body: Value) -> Answer {
        let read = self.portal.get(of, &self.operator).await;
        let version = read.headers["etag"].to_str().unwrap().to_owned();
        let headers = [("if-match", version.as_str())];
        self.portal
            .call((method, path), &self.operator, &headers, body)
            .await
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let (mut titles, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{INCIDENTS}?limit=2{query}{cursor}");
            let page = self.portal.get(&path, &self.viewer).await.json();
            for item in page["items"].as_array().unwrap() {
                titles.push(item["title"].as_str().unwrap().to_owned());
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return titles,
            }
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told whole")]
async fn an_incident_is_looked_after_from_its_opening_to_its_end() {
    let scene = Scene::new().await;
    let body = with(body(), "integrationId", json!(scene.integration));
    let path = scene
        .open(with(body, "text", json!("seen on the dashboard")))
        .await;
    let read = scene.portal.get(&path, &scene.viewer).await.json();
    assert_eq!(read["status"], "open");
    assert_eq!(read["suggestedPlaybooks"], json!(["provider-down"]));
    let acknowledged = scene
        .post(&format!("{path}/acknowledge"), Value::Null)
        .await
        .json();
    assert_eq!(acknowledged["acknowledged"]["by"]["id"], "operator");
    let text = json!({"text": "the provider has an outage"});
    assert_eq!(
        scene.post(&format!("{path}/timeline"), text).await.status,
        200
    );
    let worse = json!({"severity": "critical", "title": "All payments are refused"});
    let edited = scene.change("PATCH", &path, &path, worse).await.json();
    assert_eq!(edited["severity"], "critical");
    for (verb, status) in [
        ("mitigate", "mitigated"),
        ("reopen", "open"),
        ("resolve", "resolved"),
    ] {
        let moved = scene
            .post(&format!("{path}/{verb}"), Value::Null)
            .await
            .json();
        assert_eq!(moved["status"], status);
    }
    let close = scene.post(&format!("{path}/close"), Value::Null).await;
    assert_eq!(
        (close.status.as_u16(), close.code()),
        (409, "conflict".to_owned())
    );
    let notes = json!({"text": "Why it happened, and what we do about it."});
    let written = scene
        .change("PUT", &format!("{path}/notes"), &path, notes)
        .await;
    assert_eq!(written.status, 200, "{written:?}");
    let closed = scene
        .post(&format!("{path}/close"), json!({"text": "done"}))
        .await
        .json();
    assert_eq!(closed["status"], "closed");
    let after = scene.post(&format!("{path}/reopen"), Value::Null).await;
    assert_eq!(after.status, 409);
    let timeline = scene
        .portal
        .get(&format!("{path}/timeline"), &scene.viewer)
        .await
        .json();
    let events: Vec<_> = timeline["items"].as_array().unwrap().iter().rev().collect();
    let words: Vec<_> = events
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "opened",
            "acknowledged",
            "noted",
            "edited",
            "mitigated",
            "reopened",
            "resolved",
            "notes_written",
            "closed"
        ]
    );
    assert_eq!(events[0]["text"], "seen on the dashboard");
    assert_eq!(
        events[2]["actor"],
        json!({"kind": "user", "id": "operator"})
    );
}

#[tokio::test]
async fn those_that_are_looked_after_are_listed_first() {
    let scene = Scene::new().await;
    let mut paths = Vec::new();
    for title in ["a", "b", "c", "d", "e"] {
        paths.push(scene.open(with(body(), "title", json!(title))).await);
    }
    for index in [1, 4] {
        let resolved = scene
            .post(&format!("{}/resolve", paths[index]), Value::Null)
            .await;
        assert_eq!(resolved.status, 200);
    }
    assert_eq!(scene.listed("").await, ["d", "c", "a", "e", "b"]);
    assert_eq!(scene.listed("&status=open").await, ["d", "c", "a"]);
    assert_eq!(scene.listed("&status=resolved").await, ["e", "b"]);
    assert_eq!(scene.listed("&status=closed").await, [] as [&str; 0]);
    assert_eq!(scene.listed("&minSeverity=critical").await, [] as [&str; 0]);
    let of = format!("&integration={}", scene.integration);
    assert_eq!(scene.listed(&of).await, [] as [&str; 0]);
    let pages = format!("{}/timeline", paths[0]);
    let page = scene
        .portal
        .get(&format!("{pages}?limit=1"), &scene.viewer)
        .await
        .json();
    assert_eq!(page["items"][0]["number"], 1);
    assert_eq!(page["nextCursor"], Value::Null);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let scene = Scene::new().await;
    let path = scene.open(body()).await;
    let (timeline, notes) = (format!("{path}/timeline"), format!("{path}/notes"));
    let acknowledge = format!("{path}/acknowledge");
    let before = scene.portal.contents().await;
    let (long, longer) = ("x".repeat(2_001), "x".repeat(20_001));
    let unknown = "int_01K72Z5QSW0123456789ABCDEF";
    for (method, path, body, pointer) in [
        (
            "POST",
            INCIDENTS,
            with(body(), "title", json!(" ")),
            "/title",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "title", json!("x".repeat(201))),
            "/title",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "title", Value::Null),
            "/title",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "type", json!("weather")),
            "/type",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "severity", json!("huge")),
            "/severity",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "text", json!(long)),
            "/text",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "integrationId", json!(unknown)),
            "/integrationId",
        ),
        (
            "POST",
            INCIDENTS,
            with(body(), "status", json!("closed")),
            "",
        ),
        ("PATCH", &path, json!({}), ""),
        ("PATCH", &path, json!({"title": ""}), "/title"),
        ("PATCH", &path, json!({"status": "closed"}), ""),
        ("POST", &timeline, json!({"text": ""}), "/text"),
        ("POST", &timeline, json!({"text": long}), "/text"),
        ("POST", &acknowledge, json!({"text": ""}), "/text"),
        ("PUT", &notes, json!({"text": longer}), "/text"),
    ] {
        let headers = [("if-match", "\"1\"")];
        let call = scene
            .portal
            .call((method, path), &scene.operator, &headers, body.clone());
        let answer = call.await;
        assert_eq!(answer.status, 400, "{method} {path} {body}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        let pointer_of = errors[0]["pointer"].as_str().unwrap();
        assert!(pointer_of.starts_with(pointer), "{errors} {pointer}");
    }
    assert_eq!(scene.portal.contents().await, before);
}

#[tokio::test]
async fn what_is_not_there_or_has_changed_or_is_anothers_is_refused() {
    let scene = Scene::new().await;
    let path = scene.open(body()).await;
    let before = scene.portal.contents().await;
    let theirs = scene.portal.organization();
    let unknown = format!("{INCIDENTS}/inc_01K72Z5QSW0123456789ABCDEF");
    for (path, token) in [(&path, &theirs), (&unknown, &scene.operator)] {
        assert_eq!(scene.portal.get(path, token).await.status, 404);
        let timeline = format!("{path}/timeline");
        assert_eq!(scene.portal.get(&timeline, token).await.status, 404);
        let acknowledge = format!("{path}/acknowledge");
        let answer = scene.portal.post(&acknowledge, token, Value::Null).await;
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    let stale = [("if-match", "\"7\"")];
    let edit = json!({"severity": "low"});
    for (headers, status) in [(&stale[..], 412), (&[][..], 428)] {
        let call = scene
            .portal
            .call(("PATCH", &path), &scene.operator, headers, edit.clone());
        assert_eq!(call.await.status, status);
    }
    for (query, name) in [
        ("?status=x", "status"),
        ("?minSeverity=x", "minSeverity"),
        ("?integration=x", "integration"),
        ("?limit=0", "limit"),
        ("?cursor=x", "cursor"),
        ("?sort=x", "sort"),
    ] {
        let answer = scene
            .portal
            .get(&format!("{INCIDENTS}{query}"), &scene.viewer)
            .await;
        assert_eq!(answer.status, 400, "{query}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(name), "{query}: {detail}");
    }
    let denied = scene.portal.post(INCIDENTS, &scene.viewer, body()).await;
    assert_eq!(denied.status, 403);
    assert_eq!(scene.portal.contents().await, before);
    // A step that was made is not made again, and who repeats himself is told the same.
    let headers = [("idempotency-key", "k")];
    let resolve = format!("{path}/resolve");
    for _ in 0..2 {
        let call = scene
            .portal
            .call(("POST", &resolve), &scene.operator, &headers, Value::Null);
        assert_eq!(call.await.json()["status"], "resolved");
    }
    assert_eq!(scene.post(&resolve, Value::Null).await.status, 409);
}

/// What anybody did to an incident is in the audit trail, by name.
#[tokio::test]
async fn every_change_is_in_the_audit_trail() {
    let scene = Scene::new().await;
    let path = scene.open(body()).await;
    for verb in ["acknowledge", "mitigate", "resolve"] {
        scene.post(&format!("{path}/{verb}"), Value::Null).await;
    }
    let id = path.rsplit('/').next().unwrap();
    let trail = format!("/portal/audit?subject={id}");
    let entries = scene.portal.get(&trail, &scene.owner).await.json();
    let entries = entries["items"].as_array().unwrap();
    let said = |action: &str, outcome: &str| {
        entries.iter().any(|entry| {
            entry["action"] == action
                && entry["outcome"] == outcome
                && entry["subject"] == json!({"kind": "incident", "id": id})
                && entry["actor"]["id"] == "operator"
        })
    };
    assert!(said("incident.create", "succeeded"), "{entries:?}");
    for action in [
        "incident.acknowledge",
        "incident.mitigate",
        "incident.resolve",
    ] {
        assert!(
            said(action, "started") && said(action, "succeeded"),
            "{action}"
        );
    }
    assert!(!scene.organization.to_string().is_empty());
}
