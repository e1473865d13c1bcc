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
            for _ in 0..3 {
                scene.calls(true).await;
                scene.world.pass(MINUTE * 3);
                scene.world.run().await;
            }
            let open = scene.open().await;
            assert!(
                open.contains(&AlertKind::IntegrationFailure),
                "call {call} {has_effect}"
            );
            let all = scene.alerts(false).await.len();
            assert_eq!(all, open.len(), "call {call} {has_effect}: one of each");
            let told = scene.told();
            for alert in scene.alerts(true).await {
                let id = alert.id.to_string();
                let times = told.iter().filter(|line| line.contains(&id)).count();
                assert!(
                    (1..=2).contains(&times),
                    "call {call} {has_effect}: {told:?}"
                );
            }
        }
        if !died {
            break;
        }
    }
    assert!(deaths > 20, "{deaths}");
}
