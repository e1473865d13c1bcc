//! What a set of changes writes.

use gatehouse::domain::sync::ConflictStatus;
use gatehouse::store::{
    Committed, CommittedVersions, ConflictQuery, MAX_CHANGES, MAX_RECORD_BYTES, MissingPage,
    MissingRecord, SeenPage,
};

use super::samples::{Records, change, digest};
use crate::store::faults::losing_transactions;
use crate::store::samples::at;

const ALL: [u64; MAX_CHANGES] = {
    let mut all = [0; MAX_CHANGES];
    let mut index = 0;
    while index < MAX_CHANGES {
        all[index] = index as u64;
        index += 1;
    }
    all
};

#[tokio::test]
async fn the_largest_set_is_one_transaction() {
    let records = Records::new().await;
    records.write(&ALL, 0).await;
    let job = records.started().await;
    let mut set = records.set(at(1)).await;
    for (record, head) in ALL.iter().zip(records.heads(&ALL, at(1)).await) {
        change(&mut set, *record, head, true);
    }
    let id = job.job.id;
    set.job = Some(job);
    set.seen = Some(SeenPage {
        job: id,
        page: 0,
        records: ALL.map(digest).to_vec(),
    });
    let missing = MissingRecord {
        record: digest(99),
        version: 7,
    };
    set.missing = Some(MissingPage {
        job: id,
        page: 0,
        records: vec![missing],
    });
    // Beside these there is room for two links.
    set.conflicts = (0..2).map(|record| records.conflict(record)).collect();
    set.state.due_at = Some(at(60));
    let versions = records.commit(&set).await;
    assert_eq!(versions, CommittedVersions { state: 3, job: 2 });

    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    assert_eq!(records.state().await.item, set.state);
    let found = store.sync_job(organization, integration, id, at(1)).await;
    assert_eq!(found.unwrap().unwrap().item.step, 1);
    let seen = store.seen_records(organization, id).await.unwrap();
    assert!(ALL.iter().all(|record| seen.contains(&digest(*record))));
    let found = store.missing_records(organization, id, 0).await.unwrap();
    assert_eq!(found, set.missing);
    let due = store.due_syncs(at(99), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.at).collect::<Vec<_>>(), [at(60)]);
    let feed = records.feed(0, None, 1).await;
    let sequences: Vec<u64> = feed.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (31..=60).collect::<Vec<u64>>());
    for (record, head) in ALL.iter().zip(records.heads(&ALL, at(1)).await) {
        assert_eq!(head.unwrap().version, 2, "{record}");
    }
    let query = ConflictQuery {
        entity: Some(records.entity.clone()),
        status: Some(ConflictStatus::Open),
        limit: 1,
        after: None,
        now: at(1),
    };
    let page = store.record_conflicts(organization, integration, &query);
    let page = page.await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (1, true));
}

#[tokio::test]
async fn a_set_says_what_still_fits() {
    let records = Records::new().await;
    let mut set = records.set(at(0)).await;
    let conflict = records.conflict(0);
    let room = |set: &gatehouse::store::ChangeSet| set.has_room_for(3, Some(&conflict.conflict));
    let mut record = 0;
    while room(&set) {
        change(&mut set, record, None, true);
        set.conflicts.push(records.conflict(record));
        record += 1;
    }
    // Four operations of each, and eight of what else there may be, of a hundred.
    assert_eq!(record, 23);
    while set.has_room_for(3, None) {
        change(&mut set, record, None, true);
        record += 1;
    }
    assert_eq!(record, 23);
    records.commit(&set).await;

    let mut set = records.set(at(0)).await;
    while set.has_room_for(MAX_RECORD_BYTES, None) {
        change(&mut set, record, None, true);
        let write = set.changes.last_mut().unwrap().change.as_mut().unwrap();
        write.body = gatehouse::domain::Sealed::from_bytes(vec![7; MAX_RECORD_BYTES]);
        record += 1;
    }
    assert_eq!(set.changes.len(), 11);
    records.commit(&set).await;
}

#[tokio::test]
async fn a_step_that_changes_nothing_leaves_the_state_as_it_is() {
    let records = Records::new().await;
    let job = records.started().await;
    let mut set = records.set(at(1)).await;
    set.job = Some(job);
    let before = set.before.clone();
    let versions = records.commit(&set).await;
    assert_eq!(versions, CommittedVersions { state: 1, job: 2 });
    assert_eq!(records.state().await, before);
    // Nothing at all is nothing, too.
    set.job = None;
    assert_eq!(records.commit(&set).await.state, 1);
}

#[tokio::test]
async fn a_record_can_change_without_moving_in_the_feed() {
    let records = Records::new().await;
    records.write(&[1, 2], 0).await;
    let before = records.head(1, at(1)).await.unwrap();
    let feed = records.feed(0, None, 1).await;
    let mut set = records.set(at(1)).await;
    let mut head = before.item.clone();
    head.pending = true;
    set.changes.push(gatehouse::store::RecordWrite {
        record: digest(1),
        before: Some(before),
        head: head.clone(),
        change: None,
        expires_at: None,
    });
    records.commit(&set).await;
    let found = records.head(1, at(1)).await.unwrap();
    assert_eq!((found.item, found.version), (head, 2));
    assert_eq!(records.feed(0, None, 1).await, feed);
    // What is sealed there can be replaced, too.
    let mut change = feed[0].1.clone();
    change.body = gatehouse::domain::Sealed::from_bytes(vec![9]);
    let mut set = records.set(at(2)).await;
    let before = records.head(1, at(2)).await;
    set.changes.push(gatehouse::store::RecordWrite {
        record: digest(1),
        head: before.clone().unwrap().item,
        before,
        change: Some(change.clone()),
        expires_at: None,
    });
    records.commit(&set).await;
    assert_eq!(
        records.feed(0, None, 2).await,
        [(1, change), feed[1].clone()]
    );
}

#[tokio::test]
async fn a_deleted_record_is_as_if_it_had_never_been_once_it_has_expired() {
    let records = Records::new().await;
    records.write(&[1, 2], 0).await;
    records.delete(&[1], 10).await;
    assert_eq!(records.state().await.item.records, 1);
    let tombstone = records.head(1, at(3_609)).await.unwrap();
    assert!(tombstone.item.deleted);
    assert_eq!(records.feed(0, None, 3_609).await.len(), 2);
    assert_eq!(records.head(1, at(3_610)).await, None);
    assert_eq!(records.feed(0, None, 3_610).await.len(), 1);
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let read = |second| {
        store.record(
            organization,
            integration,
            &records.entity,
            digest(1),
            at(second),
        )
    };
    assert!(read(3_609).await.unwrap().unwrap().change.deleted);
    assert_eq!(read(3_610).await.unwrap(), None);
    // Whoever sees it as absent can write it before its time only if it is.
    let mut early = records.set(at(3_609)).await;
    change(&mut early, 1, None, true);
    let refused = store.commit_changes(&early).await.unwrap();
    assert_eq!(refused, Committed::RecordMoved(0));
    let mut late = records.set(at(3_610)).await;
    change(&mut late, 1, None, true);
    records.commit(&late).await;
    let again = records.head(1, at(9_999)).await.unwrap();
    assert_eq!((again.version, again.item.deleted), (1, false));
    assert_eq!(records.state().await.item.records, 2);
}

#[tokio::test]
async fn a_set_whose_answer_is_lost_is_written_once() {
    let records = Records::new().await;
    let mut set = records.set(at(0)).await;
    change(&mut set, 1, None, true);
    let committed = losing_transactions(&records.world, 1)
        .commit_changes(&set)
        .await;
    // DynamoDB recognises the repetition. Where it does not, the set is found to have moved.
    let committed = committed.unwrap();
    assert!(
        matches!(committed, Committed::Done(_) | Committed::StateMoved),
        "{committed:?}"
    );
    let state = records.state().await;
    assert_eq!((state.version, state.item), (1, set.state));
    assert_eq!(records.feed(0, None, 0).await.len(), 1);
}

#[tokio::test]
async fn a_conflict_is_settled_with_its_record() {
    let records = Records::new().await;
    let mut opening = records.conflict(1);
    let mut set = records.set(at(0)).await;
    change(&mut set, 1, None, true);
    set.changes[0].head.conflict = Some(opening.conflict.id);
    set.conflicts.push(opening.clone());
    records.commit(&set).await;

    let mut set = records.set(at(1)).await;
    change(&mut set, 1, records.head(1, at(1)).await, true);
    opening.conflict.status = ConflictStatus::Resolved;
    opening.conflict.resolved_by = Some("me".to_owned());
    opening.version = 1;
    opening.expires_at = Some(at(100));
    set.conflicts.push(opening.clone());
    records.commit(&set).await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let read =
        |second| store.record_conflict(organization, integration, opening.conflict.id, at(second));
    let found = read(99).await.unwrap().unwrap();
    assert_eq!((found.item, found.version), (opening.conflict.clone(), 2));
    assert_eq!(read(100).await.unwrap(), None);
}
