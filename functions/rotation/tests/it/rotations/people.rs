//! What people do about rotations.

use gatehouse::domain::Error;
use gatehouse::domain::rotation::{RotationPolicy, RotationState};
use gatehouse::store::StoreError;

use super::*;

#[tokio::test]
async fn what_is_paused_goes_on_when_it_is_resumed() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 13, Kind::Keys).await;
    world.begin(false).await;
    world.desk().pause(world.of).await.unwrap();
    world.clock.pass(DAY);
    assert_eq!(
        world.tick(&world.lucky()).await.unwrap(),
        rotation::Report::default()
    );
    assert_eq!(world.last().await.state, RotationState::Create);
    world.desk().resume(world.of).await.unwrap();
    world.settle().await;
    assert_eq!(world.last().await.state, RotationState::Done);
}

#[tokio::test]
async fn a_person_is_reminded_and_what_they_hand_in_is_taken() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 14, Kind::Person).await;
    let policy = RotationPolicy {
        every_days: Some(30),
        ..RotationPolicy::default()
    };
    world
        .desk()
        .set_policy(world.of, Some(policy), None)
        .await
        .unwrap();
    let lucky = world.lucky();
    for _ in 0..22 {
        world.tick(&lucky).await.unwrap();
        assert_eq!(world.plan().await.active, None);
        world.clock.pass(DAY);
    }
    world.clock.pass(DAY * 2);
    world.tick(&world.lucky()).await.unwrap();
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Due);
    assert_eq!(world.lines.count("RotationsDue"), 1);
    let (_, values) = world.new_key("the next");
    let supplied = world
        .desk()
        .supply(world.of, rotation.id, &set(&values))
        .await
        .unwrap();
    assert_eq!(supplied.state, RotationState::Test);
    // Once is enough.
    let again = world
        .desk()
        .supply(world.of, rotation.id, &set(&values))
        .await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    world.settle().await;
    assert_eq!(world.watch.current().1, values);
}

#[tokio::test]
async fn a_rotation_is_cancelled_until_the_switch() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 15, Kind::Keys).await;
    world.provider().faults.delays = 1;
    let rotation = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.last().await.state, RotationState::Test);
    let cancelled = world.desk().cancel(world.of, rotation.id).await.unwrap();
    assert_eq!(cancelled.state, RotationState::Discard);
    world.settle().await;
    assert_eq!(world.last().await.state, RotationState::Failed);
    assert_eq!(world.provider().active().len(), 1);
    assert_eq!(world.lines.count("RotationsFailed"), 0, "nobody is woken");
    world.provider().faults.delays = 0;
    let rotation = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    let late = world.desk().cancel(world.of, rotation.id).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
}

#[tokio::test]
async fn what_belongs_to_an_integration_that_is_gone_ends() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 16, Kind::Keys).await;
    let rotation = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    world.watch.is_over();
    let gone = world.store.delete_integration(world.of.0, world.of.1, None);
    gone.await.unwrap();
    world.clock.pass(DAY * 2);
    let report = world.tick(&world.lucky()).await.unwrap();
    assert_eq!(report.rotations.dropped, 1);
    let found = world
        .store
        .rotation(world.of.0, world.of.1, rotation.id)
        .await;
    let found = found.unwrap().unwrap().item;
    assert_eq!(found.state, RotationState::OrphanPossible);
    assert_eq!(world.plan().await, RotationPlan::default());
    assert_eq!(
        world.tick(&world.lucky()).await.unwrap().rotations.dropped,
        0
    );
}

#[tokio::test]
async fn bad_requests_change_nothing() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 17, Kind::Keys).await;
    let before = world.plan().await;
    let policy = RotationPolicy {
        every_days: Some(0),
        ..RotationPolicy::default()
    };
    let wrong = world.desk().set_policy(world.of, Some(policy), None).await;
    assert!(matches!(wrong, Err(Error::Invalid(_))), "{wrong:?}");
    let stale = world.desk().set_policy(world.of, None, Some(7)).await;
    assert!(matches!(stale, Err(Error::PreconditionFailed)), "{stale:?}");
    let nobody = (
        world.of.0,
        IntegrationId::generate(world.clock.now(), &world.dice),
    );
    let missing = world.desk().pause(nobody).await;
    assert!(
        matches!(missing, Err(Error::NotFound("integration"))),
        "{missing:?}"
    );
    let unknown = RotationId::generate(world.clock.now(), &world.dice);
    let missing = world.desk().cancel(world.of, unknown).await;
    assert!(
        matches!(missing, Err(Error::NotFound("rotation"))),
        "{missing:?}"
    );
    let missing = world.desk().cleaned_up(world.of, unknown).await;
    assert!(
        matches!(missing, Err(Error::NotFound("rotation"))),
        "{missing:?}"
    );
    assert_eq!(world.plan().await, before);
    let rotation = world.start().await;
    let early = world.desk().cleaned_up(world.of, rotation.id).await;
    assert!(matches!(early, Err(Error::Conflict(_))), "{early:?}");
    let unwanted = world
        .desk()
        .supply(world.of, rotation.id, &CredentialSet::new())
        .await;
    assert!(matches!(unwanted, Err(Error::Conflict(_))), "{unwanted:?}");
    let gone: Result<_, StoreError> = world.store.rotation(nobody.0, nobody.1, rotation.id).await;
    assert_eq!(gone.unwrap(), None);
}
