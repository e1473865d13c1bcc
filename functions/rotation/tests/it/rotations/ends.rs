//! What rotations come to.

use gatehouse::domain::rotation::{
    LeftoverKind, RotationFailure, RotationPolicy, RotationState, RotationTrigger,
};
use gatehouse::domain::{Error, Timestamp};
use gatehouse::flows::rotation::StartRotation;

use super::*;

#[tokio::test]
async fn credentials_of_every_kind_are_replaced_and_the_old_ones_deleted_after_the_grace() {
    let stage = Stage::new().await;
    for kind in Kind::ALL {
        let world = World::new(&stage, 1, kind).await;
        let (_, old) = world.watch_current().await;
        world.begin(false).await;
        world.tick(&world.lucky()).await.unwrap();
        let rotation = world.last().await;
        assert_eq!(
            rotation.state,
            RotationState::Grace,
            "{kind:?}: {rotation:?}"
        );
        assert_eq!(rotation.verified, Some(true), "{kind:?}");
        let (version, new) = world.watch.current();
        assert_ne!(version, FIRST);
        assert_ne!(old, new);
        assert!(world.provider().accepts(&old), "{kind:?}: there is a grace");
        world.settle().await;
        let rotation = world.last().await;
        assert_eq!(
            rotation.state,
            RotationState::Done,
            "{kind:?}: {rotation:?}"
        );
        assert!(rotation.trouble.is_none(), "{rotation:?}");
        if kind == Kind::Person {
            // Nobody has said which key the old one is.
            assert_eq!(rotation.leftovers[0].kind, LeftoverKind::OldCredentials);
        } else {
            assert!(!world.provider().accepts(&old), "{kind:?}");
            assert_eq!(rotation.leftovers, [], "{kind:?}");
        }
        world.check_no_orphans(&[rotation]);
        assert_eq!(world.lines.count("RotationsCompleted"), 1);
        assert_eq!(world.lines.count("RotationsFailed"), 0);
    }
}

impl World {
    /// What the integration names, once something was seen.
    pub(super) async fn watch_current(&self) -> (String, Values) {
        self.plan().await;
        self.watch.current()
    }
}

#[tokio::test]
async fn when_the_key_ends_is_known_and_its_policy_keeps_to_it() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 2, Kind::Keys).await;
    let policy = RotationPolicy {
        before_expiry_days: Some(14),
        ..RotationPolicy::default()
    };
    world
        .desk()
        .set_policy(world.of, Some(policy), None)
        .await
        .unwrap();
    world.begin(false).await;
    world.settle().await;
    let found = world.store.integration(world.of.0, world.of.1).await;
    let credentials = found.unwrap().unwrap().item.credentials.unwrap();
    let ends: Timestamp = "2027-09-01T00:00:00Z".parse().unwrap();
    assert_eq!(credentials.expires_at, Some(ends));
    // Thirteen days before, it was begun.
    let lucky = world.lucky();
    world.tick(&lucky).await.unwrap();
    world.clock.go_to(ends.minus(DAY * 17));
    while world.clock.now() < ends.minus(DAY * 13) {
        world.clock.pass(DAY);
        world.tick(&lucky).await.unwrap();
    }
    let all = world.all().await;
    assert!(all.len() >= 2, "{}", all.len());
    assert_eq!(all[0].trigger, RotationTrigger::Schedule);
    assert!(
        all[0].started_at >= ends.minus(DAY * 15),
        "{:?}",
        all[0].started_at
    );
}

#[tokio::test]
async fn an_emergency_gives_no_grace() {
    let stage = Stage::new().await;
    for kind in Kind::ALL {
        let world = World::new(&stage, 3, kind).await;
        let (_, old) = world.watch_current().await;
        world.begin(true).await;
        world.tick(&world.lucky()).await.unwrap();
        let rotation = world.last().await;
        assert_eq!(
            rotation.state,
            RotationState::Done,
            "{kind:?}: {rotation:?}"
        );
        assert_eq!(world.provider().accepts(&old), kind == Kind::Person);
    }
}

#[tokio::test]
async fn an_emergency_takes_the_grace_of_a_rotation_that_is_active() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 4, Kind::Keys).await;
    let first = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    let again = world
        .desk()
        .start(world.of, StartRotation::by(RotationTrigger::Request))
        .await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(world.begin(true).await.id, first.id);
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.rotation(first.id).await.state, RotationState::Done);
    assert_eq!(world.provider().active().len(), 1);
}

#[tokio::test]
async fn what_the_provider_does_not_accept_is_not_taken_into_use() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 5, Kind::Person).await;
    let start = StartRotation {
        credentials: Some(set(&Values::from([(
            "apiKey".to_owned(),
            "canary-wrong".to_owned(),
        )]))),
        ..StartRotation::by(RotationTrigger::Request)
    };
    world.desk().start(world.of, start).await.unwrap();
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Failed);
    let reason = rotation.trouble.unwrap().reason;
    assert_eq!(reason, RotationFailure::NotAccepted);
    assert_eq!(world.watch.current().0, FIRST);
    // Nor are the old ones for new ones.
    let (_, old) = world.watch.current();
    let start = StartRotation {
        credentials: Some(set(&old)),
        ..StartRotation::by(RotationTrigger::Request)
    };
    world.desk().start(world.of, start).await.unwrap();
    world.settle().await;
    let reason = world.last().await.trouble.unwrap().reason;
    assert_eq!(reason, RotationFailure::Unchanged);
    assert_eq!(world.lines.count("RotationsFailed"), 2);
}

#[tokio::test]
async fn a_key_that_is_never_accepted_is_deleted_again() {
    let stage = Stage::new().await;
    for kind in [Kind::Keys, Kind::ClientSecret] {
        let world = World::new(&stage, 6, kind).await;
        world.provider().faults.delays = 1;
        world.begin(false).await;
        world.settle().await;
        let rotation = world.last().await;
        assert_eq!(rotation.state, RotationState::Failed, "{rotation:?}");
        assert_eq!(
            rotation.trouble.unwrap().reason,
            RotationFailure::NotAccepted
        );
        assert_eq!(world.watch.current().0, FIRST);
        assert_eq!(world.provider().active().len(), 1);
    }
}

#[tokio::test]
async fn a_key_is_not_asked_for_where_there_are_too_many_or_it_is_refused() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 7, Kind::Keys).await;
    world.new_key("another");
    world.new_key("and another");
    world.begin(false).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(
        rotation.trouble.unwrap().reason,
        RotationFailure::KeyLimitReached
    );
    let calls = world.provider().calls.clone();
    assert!(
        !calls.iter().any(|call| call.starts_with("POST")),
        "{calls:?}"
    );
    let world = World::new(&stage, 8, Kind::Unlisted).await;
    world.provider().refusals = vec![403];
    world.begin(false).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Failed);
    let trouble = rotation.trouble.unwrap();
    assert_eq!(trouble.status, Some(403));
    assert_eq!(rotation.leftovers, []);
    assert_eq!(world.provider().active().len(), 1);
}

#[tokio::test]
async fn a_key_that_may_have_been_made_is_found_and_deleted_or_a_person_is_told() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 9, Kind::Keys).await;
    world.provider().mumbles = true;
    world.begin(false).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Done, "{rotation:?}");
    assert_eq!(rotation.creations, 2);
    assert_eq!(world.provider().active().len(), 1);
    let world = World::new(&stage, 10, Kind::Unlisted).await;
    world.provider().mumbles = true;
    world.begin(false).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(
        rotation.state,
        RotationState::OrphanPossible,
        "{rotation:?}"
    );
    assert_eq!(rotation.leftovers[0].kind, LeftoverKind::PossibleKey);
    world.check_no_orphans(std::slice::from_ref(&rotation));
    assert!(world.plan().await.has_leftovers);
    // Until somebody says that it is cleaned up.
    let cleaned = world
        .desk()
        .cleaned_up(world.of, rotation.id)
        .await
        .unwrap();
    assert!(!cleaned.has_leftovers());
    assert!(!world.plan().await.has_leftovers);
}

#[tokio::test]
async fn credentials_that_somebody_sets_meanwhile_stay() {
    let stage = Stage::new().await;
    for kind in [Kind::Keys, Kind::Pair] {
        let world = World::new(&stage, 11, kind).await;
        // The new key is not accepted at first, and then somebody is faster.
        world.provider().faults.breaks = 1;
        world.begin(false).await;
        world.tick(&world.lucky()).await.unwrap();
        world.provider().faults.breaks = 0;
        let (_, values) = world.new_key("by hand");
        world.set_by_hand(&values).await;
        world.settle().await;
        let rotation = world.last().await;
        assert_eq!(
            rotation.state,
            RotationState::Failed,
            "{kind:?}: {rotation:?}"
        );
        assert_eq!(
            rotation.trouble.unwrap().reason,
            RotationFailure::Superseded
        );
        assert_eq!(world.watch.current().1, values);
        // The first one is that somebody's business.
        assert_eq!(world.provider().active().len(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn old_credentials_that_are_put_back_are_not_deleted() {
    let stage = Stage::new().await;
    for kind in [Kind::Keys, Kind::ClientSecret, Kind::Pair, Kind::OwnPair] {
        let world = World::new(&stage, 12, kind).await;
        let (_, old) = world.watch_current().await;
        world.begin(false).await;
        world.tick(&world.lucky()).await.unwrap();
        world.set_by_hand(&old).await;
        world.replaced.lock().unwrap().clear();
        world.settle().await;
        let rotation = world.last().await;
        assert_eq!(rotation.state, RotationState::OrphanPossible, "{kind:?}");
        assert_eq!(
            rotation.trouble.unwrap().reason,
            RotationFailure::Superseded
        );
        assert_eq!(rotation.leftovers[0].kind, LeftoverKind::UnusedKey);
        assert_eq!(world.watch.current().1, old);
        world.check_no_orphans(&[rotation]);
    }
}

impl World {
    /// As the API sets credentials.
    pub(super) async fn set_by_hand(&self, values: &Values) {
        let (organization, id) = self.of;
        let (current, before) = self.watch.current();
        self.replaced.lock().unwrap().push(before);
        if let Some(id) = self.plan().await.active {
            let active = self.store.rotation(self.of.0, self.of.1, id).await;
            let active = active.unwrap().unwrap().item;
            let candidate = active.candidate.map(|candidate| candidate.version);
            // Switched, and not written down: that it was there goes unnoticed.
            if active.state == RotationState::Finish && candidate == Some(current) {
                let first = self.watch.values_of(&active.from_version);
                self.replaced.lock().unwrap().push(first);
            }
        }
        let version = format!("by-hand-{:032x}", self.dice.next());
        let credentials = set(values);
        let staged = self
            .credentials
            .stage(organization, id, &credentials, &version);
        staged.await.unwrap();
        self.name(&version).await;
        let promoted = self.credentials.promote(organization, id, &version);
        promoted.await.unwrap();
    }

    /// Has the integration name a version.
    pub(super) async fn name(&self, version: &str) {
        let found = self.store.integration(self.of.0, self.of.1).await;
        let found = found.unwrap().unwrap();
        let mut integration = found.item;
        let credentials = integration.credentials.as_mut().unwrap();
        version.clone_into(&mut credentials.version);
        credentials.created_at = self.clock.now();
        let written = self.store.update_integration(&integration, found.version);
        written.await.unwrap();
    }
}

#[tokio::test]
async fn no_secret_is_anywhere_but_in_the_vault() {
    let stage = Stage::new().await;
    for kind in Kind::ALL {
        let world = World::new(&stage, 18, kind).await;
        world.begin(false).await;
        world.settle().await;
        let contents = world.contents();
        let told = format!("{:?}", world.all().await);
        let lines = String::from_utf8(world.lines.0.lock().unwrap().clone()).unwrap();
        for value in world.watch.all_values() {
            // The ids of keys and of the client are no secrets.
            if value.starts_with("key") || value == "client" || value.starts_with("rot_") {
                continue;
            }
            let line = value.lines().nth(1).unwrap_or(&value).to_owned();
            for (place, text) in [("table", &contents), ("debug", &told), ("lines", &lines)] {
                assert!(
                    !text.contains(&line),
                    "{kind:?}: a secret is in the {place}"
                );
            }
        }
        assert!(!contents.contains("canary"), "{kind:?}");
        assert!(
            contents.contains("rotation.switch"),
            "it is in the audit trail"
        );
    }
}

impl World {
    /// All that is in the table, always in the same order.
    pub(super) fn contents(&self) -> String {
        let mut all = Value::from(self.aws.table.items().unwrap());
        all.sort_all_objects();
        all.to_string()
    }
}
