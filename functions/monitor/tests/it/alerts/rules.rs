use std::collections::BTreeMap;

use gatehouse::audit::AuditQuery;
use gatehouse::domain::alert::{AlertRuleChange, AlertState};

use super::*;

#[tokio::test]
async fn a_provider_that_fails_fires_by_the_default_rules_and_is_told_once_and_resolves() {
    let scene = Scene::new(1).await;
    scene.minutes(3, false).await;
    assert_eq!(scene.open().await, []);
    scene.minutes(12, true).await;
    let both = [AlertKind::IntegrationFailure, AlertKind::ErrorRate];
    assert_eq!(scene.open().await, both);
    scene.minutes(5, true).await;
    let told = scene.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|line| line.starts_with("Firing")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|line| line.contains("CRM does not work")),
        "{told:?}"
    );
    assert!(told.iter().all(|line| !line.contains("not-so-secret")));

    scene.minutes(20, false).await;
    assert_eq!(scene.open().await, []);
    let told = scene.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|line| line.starts_with("Resolved")),
        "{told:?}"
    );
    for alert in scene.alerts(false).await {
        assert_eq!(alert.state, AlertState::Resolved);
        assert_eq!(events(&alert), [AlertEvent::Firing, AlertEvent::Resolved]);
    }
}

#[tokio::test]
async fn every_turn_is_in_the_audit_trail() {
    let scene = Scene::new(2).await;
    scene.minutes(9, true).await;
    scene.minutes(20, false).await;
    let mut actions: BTreeMap<(String, String), usize> = BTreeMap::new();
    for action in ["alert.fire", "alert.resolve"] {
        let query = AuditQuery {
            action: Some(action.to_owned()),
            limit: 100,
            ..AuditQuery::default()
        };
        let found = scene
            .world
            .trail()
            .entries(scene.world.organization, &query)
            .await;
        for entry in found.unwrap().items {
            let subject = entry.subject.map(|subject| subject.id).unwrap_or_default();
            *actions.entry((entry.action, subject)).or_default() += 1;
        }
    }
    for alert in scene.alerts(false).await {
        let times = |action: &str| actions.get(&(action.to_owned(), alert.id.to_string()));
        assert_eq!(times("alert.fire"), Some(&1), "{actions:?}");
        assert_eq!(times("alert.resolve"), Some(&1), "{actions:?}");
    }
}

#[tokio::test]
async fn a_calm_integration_costs_no_write_of_alerts() {
    let scene = Scene::new(3).await;
    scene.minutes(15, false).await;
    let book = scene
        .world
        .store
        .alert_book(scene.world.organization, scene.watched);
    let before = book.await.unwrap();
    scene.minutes(15, false).await;
    let book = scene
        .world
        .store
        .alert_book(scene.world.organization, scene.watched);
    assert_eq!(book.await.unwrap().version, before.version);
    assert_eq!(scene.alerts(false).await, []);
}

#[tokio::test]
async fn an_organization_and_an_integration_have_their_rules_otherwise() {
    let scene = Scene::new(4).await;
    let off = AlertRuleChange {
        enabled: Some(false),
        ..AlertRuleChange::default()
    };
    scene
        .set_up(|setup| {
            setup.rules.insert(AlertKind::ErrorRate, off.clone());
        })
        .await;
    scene.minutes(9, true).await;
    assert_eq!(scene.open().await, [AlertKind::IntegrationFailure]);
    // Switched off while it fires, it ends.
    scene
        .set_up(|setup| {
            setup.rules.insert(AlertKind::IntegrationFailure, off);
        })
        .await;
    scene.minutes(1, true).await;
    assert_eq!(scene.open().await, []);
}

#[tokio::test]
async fn a_quiet_hour_of_a_busy_integration_is_unusual() {
    let scene = Scene::new(5).await;
    let (store, organization) = (&scene.world.store, scene.world.organization);
    // The hours of the week before: two thousand calls each, as far as anybody remembers.
    let now = scene.world.now();
    for ahead in 0..3_u64 {
        let hour = now.plus(hours(ahead));
        let slot = gatehouse::domain::alert::slot_of(hour);
        let usual = (0..5).fold(Default::default(), |usual, _| {
            gatehouse::domain::alert::VolumeSlot::with(usual, 2_000)
        });
        let writes = gatehouse::store::AlertWrites {
            slot: Some((slot, usual)),
            ..Default::default()
        };
        let written = store.commit_alerts(organization, scene.watched, &writes, now);
        assert!(written.await.unwrap());
    }
    for _ in 0..13 {
        scene.calls(false).await;
        scene.world.pass(MINUTE * 10);
        scene.world.run().await;
    }
    assert_eq!(scene.open().await, [AlertKind::UnusualVolume]);
}
