//! For how long an organization keeps what has ended.

use gatehouse::domain::sync::{ConflictStatus, JobStatus, RecordRetention};
use gatehouse::store::StoreError;

use super::samples::Records;
use crate::store::samples::at;

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn what_ends_is_kept_for_as_long_as_its_organization_says() {
    let records = Records::new().await;
    let (world, store) = (&records.world, &records.world.store);
    let days = RecordRetention { days: Some(2) };
    let said = store.replace_record_retention(world.organization, days, 0);
    assert_eq!(said.await.unwrap(), 1);
    records.write(&[1, 2], 0).await;

    let mut set = records.set(at(10)).await;
    let mut job = records.started().await;
    job.job.status = JobStatus::Completed;
    job.expires_at = Some(at(20));
    set.job = Some(job);
    let mut conflict = records.conflict(1);
    conflict.conflict.status = ConflictStatus::Obsolete;
    conflict.expires_at = Some(at(20));
    set.conflicts.push(conflict);
    let open = records.conflict(2);
    set.conflicts.push(open);
    store.keep_as_wanted(&mut set).await.unwrap();
    let end = Some(at(10 + 2 * DAY));
    assert_eq!(set.job.unwrap().expires_at, end);
    let conflicts: Vec<_> = set.conflicts.iter().map(|write| write.expires_at).collect();
    assert_eq!(conflicts, [end, None]);
}

#[tokio::test]
async fn what_others_say_and_what_does_not_end_changes_nothing() {
    let records = Records::new().await;
    let (world, store) = (&records.world, &records.world.store);
    let days = |days| RecordRetention { days };
    let other = store.replace_record_retention(Records::stranger(), days(Some(9)), 0);
    other.await.unwrap();
    let mut set = records.set(at(10)).await;
    let mut conflict = records.conflict(1);
    conflict.expires_at = Some(at(20));
    set.conflicts.push(conflict);
    let before = set.clone();
    store.keep_as_wanted(&mut set).await.unwrap();
    assert_eq!(set, before);
    // Nothing said, any more.
    let organization = world.organization;
    let said = store.replace_record_retention(organization, days(Some(9)), 0);
    said.await.unwrap();
    let unsaid = store.replace_record_retention(organization, days(None), 1);
    assert_eq!(unsaid.await.unwrap(), 2);
    store.keep_as_wanted(&mut set).await.unwrap();
    assert_eq!(set, before);
    let late = store.replace_record_retention(organization, days(Some(1)), 1);
    assert!(matches!(late.await, Err(StoreError::Conflict)));
    let said = store.record_retention(organization).await.unwrap();
    assert_eq!((said.version, said.item), (2, days(None)));
}
