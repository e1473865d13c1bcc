//! A process is killed with each of its calls, of AWS and of the provider, before and after the
//! call's effect; others go on.

use gatehouse::domain::rotation::RotationState;

use super::wire::Of;
use super::*;

/// More calls than a rotation makes.
pub(super) const ENOUGH: usize = 400;

/// The kills of a run: those with each call, before and after its effect, of which the first that is
/// not come to ends a list. If nothing else is said, those that leave something else than the one
/// before: with the first call before its effect, and with each call that changes something after it.
/// `GATEHOUSE_KILLS=1` makes all.
pub(super) fn lists() -> Vec<Box<dyn Iterator<Item = Kill>>> {
    let list = |of, has_effect| {
        let kill = move |call| Kill {
            call,
            has_effect,
            of,
        };
        Box::new((0..ENOUGH).map(kill)) as Box<dyn Iterator<Item = Kill>>
    };
    match super::simulation::variable("GATEHOUSE_KILLS") {
        Some(_) => vec![list(Of::All, false), list(Of::All, true)],
        None => vec![
            Box::new(list(Of::All, false).take(1)),
            list(Of::Changes, true),
        ],
    }
}

/// Kills the process by `kill`, and goes on. Whether it came to that call.
async fn killed(stage: &Stage, kind: Kind, is_emergency: bool, kill: Kill) -> bool {
    let of = kill.of as u64 * 10_000;
    let seed = 10_000 + of + kill.call as u64 * 2 + u64::from(kill.has_effect);
    let world = World::new(stage, seed, kind).await;
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
    let mut kills = 0;
    for list in lists() {
        let mut came_to = 0;
        for kill in list {
            if !killed(&stage, kind, is_emergency, kill).await {
                break;
            }
            came_to += 1;
        }
        assert!(came_to < ENOUGH, "{kind:?}");
        kills += came_to;
    }
    assert!(kills > 12, "{kind:?}: {kills} kills");
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
