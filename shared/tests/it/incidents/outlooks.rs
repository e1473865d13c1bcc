//! What a run would do, said without doing it.

use gatehouse::flows::playbooks::Would;

use super::runs::all_steps;
use super::world::{World, spec, step};

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let world = World::new().await;
    let process = world.process();
    let steps = all_steps("required") + &step("revoke_grant", "required");
    let run = world.run(&spec(&steps), None);
    let before = world.effects().await;
    let outlook = process.playbooks.outlook(&run).await.unwrap();
    let would: Vec<_> = outlook
        .iter()
        .map(|step| (step.would, step.can_be_undone))
        .collect();
    let change = (Would::Change, true);
    assert_eq!(
        would,
        [change, change, change, (Would::Fail, false)],
        "{outlook:?}"
    );
    assert_eq!(outlook[0].present, "the circuit breaker is closed");
    assert_eq!(outlook[1].present, "the integration's status is `active`");
    assert!(outlook[2].says.contains("192.0.2.0/24"), "{outlook:?}");
    assert_eq!(world.effects().await, before);
    let kept = world.store().playbook_run(world.organization, run.id).await;
    assert_eq!(kept.unwrap(), None);
    // What it said is what is done.
    let done = process
        .playbooks
        .begin(world.run(&spec(&all_steps("automatic")), None))
        .await;
    let said: Vec<_> = done
        .unwrap()
        .item
        .steps
        .into_iter()
        .map(|step| step.said)
        .collect();
    let outlook: Vec<_> = outlook
        .into_iter()
        .take(3)
        .map(|step| Some(step.says))
        .collect();
    assert_eq!(said, outlook);
}
