//! What follows from an alert: an incident, and the playbooks that start by themselves.

use std::time::Duration;

use gatehouse::domain::incident::{Incident, IncidentStatus, IncidentType};
use gatehouse::domain::playbook::{Playbook, PlaybookRun, RunStatus, StepState};
use gatehouse::domain::{IntegrationId, IntegrationStatus};
use gatehouse::store::IncidentQuery;
use serde_json::json;

use super::world::World;

/// Has its calls fail for so many minutes, looked at each minute.
async fn fail_for(world: &World, integration: IntegrationId, minutes: u32) {
    for _ in 0..minutes {
        for _ in 0..30 {
            let failed = json!({"status": "failed", "responseStatus": 500});
            world.call(integration, failed).await;
        }
        world.run_for(1).await;
    }
}

async fn incidents(world: &World) -> Vec<Incident> {
    let query = IncidentQuery {
        limit: 20,
        ..IncidentQuery::default()
    };
    let page = world.store.live_incidents(world.organization, &query).await;
    page.unwrap().items.into_iter().map(|found| found.item).collect()
}

async fn runs(world: &World) -> Vec<PlaybookRun> {
    let page = world.store.playbook_runs(world.organization, None, 20, None).await;
    page.unwrap().items.into_iter().map(|found| found.item).collect()
}

/// Holds calls back by itself, and asks before it switches the integration off.
async fn playbook(world: &World, integration: IntegrationId) {
    let playbook: Playbook = serde_json::from_value(json!({
        "id": "pbk_01K72Z5QSW0123456789ABCDEF",
        "organizationId": world.organization,
        "spec": {
            "name": "Hold back",
            "trigger": {"incidentTypes": ["availability"], "integrations": [integration], "start": "automatic"},
            "approvalMinutes": 5,
            "steps": [
                {"action": "open_breaker", "minutes": 60, "approval": "automatic"},
                {"action": "suspend_integration"},
            ],
        },
        "createdAt": world.now(), "updatedAt": world.now(),
    }))
    .unwrap();
    world.store.create_playbook(&playbook).await.unwrap();
}

#[tokio::test]
async fn an_alert_makes_an_incident_and_starts_what_starts_by_itself() {
    let world = World::new(41).await;
    let integration = world.integration(json!({})).await;
    playbook(&world, integration).await;
    assert_eq!(incidents(&world).await, []);
    fail_for(&world, integration, 10).await;
    let found = incidents(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let incident = &found[0];
    assert_eq!(incident.incident_type, IncidentType::Availability);
    assert_eq!(incident.status, IncidentStatus::Open);
    assert_eq!(incident.integration_id, Some(integration));
    assert!(!incident.alerts.is_empty());
    let [run] = &runs(&world).await[..] else {
        panic!("not one run");
    };
    assert_eq!(run.incident_id, Some(incident.id));
    assert_eq!(run.started_by.id, "monitor");
    let state = world.store.gateway_state(world.organization, integration).await;
    assert!(state.unwrap().item.breaker.is_some());
    // Nobody approves the rest, and the run ends.
    world.run_for(8).await;
    let runs = runs(&world).await;
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Expired));
    let states: Vec<_> = runs[0].steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Done, StepState::Expired]);
    let found = world.store.integration(world.organization, integration).await;
    assert_eq!(found.unwrap().unwrap().item.status, IntegrationStatus::Active);
    assert_eq!(incidents(&world).await.len(), 1);
}

/// One whose function died after the alert was written, and before it had an incident.
#[tokio::test]
async fn an_alert_that_was_left_without_an_incident_gets_one_with_the_next_check() {
    let world = World::new(42).await;
    let integration = world.integration(json!({})).await;
    fail_for(&world, integration, 10).await;
    let alerts = world.alerts().await;
    assert!(!alerts.is_empty());
    let found = incidents(&world).await;
    // As if they had never been handed over.
    world.forget_incident(&found[0]).await;
    assert_eq!(incidents(&world).await, []);
    for _ in 0..62 {
        for _ in 0..30 {
            let failed = json!({"status": "failed", "responseStatus": 500});
            world.call(integration, failed).await;
        }
        world.pass(Duration::from_secs(60));
        world.run().await;
    }
    let found = incidents(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    for alert in alerts {
        let belongs = found[0].alerts.iter().any(|one| one.id == alert.id);
        assert!(belongs, "{alert:?}");
    }
}
