//! A process is killed with each of its calls, of AWS and of the provider, before and after the
//! call's effect; others go on.

use gatehouse::domain::rotation::RotationState;

use super::*;

/// More calls than a rotation makes.
const ENOUGH: usize = 400;

/// Kills the process with call `call`, and goes on. Whether it came to that call.
async fn killed(stage: &Stage, kind: Kind, is_emergency: bool, kill: Kill) -> bool {
    let world = World::new(stage, 100 + kill.call as u64, kind).await;
    world.begin(is_emergency).await;
    let process = world.process(Life::new(world.dice.clone(), Some(kill), 0, 0));
    let mut was_killed = false;
    for _ in 0..4 {
        let Some(due) = world.plan().await.due_at else {
            break;
        };
        world.clock.go_to(due);
        if world.tick(&process).await.is_none() {
            was_killed = process.life.is_dead();
            break;
        }
    }
    let what = format!("{kind:?}, {kill:?}");
    world.settle().await;
    let mut all = world.all().await;
    let first = all[0].clone();
    let is_lost = kind == Kind::Unlisted && first.state == RotationState::OrphanPossible;
    assert!(
        first.state == RotationState::Done || is_lost,
        "{what}: {first:?}"
    );
    if is_lost {
        // A person cleans up, and another one does it all.
        world.check_no_orphans(&all);
        world.desk().cleaned_up(world.of, first.id).await.unwrap();
        world.begin(is_emergency).await;
        world.settle().await;
        all = world.all().await;
        assert_eq!(all[0].state, RotationState::Done, "{what}: {:?}", all[0]);
    }
    assert_ne!(world.watch.current().0, FIRST, "{what}");
    world.check_no_orphans(&all);
    was_killed
}

async fn each_call(kind: Kind, is_emergency: bool) {
    let stage = Stage::new().await;
    for has_effect in [false, true] {
        let mut kills = 0;
        for call in 0..ENOUGH {
            let kill = Kill { call, has_effect };
            if !killed(&stage, kind, is_emergency, kill).await {
                break;
            }
            kills += 1;
        }
        assert!((20..ENOUGH).contains(&kills), "{kind:?}: {kills} calls");
    }
}

#[tokio::test]
async fn a_listed_key_is_replaced_whatever_call_its_process_dies_with() {
    each_call(Kind::Keys, false).await;
}

#[tokio::test]
async fn a_key_is_replaced_in_an_emergency_whatever_call_its_process_dies_with() {
    each_call(Kind::Keys, true).await;
}

#[tokio::test]
async fn an_unlisted_key_is_replaced_or_told_of_whatever_call_its_process_dies_with() {
    each_call(Kind::Unlisted, false).await;
}

#[tokio::test]
async fn a_client_secret_is_replaced_whatever_call_its_process_dies_with() {
    each_call(Kind::ClientSecret, false).await;
}

#[tokio::test]
async fn what_a_person_hands_in_is_taken_whatever_call_the_process_dies_with() {
    each_call(Kind::Person, false).await;
}

#[tokio::test]
async fn a_pair_is_replaced_whatever_call_its_process_dies_with() {
    each_call(Kind::Pair, false).await;
}

#[tokio::test]
async fn a_pair_with_an_id_of_ours_is_replaced_whatever_call_its_process_dies_with() {
    each_call(Kind::OwnPair, false).await;
}
