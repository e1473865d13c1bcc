//! The feed: each record once, at its newest change.

use std::collections::BTreeMap;

use gatehouse::domain::Timestamp;
use gatehouse::domain::sync::{RecordChange, record_digest};

use super::samples::{Records, digest};
use crate::store::samples::at;

fn records_of(feed: &[(u64, RecordChange)]) -> Vec<String> {
    feed.iter()
        .map(|(_, change)| change.digest.clone())
        .collect()
}

#[tokio::test]
async fn each_record_stands_once_where_it_last_changed() {
    let records = Records::new().await;
    records.write(&[1, 2, 3, 4, 5], 0).await;
    records.write(&[2], 1).await;
    records.delete(&[4], 2).await;
    records.write(&[2], 3).await;
    let feed = records.feed(0, None, 3).await;
    let expected = [1, 3, 5, 4, 2].map(|record| digest(record).to_string());
    assert_eq!(records_of(&feed), expected);
    let sequences: Vec<u64> = feed.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [1, 3, 5, 7, 8]);
    assert_eq!(feed[4].1.version, 3);
    assert!(feed[3].1.deleted);
    assert_eq!(records.feed(5, None, 3).await, feed[3..]);
    assert_eq!(records.feed(8, None, 3).await, []);
}

#[tokio::test]
async fn who_reads_up_to_what_was_there_reads_no_record_twice_and_then_on_misses_none() {
    let records = Records::new().await;
    records.write(&[1, 2, 3, 4, 5, 6, 7], 0).await;
    let up_to = records.state().await.item.sequence;
    let first = records.feed(0, Some(3), 0).await;
    records.write(&[1, 6], 1).await;
    let rest = records.feed(3, Some(up_to), 1).await;
    let then = records.feed(up_to, None, 1).await;
    let mut found = records_of(&first);
    found.extend(records_of(&rest));
    assert_eq!(
        found,
        [1, 2, 3, 4, 5, 7].map(|record| digest(record).to_string())
    );
    assert_eq!(
        records_of(&then),
        [1, 6].map(|record| digest(record).to_string())
    );
    assert_eq!(records.feed(5, Some(3), 1).await, []);
}

/// What the search has to find: the number of the last change up to the instant, of those that stand
/// in the feed. Any number between it and the next one does as well.
fn brute_force(feed: &[(u64, RecordChange)], instant: Timestamp) -> u64 {
    let up_to = feed
        .iter()
        .filter(|(_, change)| change.changed_at <= instant);
    up_to.map(|(sequence, _)| *sequence).max().unwrap_or(0)
}

#[tokio::test]
async fn an_instant_is_found_in_the_feed() {
    let records = Records::new().await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let search = |second| store.sequence_at(organization, integration, &records.entity, at(second));
    assert_eq!(search(5).await.unwrap(), 0);
    // Records that move leave gaps, several change at one instant, and the clock goes back once.
    for (number, second) in [10, 10, 20, 21, 30, 29, 30, 50].into_iter().enumerate() {
        let changed: Vec<u64> = (0..7)
            .map(|record| record * (number as u64 + 1) % 23)
            .collect();
        let distinct: std::collections::BTreeSet<u64> = changed.into_iter().collect();
        let distinct: Vec<u64> = distinct.into_iter().collect();
        records.write(&distinct, second).await;
    }
    let feed = records.feed(0, None, 60).await;
    for second in 0..60 {
        let found = search(second).await.unwrap();
        assert_eq!(found, brute_force(&feed, at(second)), "{second}");
        let later = records.feed(found, None, 60).await;
        assert!(
            later
                .iter()
                .all(|(_, change)| change.changed_at > at(second))
        );
    }
}

#[tokio::test]
async fn every_record_can_be_read_with_what_it_holds() {
    let records = Records::new().await;
    records.write(&[1, 2], 0).await;
    records.write(&[1], 1).await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let store = &records.world.store;
    let feed: BTreeMap<String, u64> = records
        .feed(0, None, 1)
        .await
        .into_iter()
        .map(|(sequence, change)| (change.digest, sequence))
        .collect();
    for number in [1, 2] {
        let record = store.record(
            organization,
            integration,
            &records.entity,
            digest(number),
            at(1),
        );
        let record = record.await.unwrap().unwrap();
        assert_eq!(record.change.digest, digest(number).to_string());
        assert_eq!(record.change.version, record.head.item.version);
        assert_eq!(feed[&record.change.digest], record.head.item.sequence);
    }
    let absent = record_digest("absent");
    let record = store.record(organization, integration, &records.entity, absent, at(1));
    assert_eq!(record.await.unwrap(), None);
    let changes = store.record_changes(organization, integration, &records.entity, &[1, 2, 3]);
    let found: Vec<bool> = changes.await.unwrap().iter().map(Option::is_some).collect();
    assert_eq!(found, [false, true, true]);
}

#[tokio::test]
async fn another_organization_or_integration_or_kind_finds_nothing() {
    let records = Records::new().await;
    records.write(&[1], 0).await;
    let job = records.started().await.job;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let others = [
        (Records::stranger(), integration, "contacts"),
        (organization, records.world.id(), "contacts"),
        (organization, integration, "deals"),
    ];
    let store = &records.world.store;
    for (organization, integration, entity) in others {
        let entity = &entity.parse().unwrap();
        let state = store.entity_state(organization, integration, entity).await;
        assert_eq!(state.unwrap().version, 0);
        let digests = [digest(1)];
        let heads = store.record_heads(organization, integration, entity, &digests, at(0));
        assert_eq!(heads.await.unwrap(), [None]);
        let record = store.record(organization, integration, entity, digest(1), at(0));
        assert_eq!(record.await.unwrap(), None);
        let changes = store.record_changes(organization, integration, entity, &[1]);
        assert_eq!(changes.await.unwrap(), [None]);
        let sequence = store.sequence_at(organization, integration, entity, at(9));
        assert_eq!(sequence.await.unwrap(), 0);
    }
    for (organization, integration, _) in &others[..2] {
        let found = store.sync_job(*organization, *integration, job.id, at(0));
        assert_eq!(found.await.unwrap(), None);
        let states = store.entity_states(*organization, *integration);
        assert_eq!(states.await.unwrap(), []);
    }
}
