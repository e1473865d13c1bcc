//! One job of a kind of record runs at a time.

use gatehouse::domain::sync::{JobStatus, SyncJob};
use gatehouse::store::{Committed, JobStart, JobWrite, StoreError, SyncJobQuery, Versioned};

use super::samples::Records;
use crate::store::faults::losing_transactions;
use crate::store::samples::at;

async fn start(records: &Records, job: &SyncJob) -> JobStart {
    let store = &records.world.store;
    let started = store.start_sync_job(records.world.organization, job, at(300));
    started.await.unwrap()
}

/// Ends a job that is in its first version.
async fn end(records: &Records, job: &SyncJob, status: JobStatus) {
    let mut set = records.set(at(1)).await;
    set.state.running = false;
    set.state.due_at = None;
    set.job = Some(JobWrite {
        job: SyncJob {
            status,
            ended_at: Some(at(1)),
            ..job.clone()
        },
        version: 1,
        expires_at: Some(at(100)),
    });
    records.commit(&set).await;
}

#[tokio::test]
async fn of_those_who_start_at_the_same_time_one_does_and_the_others_get_its_job() {
    let records = Records::new().await;
    let jobs: Vec<SyncJob> = (0..5).map(|_| records.job()).collect();
    let starts = jobs.iter().map(|job| start(&records, job));
    let starts = futures::future::join_all(starts).await;
    let of_started = |(job, start): (&SyncJob, &JobStart)| {
        matches!(start, JobStart::Started).then(|| job.clone())
    };
    let started: Vec<SyncJob> = jobs.iter().zip(&starts).filter_map(of_started).collect();
    let [winner] = started.as_slice() else {
        panic!("{} have started", started.len());
    };
    let running = JobStart::Running(Box::new(Versioned::new(winner.clone(), 1)));
    assert_eq!(starts.iter().filter(|start| **start == running).count(), 4);
    let state = records.state().await.item;
    assert_eq!((state.job, state.running), (Some(winner.id), true));
    assert_eq!(state.due_at, Some(at(300)));
    let due = records.world.store.due_syncs(at(300), 10).await.unwrap();
    assert_eq!(due.len(), 1);
}

#[tokio::test]
async fn the_next_job_starts_once_the_one_before_has_ended() {
    let records = Records::new().await;
    let (first, second) = (records.job(), records.job());
    assert_eq!(start(&records, &first).await, JobStart::Started);
    assert!(matches!(
        start(&records, &second).await,
        JobStart::Running(_)
    ));
    end(&records, &first, JobStatus::Completed).await;
    assert_eq!(start(&records, &second).await, JobStart::Started);
    assert_eq!(records.state().await.item.job, Some(second.id));
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_has_started_its_own_job() {
    let records = Records::new().await;
    let job = records.job();
    let store = losing_transactions(&records.world, 1);
    let started = store.start_sync_job(records.world.organization, &job, at(300));
    assert_eq!(started.await.unwrap(), JobStart::Started);
    // Nor does it start twice, if all answers were lost and it is asked for again.
    assert_eq!(start(&records, &job).await, JobStart::Started);
    assert_eq!(records.state().await.version, 1);
}

#[tokio::test]
async fn what_else_is_said_of_a_job_is_said_by_one_at_a_time() {
    let records = Records::new().await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let mut job = records.job();
    let store = &records.world.store;
    let missing = store.update_sync_job(organization, &job, 1, None).await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))));
    start(&records, &job).await;
    job.failures = 1;
    let update = |expected| store.update_sync_job(organization, &job, expected, None);
    assert!(matches!(update(0).await, Err(StoreError::NotFound(_))));
    assert!(matches!(update(2).await, Err(StoreError::Conflict)));
    assert_eq!(update(1).await.unwrap(), 2);
    assert!(matches!(update(1).await, Err(StoreError::Conflict)));
    let found = store
        .sync_job(organization, integration, job.id, at(0))
        .await;
    assert_eq!(found.unwrap().unwrap().item, job);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_until_they_expire() {
    let records = Records::new().await;
    let (organization, integration) = (records.world.organization, records.world.integration);
    let mut ids = Vec::new();
    for round in 0..5 {
        let job = records.job();
        start(&records, &job).await;
        ids.push(job.id);
        if round < 4 {
            let failed = round % 2 == 1;
            let status = if failed {
                JobStatus::Failed
            } else {
                JobStatus::Completed
            };
            end(&records, &job, status).await;
        }
    }
    ids.reverse();
    let store = &records.world.store;
    let list = async |status, entity: Option<&str>, second| {
        let mut query = SyncJobQuery {
            entity: entity.map(|entity| entity.parse().unwrap()),
            status,
            limit: 2,
            after: None,
            now: at(second),
        };
        let mut found = Vec::new();
        loop {
            let page = store
                .sync_jobs(organization, integration, &query)
                .await
                .unwrap();
            assert!(page.items.len() <= 2);
            found.extend(page.items.iter().map(|job| job.item.id));
            query.after = page.next;
            if page.next.is_none() {
                return found;
            }
        }
    };
    assert_eq!(list(None, None, 99).await, ids);
    assert_eq!(list(None, Some("contacts"), 100).await, ids[..1]);
    assert_eq!(list(None, Some("deals"), 99).await, []);
    assert_eq!(
        list(Some(JobStatus::Failed), None, 99).await,
        [ids[1], ids[3]]
    );
    let found = store
        .sync_job(organization, integration, ids[1], at(100))
        .await;
    assert_eq!(found.unwrap(), None);
}

#[tokio::test]
async fn a_job_that_has_moved_ends_once() {
    let records = Records::new().await;
    let job = records.started().await;
    let mut set = records.set(at(1)).await;
    set.state.running = false;
    set.job = Some(job);
    records.commit(&set).await;
    let mut again = records.set(at(2)).await;
    again.job = set.job.clone();
    let committed = records.world.store.commit_changes(&again).await.unwrap();
    assert_eq!(committed, Committed::JobMoved);
}
