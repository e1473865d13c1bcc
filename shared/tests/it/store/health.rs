//! Roll-ups, checks, and when integrations are looked at.

use std::time::Duration;

use gatehouse::domain::Timestamp;
use gatehouse::domain::health::{
    Check, CheckKind, CheckState, CheckTrigger, Checked, RollUp, Watch, Width,
};

use super::samples::{World, at};

fn far() -> Timestamp {
    at(1_000_000_000)
}

fn roll_up(width: Width, second: u64, total: u64) -> RollUp {
    let mut roll_up = RollUp::new(width, width.start_of(at(second)));
    roll_up.requests.total = total;
    for count in 0..total {
        roll_up.requests.durations.add(count * 7);
    }
    roll_up
}

#[tokio::test]
async fn a_roll_up_reads_back_as_it_was_put_the_last_time() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    let mut put = Vec::new();
    for minute in 0..5 {
        let roll_up = roll_up(Width::Minute, minute * 60, minute + 1);
        for total in [1, minute + 1] {
            let mut first = roll_up.clone();
            first.requests.total = total;
            let putting = store.put_roll_up(organization, integration, &first, at(0));
            putting.await.unwrap();
        }
        put.push(roll_up);
    }
    let read = |width, range| store.roll_ups(organization, integration, width, range, at(0));
    let all = (at(0).minus(Duration::from_secs(60)), far());
    assert_eq!(read(Width::Minute, all).await.unwrap(), put);
    assert_eq!(read(Width::Hour, all).await.unwrap(), []);
    let some = (put[1].start, put[3].start);
    assert_eq!(read(Width::Minute, some).await.unwrap(), put[1..3]);
    assert_eq!(
        read(Width::Minute, (put[1].start, put[1].start))
            .await
            .unwrap(),
        []
    );
    let strange = store.roll_ups(world.id(), integration, Width::Minute, all, at(0));
    assert_eq!(strange.await.unwrap(), []);
}

#[tokio::test]
async fn a_roll_up_is_kept_as_long_as_its_width_says() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    for width in Width::ALL {
        let put = roll_up(width, 0, 1);
        let putting = store.put_roll_up(organization, integration, &put, at(0));
        putting.await.unwrap();
        let range = (Timestamp::UNIX_EPOCH, far());
        let end = width.kept_for().as_secs();
        for (now, found) in [(end - 1, 1), (end, 0)] {
            let read = store.roll_ups(organization, integration, width, range, at(now));
            assert_eq!(read.await.unwrap().len(), found, "{width:?}");
        }
    }
}

#[tokio::test]
async fn many_roll_ups_are_read_in_pages() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    for minute in 0..1_050 {
        let put = roll_up(Width::Minute, minute * 60, 1);
        let putting = store.put_roll_up(organization, integration, &put, at(0));
        putting.await.unwrap();
    }
    let range = (at(0).minus(Duration::from_secs(60)), far());
    let read = store.roll_ups(organization, integration, Width::Minute, range, at(0));
    let read = read.await.unwrap();
    assert_eq!(read.len(), 1_050);
    assert!(read.is_sorted_by_key(|roll_up| roll_up.start));
}

#[tokio::test]
async fn the_newest_hundred_checks_are_kept() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    let mut made = Vec::new();
    for second in 0..130 {
        let check = Check {
            id: world.id_at(at(second)),
            checked_at: at(second),
            trigger: CheckTrigger::Manual,
            found: Checked::new(CheckKind::Dns, CheckState::Passed, "code", "message"),
        };
        made.push(check);
    }
    for some in made.chunks(6) {
        let added = store.add_checks(organization, integration, some);
        added.await.unwrap();
    }
    // Adding the same again changes nothing.
    let again = store.add_checks(organization, integration, &made[125..]);
    again.await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.checks(organization, integration, (30, after), at(130));
        let page = page.await.unwrap();
        found.extend(page.items.into_iter().map(|stored| stored.item));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    made.reverse();
    assert_eq!(found, made[..100]);
    let strange = store.checks(world.id(), integration, (30, None), at(130));
    assert_eq!(strange.await.unwrap().items, []);
}

#[tokio::test]
async fn a_new_integration_is_looked_at_soon_and_has_one_entry() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    let watch = store.watch(organization, integration).await.unwrap();
    let watch = watch.unwrap().item;
    assert!(watch.due_at <= at(600));
    let due = store.due_watches(at(600), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].at, due[0].integration), (watch.due_at, integration));
    assert_eq!(
        store
            .due_watches(watch.due_at.minus(Duration::from_secs(1)), 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(store.watch(world.id(), integration).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_who_write_a_watch_one_does_and_the_index_follows() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    let before = store.watch(organization, integration).await.unwrap();
    let before = before.unwrap();
    let moved = |second| Watch {
        due_at: at(second),
        ..before.item.clone()
    };
    for (second, done) in [(5_000, true), (6_000, false)] {
        let watch = moved(second);
        let put = store.put_watch(organization, integration, &watch, Some(&before));
        assert_eq!(put.await.unwrap(), done);
    }
    let watch = moved(7_000);
    let absent = store.put_watch(organization, integration, &watch, None);
    assert!(!absent.await.unwrap());
    let due = store.due_watches(far(), 10).await.unwrap();
    assert_eq!(
        due.iter().map(|due| due.at).collect::<Vec<_>>(),
        [at(5_000)]
    );
}

#[tokio::test]
async fn a_mark_makes_a_watch_and_wakes_one_up() {
    let world = World::new().await;
    let (store, organization) = (&world.store, world.organization);
    // Of an integration that was made before there were watches.
    let old = world.id();
    store
        .mark_watch(organization, old, at(100), at(101))
        .await
        .unwrap();
    let watch = store.watch(organization, old).await.unwrap().unwrap();
    assert_eq!((watch.version, watch.item.marked_at), (1, Some(at(101))));
    store
        .mark_watch(organization, old, at(102), at(103))
        .await
        .unwrap();
    assert_eq!(
        store
            .watch(organization, old)
            .await
            .unwrap()
            .unwrap()
            .version,
        1
    );
    let due = store.due_watches(far(), 10).await.unwrap();
    let due: Vec<_> = due.iter().filter(|due| due.integration == old).collect();
    assert_eq!(due.len(), 1);
    store.drop_watch(due[0]).await.unwrap();
    store.drop_watch(due[0]).await.unwrap();
    assert_eq!(store.watch(organization, old).await.unwrap(), None);
    assert_eq!(store.due_watches(far(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn those_who_mark_at_the_same_time_hinder_nobody() {
    let world = World::new().await;
    let (store, organization, integration) = (&world.store, world.organization, world.integration);
    let marks = (0..8).map(|_| store.mark_watch(organization, integration, at(50), at(50)));
    for marked in futures::future::join_all(marks).await {
        marked.unwrap();
    }
    assert_eq!(store.due_watches(far(), 10).await.unwrap().len(), 1);
}
