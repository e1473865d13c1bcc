//! Runs that die with any of their calls of AWS, before or after it had its effect.

use super::*;
use crate::world::{Aws, Kill, Provider};

/// The minute before the alerts fire.
async fn about_to_fire(provider: &Provider, messenger: &Messenger) -> Scene {
    let world = World::of(Aws::new(), provider.clone(), 31);
    let scene = Scene::of(world, messenger.clone()).await;
    scene.set_up(|setup| setup.group_seconds = 0).await;
    for _ in 0..6 {
        let store = &scene.world.store;
        let book = store.alert_book(scene.world.organization, scene.watched);
        let state = book
            .await
            .unwrap()
            .item
            .state(AlertKind::IntegrationFailure);
        if state.count == 1 {
            break;
        }
        scene.minutes(1, true).await;
    }
    scene
}

#[tokio::test]
async fn a_run_that_dies_anywhere_leaves_one_alert_of_each_and_everybody_told() {
    let (provider, messenger) = (Provider::start().await, Messenger::start().await);
    let mut deaths = 0;
    for call in 0.. {
        let mut died = false;
        for has_effect in [false, true] {
            let scene = about_to_fire(&provider, &messenger).await;
            assert_eq!(scene.open().await, [], "it fired too early for this test");
            messenger.sent();
            scene.calls(true).await;
            scene.world.pass(MINUTE);
            died = scene.world.run_killed(Kill { call, has_effect }).await;
            deaths += usize::from(died);
            scene.minutes(8, true).await;
            let both = [AlertKind::IntegrationFailure, AlertKind::ErrorRate];
            assert_eq!(scene.open().await, both, "call {call} {has_effect}");
            assert_eq!(
                scene.alerts(false).await.len(),
                2,
                "call {call} {has_effect}"
            );
            let told = scene.told();
            for alert in scene.alerts(true).await {
                let id = alert.id.to_string();
                let times = told.iter().filter(|line| line.contains(&id)).count();
                assert!(
                    (1..=2).contains(&times),
                    "call {call} {has_effect}: {told:?}"
                );
            }
            let far = scene.world.now().plus(hours(48));
            let due = scene.world.store.due_notices(far, 100).await;
            assert_eq!(due.unwrap(), [], "call {call} {has_effect}");
        }
        if !died {
            break;
        }
    }
    assert!(deaths > 20, "{deaths}");
}
