//! Two writers of the same records, in any order of their reading and writing.

use gatehouse::store::{ChangeSet, Committed, HeadQuery, RECORD_SHARDS};
use proptest::prelude::*;

use super::samples::{Records, change};
use crate::store::samples::at;

/// What a writer does next: it reads some records and decides, or writes what it has decided.
#[derive(Clone, Debug)]
struct Step {
    writer: usize,
    /// The records, and whether each is there afterwards.
    changes: Vec<(u64, bool)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let changes = prop::collection::btree_map(0_u64..6, any::<bool>(), 1..4);
    let step = (0_usize..2, changes).prop_map(|(writer, changes)| Step {
        writer,
        changes: changes.into_iter().collect(),
    });
    prop::collection::vec(step, 1..40)
}

/// Lets the writers go, and says how often one was too late.
async fn run(records: &Records, steps: Vec<Step>) -> usize {
    let mut decided: [Option<ChangeSet>; 2] = [None, None];
    let mut late = 0;
    for (second, step) in (0..).zip(steps) {
        let Some(set) = decided[step.writer].take() else {
            let mut set = records.set(at(second)).await;
            let numbers: Vec<u64> = step.changes.iter().map(|(record, _)| *record).collect();
            let heads = records.heads(&numbers, at(second)).await;
            for ((record, is_there), head) in step.changes.into_iter().zip(heads) {
                change(&mut set, record, head, is_there);
            }
            decided[step.writer] = Some(set);
            continue;
        };
        match records.world.store.commit_changes(&set).await.unwrap() {
            Committed::Done(_) => {}
            Committed::StateMoved => late += 1,
            other => panic!("{other:?}"),
        }
    }
    late
}

/// The state counts the records that are there, and the feed has what the heads say.
async fn check(records: &Records) {
    let (organization, integration) = (records.world.organization, records.world.integration);
    let mut heads = Vec::new();
    for shard in 0..RECORD_SHARDS {
        let query = HeadQuery {
            shard,
            limit: 100,
            after: None,
            now: at(0),
        };
        let store = &records.world.store;
        let page = store.record_heads_of(organization, integration, &records.entity, query);
        heads.extend(page.await.unwrap().items);
    }
    let state = records.state().await.item;
    let there = heads.iter().filter(|(_, head)| !head.item.deleted).count();
    assert_eq!(state.records, there as u64);
    let mut of_heads: Vec<(u64, String, u64, bool)> = heads
        .iter()
        .map(|(record, head)| {
            let head = &head.item;
            (
                head.sequence,
                record.to_string(),
                head.version,
                head.deleted,
            )
        })
        .collect();
    of_heads.sort();
    let feed = records.feed(0, None, 0).await.into_iter();
    let of_feed: Vec<(u64, String, u64, bool)> = feed
        .map(|(sequence, change)| (sequence, change.digest, change.version, change.deleted))
        .collect();
    assert_eq!(of_feed, of_heads);
    assert!(
        of_feed
            .iter()
            .all(|(sequence, ..)| *sequence <= state.sequence)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn heads_feed_and_count_agree_whatever_two_writers_do(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let records = Records::new().await;
            run(&records, steps).await;
            check(&records).await;
        });
    }
}

#[tokio::test]
async fn who_decides_on_what_has_passed_is_too_late() {
    let records = Records::new().await;
    let step = |writer, record| Step {
        writer,
        changes: vec![(record, true)],
    };
    // Both read, both write: the second one is told, though it changes another record.
    let steps = vec![step(0, 1), step(1, 2), step(0, 1), step(1, 2)];
    assert_eq!(run(&records, steps).await, 1);
    check(&records).await;
    let heads = records.heads(&[1, 2], at(0)).await;
    assert_eq!(
        heads.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false]
    );
}
