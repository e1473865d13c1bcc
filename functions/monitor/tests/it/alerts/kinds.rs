//! What makes rules of some kinds fire, from what is stored to the alert, and what must not.

use gatehouse::domain::health::{CheckKind, CheckState};
use gatehouse::domain::{Breaker, IntegrationStatus};

use super::*;

const ENDPOINT: &str = "whk_01K72Z5QSW0123456789ABCDEF";

impl Scene {
    /// Runs until the provider was asked by a check once more.
    async fn until_checked(&self) {
        self.world.provider.asked();
        for _ in 0..90 {
            self.world.run_for(1).await;
            if !self.world.provider.asked().is_empty() {
                return;
            }
        }
        panic!("it is not checked");
    }

    async fn verified(&self) -> CheckState {
        let checks = self.world.watch(self.watched).await.checks;
        let verified = |kind| kind == CheckKind::Verification;
        let found = checks.iter().find(|check| verified(check.found.kind));
        found.unwrap().found.state
    }
}

#[tokio::test]
async fn events_that_were_given_up_fire_however_old_they_are_until_they_are_replayed() {
    let scene = Scene::new(41).await;
    let (world, watched) = (&scene.world, scene.watched);
    world
        .event_that_is("failed", watched, ENDPOINT, hours(5 * 24))
        .await;
    world.run_for(70).await;
    assert_eq!(scene.open().await, [AlertKind::DeadLetters]);
    // Time alone is no reason to think that somebody has seen to it.
    for _ in 0..20 {
        world.pass(hours(12));
        world.run_for(2).await;
    }
    assert_eq!(scene.open().await, [AlertKind::DeadLetters]);
}

#[tokio::test]
async fn events_that_were_given_up_are_found_behind_many_newer_ones() {
    let scene = Scene::new(42).await;
    let (world, watched) = (&scene.world, scene.watched);
    world
        .event_that_is("failed", watched, ENDPOINT, hours(60))
        .await;
    for number in 0..1_100_u64 {
        let ago = Duration::from_secs(3_600 + number);
        world.event(watched, ENDPOINT, ago).await;
    }
    world.run_for(15).await;
    assert_eq!(scene.open().await, [AlertKind::DeadLetters]);
}

#[tokio::test]
async fn events_that_were_given_up_wait_for_a_person_also_where_nothing_is_in_use() {
    let scene = Scene::new(43).await;
    let (world, watched) = (&scene.world, scene.watched);
    let found = world.store.integration(world.organization, watched).await;
    let mut found = found.unwrap().unwrap();
    found.item.status = IntegrationStatus::Inactive;
    let update = world.store.update_integration(&found.item, found.version);
    update.await.unwrap();
    world
        .event_that_is("failed", watched, ENDPOINT, hours(1))
        .await;
    world.run_for(70).await;
    assert_eq!(scene.open().await, [AlertKind::DeadLetters]);
}

#[tokio::test]
async fn one_bad_check_fires_nothing_and_it_is_looked_at_again_soon() {
    let scene = Scene::new(44).await;
    scene.until_checked().await;
    assert_eq!(scene.verified().await, CheckState::Passed);
    scene.world.provider.answers(503);
    scene.until_checked().await;
    assert_eq!(scene.verified().await, CheckState::Failed);
    scene.world.provider.answers(200);
    scene.world.run_for(4).await;
    assert_eq!(scene.verified().await, CheckState::Passed);
    scene.world.run_for(30).await;
    assert_eq!(scene.alerts(false).await, []);
}

#[tokio::test]
async fn bad_checks_of_what_nobody_calls_fire_within_minutes_and_good_ones_resolve() {
    let scene = Scene::new(45).await;
    scene.until_checked().await;
    scene.world.provider.answers(503);
    scene.until_checked().await;
    scene.world.run_for(6).await;
    assert_eq!(scene.open().await, [AlertKind::IntegrationFailure]);
    scene.world.provider.answers(200);
    scene.world.run_for(90).await;
    assert_eq!(scene.open().await, []);
}

#[tokio::test]
async fn calls_that_are_held_back_on_purpose_are_no_failure() {
    for (is_held, expected) in [(true, vec![]), (false, vec![AlertKind::IntegrationFailure])] {
        let scene = Scene::new(46).await;
        let (store, organization) = (&scene.world.store, scene.world.organization);
        scene.minutes(3, false).await;
        let mut state = store
            .gateway_state(organization, scene.watched)
            .await
            .unwrap();
        state.item.breaker = Some(Breaker {
            open_until: scene.world.now().plus(hours(2)),
            openings: 1,
            is_held,
        });
        let put = (store)
            .replace_gateway_state(organization, scene.watched, state.item, state.version)
            .await;
        put.unwrap().unwrap();
        scene.world.run_for(10).await;
        assert_eq!(scene.open().await, expected, "{is_held}");
    }
}
