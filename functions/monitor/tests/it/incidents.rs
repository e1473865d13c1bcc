//! What follows from an alert: an incident, and the playbooks that start by themselves.

use gatehouse::domain::incident::{Incident, IncidentStatus, IncidentType};
use gatehouse::domain::playbook::{Playbook, PlaybookRun, RunStatus, StepState};
use gatehouse::domain::{IntegrationId, IntegrationStatus};
use gatehouse::store::{AlertQuery, IncidentQuery};
use serde_json::json;

use super::world::{Aws, Kill, MINUTE, Provider, World};

/// Has its calls fail for so many minutes, looked at each minute.
async fn fail_for(world: &World, integration: IntegrationId, minutes: u32) {
    for _ in 0..minutes {
        fail(world, integration).await;
        world.run_for(1).await;
    }
}

async fn fail(world: &World, integration: IntegrationId) {
    for _ in 0..30 {
        let failed = json!({"status": "failed", "responseStatus": 503, "error": "network"});
        world.call(integration, failed).await;
    }
}

async fn incidents(world: &World) -> Vec<Incident> {
    let query = IncidentQuery {
        limit: 20,
        ..IncidentQuery::default()
    };
    let page = world.store.live_incidents(world.organization, &query).await;
    page.unwrap()
        .items
        .into_iter()
        .map(|found| found.item)
        .collect()
}

async fn runs(world: &World) -> Vec<PlaybookRun> {
    let page = world
        .store
        .playbook_runs(world.organization, None, 20, None)
        .await;
    page.unwrap()
        .items
        .into_iter()
        .map(|found| found.item)
        .collect()
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
    let state = world
        .store
        .gateway_state(world.organization, integration)
        .await;
    assert!(state.unwrap().item.breaker.is_some());
    // Nobody approves the rest, and the run ends.
    world.run_for(8).await;
    let runs = runs(&world).await;
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Expired));
    let states: Vec<_> = runs[0].steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Done, StepState::Expired]);
    let found = world
        .store
        .integration(world.organization, integration)
        .await;
    assert_eq!(
        found.unwrap().unwrap().item.status,
        IntegrationStatus::Active
    );
    assert_eq!(incidents(&world).await.len(), 1);
}

/// Also one whose function died after the alert was written, and before it had an incident: a run is killed
/// with each call that changes something, before or after its effect. What incidents and playbooks are left as is tried at every
/// call where they are made.
#[tokio::test]
async fn a_run_that_dies_anywhere_leaves_one_incident_with_each_alert_and_one_run() {
    let provider = Provider::start().await;
    let mut deaths = 0;
    for call in 0.. {
        let has_effect = call % 2 == 0;
        let world = World::of(Aws::new(), provider.clone(), 43);
        let integration = world.integration(json!({})).await;
        playbook(&world, integration).await;
        fail_for(&world, integration, 3).await;
        let early = incidents(&world).await;
        assert_eq!(early, [], "it fired too early for this test");
        fail(&world, integration).await;
        world.pass(MINUTE);
        let died = world.run_killed(Kill { call, has_effect }).await;
        fail_for(&world, integration, 4).await;
        check(&world, &format!("call {call} {has_effect}")).await;
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 3, "{deaths}");
}

/// One incident, which every alert belongs to, and one run for it that has done what it may.
async fn check(world: &World, kill: &str) {
    let found = incidents(world).await;
    assert_eq!(found.len(), 1, "{kill}: {found:?}");
    let query = AlertQuery {
        open: true,
        state: None,
        integration: None,
        kind: None,
        min_severity: None,
        limit: 20,
        after: None,
        now: world.now(),
    };
    let alerts = world.store.alerts(world.organization, &query).await;
    let alerts = alerts.unwrap().items;
    assert!(!alerts.is_empty(), "{kill}");
    for alert in alerts {
        let mut known = found[0].alerts.iter();
        let belongs = known.any(|one| one.id == alert.item.id);
        assert!(belongs, "{kill}: {alert:?}");
    }
    let runs = runs(world).await;
    assert_eq!(runs.len(), 1, "{kill}");
    assert_eq!(runs[0].steps[0].state, StepState::Done, "{kill}");
}
