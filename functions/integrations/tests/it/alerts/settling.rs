use gatehouse::domain::alert::{Alert, AlertBook, AlertKind, RuleState};
use gatehouse::domain::{AlertId, IntegrationId};
use gatehouse::store::{AlertWrites, Versioned};

use super::*;

impl Scene {
    /// An alert that fires; its path.
    async fn fires(&self, kind: AlertKind) -> String {
        let sources = system_sources();
        let now = sources.now();
        let id = AlertId::generate(now, sources.randomness.as_ref());
        let alert: Alert = serde_json::from_value(json!({
            "id": id, "organizationId": self.organization, "integrationId": self.id,
            "integrationName": "Payments", "kind": kind, "severity": "warning", "state": "firing",
            "value": 0.5, "threshold": 0.1, "startedAt": now,
            "timeline": [{"at": now, "event": "firing", "value": 0.5}],
        }))
        .unwrap();
        let book = self.book().await;
        let mut after = book.item.clone();
        let state = RuleState {
            alert: Some(id),
            ..RuleState::default()
        };
        after.set(kind, state);
        let writes = AlertWrites {
            book: Some(Versioned::new(after, book.version)),
            alerts: vec![Versioned::new(alert, 0)],
            ..AlertWrites::default()
        };
        let store = &self.portal.store;
        let written = store.commit_alerts(self.organization, self.integration_id(), &writes, now);
        assert!(written.await.unwrap());
        format!("/portal/alerts/{id}")
    }

    fn integration_id(&self) -> IntegrationId {
        self.id.parse().unwrap()
    }

    async fn book(&self) -> Versioned<AlertBook> {
        let store = &self.portal.store;
        let book = store.alert_book(self.organization, self.integration_id());
        book.await.unwrap()
    }

    async fn ids(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("/portal/alerts{query}")).await.json();
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| format!("/portal/alerts/{}", item["id"].as_str().unwrap()))
            .collect()
    }
}

#[tokio::test]
async fn an_alert_is_acknowledged_and_resolved_by_people() {
    let scene = Scene::new().await;
    scene.post(CHANNELS, slack(&scene.id)).await.id();
    let path = scene.fires(AlertKind::ErrorRate).await;
    let note = json!({"note": "on it"});
    let taken = scene
        .post(&format!("{path}/acknowledge"), note.clone())
        .await;
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(taken.json()["state"], "acknowledged");
    assert_eq!(taken.json()["acknowledgedBy"], "me");
    assert_eq!(taken.json()["timeline"][1]["note"], "on it");
    let again = scene
        .post(&format!("{path}/acknowledge"), Value::Null)
        .await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (409, "conflict")
    );
    let ended = scene.post(&format!("{path}/resolve"), Value::Null).await;
    assert_eq!(ended.json()["state"], "resolved");
    let rule = scene.book().await.item.state(AlertKind::ErrorRate);
    assert_eq!(rule.alert, None);
    for verb in ["acknowledge", "resolve"] {
        let late = scene.post(&format!("{path}/{verb}"), Value::Null).await;
        assert_eq!(late.code(), "conflict");
    }
    assert_eq!(scene.get(&path).await.json(), ended.json());
    // Whoever is to be told is owed both.
    let later = system_sources().now().plus(Duration::from_secs(900));
    let due = scene.portal.store.due_notices(later, 10).await.unwrap();
    assert_eq!(due.len(), 2, "{due:?}");
}

#[tokio::test]
async fn alerts_are_listed_newest_first_and_by_what_they_are() {
    let scene = Scene::new().await;
    let mut all = Vec::new();
    for kind in [
        AlertKind::ErrorRate,
        AlertKind::Slow,
        AlertKind::DeadLetters,
    ] {
        all.insert(0, scene.fires(kind).await);
    }
    scene
        .post(&format!("{}/resolve", all[1]), Value::Null)
        .await;
    scene
        .post(&format!("{}/acknowledge", all[0]), Value::Null)
        .await;
    assert_eq!(scene.ids("").await, all);
    assert_eq!(
        scene.ids("?state=open").await,
        [all[0].clone(), all[2].clone()]
    );
    assert_eq!(scene.ids("?state=firing").await, [all[2].clone()]);
    assert_eq!(scene.ids("?state=acknowledged").await, [all[0].clone()]);
    assert_eq!(scene.ids("?state=resolved").await, [all[1].clone()]);
    assert_eq!(scene.ids("?kind=slow").await, [all[1].clone()]);
    assert_eq!(
        scene.ids("?minSeverity=critical").await,
        Vec::<String>::new()
    );
    assert_eq!(
        scene.ids(&format!("?integration={}", scene.id)).await.len(),
        3
    );
    let first = scene.get("/portal/alerts?limit=1").await.json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = scene.ids(&format!("?cursor={cursor}")).await;
    assert_eq!(rest, all[1..]);
    for bad in ["?state=a", "?limit=0", "?kind=x", "?cursor=y", "?other=1"] {
        let answer = scene.get(&format!("/portal/alerts{bad}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_note_is_words_and_not_too_many() {
    let scene = Scene::new().await;
    let path = scene.fires(AlertKind::Slow).await;
    let bad = [
        ("/note", json!({"note": ""})),
        ("/note", json!({"note": "a".repeat(1_001)})),
        ("/note", json!({"note": 1})),
    ];
    for verb in ["acknowledge", "resolve"] {
        scene.refuses("POST", &format!("{path}/{verb}"), &bad).await;
    }
}

#[tokio::test]
async fn what_happens_to_an_alert_is_in_the_audit_trail() {
    let scene = Scene::new().await;
    let path = scene.fires(AlertKind::Slow).await;
    scene
        .post(&format!("{path}/acknowledge"), Value::Null)
        .await;
    scene.post(&format!("{path}/resolve"), Value::Null).await;
    for action in ["alert.acknowledge", "alert.resolve"] {
        let trail = scene
            .get(&format!("/portal/audit?action={action}"))
            .await
            .json();
        let outcomes: Vec<_> = trail["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["outcome"].clone(), entry["subject"]["id"].clone()))
            .collect();
        let id = json!(path.rsplit('/').next().unwrap());
        assert_eq!(outcomes.len(), 2, "{trail}");
        assert!(
            outcomes.iter().all(|(_, subject)| *subject == id),
            "{trail}"
        );
    }
}

#[tokio::test]
async fn a_deleted_integration_leaves_no_alert_open() {
    let scene = Scene::new().await;
    for kind in [AlertKind::ErrorRate, AlertKind::Slow] {
        scene.fires(kind).await;
    }
    let deleted = scene.portal.delete(&scene.integration, &scene.token).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(scene.ids("?state=open").await, Vec::<String>::new());
    let resolved = scene.get("/portal/alerts?state=resolved").await.json();
    let items = resolved["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        items[0]["timeline"][1]["note"],
        "the integration was deleted"
    );
    assert_eq!(scene.book().await.version, 0);
}
