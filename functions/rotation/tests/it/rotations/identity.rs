//! A key is what its secret is: whatever a profile, or a person, says of its id.

use gatehouse::domain::rotation::{LeftoverKind, RotationFailure, RotationState, RotationTrigger};
use gatehouse::flows::rotation::StartRotation;

use super::*;

impl World {
    /// Another setting of the integration.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Value)) {
        let found = self.store.integration(self.of.0, self.of.1).await;
        let found = found.unwrap().unwrap();
        let mut value = serde_json::to_value(&found.item).unwrap();
        change(&mut value);
        let changed: Integration = serde_json::from_value(value).unwrap();
        let written = self.store.update_integration(&changed, found.version);
        written.await.unwrap();
    }

    pub(super) async fn hand_in(&self, values: &Values) {
        let start = StartRotation {
            credentials: Some(set(values)),
            ..StartRotation::by(RotationTrigger::Request)
        };
        self.desk().start(self.of, start).await.unwrap();
    }

    /// That no secret is anywhere but in the vault.
    async fn check_untold(&self, what: &str) {
        let told = format!("{:?} {}", self.all().await, self.contents());
        let secrets = self.watch.all_values().into_iter();
        let secrets = secrets.filter(|value| value.contains("canary") || value.contains("PRIVATE"));
        let mut seen = 0;
        for secret in secrets {
            let line = secret.lines().nth(1).unwrap_or(&secret).to_owned();
            assert!(!told.contains(&line), "{what}: a secret can be read");
            seen += 1;
        }
        assert!(seen > 0 && !told.contains("canary"), "{what}");
    }
}

fn only_secret(values: &Values) -> Values {
    let mut values = values.clone();
    values.remove("apiKeyId");
    values
}

#[tokio::test]
async fn an_id_that_is_a_secret_is_told_to_nobody() {
    let stage = Stage::new().await;
    for (n, created, key_id) in [
        (0, json!({"apiKey": "secret"}), "apiKey"),
        (
            1,
            json!({"apiKey": "secret", "apiKeyId": "secret"}),
            "apiKeyId",
        ),
        (
            2,
            json!({"apiKey": "secret", "apiKeyId": "join('.', ['a', secret])"}),
            "apiKeyId",
        ),
        (
            3,
            json!({"apiKey": "nothing", "apiKeyId": "secret"}),
            "apiKeyId",
        ),
    ] {
        let world = World::new(&stage, 20 + n, Kind::Keys).await;
        let (_, old) = world.watch_current().await;
        world
            .change(|integration| {
                let keys = &mut integration["apiProfile"]["rotation"]["keys"];
                keys["created"] = created.clone();
                keys["keyId"] = json!(key_id);
                keys["revoke"] = json!([{"method": "DELETE",
                    "path": format!("/keys/{{{key_id}}}")}]);
            })
            .await;
        world.begin(false).await;
        world.settle().await;
        world.check_untold(&created.to_string()).await;
        assert!(world.provider().accepts(&old), "{created}");
        assert_ne!(world.last().await.state, RotationState::Done, "{created}");
    }
    let world = World::new(&stage, 24, Kind::Pair).await;
    world
        .change(|integration| {
            integration["apiProfile"]["rotation"]["keys"]["keyId"] = json!("privateKey");
        })
        .await;
    world.begin(false).await;
    world.settle().await;
    world.check_untold("a pair").await;
    assert_eq!(world.watch.current().0, FIRST);
}

#[tokio::test]
async fn the_secret_in_use_is_not_a_new_one_without_its_id() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 25, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    world.hand_in(&only_secret(&old)).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Failed, "{rotation:?}");
    let reason = rotation.trouble.unwrap().reason;
    assert_eq!(reason, RotationFailure::Unchanged);
    assert!(world.provider().accepts(&old));
}

#[tokio::test]
async fn a_call_that_names_no_key_is_not_made_for_credentials_of_a_person() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 26, Kind::Keys).await;
    let (_, primary) = world.watch_current().await;
    world
        .change(|integration| {
            let keys = &mut integration["apiProfile"]["rotation"]["keys"];
            keys["revoke"] = json!([{"method": "DELETE", "path": "/first"}]);
        })
        .await;
    // As after a rotation whose new token was never promoted.
    let (_, secondary) = world.new_key("the second");
    world.set_by_hand(&secondary).await;
    world.hand_in(&primary).await;
    world.settle().await;
    assert_eq!(world.watch.current().1, primary);
    assert!(world.provider().accepts(&primary), "it is in use");
    let rotation = world.last().await;
    assert!(rotation.has_leftovers(), "{rotation:?}");
    // Of one that was made here, it is.
    let world = World::new(&stage, 27, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    world
        .change(|integration| {
            let keys = &mut integration["apiProfile"]["rotation"]["keys"];
            keys["revoke"] = json!([{"method": "DELETE", "path": "/first"}]);
        })
        .await;
    world.begin(false).await;
    world.settle().await;
    assert!(!world.provider().accepts(&old));
    assert_eq!(world.last().await.leftovers, []);
}

#[tokio::test]
async fn a_new_key_that_a_person_has_put_into_use_is_not_deleted() {
    let stage = Stage::new().await;
    for (n, calls) in [(0, "/keys/{apiKeyId}"), (1, "/last")] {
        let world = World::new(&stage, 28 + n, Kind::Keys).await;
        world
            .change(|integration| {
                let keys = &mut integration["apiProfile"]["rotation"]["keys"];
                keys["discard"] = json!([{"method": "DELETE", "path": calls}]);
            })
            .await;
        world.provider().faults.delays = 1;
        world.begin(false).await;
        world.tick(&world.lucky()).await.unwrap();
        let version = world.last().await.candidate.unwrap().version;
        let made = world.credentials.get(world.of.0, world.of.1, &version);
        assert!(made.await.is_ok());
        let made = world.watch.values_of(&version);
        world.provider().faults.delays = 0;
        world.set_by_hand(&only_secret(&made)).await;
        world.settle().await;
        assert!(world.provider().accepts(&made), "{calls}: it is in use");
        let rotation = world.last().await;
        assert_eq!(rotation.state, RotationState::Failed, "{rotation:?}");
        assert_eq!(rotation.leftovers, [], "nobody is told to delete it");
    }
}

impl World {
    /// Goes on until the switch, and has the rotation stand at `state` again, as if whoever made the
    /// step had died before writing more.
    async fn switched_at(&self, state: RotationState) {
        self.begin(false).await;
        self.tick(&self.lucky()).await.unwrap();
        let now = self.clock.now();
        self.put(|plan, rotation| {
            assert_eq!(rotation.state, RotationState::Grace);
            rotation.state = state;
            plan.due_at = Some(now);
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_in_use_already_is_not_cancelled() {
    let stage = Stage::new().await;
    for kind in [Kind::Keys, Kind::Person] {
        let world = World::new(&stage, 30, kind).await;
        let (_, old) = world.watch_current().await;
        world.switched_at(RotationState::Finish).await;
        let id = world.last().await.id;
        let cancelled = world.desk().cancel(world.of, id).await;
        assert!(cancelled.is_err(), "{kind:?}: {cancelled:?}");
        world.settle().await;
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
async fn what_is_discarded_and_in_use_goes_on() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 31, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    world.switched_at(RotationState::Discard).await;
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(rotation.state, RotationState::Done, "{rotation:?}");
    assert_eq!(rotation.leftovers, []);
    assert!(!world.provider().accepts(&old));
}

#[tokio::test]
async fn an_emergency_in_the_grace_replaces_what_is_in_use() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 32, Kind::Keys).await;
    let first = world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    assert_eq!(world.last().await.state, RotationState::Grace);
    let (_, leaked) = world.watch.current();
    // Twice is no more than once; a pause does not hold it back.
    assert_eq!(world.begin(true).await.id, first.id);
    assert_eq!(world.begin(true).await.id, first.id);
    world.desk().pause(world.of).await.unwrap();
    let lucky = world.lucky();
    for _ in 0..4 {
        world.tick(&lucky).await.unwrap();
        world.clock.pass(Duration::from_secs(60));
    }
    assert!(!world.provider().accepts(&leaked), "it is valid still");
    let all = world.all().await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].emergency && all[0].state == RotationState::Done);
    assert_eq!(world.provider().active().len(), 1);
    assert_eq!(world.plan().await.again, None);
}

#[tokio::test]
async fn a_success_that_is_not_understood_may_have_made_a_key() {
    let stage = Stage::new().await;
    for (n, odd, is_error) in [
        (0, json!({"ok": "maybe"}), false),
        (1, json!("<html>a proxy</html>"), false),
        (2, Value::Null, false),
        (3, json!({"ok": false, "code": "denied"}), true),
    ] {
        let world = World::new(&stage, 33 + n, Kind::Unlisted).await;
        world
            .change(|integration| {
                let profile = &mut integration["apiProfile"];
                profile["errors"] = json!({"code": "code"});
                profile["rotation"]["keys"]["create"]["success"] = json!("ok == `true`");
            })
            .await;
        world.provider().odd = Some(odd.clone());
        world.begin(false).await;
        world.settle().await;
        let rotation = world.last().await;
        let is_told = rotation
            .leftovers
            .iter()
            .any(|one| one.kind == LeftoverKind::PossibleKey);
        assert_eq!(is_told, !is_error, "{odd}: {rotation:?}");
    }
}

#[tokio::test]
async fn what_another_host_does_not_know_is_not_revoked() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 40, Kind::Keys).await;
    let (_, old) = world.watch_current().await;
    world.begin(false).await;
    world.tick(&world.lucky()).await.unwrap();
    world
        .change(|integration| {
            let url = integration["baseUrl"].as_str().unwrap();
            integration["baseUrl"] = json!(url.replace("127.0.0.1", "localhost"));
        })
        .await;
    let before = world.provider().calls.len();
    world.settle().await;
    let rotation = world.last().await;
    assert_eq!(world.provider().calls.len(), before, "nothing is called");
    assert!(world.provider().accepts(&old));
    assert_eq!(rotation.state, RotationState::Done, "{rotation:?}");
    assert_eq!(rotation.leftovers[0].kind, LeftoverKind::OldCredentials);
}

#[tokio::test]
async fn what_is_said_to_be_gone_is_tried() {
    let stage = Stage::new().await;
    for (n, hides, gone) in [(0, true, false), (1, false, true)] {
        let world = World::new(&stage, 41 + n, Kind::Keys).await;
        let (_, old) = world.watch_current().await;
        world.begin(false).await;
        world.tick(&world.lucky()).await.unwrap();
        if gone {
            // Somebody has deleted it by hand, and the provider says it in its own way.
            world.clock.pass(DAY / 2);
            world.provider().keys[0].is_active = false;
        }
        world.provider().hides = hides;
        world.settle().await;
        let rotation = world.last().await;
        assert_eq!(world.provider().accepts(&old), !gone);
        assert_eq!(rotation.has_leftovers(), !gone, "{rotation:?}");
        assert_eq!(rotation.state, RotationState::Done);
    }
}
