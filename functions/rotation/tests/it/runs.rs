use gatehouse::domain::GrantState;
use rotation::Report;

use super::world::{DAY, World};

/// What a run has done but for data keys, which it looks at each day.
async fn of_grants(world: &World) -> Report {
    let report = world.run().await;
    assert_eq!(report.data_keys.failed, 0, "{report:?}");
    Report {
        data_keys: Report::default().data_keys,
        ..report
    }
}

#[tokio::test]
async fn a_grant_that_nobody_uses_is_renewed_before_it_lapses_and_not_earlier() {
    let world = World::new().await;
    let grant = world.connected("good", 8).await;
    assert_eq!(of_grants(&world).await, Report::default());
    world.pass(DAY * 5);
    assert_eq!(of_grants(&world).await, Report::default());
    world.pass(DAY);
    let report = world.run().await;
    assert_eq!((report.renewed, report.failed), (1, 0), "{report:?}");
    assert_eq!(world.asked(), ["good"]);
    let renewed = world.grant(grant).await;
    assert_eq!(renewed.state(world.sources.now()), GrantState::Connected);
    assert_eq!(renewed.tokens_version, 2);
    // Not again, until its new refresh token is about to lapse.
    assert_eq!(of_grants(&world).await, Report::default());
    world.pass(DAY * 6);
    assert_eq!(world.run().await.renewed, 1);
}

#[tokio::test]
async fn one_that_fails_holds_up_no_other_and_is_tried_again() {
    let world = World::new().await;
    let broken = world.connected("broken", 8).await;
    let over = world.connected("over", 8).await;
    let good = world.connected("good", 8).await;
    world.pass(DAY * 6);
    let report = world.run().await;
    assert_eq!((report.renewed, report.failed), (1, 2), "{report:?}");
    assert_eq!(world.asked(), ["broken", "good", "over"]);
    assert_eq!(world.grant(good).await.tokens_version, 2);
    let now = world.sources.now();
    assert_eq!(world.grant(over).await.state(now), GrantState::NeedsConsent);
    assert_eq!(world.grant(broken).await.state(now), GrantState::Expiring);
    assert_eq!(of_grants(&world).await, Report::default());
    world.pass(DAY / 96);
    let report = world.run().await;
    assert_eq!((report.renewed, report.failed), (0, 1), "{report:?}");
    assert_eq!(world.asked(), ["broken"]);
}

#[tokio::test]
async fn what_belongs_to_an_integration_that_is_gone_is_deleted() {
    let world = World::new().await;
    let (organization, integration) = world.connected("good", 8).await;
    let deleted = world
        .store
        .delete_integration(organization, integration, None);
    deleted.await.unwrap();
    world.pass(DAY * 6);
    assert_eq!(world.run().await.dropped, 1);
    assert_eq!(world.asked(), [""; 0]);
    let left = world.store.grant(organization, integration).await.unwrap();
    assert_eq!(left, None);
    assert_eq!(of_grants(&world).await, Report::default());
}

#[tokio::test]
async fn a_day_without_runs_is_made_up_for() {
    let world = World::new().await;
    world.connected("good", 8).await;
    assert_eq!(of_grants(&world).await, Report::default());
    world.pass(DAY * 7);
    assert_eq!(world.run().await.renewed, 1);
}
