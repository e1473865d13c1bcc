//! What becomes of what other functions keep of a deleted integration: its alerts, incidents and rotations.

use std::time::Duration;

use gatehouse::audit::Trail;
use gatehouse::domain::alert::{Alert, AlertKind, RuleState};
use gatehouse::domain::incident::{IncidentType, RaisedAlert, Severity};
use gatehouse::domain::rotation::{Rotation, RotationPlan};
use gatehouse::domain::{AlertId, Clock as _, Randomness as _, Timestamp};
use gatehouse::flows::alerts::Alerts;
use gatehouse::flows::incidents::Incidents;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::{AlertQuery, AlertWrites, Versioned};
use serde_json::{Value, json};

use super::purge::{Gone, much};
use super::{Side, world};
use crate::world::{Stage, World};

/// What nobody but a purge, or who has to find the integration gone, deletes.
const KEPT: [&str; 7] = [
    "alert_book",
    "open_alert",
    "incident_group",
    "rotation",
    "rotation_plan",
    "watch",
    "watch_due",
];

impl World {
    fn trail(&self) -> Trail {
        let (store, sources) = (self.store.clone(), self.sources());
        Trail::new(store, sources, "tests", Duration::from_secs(3_600))
    }
}

impl Gone<'_> {
    /// What there is of these kinds: the other integration has nothing of them, but that it is watched.
    fn kept(&self) -> Vec<String> {
        let items = self.side.world.stage.aws.items().into_iter();
        let of_type = |item: &Value| item["item_type"]["S"].as_str().unwrap().to_owned();
        let types = items.map(|(key, item)| (key, of_type(&item)));
        let kept = types.filter(|(key, one)| {
            KEPT.contains(&one.as_str()) && (self.is_its(key) || !one.starts_with("watch"))
        });
        let mut kept: Vec<_> = kept.map(|(_, one)| one).collect();
        kept.sort_unstable();
        kept
    }

    /// An alert that is open, with an incident; a rotation that has ended; and, if it is `due`, one that is
    /// to be looked at.
    async fn watched(&self, due: Option<Timestamp>) -> AlertId {
        let (world, integration) = (self.side.world, &self.side.integration);
        let (organization, id) = (integration.organization_id, integration.id);
        let (store, now) = (&world.store, world.clock.now());
        store.mark_watch(organization, id, now, now).await.unwrap();
        let kind = AlertKind::ErrorRate;
        let alert: Alert = serde_json::from_value(json!({
            "id": format!("alr_{}", world.dice.ulid(now)), "organizationId": organization,
            "integrationId": id, "integrationName": "x", "kind": kind, "severity": "warning",
            "state": "firing", "value": 1.0, "threshold": 0.1, "startedAt": now,
            "timeline": [{"at": now, "event": "firing"}],
        }))
        .unwrap();
        let mut book = store.alert_book(organization, id).await.unwrap();
        let fires = RuleState {
            alert: Some(alert.id),
            ..RuleState::default()
        };
        book.item.set(kind, fires);
        let writes = AlertWrites {
            book: Some(book),
            alerts: vec![Versioned::new(alert.clone(), 0)],
            ..AlertWrites::default()
        };
        let written = store.commit_alerts(organization, id, &writes, now).await;
        assert!(written.unwrap());
        for incident_type in [IncidentType::Availability, IncidentType::Security] {
            let raised = RaisedAlert {
                id: world.dice.ulid(now).into(),
                kind,
                incident_type,
                integration: Some(id),
                severity: Severity::Low,
                title: "calls fail".to_owned(),
            };
            let incidents = Incidents::new(store.clone(), world.trail(), world.sources());
            incidents.alert(organization, &raised).await.unwrap();
        }
        for number in 0..2 {
            let rotation: Rotation = serde_json::from_value(json!({
                "id": format!("rot_{}", world.dice.ulid(now)), "organizationId": organization,
                "integrationId": id, "strategy": "provider_api", "trigger": "request",
                "state": "done", "fromVersion": "v", "graceSeconds": 600,
                "startedAt": now, "updatedAt": now,
            }))
            .unwrap();
            let before = store.rotation_plan(organization, id).await.unwrap();
            let plan = RotationPlan {
                paused: true,
                last: Some(rotation.id),
                due_at: due.filter(|_| number == 1),
                ..RotationPlan::default()
            };
            let rotation = Versioned::new(rotation, 0);
            let write = store.write_rotation((organization, id), &before, &plan, Some(&rotation));
            write.await.unwrap();
        }
        alert.id
    }

    /// `monitor` finds the integration gone.
    pub(super) async fn monitored(&self) {
        let (world, integration) = (self.side.world, &self.side.integration);
        let (organization, id) = (integration.organization_id, integration.id);
        let metrics = Metrics::with_writer("tests", std::io::sink());
        let alerts = Alerts::new(world.store.clone(), world.trail(), world.sources(), metrics);
        alerts.integration_deleted(organization, id).await.unwrap();
        let far = world
            .clock
            .now()
            .plus(Duration::from_secs(100 * 24 * 3_600));
        let due = world.store.due_watches(far, 10).await.unwrap();
        for due in due.into_iter().filter(|due| due.integration == id) {
            world.store.drop_watch(&due).await.unwrap();
        }
    }

    async fn open(&self) -> Vec<AlertId> {
        let world = self.side.world;
        let query = AlertQuery {
            open: true,
            state: None,
            integration: None,
            kind: None,
            min_severity: None,
            limit: 50,
            after: None,
            now: world.clock.now(),
        };
        let organization = self.side.integration.organization_id;
        let found = world.store.alerts(organization, &query).await.unwrap();
        found.items.iter().map(|found| found.item.id).collect()
    }
}

#[tokio::test]
async fn what_monitor_has_not_seen_stays_until_it_has_and_all_else_goes() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    let alert = gone.watched(None).await;
    assert_eq!(gone.kept().len(), 9, "{:?}", gone.kept());
    gone.ask().await;
    gone.delete().await;
    let deleted_at = world.clock.now();
    let enough = deleted_at.plus(Duration::from_secs(3_000));
    while let Some(at) = world.next_letter_at().filter(|at| *at <= enough) {
        world.clock.go_to(at);
        let letter = world.take().unwrap();
        world.deliver(&world.lucky, &letter).await;
    }
    assert_eq!(
        gone.kept(),
        ["alert_book", "open_alert", "watch", "watch_due"]
    );
    assert_eq!(
        gone.open().await,
        [alert],
        "nobody has said that it is over"
    );
    let left = gone.left();
    assert_eq!(left.len(), 3, "{left:?}");
    gone.monitored().await;
    assert_eq!(gone.open().await, []);
    // A run that had read the integration before wrote where a rule stands.
    let (organization, id) = (
        gone.side.integration.organization_id,
        gone.side.integration.id,
    );
    let mut book = world.store.alert_book(organization, id).await.unwrap();
    let counts = RuleState {
        count: 1,
        ..RuleState::default()
    };
    book.item.set(AlertKind::Slow, counts);
    let writes = AlertWrites {
        book: Some(book),
        ..AlertWrites::default()
    };
    let now = world.clock.now();
    let written = world.store.commit_alerts(organization, id, &writes, now);
    assert!(written.await.unwrap());
    world.run().await;
    assert_eq!(gone.kept(), Vec::<String>::new());
    assert_eq!(gone.left(), Vec::<String>::new());
    assert!(world.stage.aws.buried.lock().unwrap().is_empty());
    let found = world.store.alert(organization, alert, now).await.unwrap();
    assert!(!found.unwrap().item.is_open());
}

#[tokio::test]
async fn rotations_stay_while_their_plan_is_due_and_nothing_is_waited_for_forever() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let (gone, _) = Box::pin(much(&world)).await;
    let due = world.clock.now().plus(Duration::from_secs(24 * 3_600));
    gone.watched(Some(due)).await;
    gone.ask().await;
    gone.delete().await;
    gone.monitored().await;
    let asked = world.clock.now();
    world.run().await;
    // Nobody has looked at it in two days; the message ends all the same.
    assert!(world.clock.now() >= asked.plus(Duration::from_secs(2 * 24 * 3_600)));
    assert_eq!(gone.kept(), ["rotation", "rotation", "rotation_plan"]);
    let (organization, id) = (
        gone.side.integration.organization_id,
        gone.side.integration.id,
    );
    let due = world.store.due_rotations(due, 10).await.unwrap();
    let store = &world.store;
    store.delete_rotation_plan(organization, id).await.unwrap();
    for due in due {
        store.remove_due_rotation(&due).await.unwrap();
    }
    gone.ask().await;
    world.run().await;
    assert_eq!(gone.left(), Vec::<String>::new());
    assert_eq!(gone.kept(), Vec::<String>::new());
}

#[tokio::test]
async fn a_purge_that_dies_with_any_call_leaves_neither_alerts_nor_rotations() {
    let stage = Stage::new().await;
    let world = world(&stage, json!({})).await;
    let gone = Gone::new(Side::of(&world)).await;
    gone.watched(None).await;
    gone.delete().await;
    gone.monitored().await;
    let all = stage.aws.items();
    for has_effect in [false, true] {
        for call in 0.. {
            stage.aws.restore(&all);
            gone.ask().await;
            let died = Box::pin(super::run_killed(&world, call, has_effect)).await;
            world.run().await;
            assert_eq!(gone.left(), Vec::<String>::new(), "{call} {has_effect}");
            assert_eq!(gone.kept(), Vec::<String>::new(), "{call} {has_effect}");
            if !died {
                assert!(call > 4, "{call}");
                break;
            }
        }
    }
}
