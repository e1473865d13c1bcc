//! The step that has credentials replaced.

use std::sync::Arc;

use gatehouse::audit::Trail;
use gatehouse::domain::playbook::{PlaybookRun, PlaybookSpec, RunStatus, StepState};
use gatehouse::domain::rotation::{
    Candidate, Rotation, RotationFailure, RotationState, RotationTrigger,
};
use gatehouse::domain::{AuthMethod, CredentialInfo};
use gatehouse::flows::playbooks::{Playbooks, Would};
use gatehouse::flows::rotation::{RotationDesk, StartRotation};
use serde_json::{Value, json};

use super::world::{MINUTE, World, approver, spec, step};
use crate::account::Account;
use crate::life::Kill;

/// How keys are made at the provider.
fn keys() -> Value {
    json!({"strategy": "provider_api", "keys": {
        "create": {"method": "POST", "path": "/keys", "body": {"name": "{rotation}"}},
        "created": {"apiKey": "secret", "apiKeyId": "id"}, "keyId": "apiKeyId",
        "revoke": [{"method": "DELETE", "path": "/keys/{apiKeyId}"}],
    }})
}

/// A step that may hurry.
fn rotate(approval: &str, emergency: bool) -> PlaybookSpec {
    let emergency = format!("emergency = {emergency}\n");
    spec(&(step("rotate_credential", approval) + &emergency))
}

impl World {
    /// Gives the integration credentials, and says how they are replaced.
    async fn with_credentials(&self, profile: Value) {
        let mut found = self.integration_now().await;
        found.item.provider = None;
        found.item.auth_method = AuthMethod::ApiKey;
        found.item.api_profile = Some(serde_json::from_value(profile).unwrap());
        let credentials = json!({"version": "old", "fields": ["apiKey"], "createdAt": self.now()});
        let credentials: CredentialInfo = serde_json::from_value(credentials).unwrap();
        found.item.credentials = Some(credentials);
        let store = self.store();
        let update = store.update_integration(&found.item, found.version);
        update.await.unwrap();
    }

    /// One whose keys the provider makes.
    async fn with_keys(&self) {
        let profile = json!({"verification": {"path": "/me"}, "rotation": keys()});
        self.with_credentials(profile).await;
    }

    fn desk(&self) -> RotationDesk {
        let (store, sources) = (self.store(), self.account.sources());
        RotationDesk::new(store, self.account.credentials(), sources)
    }

    async fn rotations(&self) -> Vec<Rotation> {
        let of = (self.organization, self.integration);
        let page = self.store().rotations(of.0, of.1, 20, None).await;
        let items = page.unwrap().items.into_iter();
        items.map(|found| found.item).collect()
    }

    /// A rotation that somebody has started.
    async fn rotation(&self) -> Rotation {
        let start = StartRotation::by(RotationTrigger::Request);
        let of = (self.organization, self.integration);
        self.desk().start(of, start).await.unwrap()
    }

    /// Writes the newest rotation as it becomes, and whether it is active.
    async fn change(&self, change: impl FnOnce(&mut Rotation)) {
        let (of, store) = ((self.organization, self.integration), self.store());
        let newest = store.rotations(of.0, of.1, 1, None).await.unwrap();
        let mut newest = newest.items.into_iter().next().unwrap();
        change(&mut newest.item);
        let before = store.rotation_plan(of.0, of.1).await.unwrap();
        let mut plan = before.item.clone();
        plan.follow(&newest.item, self.now());
        let wrote = store
            .write_rotation(of, &before, &plan, Some(&newest))
            .await;
        wrote.unwrap();
    }

    async fn ended(&self, spec: &PlaybookSpec) -> PlaybookRun {
        let process = self.process();
        let begun = process.playbooks.begin(self.run(spec, None)).await;
        begun.unwrap().item
    }
}

fn said(run: &PlaybookRun) -> &str {
    run.steps.first().unwrap().said.as_deref().unwrap()
}

#[tokio::test]
async fn a_rotation_begins_and_a_dry_run_says_so_before() {
    for emergency in [false, true] {
        let world = World::new().await;
        world.with_keys().await;
        let (process, spec) = (world.process(), rotate("automatic", emergency));
        let outlook = process.playbooks.outlook(&world.run(&spec, None)).await;
        let outlook = outlook.unwrap().remove(0);
        assert_eq!(
            (outlook.would, outlook.can_be_undone),
            (Would::Change, false)
        );
        assert_eq!(outlook.says.contains("no grace"), emergency, "{outlook:?}");
        assert_eq!(outlook.present, "no rotation is under way");
        assert_eq!(world.rotations().await, []);

        let ended = world.ended(&spec).await;
        assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
        let rotations = world.rotations().await;
        let [rotation] = &rotations[..] else {
            panic!("{rotations:?}");
        };
        assert_eq!(
            (rotation.emergency, rotation.state),
            (emergency, RotationState::Create)
        );
        assert!(said(&ended).contains(&rotation.id.to_string()), "{ended:?}");
        let trail = world.trail().await;
        let step = ["playbook.step started", "playbook.step succeeded"].map(str::to_owned);
        assert!(trail.ends_with(&step), "{trail:?}");
        let by = approver();
        let undo = process.playbooks.undo(world.organization, ended.id, &by);
        assert!(undo.await.is_err());
    }
}

#[tokio::test]
async fn what_nobody_makes_is_asked_of_a_person() {
    let world = World::new().await;
    world.with_credentials(json!({})).await;
    let (process, spec) = (world.process(), rotate("automatic", false));
    let outlook = process.playbooks.outlook(&world.run(&spec, None)).await;
    let outlook = outlook.unwrap().remove(0);
    assert_eq!(outlook.would, Would::Change);
    assert!(outlook.says.contains("a person"), "{outlook:?}");
    let ended = world.ended(&spec).await;
    assert_eq!(ended.status, RunStatus::Succeeded);
    assert!(said(&ended).contains("waits for a person"), "{ended:?}");
    assert_eq!(world.rotations().await[0].state, RotationState::Due);
}

#[tokio::test]
async fn what_cannot_be_replaced_fails_and_a_dry_run_says_so() {
    let keys_only = json!({"rotation": keys()});
    for (profile, reason) in [
        (None, "has no credentials to replace"),
        (Some(keys_only), "apiProfile.verification"),
    ] {
        for emergency in [false, true] {
            let world = World::new().await;
            if let Some(profile) = profile.clone() {
                world.with_credentials(profile).await;
            }
            let (process, spec) = (world.process(), rotate("automatic", emergency));
            let outlook = process.playbooks.outlook(&world.run(&spec, None)).await;
            let outlook = outlook.unwrap().remove(0);
            assert_eq!(outlook.would, Would::Fail);
            assert!(outlook.says.contains(reason), "{outlook:?}");
            let ended = world.ended(&spec).await;
            assert_eq!(ended.status, RunStatus::Failed);
            assert!(said(&ended).contains(reason), "{ended:?}");
            assert_eq!(world.rotations().await, []);
        }
    }
}

#[tokio::test]
async fn one_that_is_under_way_is_let_be_and_in_an_emergency_hurried() {
    for (emergency, state, would) in [
        (false, StepState::Unchanged, Would::Nothing),
        (true, StepState::Done, Would::Change),
    ] {
        let world = World::new().await;
        world.with_keys().await;
        let under_way = world.rotation().await;
        world.account.clock.advance(MINUTE);
        let (process, spec) = (world.process(), rotate("automatic", emergency));
        let outlook = process.playbooks.outlook(&world.run(&spec, None)).await;
        let outlook = outlook.unwrap().remove(0);
        assert_eq!(outlook.would, would, "{outlook:?}");
        assert!(outlook.present.contains(&under_way.id.to_string()));
        let ended = world.ended(&spec).await;
        assert_eq!(ended.steps[0].state, state, "{ended:?}");
        let rotations = world.rotations().await;
        assert_eq!(rotations.len(), 1);
        assert_eq!(rotations[0].emergency, emergency);
        assert!(!rotations[0].again);
    }
}

/// It has nothing to do with the credentials that are in use now.
#[tokio::test]
async fn one_that_is_past_its_switch_is_no_replacement_of_what_is_in_use() {
    for (emergency, status) in [(false, RunStatus::Failed), (true, RunStatus::Succeeded)] {
        let world = World::new().await;
        world.with_keys().await;
        world.rotation().await;
        let grace = |rotation: &mut Rotation| {
            rotation.state = RotationState::Grace;
            rotation.candidate = Some(Candidate {
                version: "old".to_owned(),
                key_id: None,
                fields: Vec::new(),
                expires_at: None,
                fields_expire_at: Default::default(),
            });
            rotation.grace_until = Some(world.now().plus(MINUTE * 9));
        };
        world.change(grace).await;
        world.account.clock.advance(MINUTE);
        let ended = world.ended(&rotate("automatic", emergency)).await;
        assert_eq!(ended.status, status, "{ended:?}");
        let rotations = world.rotations().await;
        // Another one follows that one.
        assert_eq!((rotations.len(), rotations[0].again), (1, emergency));
    }
}

#[tokio::test]
async fn a_step_that_is_killed_anywhere_starts_one_rotation() {
    let account = Arc::new(Account::new().await);
    for emergency in [false, true] {
        let mut died = 0;
        for call in 0..200 {
            let mut is_over = false;
            for has_effect in [false, true] {
                let kill = Kill { call, has_effect };
                let world = World::in_account(&account).await;
                world.with_keys().await;
                let run = world.run(&rotate("automatic", emergency), None);
                let process = world.process_that_dies(Some(kill));
                let begun = process.playbooks.begin(run.clone()).await;
                if !process.life.is_dead() {
                    assert!(begun.is_ok(), "{begun:?}");
                    is_over = true;
                    break;
                }
                died += 1;
                let found = world.store().playbook_run(world.organization, run.id).await;
                let other = world.process();
                if found.unwrap().is_none() {
                    other.playbooks.begin(run.clone()).await.unwrap();
                }
                // It goes on meanwhile, up to where the new credentials are in use.
                if !world.rotations().await.is_empty() {
                    world
                        .change(|rotation| rotation.state = RotationState::Grace)
                        .await;
                }
                account.clock.advance(MINUTE * 2);
                let tick = other.playbooks.tick(world.now().plus(MINUTE));
                tick.await.unwrap();
                let found = world.store().playbook_run(world.organization, run.id).await;
                let run = found.unwrap().unwrap().item;
                assert_eq!(run.status, RunStatus::Succeeded, "{kill:?} {run:?}");
                let rotations = world.rotations().await;
                assert_eq!(rotations.len(), 1, "{kill:?}");
                assert!(!rotations[0].again, "{kill:?}");
                assert!(said(&run).contains(&rotations[0].id.to_string()), "{run:?}");
            }
            if is_over {
                break;
            }
        }
        assert!((15..200).contains(&died), "{died}");
    }
}

/// What began and ended before the step was allowed is not taken for its own.
#[tokio::test]
async fn one_that_ended_before_the_approval_is_not_taken_for_the_steps_own() {
    let world = World::new().await;
    world.with_keys().await;
    let process = world.process();
    let run = world.run(&rotate("required", false), None);
    process.playbooks.begin(run.clone()).await.unwrap();
    world.account.clock.advance(MINUTE);
    let before = world.rotation().await;
    let (now, failure) = (world.now(), RotationFailure::Refused);
    let end = |rotation: &mut Rotation| rotation.end(RotationState::Failed, failure, now);
    world.change(end).await;
    world.account.clock.advance(MINUTE);
    // Somebody says yes, begins the step, and dies before he has done anything.
    let store = world.store();
    let found = store.playbook_run(world.organization, run.id).await;
    let found = found.unwrap().unwrap();
    let approved = found
        .item
        .decided(0, true, approver(), world.now())
        .unwrap();
    let begun = approved.started(0, world.now());
    let write = gatehouse::store::RunWrite::change(&found, begun);
    store.commit_run(world.organization, &write).await.unwrap();
    world.account.clock.advance(MINUTE * 2);
    let tick = process.playbooks.tick(world.now().plus(MINUTE));
    assert_eq!(tick.await.unwrap().moved, 1);
    let rotations = world.rotations().await;
    assert_eq!(rotations.len(), 2, "{rotations:?}");
    let found = store.playbook_run(world.organization, run.id).await;
    let run = found.unwrap().unwrap().item;
    assert!(!said(&run).contains(&before.id.to_string()), "{run:?}");
}

/// Who cannot start rotations leaves the step to who can.
#[tokio::test]
async fn a_step_is_left_to_who_can_start_rotations() {
    let world = World::new().await;
    world.with_keys().await;
    let (store, sources) = (world.store(), world.account.sources());
    let trail = Trail::new(store.clone(), sources.clone(), "others", MINUTE);
    let others = Playbooks::new(store.clone(), trail, sources);
    let run = world.run(&rotate("automatic", true), None);
    let begun = others.begin(run).await.unwrap().item;
    assert_eq!(begun.steps[0].state, StepState::Pending);
    assert_eq!(
        (world.rotations().await, begun.due_at),
        (vec![], Some(world.now()))
    );
    let process = world.process();
    let tick = process.playbooks.tick(world.now().plus(MINUTE));
    tick.await.unwrap();
    assert_eq!(world.rotations().await.len(), 1);
}
