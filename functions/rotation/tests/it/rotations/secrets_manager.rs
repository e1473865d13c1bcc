//! The steps that Secrets Manager asks for.

use aws_sdk_secretsmanager::Client;
use gatehouse::domain::rotation::RotationState;
use rotation::{RunError, StepError, handle};

use super::*;

const TOKEN: &str = "6f8c1b1e-0d57-4a0e-9a4e-0d6a3c2b1f00";
const STEPS: [&str; 4] = ["create", "set", "test", "finish"];

/// The sample of a step, for the secret of `world`.
fn event(world: &World, step: &str, token: &str) -> Value {
    let text = match step {
        "create" => include_str!("../../../../../events/rotation/create-secret.json"),
        "set" => include_str!("../../../../../events/rotation/set-secret.json"),
        "test" => include_str!("../../../../../events/rotation/test-secret.json"),
        _ => include_str!("../../../../../events/rotation/finish-secret.json"),
    };
    let mut event: Value = serde_json::from_str(text).unwrap();
    let (organization, integration) = world.of;
    let id = "org_01K72Z5QSW0123456789ABCDEF/int_01K72Z5QSW0123456789ABCDEF";
    let arn = event["SecretId"].as_str().unwrap();
    let arn = arn.replace("gatehouse/dev/", "gatehouse/");
    let arn = arn.replace(id, &format!("{organization}/{integration}"));
    event["SecretId"] = arn.into();
    event["ClientRequestToken"] = token.into();
    event
}

impl World {
    fn secrets(&self) -> Client {
        let life = Arc::new(Life::new(self.dice.clone(), None, 0, 0));
        Client::new(&self.aws.config(&life))
    }

    fn secret(&self) -> String {
        format!("gatehouse/{}/{}", self.of.0, self.of.1)
    }

    /// As `aws secretsmanager rotate-secret`.
    async fn rotate(&self, token: &str) {
        let request = self.secrets().rotate_secret().secret_id(self.secret());
        let request = request.client_request_token(token);
        let lambda = "arn:aws:lambda:eu-central-1:123456789012:function:gatehouse-rotation";
        request.rotation_lambda_arn(lambda).send().await.unwrap();
    }

    /// The labels of a version.
    async fn labels(&self, version: &str) -> Vec<String> {
        let described = self.secrets().describe_secret().secret_id(self.secret());
        let described = described.send().await.unwrap();
        let mut versions = described.version_ids_to_stages.unwrap_or_default();
        let mut labels = versions.remove(version).unwrap_or_default();
        labels.sort();
        labels
    }

    async fn step(&self, process: &Process, step: &str) -> Option<Result<Value, RunError>> {
        self.provider().life = Some(Arc::clone(&process.life));
        let made = handle(&process.state, event(self, step, TOKEN));
        until_killed(process, Box::pin(made)).await
    }
}

#[track_caller]
fn error(end: Option<Result<Value, RunError>>) -> StepError {
    match end.unwrap() {
        Err(RunError::Step(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn secrets_manager_rotates_what_the_provider_can_make() {
    let stage = Stage::new().await;
    for kind in [
        Kind::Keys,
        Kind::Unlisted,
        Kind::ClientSecret,
        Kind::OwnPair,
    ] {
        let world = World::new(&stage, 30, kind).await;
        world.rotate(TOKEN).await;
        assert_eq!(world.labels(TOKEN).await, ["AWSPENDING"]);
        let process = world.lucky();
        for step in STEPS {
            // Each step once more than it has to be made.
            for _ in 0..2 {
                let made = world.step(&process, step).await.unwrap();
                assert!(made.is_ok(), "{kind:?}, {step}: {made:?}");
            }
        }
        assert!(world.labels(TOKEN).await.contains(&"AWSCURRENT".to_owned()));
        assert_eq!(world.labels(FIRST).await, ["AWSPREVIOUS"]);
        assert_eq!(world.watch.current().0, TOKEN);
        assert_eq!(world.last().await.state, RotationState::Grace);
        // What was made before is made again by doing nothing.
        for step in STEPS {
            world.step(&process, step).await.unwrap().unwrap();
        }
        world.settle().await;
        assert_eq!(world.last().await.state, RotationState::Done);
        assert_eq!(world.provider().active().len(), 1);
        world.check_no_orphans(&world.all().await);
    }
}

#[tokio::test]
async fn steps_that_come_out_of_order_are_refused_and_change_nothing() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 31, Kind::Keys).await;
    let process = world.lucky();
    let refused = error(world.step(&process, "create").await);
    assert!(matches!(refused, StepError::NotEnabled), "{refused:?}");
    world.rotate(TOKEN).await;
    for step in ["set", "test", "finish"] {
        let refused = error(world.step(&process, step).await);
        assert!(
            matches!(refused, StepError::OutOfOrder),
            "{step}: {refused:?}"
        );
    }
    world.step(&process, "create").await.unwrap().unwrap();
    let refused = error(world.step(&process, "finish").await);
    assert!(matches!(refused, StepError::OutOfOrder), "{refused:?}");
    assert_eq!(world.watch.current().0, FIRST);
    // Nor is another version than the one that is pending.
    let other = "00000000-0000-4000-8000-00000000000f";
    let refused = handle(&process.state, event(&world, "create", other)).await;
    let refused = error(Some(refused));
    assert!(matches!(refused, StepError::NotPending), "{refused:?}");
}

#[tokio::test]
async fn a_secret_that_is_not_ours_is_refused() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 32, Kind::Keys).await;
    let process = world.lucky();
    for secret in [
        "other/secret",
        "gatehouse/x/y",
        "arn:aws:secretsmanager:a:1:secret:b",
    ] {
        let mut event = event(&world, "create", TOKEN);
        event["SecretId"] = secret.into();
        let refused = error(Some(handle(&process.state, event).await));
        assert!(
            matches!(refused, StepError::NotOurs),
            "{secret}: {refused:?}"
        );
    }
    let mut unknown = event(&world, "create", TOKEN);
    unknown["Step"] = "dance".into();
    let refused = handle(&process.state, unknown).await;
    assert!(matches!(refused, Err(RunError::Event)), "{refused:?}");
}

#[tokio::test]
async fn what_a_person_has_to_make_or_what_goes_on_already_is_refused() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 33, Kind::Person).await;
    let process = world.lucky();
    world.rotate(TOKEN).await;
    let refused = error(world.step(&process, "create").await);
    assert!(matches!(refused, StepError::Busy(_)), "{refused:?}");
    assert_eq!(world.plan().await, RotationPlan::default());
    let world = World::new(&stage, 34, Kind::Keys).await;
    let process = world.lucky();
    world.rotate(TOKEN).await;
    let active = world.start().await;
    let refused = error(world.step(&process, "create").await);
    assert!(
        matches!(&refused, StepError::Busy(id) if *id == active.id.to_string()),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_new_key_that_is_not_accepted_stays_pending_and_the_old_one_current() {
    let stage = Stage::new().await;
    let world = World::new(&stage, 35, Kind::Keys).await;
    let process = world.lucky();
    world.rotate(TOKEN).await;
    for step in ["create", "set"] {
        world.step(&process, step).await.unwrap().unwrap();
    }
    world.provider().faults.delays = 1;
    let not_yet = error(world.step(&process, "test").await);
    assert!(matches!(not_yet, StepError::NotYet(_)), "{not_yet:?}");
    assert_eq!(world.watch.current().0, FIRST);
    world.settle().await;
    // It is given up: the next one need not wait for it.
    let given_up = error(world.step(&process, "create").await);
    assert!(matches!(given_up, StepError::NotPending), "{given_up:?}");
    assert_eq!(world.provider().active().len(), 1);
    assert_eq!(world.labels(FIRST).await, ["AWSCURRENT"]);
    world.rotate("6f8c1b1e-0d57-4a0e-9a4e-0d6a3c2b1f01").await;
}

/// Kills the process by `kill`, a call of all steps, and has Secrets Manager ask again. Whether it
/// came to that call.
async fn killed(stage: &Stage, kill: Kill) -> bool {
    let of = kill.of as u64 * 10_000;
    let seed = 50_000 + of + kill.call as u64 * 2 + u64::from(kill.has_effect);
    let world = World::new(stage, seed, Kind::Keys).await;
    world.rotate(TOKEN).await;
    let mut process = world.process(Life::new(world.dice.clone(), Some(kill), 0, 0));
    let mut was_killed = false;
    for step in STEPS {
        for tries in 0.. {
            match world.step(&process, step).await {
                Some(Ok(_)) => break,
                None => {
                    was_killed = true;
                    process = world.lucky();
                }
                Some(Err(error)) => {
                    assert!(was_killed && tries < 10, "{kill:?}, {step}: {error}");
                    world.clock.pass(Duration::from_secs(400));
                }
            }
        }
    }
    assert_eq!(world.watch.current().0, TOKEN, "{kill:?}");
    world.settle().await;
    assert_eq!(world.last().await.state, RotationState::Done, "{kill:?}");
    world.check_no_orphans(&world.all().await);
    was_killed
}

#[tokio::test]
async fn steps_are_made_again_whatever_call_their_process_dies_with() {
    let stage = Stage::new().await;
    let mut kills = 0;
    for list in super::kills::lists() {
        for kill in list {
            if !killed(&stage, kill).await {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 12, "{kills}");
}
