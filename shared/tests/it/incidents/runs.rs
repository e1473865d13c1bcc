use std::time::Duration;

use futures::future::join_all;
use gatehouse::domain::alert::NoticeBody;
use gatehouse::domain::incident::{Severity, TimelineEvent};
use gatehouse::domain::playbook::{Playbook, PlaybookRun, RunStatus, StepState};
use gatehouse::domain::{Error, IntegrationStatus};
use gatehouse::flows::playbooks::{RunsReport, built_in};

use super::world::{MINUTE, World, approver, spec, starter, step};

fn states(run: &PlaybookRun) -> Vec<StepState> {
    run.steps.iter().map(|step| step.state).collect()
}

pub(super) fn all_steps(approval: &str) -> String {
    let actions = [
        "open_breaker",
        "suspend_integration",
        "block_source_network",
    ];
    actions.map(|action| step(action, approval)).concat()
}

#[tokio::test]
async fn a_run_takes_its_steps_and_undoes_them() {
    let world = World::new().await;
    let process = world.process();
    let before = world.effects().await;
    let run = world.run(&spec(&all_steps("automatic")), None);
    let (organization, id) = (world.organization, run.id);
    let ended = process.playbooks.begin(run).await.unwrap().item;
    assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
    let after = world.effects().await;
    assert_eq!(after.status, IntegrationStatus::Inactive);
    assert_eq!(after.blocked, 1);
    assert_eq!(
        after.breaker.unwrap().open_until,
        world.now().plus(MINUTE * 15)
    );
    assert_eq!(after.changes, before.changes + 2);
    let undone = process
        .playbooks
        .undo(organization, id, &approver())
        .await
        .unwrap()
        .item;
    assert_eq!(states(&undone), [StepState::Undone; 3], "{undone:?}");
    let back = world.effects().await;
    assert_eq!(
        (back.breaker, back.status, back.blocked),
        (None, before.status, 0)
    );
    let again = process.playbooks.undo(organization, id, &approver()).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    let steps = ["playbook.step started", "playbook.step succeeded"].repeat(3);
    let undoing = ["playbook.undo_step started"; 3];
    let expected = [&["playbook.start started"][..], &steps, &undoing].concat();
    assert_eq!(world.trail().await, expected);
}

#[tokio::test]
async fn what_is_so_already_is_left_alone_and_is_not_undone() {
    let world = World::new().await;
    let process = world.process();
    let suspend = spec(&step("suspend_integration", "automatic"));
    process
        .playbooks
        .begin(world.run(&suspend, None))
        .await
        .unwrap();
    let before = world.effects().await;
    let second = process
        .playbooks
        .begin(world.run(&suspend, None))
        .await
        .unwrap()
        .item;
    assert_eq!(states(&second), [StepState::Unchanged]);
    assert_eq!(second.status, RunStatus::Succeeded);
    let undo = process
        .playbooks
        .undo(world.organization, second.id, &approver())
        .await;
    assert!(matches!(undo, Err(Error::Conflict(_))), "{undo:?}");
    let after = world.effects().await;
    assert_eq!(
        (after.status, after.blocked),
        (before.status, before.blocked)
    );
}

/// Who builds on what another run has done keeps it from being undone by that one.
#[tokio::test]
async fn what_a_later_run_relies_on_is_not_undone_by_an_earlier_one() {
    let world = World::new().await;
    let (process, organization, by) = (world.process(), world.organization, approver());
    let steps =
        step("suspend_integration", "automatic") + &step("block_source_network", "automatic");
    let steps = spec(&steps);
    let first = process.playbooks.begin(world.run(&steps, None)).await;
    let first = first.unwrap().item;
    let second = process.playbooks.begin(world.run(&steps, None)).await;
    assert_eq!(states(&second.unwrap().item), [StepState::Unchanged; 2]);
    let undone = process.playbooks.undo(organization, first.id, &by);
    assert_eq!(
        states(&undone.await.unwrap().item),
        [StepState::NotUndone; 2]
    );
    let after = world.effects().await;
    assert_eq!(
        (after.status, after.blocked),
        (IntegrationStatus::Inactive, 1)
    );
}

#[tokio::test]
async fn what_a_person_has_switched_on_and_off_again_is_not_undone() {
    let world = World::new().await;
    let (process, organization, by) = (world.process(), world.organization, approver());
    let suspend = spec(&step("suspend_integration", "automatic"));
    let run = process.playbooks.begin(world.run(&suspend, None)).await;
    for status in [IntegrationStatus::Active, IntegrationStatus::Inactive] {
        let mut found = world.integration_now().await;
        found.item.status = status;
        let write = world.store();
        let write = write.update_integration(&found.item, found.version);
        write.await.unwrap();
    }
    let undone = process
        .playbooks
        .undo(organization, run.unwrap().item.id, &by);
    assert_eq!(states(&undone.await.unwrap().item), [StepState::NotUndone]);
    assert_eq!(world.effects().await.status, IntegrationStatus::Inactive);
}

/// Steps that do the same twice in one run are undone, all of them.
#[tokio::test]
async fn a_run_undoes_what_it_has_done_twice() {
    let world = World::new().await;
    let (process, organization, by) = (world.process(), world.organization, approver());
    let twice = spec(&step("suspend_integration", "automatic").repeat(2));
    let run = process.playbooks.begin(world.run(&twice, None)).await;
    let run = run.unwrap().item;
    assert_eq!(states(&run), [StepState::Done, StepState::Unchanged]);
    let undone = process.playbooks.undo(organization, run.id, &by);
    assert_eq!(
        states(&undone.await.unwrap().item),
        [StepState::Undone, StepState::Unchanged]
    );
    assert_eq!(world.effects().await.status, IntegrationStatus::Active);
}

#[tokio::test]
async fn what_somebody_has_changed_since_is_not_undone() {
    let world = World::new().await;
    let process = world.process();
    let suspend = spec(&step("suspend_integration", "automatic"));
    let run = process
        .playbooks
        .begin(world.run(&suspend, None))
        .await
        .unwrap()
        .item;
    let mut found = world.integration_now().await;
    found.item.status = IntegrationStatus::Error;
    let store = world.store();
    store
        .update_integration(&found.item, found.version)
        .await
        .unwrap();
    let undone = process
        .playbooks
        .undo(world.organization, run.id, &approver())
        .await;
    assert_eq!(states(&undone.unwrap().item), [StepState::NotUndone]);
    assert_eq!(world.effects().await.status, IntegrationStatus::Error);
}

#[tokio::test]
async fn a_step_waits_for_the_right_person_and_the_incident_is_told() {
    let world = World::new().await;
    let process = world.process();
    let (playbooks, organization) = (&process.playbooks, world.organization);
    let alert = world.alert(Severity::High);
    let opened = process.incidents.alert(organization, &alert).await.unwrap();
    let incident = opened.incident.item.id;
    let steps = step("open_breaker", "automatic") + &step("suspend_integration", "required");
    let run = playbooks
        .begin(world.run(&spec(&steps), Some(incident)))
        .await
        .unwrap()
        .item;
    assert_eq!(states(&run), [StepState::Done, StepState::Waiting]);
    let before = world.effects().await;
    for (by, index) in [(starter(), 1), (approver(), 0)] {
        let decided = playbooks
            .decide(organization, (run.id, index), true, &by)
            .await;
        assert!(matches!(decided, Err(Error::Conflict(_))), "{decided:?}");
    }
    assert_eq!(world.effects().await, before);
    let decided = playbooks
        .decide(organization, (run.id, 1), true, &approver())
        .await;
    let decided = decided.unwrap().item;
    assert_eq!(decided.status, RunStatus::Succeeded);
    assert_eq!(decided.steps[1].decided.as_ref().unwrap().by, approver());
    assert_eq!(world.effects().await.status, IntegrationStatus::Inactive);
    let entries = world.timeline(incident).await;
    let events: Vec<_> = entries.iter().skip(1).map(|entry| entry.event).collect();
    use TimelineEvent::{RunEnded, RunStarted, RunStep};
    assert_eq!(events, [RunStarted, RunStep, RunStep, RunStep, RunEnded]);
    assert!(
        entries
            .iter()
            .skip(1)
            .all(|entry| entry.subject == Some(run.id.to_string()))
    );
    assert_eq!(entries[5].actor, approver());
}

#[tokio::test]
async fn a_rejected_and_a_cancelled_run_do_nothing_more() {
    let world = World::new().await;
    let process = world.process();
    let (playbooks, organization) = (&process.playbooks, world.organization);
    let suspend = spec(&step("suspend_integration", "required").repeat(2));
    let before = world.effects().await;
    let run = playbooks
        .begin(world.run(&suspend, None))
        .await
        .unwrap()
        .item;
    let rejected = playbooks
        .decide(organization, (run.id, 0), false, &starter())
        .await;
    assert_eq!(rejected.unwrap().item.status, RunStatus::Rejected);
    let run = playbooks
        .begin(world.run(&suspend, None))
        .await
        .unwrap()
        .item;
    let cancelled = playbooks
        .cancel(organization, run.id, &starter())
        .await
        .unwrap()
        .item;
    assert_eq!(cancelled.status, RunStatus::Cancelled);
    for result in [
        playbooks.cancel(organization, run.id, &starter()).await,
        playbooks
            .decide(organization, (run.id, 0), true, &approver())
            .await,
        playbooks.undo(organization, run.id, &approver()).await,
    ] {
        assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
    }
    assert_eq!(world.effects().await, before);
    // Nothing is left to be looked at.
    world.account.clock.advance(MINUTE * 60);
    let enough = world.now().plus(MINUTE);
    assert_eq!(playbooks.tick(enough).await.unwrap(), RunsReport::default());
}

#[tokio::test]
async fn an_approval_that_does_not_come_ends_the_run_at_its_time() {
    let world = World::new().await;
    let process = world.process();
    let (playbooks, organization) = (&process.playbooks, world.organization);
    let run = world.run(&spec(&step("suspend_integration", "required")), None);
    let run = playbooks.begin(run).await.unwrap().item;
    world
        .account
        .clock
        .advance(MINUTE * 10 - Duration::from_millis(1));
    let tick = || async { playbooks.tick(world.now().plus(MINUTE)).await.unwrap() };
    assert_eq!(tick().await, RunsReport::default());
    world.account.clock.advance(Duration::from_millis(1));
    let late = playbooks
        .decide(organization, (run.id, 0), true, &approver())
        .await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    assert_eq!(tick().await.moved, 1);
    let run = world
        .store()
        .playbook_run(organization, run.id)
        .await
        .unwrap();
    let run = run.unwrap().item;
    assert_eq!((run.status, run.due_at), (RunStatus::Expired, None));
    assert_eq!(states(&run), [StepState::Expired]);
    assert_eq!(world.effects().await.status, IntegrationStatus::Active);
    assert_eq!(tick().await, RunsReport::default());
    assert!(
        world
            .trail()
            .await
            .contains(&"playbook.expire started".to_owned())
    );
}

#[tokio::test]
async fn of_many_runners_one_takes_each_step() {
    let world = World::new().await;
    let first = world.process();
    let run = world.run(&spec(&all_steps("required")), None);
    let (organization, id) = (world.organization, run.id);
    first.playbooks.begin(run).await.unwrap();
    let before = world.effects().await;
    for index in 0..3 {
        let approvers: Vec<_> = (0..4).map(|_| world.process()).collect();
        let decided = approvers.iter().map(|process| {
            let playbooks = process.playbooks.clone();
            async move {
                playbooks
                    .decide(organization, (id, index), true, &approver())
                    .await
            }
        });
        let decided = join_all(decided).await;
        // Those who are the same person may all be told that it was done.
        assert!(decided.iter().any(Result::is_ok), "{decided:?}");
        let runners = approvers
            .iter()
            .map(|process| process.playbooks.go_on(organization, id));
        for moved in join_all(runners).await {
            moved.unwrap();
        }
    }
    let after = world.effects().await;
    assert_eq!(after.changes, before.changes + 2);
    assert_eq!(
        (after.blocked, after.status),
        (1, IntegrationStatus::Inactive)
    );
    let done = world.trail().await;
    let done = done
        .iter()
        .filter(|line| *line == "playbook.step succeeded");
    assert_eq!(done.count(), 3);
}

#[tokio::test]
async fn what_starts_by_itself_is_started_once_for_an_incident() {
    let world = World::new().await;
    let process = world.process();
    let mut spec = spec(&step("open_breaker", "automatic"));
    spec.trigger = Some(
        toml::from_str(&format!(
            "alertKinds = [\"error_rate\"]\nintegrations = [\"{}\"]\nstart = \"automatic\"",
            world.integration
        ))
        .unwrap(),
    );
    assert_eq!(spec.wrong_fields(), []);
    let playbook = Playbook {
        id: world.account.id(),
        organization_id: world.organization,
        spec,
        created_at: world.now(),
        updated_at: world.now(),
    };
    world.store().create_playbook(&playbook).await.unwrap();
    let alert = world.alert(Severity::Low);
    let taken = process
        .incidents
        .alert(world.organization, &alert)
        .await
        .unwrap();
    let incident = taken.incident.item;
    assert_eq!(process.playbooks.start_for(&incident).await.unwrap(), 1);
    assert!(world.effects().await.breaker.is_some());
    let other = world.process();
    assert_eq!(other.playbooks.start_for(&incident).await.unwrap(), 0);
    let store = world.store();
    let runs = store.playbook_runs(world.organization, Some(incident.id), 10, None);
    let runs = runs.await.unwrap().items;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].item.playbook, playbook.id.to_string());
    assert_eq!(runs[0].item.started_by.id, "tests");
}

#[tokio::test]
async fn a_playbook_is_found_by_its_id_or_its_name_and_in_its_organization() {
    let world = World::new().await;
    let playbooks = world.process().playbooks;
    for name in built_in().keys() {
        let known = playbooks.find(world.organization, name).await.unwrap();
        assert_eq!(known.spec, built_in()[name]);
    }
    let unknown = playbooks.find(world.organization, "no-such").await;
    assert!(
        matches!(unknown, Err(Error::NotFound("playbook"))),
        "{unknown:?}"
    );
    let playbook = Playbook {
        id: world.account.id(),
        organization_id: world.organization,
        spec: spec(&step("revoke_grant", "required")),
        created_at: world.now(),
        updated_at: world.now(),
    };
    world.store().create_playbook(&playbook).await.unwrap();
    let key = playbook.id.to_string();
    let known = playbooks.find(world.organization, &key).await.unwrap();
    assert_eq!(known.spec, playbook.spec);
    let elsewhere = playbooks.find(world.account.id(), &key).await;
    assert!(
        matches!(elsewhere, Err(Error::NotFound("playbook"))),
        "{elsewhere:?}"
    );
}

/// What people are told is owed to them with the word that they are told: once, and by all channels.
#[tokio::test]
async fn people_are_told_by_every_channel_that_is_in_use() {
    let world = World::new().await;
    let process = world.process();
    let text = "notify\"\ntext = \"call the provider";
    let notify = spec(&step(text, "automatic"));
    let nobody = process
        .playbooks
        .begin(world.run(&notify, None))
        .await
        .unwrap()
        .item;
    assert_eq!(states(&nobody), [StepState::Unchanged], "{nobody:?}");
    let store = world.store();
    let far = world.now().plus(MINUTE * 60);
    assert_eq!(store.due_notices(far, 10).await.unwrap(), []);
    let channel = |enabled: bool| {
        serde_json::json!({
            "id": world.account.id::<gatehouse::domain::ChannelId>(), "name": "ops", "enabled": enabled,
            "target": {"type": "pager_duty", "integrationId": world.integration}, "sendResolved": true,
            "createdAt": world.now(), "updatedAt": world.now(), "version": 1,
        })
    };
    let channels = [channel(true), channel(false)];
    let mut setup = store.alert_setup(world.organization).await.unwrap();
    setup.item.channels = channels
        .map(|channel| serde_json::from_value(channel).unwrap())
        .into();
    let written = store
        .replace_alert_setup(world.organization, &setup.item, setup.version)
        .await;
    assert!(written.is_ok(), "{written:?}");
    let told = process
        .playbooks
        .begin(world.run(&notify, None))
        .await
        .unwrap()
        .item;
    assert_eq!(told.steps[0].said.as_deref(), Some("1 channels are told"));
    let due = store.due_notices(far, 10).await.unwrap();
    let [notice] = &due[..] else {
        panic!("{due:?}");
    };
    let NoticeBody::Playbook(said) = &notice.body else {
        panic!("{notice:?}");
    };
    assert_eq!(
        (said.run_id, said.integration_id),
        (told.id, world.integration)
    );
    assert_eq!(said.summary(), "a playbook, Billing: call the provider");
}
