//! Records of one kind, with sane defaults.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use gatehouse::domain::sync::{
    ChangeOrigin, ConflictStatus, EntityName, EntityState, JobCounts, JobStatus, PagePosition,
    RecordChange, RecordConflict, RecordHead, SchemaSeen, SyncJob, SyncPhase, SyncTrigger,
    SyncType, record_digest,
};
use gatehouse::domain::{Digest, OrganizationId, Sealed, Timestamp};
use gatehouse::store::{
    ChangeSet, Committed, CommittedVersions, ConflictWrite, FeedQuery, JobWrite, RecordWrite,
    Versioned,
};

use crate::store::samples::{World, at, start};

/// A world with a kind of record.
pub(super) struct Records {
    pub(super) world: World,
    pub(super) entity: EntityName,
}

/// The digest of the record with this number.
pub(super) fn digest(record: u64) -> Digest {
    record_digest(&record.to_string())
}

/// Writes a record of `set` anew, or deletes it: then until an hour later.
pub(super) fn change(
    set: &mut ChangeSet,
    record: u64,
    before: Option<Versioned<RecordHead>>,
    is_there: bool,
) {
    let was_there = RecordHead::is_there(before.as_ref().map(|before| &before.item));
    let (sequence, changed_at) = set.state.take_change(was_there, is_there, set.now);
    let version = before.as_ref().map_or(0, |before| before.item.version) + 1;
    let head = RecordHead {
        sequence,
        version,
        source_hash: format!("{version}"),
        deleted: !is_there,
        source_version: None,
        observed_at: set.now,
        pending: false,
        conflict: None,
    };
    let change = RecordChange {
        digest: digest(record).to_string(),
        version,
        deleted: !is_there,
        origin: ChangeOrigin::Sync,
        created_at: changed_at,
        changed_at,
        body: Sealed::from_bytes(vec![1, 2, 3]),
    };
    set.changes.push(RecordWrite {
        record: digest(record),
        before,
        head,
        change: Some(change),
        expires_at: (!is_there).then(|| set.now.plus(std::time::Duration::from_secs(3_600))),
    });
}

impl Records {
    pub(super) async fn new() -> Self {
        Self {
            world: World::new().await,
            entity: "contacts".parse().unwrap(),
        }
    }

    pub(super) fn stranger() -> OrganizationId {
        "org_01ARZ3NDEKTSV4RRFFQ69G5FAZ".parse().unwrap()
    }

    pub(super) async fn state(&self) -> Versioned<EntityState> {
        let (organization, integration) = (self.world.organization, self.world.integration);
        let state = self
            .world
            .store
            .entity_state(organization, integration, &self.entity);
        state.await.unwrap()
    }

    /// A set over the state as it is.
    pub(super) async fn set(&self, now: Timestamp) -> ChangeSet {
        let state = self.state().await;
        ChangeSet::new(self.world.organization, self.world.integration, state, now)
    }

    pub(super) async fn head(&self, record: u64, now: Timestamp) -> Option<Versioned<RecordHead>> {
        self.heads(&[record], now).await.pop().unwrap()
    }

    pub(super) async fn heads(
        &self,
        records: &[u64],
        now: Timestamp,
    ) -> Vec<Option<Versioned<RecordHead>>> {
        let digests: Vec<Digest> = records.iter().map(|record| digest(*record)).collect();
        let (organization, integration) = (self.world.organization, self.world.integration);
        let store = &self.world.store;
        let heads = store.record_heads(organization, integration, &self.entity, &digests, now);
        heads.await.unwrap()
    }

    pub(super) async fn commit(&self, set: &ChangeSet) -> CommittedVersions {
        match self.world.store.commit_changes(set).await.unwrap() {
            Committed::Done(versions) => versions,
            other => panic!("{other:?}"),
        }
    }

    /// Writes these records anew, at some second.
    pub(super) async fn write(&self, records: &[u64], second: u64) {
        self.change(records, second, true).await;
    }

    /// Deletes these records, at some second.
    pub(super) async fn delete(&self, records: &[u64], second: u64) {
        self.change(records, second, false).await;
    }

    async fn change(&self, records: &[u64], second: u64, is_there: bool) {
        for records in records.chunks(30) {
            let mut set = self.set(at(second)).await;
            let heads = self.heads(records, at(second)).await;
            for (record, head) in records.iter().zip(heads) {
                change(&mut set, *record, head, is_there);
            }
            self.commit(&set).await;
        }
    }

    /// The whole feed after a change, read by pages of three.
    pub(super) async fn feed(
        &self,
        after: u64,
        up_to: Option<u64>,
        second: u64,
    ) -> Vec<(u64, RecordChange)> {
        let mut query = FeedQuery {
            after,
            up_to,
            limit: 3,
            now: at(second),
        };
        let (organization, integration) = (self.world.organization, self.world.integration);
        let mut feed = Vec::new();
        loop {
            let store = &self.world.store;
            let page = store.changes_after(organization, integration, &self.entity, query);
            let page = page.await.unwrap();
            feed.extend(page.items);
            match page.next {
                Some(next) => query.after = next,
                None => return feed,
            }
        }
    }

    pub(super) fn job(&self) -> SyncJob {
        SyncJob {
            id: self.world.id(),
            organization_id: self.world.organization,
            integration_id: self.world.integration,
            entity: self.entity.clone(),
            sync_type: SyncType::Full,
            trigger: SyncTrigger::Manual,
            status: JobStatus::Running,
            phase: SyncPhase::Pages,
            step: 0,
            position: PagePosition {
                cursor: Some(Sealed::from_bytes(vec![4, 5])),
                ..PagePosition::default()
            },
            since: None,
            newest: None,
            counts: JobCounts::default(),
            records_total: Some(7),
            failures: 0,
            retry_at: None,
            schema_seen: SchemaSeen::default(),
            drift: None,
            error: None,
            error_detail: None,
            parked: None,
            skip_step: None,
            incomplete: false,
            deletes_approved: false,
            started_at: start(),
            advanced_at: start(),
            ended_at: None,
        }
    }

    pub(super) fn conflict(&self, record: u64) -> ConflictWrite {
        let conflict = RecordConflict {
            id: self.world.id(),
            organization_id: self.world.organization,
            integration_id: self.world.integration,
            entity: self.entity.clone(),
            record: digest(record).to_string(),
            status: ConflictStatus::Open,
            sides: Sealed::from_bytes(vec![6]),
            opened_at: start(),
            resolved_at: None,
            resolved_by: None,
        };
        ConflictWrite {
            conflict,
            version: 0,
            expires_at: None,
        }
    }

    /// Starts a job, and returns it as it is written in a set: with its next step.
    pub(super) async fn started(&self) -> JobWrite {
        let mut job = self.job();
        let started = self
            .world
            .store
            .start_sync_job(self.world.organization, &job, at(300));
        started.await.unwrap();
        job.step += 1;
        JobWrite {
            job,
            version: 1,
            expires_at: None,
        }
    }

    /// All that is in the table, to see that nothing has changed.
    pub(super) async fn dump(&self) -> BTreeMap<String, HashMap<String, AttributeValue>> {
        let table = &self.world.table;
        let scan = table.client.scan().table_name(table.name.to_string());
        let items = scan.consistent_read(true).into_paginator().items().send();
        let items: Result<Vec<HashMap<_, _>>, _> = items.collect().await;
        let items = items.unwrap().into_iter();
        items
            .map(|item| (format!("{:?} {:?}", item["pk"], item["sk"]), item))
            .collect()
    }
}
