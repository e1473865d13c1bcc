//! What a run has seen, and what it missed.

use gatehouse::domain::{Digest, SyncJobId};
use gatehouse::store::{MissingPage, MissingRecord, SeenPage};

use super::samples::{Records, digest};
use crate::store::samples::at;

async fn see(records: &Records, job: SyncJobId, page: u64, seen: Vec<Digest>) {
    let mut set = records.set(at(0)).await;
    set.seen = Some(SeenPage {
        job,
        page,
        records: seen,
    });
    records.commit(&set).await;
}

#[tokio::test]
async fn all_that_the_pages_had_is_known_and_nothing_else() {
    let records = Records::new().await;
    let organization = records.world.organization;
    let (job, other) = (records.world.id(), records.world.id());
    let store = &records.world.store;
    assert!(
        store
            .seen_records(organization, job)
            .await
            .unwrap()
            .is_empty()
    );
    for page in 0..12 {
        see(
            &records,
            job,
            page,
            (page * 10..page * 10 + 12).map(digest).collect(),
        )
        .await;
    }
    // A page that is read again stands for what it has now.
    see(&records, job, 11, vec![digest(500)]).await;
    see(&records, other, 0, vec![digest(700)]).await;
    let seen = store.seen_records(organization, job).await.unwrap();
    assert_eq!(seen.len(), 113);
    for record in 0..800 {
        let expected = record < 112 || record == 500;
        assert_eq!(seen.contains(&digest(record)), expected, "{record}");
    }
    let stranger = store.seen_records(Records::stranger(), job).await;
    assert!(stranger.unwrap().is_empty());
}

#[tokio::test]
async fn more_than_one_answer_holds_is_seen_whole() {
    let records = Records::new().await;
    let job = records.world.id();
    for page in 0..5 {
        let from = page * 18_000;
        see(
            &records,
            job,
            page,
            (from..from + 18_000).map(digest).collect(),
        )
        .await;
    }
    let seen = records
        .world
        .store
        .seen_records(records.world.organization, job);
    let seen = seen.await.unwrap();
    assert_eq!(seen.len(), 90_000);
    assert!(seen.contains(&digest(89_999)) && !seen.contains(&digest(90_000)));
}

#[tokio::test]
async fn what_was_missed_comes_page_after_page() {
    let records = Records::new().await;
    let organization = records.world.organization;
    let job = records.world.id();
    let page = |number: u64| MissingPage {
        job,
        page: number,
        records: (0..number)
            .map(|record| MissingRecord {
                record: digest(record),
                version: u64::MAX - record,
            })
            .collect(),
    };
    for number in [3, 7] {
        let mut set = records.set(at(0)).await;
        set.missing = Some(page(number));
        records.commit(&set).await;
    }
    let store = &records.world.store;
    for (from, expected) in [(0, Some(3)), (3, Some(3)), (4, Some(7)), (8, None)] {
        let found = store
            .missing_records(organization, job, from)
            .await
            .unwrap();
        assert_eq!(found, expected.map(page), "{from}");
    }
    let beyond = store.missing_records(organization, job, u64::MAX).await;
    assert_eq!(beyond.unwrap(), None);
    let stranger = store.missing_records(Records::stranger(), job, 0).await;
    assert_eq!(stranger.unwrap(), None);
}
