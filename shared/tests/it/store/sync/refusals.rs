//! What a set of changes is refused for: then nothing of it is written.

use std::time::Duration;

use gatehouse::domain::Sealed;
use gatehouse::store::{
    ChangeSet, Committed, MAX_CHANGES, MAX_RECORD_BYTES, MissingPage, RecordWrite, SeenPage,
    StoreError,
};

use super::samples::{Records, change, digest};
use crate::store::samples::at;

/// A set that everything is in: the step of a job that changes records 1 to 3, and settles a conflict.
async fn whole(records: &Records) -> ChangeSet {
    records.write(&[1, 2], 0).await;
    let mut opening = records.conflict(1);
    let mut set = records.set(at(0)).await;
    set.conflicts.push(opening.clone());
    records.commit(&set).await;
    let job = records.started().await;
    let mut set = records.set(at(1)).await;
    for (record, head) in [1, 2, 3]
        .into_iter()
        .zip(records.heads(&[1, 2, 3], at(1)).await)
    {
        change(&mut set, record, head, true);
    }
    let id = job.job.id;
    set.job = Some(job);
    set.seen = Some(SeenPage {
        job: id,
        page: 1,
        records: vec![digest(1)],
    });
    set.missing = Some(MissingPage {
        job: id,
        page: 1,
        records: Vec::new(),
    });
    opening.version = 1;
    set.conflicts.push(opening);
    set.state.due_at = Some(at(900));
    set
}

fn before(write: &mut RecordWrite) -> &mut u64 {
    &mut write.before.as_mut().unwrap().version
}

#[tokio::test]
async fn each_fence_holds_and_nothing_is_written() {
    type Move = fn(&mut ChangeSet);
    let moves: [(Move, Committed); 10] = [
        (
            |set| set.job.as_mut().unwrap().version = 2,
            Committed::JobMoved,
        ),
        (
            |set| set.job.as_mut().unwrap().version = 0,
            Committed::JobMoved,
        ),
        (|set| set.before.version += 1, Committed::StateMoved),
        (|set| set.before.version = 0, Committed::StateMoved),
        (
            |set| *before(&mut set.changes[0]) += 1,
            Committed::RecordMoved(0),
        ),
        (
            |set| *before(&mut set.changes[1]) += 1,
            Committed::RecordMoved(1),
        ),
        (|set| set.conflicts[0].version = 0, Committed::StateMoved),
        (|set| set.conflicts[0].version = 2, Committed::StateMoved),
        // Of several fences the one that says most is told.
        (
            |set| {
                *before(&mut set.changes[1]) += 1;
                set.before.version += 1;
            },
            Committed::StateMoved,
        ),
        (
            |set| {
                set.before.version += 1;
                set.job.as_mut().unwrap().version += 1;
            },
            Committed::JobMoved,
        ),
    ];
    let records = Records::new().await;
    let set = whole(&records).await;
    let dump = records.dump().await;
    for (index, (spoil, expected)) in moves.into_iter().enumerate() {
        let mut spoiled = set.clone();
        spoil(&mut spoiled);
        let committed = records.world.store.commit_changes(&spoiled).await.unwrap();
        assert_eq!(committed, expected, "{index}");
        assert_eq!(records.dump().await, dump, "{index}");
    }
    records.commit(&set).await;
    assert_ne!(records.dump().await, dump);
}

#[tokio::test]
async fn a_record_that_is_there_is_not_written_as_a_new_one() {
    let records = Records::new().await;
    records.write(&[1], 0).await;
    let dump = records.dump().await;
    let mut set = records.set(at(1)).await;
    change(&mut set, 2, None, true);
    change(&mut set, 1, None, true);
    let committed = records.world.store.commit_changes(&set).await.unwrap();
    assert_eq!(committed, Committed::RecordMoved(1));
    assert_eq!(records.dump().await, dump);
}

#[tokio::test]
async fn a_step_is_committed_once_however_often_it_is_done() {
    let records = Records::new().await;
    let set = whole(&records).await;
    records.commit(&set).await;
    let dump = records.dump().await;
    let again = records.world.store.commit_changes(&set).await.unwrap();
    assert_eq!(again, Committed::JobMoved);
    assert_eq!(records.dump().await, dump);
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_before_it_is_sent() {
    type Spoil = fn(&mut ChangeSet);
    let spoilings: [Spoil; 16] = [
        |set| set.state.records += 1,
        |set| set.state.records = 0,
        |set| set.state.sequence -= 1,
        |set| set.state.changed_at = Some(at(0)),
        |set| set.state.entity = "others".parse().unwrap(),
        |set| set.changes[0].head.sequence = 2,
        |set| set.changes[0].head.sequence = set.changes[1].head.sequence,
        |set| set.changes[1].change.as_mut().unwrap().changed_at = at(9),
        |set| {
            set.changes[0].change.as_mut().unwrap().changed_at = at(0).minus(Duration::from_secs(1))
        },
        |set| set.changes[0].change.as_mut().unwrap().version = 9,
        |set| set.changes[0].change.as_mut().unwrap().deleted = true,
        |set| set.changes[0].change.as_mut().unwrap().digest = digest(9).to_string(),
        |set| set.changes[0].change = None,
        |set| set.changes[0].record = digest(2),
        |set| set.job.as_mut().unwrap().job.organization_id = Records::stranger(),
        |set| set.conflicts[0].conflict.entity = "others".parse().unwrap(),
    ];
    let records = Records::new().await;
    let set = whole(&records).await;
    let dump = records.dump().await;
    for (index, spoil) in spoilings.into_iter().enumerate() {
        let mut spoiled = set.clone();
        spoil(&mut spoiled);
        let refused = records.world.store.commit_changes(&spoiled).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "{index}");
    }
    assert_eq!(records.dump().await, dump);
}

#[tokio::test]
async fn a_set_of_too_much_is_refused_before_it_is_sent() {
    let records = Records::new().await;
    let body = |set: &mut ChangeSet, bytes| {
        let write = set.changes.last_mut().unwrap().change.as_mut().unwrap();
        write.body = Sealed::from_bytes(vec![0; bytes]);
    };
    let mut large = records.set(at(0)).await;
    change(&mut large, 1, None, true);
    body(&mut large, MAX_RECORD_BYTES + 1);
    let mut heavy = records.set(at(0)).await;
    for record in 0..12 {
        change(&mut heavy, record, None, true);
        body(&mut heavy, MAX_RECORD_BYTES);
    }
    let dump = records.dump().await;
    for (set, limit) in [(large, MAX_RECORD_BYTES as u64), (heavy, 3_500_000)] {
        match records.world.store.commit_changes(&set).await {
            Err(StoreError::TooLarge { limit_bytes }) => assert_eq!(limit_bytes, limit),
            other => panic!("{other:?}"),
        }
    }
    let mut many = records.set(at(0)).await;
    for record in 0..=MAX_CHANGES {
        change(&mut many, record as u64, None, true);
    }
    let mut conflicts = records.set(at(0)).await;
    conflicts.conflicts = (0..95).map(|record| records.conflict(record)).collect();
    for set in [many, conflicts] {
        let refused = records.world.store.commit_changes(&set).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))));
    }
    assert_eq!(records.dump().await, dump);
}
