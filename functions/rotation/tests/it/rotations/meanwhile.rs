//! What people do while a rotation goes on, or waits for them.

use gatehouse::domain::Error;
use gatehouse::domain::rotation::{
    RotationFailure, RotationLease, RotationPlan, RotationState, RotationTrigger,
};
use gatehouse::flows::rotation::StartRotation;
use gatehouse::store::RotationWrite;

use super::*;

impl World {
    /// Writes plan and rotation as somebody else might have.
    pub(super) async fn put(&self, change: impl FnOnce(&mut RotationPlan, &mut Rotation)) {
        let read = self.store.rotation_plan(self.of.0, self.of.1).await;
        let read = read.unwrap();
        let id = read.item.active.unwrap();
        let mut rotation = self.desk().get(self.of, id).await.unwrap();
        let mut plan = read.item.clone();
        change(&mut plan, &mut rotation.item);
        let wrote = self
            .store
            .write_rotation(self.of, &read, &plan, Some(&rotation))
            .await;
        assert!(matches!(wrote, Ok(RotationWrite::Done { .. })), "{wrote:?}");
    }
}

#[tokio::test]
async fn what_is_taken_over_heeds_a_pause() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 50, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    // Somebody died in the last step, and a person has paused meanwhile.
    let now = world.clock.now();
    world
        .put(|plan, rotation| {
            rotation.state = RotationState::Revoke;
            rotation.lease = Some(RotationLease {
                owner: "the dead".to_owned(),
                until: now,
            });
            plan.paused = true;
            plan.due_at = Some(now);
        })
        .await;
    world.clock.pass(DAY * 2);
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.last().await.state, RotationState::Revoke);
    assert!(world.provider().accepts(&old), "its old ones stay valid");
    world.desk().resume(world.of).await.unwrap();
    world.settle().await;
    assert_eq!(world.last().await.state, RotationState::Done);
}

#[tokio::test]
async fn an_emergency_does_not_stop_whoever_makes_a_step() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 51, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    let first = world.begin(false).await;
    let lucky = world.lucky();
    let hurried = async {
        while world.last().await.lease.is_none() {}
        world.begin(true).await
    };
    let (report, hurried) = tokio::join!(world.tick(&lucky), hurried);
    assert_eq!(hurried.id, first.id);
    assert_eq!(report.unwrap().rotations.left, 0);
    let rotation = world.rotation(first.id).await;
    assert!(rotation.emergency);
    assert_eq!(rotation.state, RotationState::Done, "{rotation:?}");
    assert!(!world.provider().accepts(&old));
}

#[tokio::test]
async fn what_waits_for_a_person_ends_when_other_credentials_are_set() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 52, Kind::Person).await;
    world.start().await;
    let (_, values) = world.new_key("by hand");
    world.set_by_hand(&values).await;
    world.clock.pass(DAY);
    world.tick(&world.lucky()).await.unwrap();
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Done, "{rotation:?}");
    let reason = rotation.trouble.unwrap().reason;
    assert_eq!(reason, RotationFailure::Superseded);
    assert_eq!(world.plan().await.active, None);
    assert_eq!(world.lines.count("RotationsFailed"), 0, "nobody is woken");
    // Who hands them in before that is seen replaces what is in use by then.
    world.start().await;
    let (_, values) = world.new_key("by hand, again");
    world.set_by_hand(&values).await;
    let (_, values) = world.new_key("handed in");
    world.hand_in(&values).await;
    world.settle().await;
    assert_eq!(world.last().await.state, RotationState::Done);
    assert_eq!(world.watch.current().1, values);
}

#[tokio::test]
async fn nobody_waits_for_a_person_for_ever() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 53, Kind::Person).await;
    world.start().await;
    for _ in 0..91 {
        world.clock.pass(DAY);
        world.tick(&world.lucky()).await.unwrap();
    }
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Failed);
    assert_eq!(rotation.trouble.unwrap().reason, RotationFailure::Expired);
    assert_eq!(world.lines.count("RotationsFailed"), 1);
}

#[tokio::test]
async fn each_end_is_told_of() {
    let stage = Stage::new().await;
    // By a request.
    let world = World::new(&stage, 54, Kind::Person).await;
    let rotation = world.start().await;
    world.desk().cancel(world.of, rotation.id).await.unwrap();
    world.tick(&world.lucky()).await.unwrap();
    assert!(world.contents().contains("rotation.end"));
    assert_eq!(
        world.plan().await,
        RotationPlan {
            last: Some(rotation.id),
            ..RotationPlan::default()
        }
    );
    // By a process that dies before it tells.
    let world = World::new(&stage, 55, Kind::Person).await;
    let rotation = world.start().await;
    world
        .put(|plan, rotation| {
            let now = rotation.updated_at;
            rotation.end(RotationState::Failed, RotationFailure::NotAccepted, now);
            plan.follow(rotation, now);
        })
        .await;
    assert_eq!(world.lines.count("RotationsFailed"), 0);
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.lines.count("RotationsFailed"), 1, "{rotation:?}");
    world.clock.pass(DAY);
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.lines.count("RotationsFailed"), 1);
}

#[tokio::test]
async fn what_is_left_of_an_integration_that_is_gone_is_told_of() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 56, Kind::Keys).await;
    let begun = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    let candidate = world.last().await.candidate.unwrap();
    world.watch.is_over();
    let gone = world.store.delete_integration(world.of.0, world.of.1, None);
    gone.await.unwrap();
    world.clock.pass(DAY * 2);
    world.tick(&world.lucky()).await.unwrap();
    let found = world.store.rotation(world.of.0, world.of.1, begun.id);
    let rotation = found.await.unwrap().unwrap().item;
    let mut keys: Vec<_> = rotation.leftovers.iter().map(|one| &one.key_id).collect();
    keys.sort();
    assert_eq!(keys, [&Some("key1".to_owned()), &candidate.key_id]);
    assert_eq!(world.lines.count("RotationsFailed"), 1);
    assert!(world.contents().contains("rotation.end"));
}

#[tokio::test]
async fn the_client_of_a_person_who_consents_is_left_to_a_person() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 57, Kind::ClientSecret).await;
    let (_, old) = world.watch_current().await;
    world
        .change(|integration| {
            let url = integration["baseUrl"].as_str().unwrap().to_owned();
            integration["authConfig"] = json!({
                "authorizationEndpoint": format!("{url}/authorize"),
                "tokenEndpoint": format!("{url}/token"), "clientAuthentication": "basic"});
        })
        .await;
    let rotation = world.start().await;
    assert_eq!(rotation.state, RotationState::Due, "no key is made");
    let before = (world.plan().await, world.contents());
    let start = StartRotation {
        credentials: Some(set(&old)),
        ..StartRotation::by(RotationTrigger::Request)
    };
    let refused = world.desk().start(world.of, start).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!((world.plan().await, world.contents()), before);
    assert!(world.provider().calls.is_empty());
}

#[tokio::test]
async fn what_was_in_use_until_just_now_is_not_discarded_at_once() {
    let stage = Stage::new().await;
    for kind in [Kind::Keys, Kind::ClientSecret, Kind::Pair, Kind::OwnPair] {
        let world = World::new(&stage, 58, kind).await;
        let begun = world.begin(false).await;
        let process = world.lucky();
        let found = world.store.integration(world.of.0, world.of.1).await;
        let found = found.unwrap().unwrap().item;
        let rotator = process.state.rotator();
        let advanced = rotator.advance(found, |state| state != RotationState::Finish);
        let rotation = Box::pin(advanced).await.unwrap().unwrap();
        assert_eq!(rotation.state, RotationState::Finish);
        // It was switched, and died before that was written; and then somebody sets others.
        world.name(&rotation.candidate.unwrap().version).await;
        let (_, values) = world.new_key("by hand");
        world.set_by_hand(&values).await;
        let due = world.plan().await.due_at.unwrap();
        world.visit(&process, due).await;
        let rotation = world.rotation(begun.id).await;
        assert_eq!(rotation.state, RotationState::Discard, "{kind:?}");
        let until = world.clock.now().plus(Duration::from_secs(120));
        assert_eq!(world.plan().await.due_at, Some(until), "{kind:?}");
        assert_eq!(world.provider().active().len(), 3, "{kind:?}");
        world.settle().await;
        let rotation = world.rotation(begun.id).await;
        assert_eq!(rotation.state, RotationState::Failed, "{kind:?}");
        assert_eq!(world.provider().active().len(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn what_was_published_under_an_id_that_nobody_wrote_down_is_deleted_or_told_of() {
    let stage = Stage::new().await;
    for (seed, has_list) in [(59, true), (60, false)] {
        let world = World::new(&stage, seed, Kind::Pair).await;
        if !has_list {
            let list = |integration: &mut Value| {
                let keys = integration.pointer_mut("/apiProfile/rotation/keys");
                keys.unwrap().as_object_mut().unwrap().remove("list");
            };
            world.change(list).await;
        }
        let begun = world.begin(false).await;
        let process = world.lucky();
        let found = world.store.integration(world.of.0, world.of.1).await;
        let found = found.unwrap().unwrap().item;
        let rotator = process.state.rotator();
        let advanced = rotator.advance(found, |state| state != RotationState::Set);
        let rotation = Box::pin(advanced).await.unwrap().unwrap();
        assert_eq!(rotation.state, RotationState::Set);
        // It was published, and its process died; and then somebody sets others.
        let label = rotation.id.to_string();
        world.provider().make(&label, Some(vec![4; 65]));
        let (_, values) = world.new_key("by hand");
        world.set_by_hand(&values).await;
        world.settle().await;
        let rotation = world.rotation(begun.id).await;
        if has_list {
            assert_eq!(rotation.state, RotationState::Failed, "{rotation:?}");
            assert_eq!(world.provider().active().len(), 2);
        } else {
            assert_eq!(rotation.state, RotationState::OrphanPossible);
            assert_eq!(rotation.leftovers[0].label, Some(label));
        }
        world.check_no_orphans(&[rotation]);
    }
}
