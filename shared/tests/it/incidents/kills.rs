//! Who runs a playbook is killed at each of its calls of the table, before and after that has its effect;
//! another goes on. Each step is done once, and what is left is what an undisturbed run leaves.

use std::sync::Arc;

use gatehouse::domain::IntegrationStatus;
use gatehouse::domain::incident::{Severity, TimelineEvent};
use gatehouse::domain::playbook::{PlaybookRun, RunStatus, StepState};

use super::world::{MINUTE, World, approver, spec, starter, step};
use crate::account::Account;
use crate::life::Kill;

/// More calls than any of these makes.
const MANY: usize = 200;

fn steps(approval: &str) -> String {
    let actions = [
        "open_breaker",
        "suspend_integration",
        "block_source_network",
    ];
    actions.map(|action| step(action, approval)).concat()
}

/// Every place where one can die, in its order.
fn kills() -> impl Iterator<Item = Kill> {
    let each = |call| [false, true].map(|has_effect| Kill { call, has_effect });
    (0..MANY).flat_map(each)
}

async fn read(world: &World, run: &PlaybookRun) -> Option<PlaybookRun> {
    let found = world.store().playbook_run(world.organization, run.id).await;
    found.unwrap().map(|found| found.item)
}

/// What an undisturbed run leaves, wherever it was disturbed.
async fn check(world: &World, run: &PlaybookRun, writes: u64, kill: Kill) {
    let run = read(world, run).await.unwrap();
    assert_eq!(run.status, RunStatus::Succeeded, "{kill:?} {run:?}");
    let states: Vec<_> = run.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Done; 3], "{kill:?}");
    let effects = world.effects().await;
    assert_eq!(effects.status, IntegrationStatus::Inactive, "{kill:?}");
    assert_eq!(effects.blocked, 1, "{kill:?}");
    assert!(effects.breaker.is_some(), "{kill:?}");
    // Created, and written once by its step.
    assert_eq!(effects.changes, writes + 2, "{kill:?}");
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_is_gone_on_with_and_each_step_is_done_once() {
    let account = Arc::new(Account::new().await);
    let mut died = 0;
    for kill in kills() {
        let world = World::in_account(&account).await;
        let before = world.effects().await.changes;
        let opened = world.process();
        let alert = world.alert(Severity::High);
        let incident = opened.incidents.alert(world.organization, &alert).await;
        let incident = incident.unwrap().incident.item.id;
        let run = world.run(&spec(&steps("automatic")), Some(incident));
        let process = world.process_that_dies(Some(kill));
        let begun = process.playbooks.begin(run.clone()).await;
        if !process.life.is_dead() {
            assert!(begun.is_ok(), "{begun:?}");
            break;
        }
        died += 1;
        let other = world.process();
        if read(&world, &run).await.is_none() {
            // It had not begun: whoever asked for it asks again.
            assert_eq!(world.effects().await.changes, before);
            other.playbooks.begin(run.clone()).await.unwrap();
        }
        account.clock.advance(MINUTE * 2);
        other
            .playbooks
            .tick(world.now().plus(MINUTE))
            .await
            .unwrap();
        check(&world, &run, before, kill).await;
        let entries = world.timeline(incident).await;
        let count = |event| entries.iter().filter(|entry| entry.event == event).count();
        let counted = (
            count(TimelineEvent::RunStarted),
            count(TimelineEvent::RunStep),
            count(TimelineEvent::RunEnded),
        );
        assert_eq!(counted, (1, 2, 1), "{kill:?} {entries:?}");
    }
    assert!((30..MANY * 2).contains(&died), "{died}");
}

#[tokio::test]
async fn an_approval_that_is_killed_anywhere_has_been_given_or_has_not() {
    let account = Arc::new(Account::new().await);
    let mut died = 0;
    for kill in kills() {
        let world = World::in_account(&account).await;
        let before = world.effects().await.changes;
        let other = world.process();
        let run = world.run(&spec(&steps("required")), None);
        other.playbooks.begin(run.clone()).await.unwrap();
        let (organization, id) = (world.organization, run.id);
        let process = world.process_that_dies(Some(kill));
        let decided = process
            .playbooks
            .decide(organization, (id, 0), true, &approver())
            .await;
        if !process.life.is_dead() {
            assert!(decided.is_ok(), "{decided:?}");
            break;
        }
        died += 1;
        account.clock.advance(MINUTE * 2);
        let tick = || async {
            other
                .playbooks
                .tick(world.now().plus(MINUTE))
                .await
                .unwrap()
        };
        tick().await;
        for index in 0..3 {
            let stands = read(&world, &run).await.unwrap().steps[index].state;
            if stands == StepState::Waiting {
                let step = (id, index);
                other
                    .playbooks
                    .decide(organization, step, true, &approver())
                    .await
                    .unwrap();
            }
            account.clock.advance(MINUTE * 2);
            tick().await;
        }
        check(&world, &run, before, kill).await;
    }
    assert!(died > 10, "{died}");
}

#[tokio::test]
async fn an_undoing_that_is_killed_anywhere_is_asked_for_again() {
    let account = Arc::new(Account::new().await);
    let mut died = 0;
    for kill in kills() {
        let world = World::in_account(&account).await;
        let before = world.effects().await;
        let other = world.process();
        let run = world.run(&spec(&steps("automatic")), None);
        other.playbooks.begin(run.clone()).await.unwrap();
        let (organization, id) = (world.organization, run.id);
        let process = world.process_that_dies(Some(kill));
        let undone = process.playbooks.undo(organization, id, &starter()).await;
        if !process.life.is_dead() {
            assert!(undone.is_ok(), "{undone:?}");
            break;
        }
        died += 1;
        let again = other.playbooks.undo(organization, id, &starter()).await;
        let run = read(&world, &run).await.unwrap();
        // All may be undone, and only the word of it be lost.
        assert!(
            again.is_ok() || run.to_undo().is_err(),
            "{kill:?} {again:?}"
        );
        let states: Vec<_> = run.steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Undone; 3], "{kill:?}");
        let after = world.effects().await;
        assert_eq!(
            (after.breaker, after.status, after.blocked, after.changes),
            (None, before.status, 0, before.changes + 4),
            "{kill:?}"
        );
    }
    assert!(died > 15, "{died}");
}

#[tokio::test]
async fn an_alert_whose_function_is_killed_anywhere_belongs_to_one_incident() {
    let account = Arc::new(Account::new().await);
    let mut died = 0;
    for kill in kills() {
        let world = World::in_account(&account).await;
        let alert = world.alert(Severity::Low);
        let process = world.process_that_dies(Some(kill));
        let taken = process.incidents.alert(world.organization, &alert).await;
        if !process.life.is_dead() {
            assert!(taken.is_ok(), "{taken:?}");
            break;
        }
        died += 1;
        let other = world.process();
        let taken = other
            .incidents
            .alert(world.organization, &alert)
            .await
            .unwrap();
        let id = taken.incident.item.id;
        assert_eq!(world.incident(id).await.alerts.len(), 1, "{kill:?}");
        assert_eq!(world.timeline(id).await.len(), 1, "{kill:?}");
        let query = gatehouse::store::IncidentQuery {
            limit: 9,
            ..Default::default()
        };
        let live = world
            .store()
            .live_incidents(world.organization, &query)
            .await;
        assert_eq!(live.unwrap().items.len(), 1, "{kill:?}");
    }
    assert!(died > 5, "{died}");
}
