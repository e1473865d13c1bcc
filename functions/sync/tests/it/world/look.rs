//! What is stored, looked at as a whole.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse::domain::Clock as _;
use gatehouse::domain::sync::{EntityState, RecordBody, RecordChange, SyncJob};
use gatehouse::store::{FeedQuery, HeadQuery, RECORD_SHARDS};

use super::World;

/// All that is stored of the records.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) state: EntityState,
    pub(crate) records: Vec<(u64, RecordChange, RecordBody)>,
}

impl Look {
    /// The numbers of those that are not deleted, by id.
    pub(crate) fn live(&self) -> BTreeMap<String, u64> {
        let live = self.records.iter().filter(|(_, change, _)| !change.deleted);
        live.map(|(_, _, body)| (body.id.clone(), body.content["number"].as_u64().unwrap()))
            .collect()
    }

    /// The ids of those that are.
    pub(crate) fn deleted(&self) -> BTreeSet<String> {
        let deleted = self.records.iter().filter(|(_, change, _)| change.deleted);
        deleted.map(|(_, _, body)| body.id.clone()).collect()
    }
}

impl World {
    /// All that is stored, after it was seen to fit together.
    pub(crate) async fn look(&self) -> Look {
        let look = self.glance().await;
        self.check(&look).await;
        look
    }

    /// All that is stored.
    pub(crate) async fn glance(&self) -> Look {
        let (organization, integration) = (self.integration.organization_id, self.integration.id);
        let (store, entity) = (&self.store, &self.entity);
        let state = store.entity_state(organization, integration, entity).await;
        let state = state.unwrap().item;
        let query = FeedQuery {
            after: 0,
            up_to: None,
            limit: 1_000,
            now: self.clock.now(),
        };
        let feed = store
            .changes_after(organization, integration, entity, query)
            .await;
        let mut records = Vec::new();
        for (sequence, change) in feed.unwrap().items {
            let body = self
                .keys
                .open_record(organization, integration, entity, &change)
                .await;
            records.push((sequence, change, body.unwrap()));
        }
        Look { state, records }
    }

    /// Heads, feed and counts say the same, and no record is there twice.
    async fn check(&self, look: &Look) {
        let (organization, integration) = (self.integration.organization_id, self.integration.id);
        let mut heads = BTreeMap::new();
        for shard in 0..RECORD_SHARDS {
            let query = HeadQuery {
                shard,
                limit: 1_000,
                after: None,
                now: self.clock.now(),
            };
            let found = self
                .store
                .record_heads_of(organization, integration, &self.entity, query);
            for (digest, head) in found.await.unwrap().items {
                heads.insert(digest.to_string(), head.item);
            }
        }
        assert_eq!(heads.len(), look.records.len(), "heads and feed differ");
        let ids: BTreeSet<_> = look.records.iter().map(|(_, _, body)| &body.id).collect();
        assert_eq!(ids.len(), look.records.len(), "a record is there twice");
        for (sequence, change, _) in &look.records {
            let head = &heads[&change.digest];
            assert_eq!(head.sequence, *sequence);
            assert_eq!(
                (head.version, head.deleted),
                (change.version, change.deleted)
            );
            assert!(*sequence <= look.state.sequence);
        }
        let live = look.live().len() as u64;
        assert_eq!(look.state.records, live, "the count of records is wrong");
    }

    /// The job that runs, or the last one.
    pub(crate) async fn job(&self) -> Option<SyncJob> {
        let (organization, integration) = (self.integration.organization_id, self.integration.id);
        let state = self
            .store
            .entity_state(organization, integration, &self.entity)
            .await;
        let job = state.unwrap().item.job?;
        let found = self
            .store
            .sync_job(organization, integration, job, self.clock.now())
            .await;
        Some(found.unwrap()?.item)
    }
}
