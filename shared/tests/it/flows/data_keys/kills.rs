//! Processes die at each of their calls, run at the same time, and meet others who write.

use gatehouse::domain::data_key::SETTLED_AFTER;
use gatehouse::domain::{EndpointStatus, Sealed};

use super::process::{rotation, undisturbed};
use super::world::World;
use super::{DAY, EVERY, MINUTE};
use crate::life::{Kill, Life};

/// More calls than any of these makes.
const MANY: usize = 200;

#[tokio::test]
async fn a_process_that_dies_anywhere_leaves_everything_open_and_is_gone_on_after() {
    let mut died = 0;
    for kill in (0..MANY).flat_map(|call| [false, true].map(|has_effect| Kill { call, has_effect }))
    {
        let world = World::new().await;
        world.account.clock.advance(EVERY);
        let life = Life::new(Some(kill));
        let dying = rotation(&life, &world.account, Some(EVERY));
        // A key is replaced, and all is sealed anew: by a process that dies on the way.
        for _ in 0..2 {
            let _ = dying.run(world.now().plus(MINUTE)).await;
            world.opened().await;
            world.account.clock.advance(SETTLED_AFTER);
        }
        if !life.is_dead() {
            assert_eq!(world.opened().await, [2; 9]);
            break;
        }
        died += 1;
        let other = undisturbed(&world.account);
        for _ in 0..3 {
            let report = other.run(world.now().plus(MINUTE)).await.unwrap();
            assert_eq!(report.failed, 0, "{kill:?}");
            world.account.clock.advance(SETTLED_AFTER);
        }
        assert_eq!(world.opened().await, [2; 9], "{kill:?}");
        let plan = world.plan().await;
        assert_eq!((plan.newest, plan.resealing), (2, None), "{kill:?}");
    }
    assert!((40..MANY * 2).contains(&died), "{died}");
}

#[tokio::test]
async fn of_those_who_do_the_same_at_the_same_time_one_makes_a_key() {
    let world = World::new().await;
    world.account.clock.advance(EVERY);
    let until = world.now().plus(MINUTE);
    let functions: Vec<_> = (0..4).map(|_| undisturbed(&world.account)).collect();
    let runs = functions.iter().map(|function| function.run(until));
    let reports = futures::future::try_join_all(runs).await.unwrap();
    assert_eq!(world.plan().await.newest, 2);
    let rotated: usize = reports.iter().map(|report| report.rotated).sum();
    assert_eq!(rotated, 1);
    world.account.clock.advance(SETTLED_AFTER);
    let until = world.now().plus(MINUTE);
    let runs = functions.iter().map(|function| function.run(until));
    futures::future::try_join_all(runs).await.unwrap();
    functions[0].run(world.now().plus(MINUTE)).await.unwrap();
    assert_eq!(world.opened().await, [2; 9]);
    assert_eq!(world.plan().await.resealing, None);
}

#[tokio::test]
async fn what_others_write_meanwhile_stays() {
    let world = World::new().await;
    world.account.clock.advance(EVERY);
    let function = undisturbed(&world.account);
    function.run(world.now().plus(MINUTE)).await.unwrap();
    world.account.clock.advance(SETTLED_AFTER);
    let (organization, integration) = (world.organization, world.integration);
    let disable = async {
        loop {
            let endpoint = world
                .store
                .endpoint(organization, integration, world.endpoint);
            let mut endpoint = endpoint.await.unwrap().unwrap();
            endpoint.item.status = EndpointStatus::Disabled;
            let update = world
                .store
                .update_endpoint(&endpoint.item, endpoint.version);
            if update.await.is_ok() {
                return;
            }
        }
    };
    let run = function.run(world.now().plus(MINUTE));
    let (report, ()) = tokio::join!(run, disable);
    assert_eq!(report.unwrap().failed, 0);
    let endpoint = world
        .store
        .endpoint(organization, integration, world.endpoint);
    let endpoint = endpoint.await.unwrap().unwrap();
    assert_eq!(endpoint.item.status, EndpointStatus::Disabled);
    world.opened().await;
}

#[tokio::test]
async fn a_record_that_was_written_since_is_not_sealed_over() {
    let world = World::new().await;
    let of = (world.organization, world.integration, world.entity.digest());
    let (sequence, read) = world.feed().await.remove(0);
    let theirs = Sealed::from_bytes(vec![1, 0, 1, 7]);
    let write = |body: Sealed| world.store.reseal_change(of, sequence, &read, body);
    assert!(write(theirs.clone()).await.unwrap());
    assert!(!write(Sealed::from_bytes(vec![1, 0, 2])).await.unwrap());
    assert_eq!(world.feed().await[0].1.body, theirs);
    // Nor is one put where there is none any more.
    let gone = world.store.reseal_change(of, 999, &read, theirs);
    assert!(!gone.await.unwrap());
    assert_eq!(world.feed().await.len(), 3);
}

#[tokio::test]
async fn an_organization_that_fails_holds_up_no_other_and_comes_again() {
    let world = World::new().await;
    world.account.clock.advance(DAY);
    let keys = world.account.data_keys();
    let other = world.account.id();
    keys.ensure(other).await.unwrap();
    world.account.clock.advance(EVERY);
    // Its first key is another organization's, and so does not open.
    let first = world.store.first_data_key(world.organization).await;
    let first = first.unwrap().unwrap();
    let theirs = world.store.data_key(other, 1).await.unwrap().unwrap();
    let write = world
        .store
        .rewrap_data_key(world.organization, &first, &theirs);
    write.await.unwrap();
    let function = undisturbed(&world.account);
    let report = function.run(world.now().plus(MINUTE)).await.unwrap();
    assert_eq!((report.failed, report.rotated), (1, 1), "{report:?}");
    let due = world.plan().await.due_at;
    assert_eq!(due, world.now().plus(MINUTE * 15));
}
