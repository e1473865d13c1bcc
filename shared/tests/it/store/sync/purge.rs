//! What a deleted integration leaves behind, deleted.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use gatehouse::domain::sync::{EntityName, FeedCursor, RecordLink, RecordPush};
use gatehouse::domain::{IntegrationId, Sealed};
use gatehouse::store::{
    DueWatch, LinkWrite, MissingPage, MissingRecord, Purged, RecordRef, SeenPage,
};

use super::samples::{Records, digest};
use crate::store::samples::{at, start};

type Items = BTreeMap<String, HashMap<String, AttributeValue>>;

impl Records {
    fn at(&self, integration: IntegrationId, record: u64) -> RecordRef {
        RecordRef {
            organization: self.world.organization,
            integration,
            entity: self.entity.digest(),
            record: digest(record),
        }
    }

    /// Links a record of one integration to one of another, as one of two writes that link both.
    async fn link(&self, (from, record): (IntegrationId, u64), (to, other): (IntegrationId, u64)) {
        let write = LinkWrite {
            of: self.at(from, record),
            link: RecordLink {
                integration: to,
                entity: self.entity.clone(),
                record: digest(other),
                is_answered: false,
                turns: 0,
                changed_at: start(),
                version: 1,
                held: Some(Sealed::from_bytes(vec![7])),
            },
            version: 0,
        };
        assert!(self.world.store.write_record_link(&write).await.unwrap());
    }

    /// All that can be there of an integration: 130 records, some of them deleted, and what goes with them.
    async fn fill(&self) {
        let all: Vec<u64> = (0..130).collect();
        self.write(&all, 1).await;
        self.delete(&[3, 4], 2).await;
        let integration = self.world.integration;
        let push = RecordPush::default();
        for record in [5, 6] {
            let at_record = self.at(integration, record);
            let store = &self.world.store;
            let written = store.write_record_push(at_record, push.clone(), 0, at(1));
            assert_eq!(written.await.unwrap(), Some(1));
        }
        let mut set = self.set(at(3)).await;
        set.conflicts.push(self.conflict(7));
        set.conflicts.push(self.conflict(8));
        self.commit(&set).await;
        let job = self.started().await;
        for page in 0..12 {
            let mut set = self.set(at(4)).await;
            set.seen = Some(SeenPage {
                job: job.job.id,
                page,
                records: vec![digest(page)],
            });
            set.missing = Some(MissingPage {
                job: job.job.id,
                page,
                records: vec![MissingRecord {
                    record: digest(page),
                    version: 1,
                }],
            });
            self.commit(&set).await;
        }
        // A kind of which only its cursor is known; of the other, only the state.
        self.move_cursor(&"others".parse().unwrap()).await;
        let owner = (self.world.organization, integration);
        let gateway =
            self.world
                .store
                .replace_gateway_state(owner.0, owner.1, Default::default(), 0);
        assert_eq!(gateway.await.unwrap(), Ok(1));
    }

    async fn move_cursor(&self, entity: &EntityName) {
        let owner = (self.world.organization, self.world.integration);
        let store = &self.world.store;
        let moved = store.move_feed_cursor(owner, entity, FeedCursor::default(), 0);
        assert_eq!(moved.await.unwrap(), Some(1));
    }

    /// `monitor` has found it gone.
    async fn found_gone(&self) {
        let (organization, integration) = (self.world.organization, self.world.integration);
        let store = &self.world.store;
        if let Some(watch) = store.watch(organization, integration).await.unwrap() {
            let due = DueWatch {
                at: watch.item.due_at,
                organization,
                integration,
            };
            store.drop_watch(&due).await.unwrap();
        }
    }

    /// Purges the integration to the end, `limit` items at a time: what each turn has deleted.
    async fn purge(&self, limit: usize) -> Vec<Purged> {
        let (organization, integration) = (self.world.organization, self.world.integration);
        let mut turns = Vec::new();
        loop {
            let store = &self.world.store;
            let purged = store
                .purge_integration(organization, integration, limit)
                .await;
            turns.push(purged.unwrap());
            assert!(turns.len() < 1_000);
            if turns.last().unwrap().is_done {
                return turns;
            }
        }
    }
}

/// Two integrations whose records are linked; the first is the one that is purged.
async fn two() -> (Records, Items) {
    let mut records = Records::new().await;
    let purged = records.world.integration;
    let other = records.world.id();
    records.world.integration = other;
    records.fill().await;
    let before = records.dump().await;
    records.world.integration = purged;
    records.fill().await;
    for record in [0, 3, 129] {
        records.link((purged, record), (other, record + 1)).await;
        records.link((other, record + 1), (purged, record)).await;
    }
    records.found_gone().await;
    // Of another pair.
    records.link((other, 1), (records.world.id(), 1)).await;
    let kept = records.dump().await;
    let kept = kept.into_iter().filter(|(key, item)| {
        before.contains_key(key)
            || (key.contains(&other.to_string())
                && !format!("{:?}", item["data"]).contains(&purged.to_string()))
    });
    let kept = kept.collect();
    (records, kept)
}

#[tokio::test]
async fn all_of_an_integration_goes_by_turns_and_nothing_of_another() {
    for limit in [1, 7, 100, 10_000] {
        let (records, kept) = two().await;
        assert!(kept.len() > 280, "{}", kept.len());
        let turns = records.purge(limit).await;
        assert_eq!(records.dump().await, kept, "{limit}");
        let deleted: u64 = turns.iter().map(|purged| purged.records).sum();
        assert_eq!(deleted, 130, "{limit}");
        let most = turns.iter().map(|purged| purged.items).max().unwrap();
        assert!(most < limit as u64 + 250, "{limit}: {most}");
        assert_eq!(turns.len() == 1, limit == 10_000, "{turns:?}");
        // There is nothing more, though it be asked for.
        let again = records.purge(limit).await;
        assert_eq!((again.len(), again[0].items), (1, 0));
        assert_eq!(records.dump().await, kept, "{limit}");
    }
}

#[tokio::test]
async fn what_nothing_leads_to_any_more_goes_as_well_and_what_cannot_be_read() {
    let (records, kept) = two().await;
    let (client, name) = (&records.world.table.client, &records.world.table.name);
    let own = format!("#{}", records.world.integration);
    let with_others = [0, 3, 5, 6, 129].map(|record| digest(record).to_string());
    let mut spoiled = 0;
    for (key, mut item) in records.dump().await {
        let item_type = item["item_type"].as_s().unwrap().clone();
        if !key.contains(&own)
            || !["record_", "sync_job"]
                .iter()
                .any(|start| item_type.starts_with(start))
        {
            continue;
        }
        spoiled += 1;
        let has_others = with_others.iter().any(|record| key.contains(record));
        if item_type == "record_head" && !has_others && spoiled % 2 == 0 {
            // It has expired before its place in the feed.
            let delete = client.delete_item().table_name(name.to_string());
            let delete = delete
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone());
            delete.send().await.unwrap();
        } else {
            item.insert(
                "schema_version".to_owned(),
                AttributeValue::N("9".to_owned()),
            );
            let put = client.put_item().table_name(name.to_string());
            put.set_item(Some(item)).send().await.unwrap();
        }
    }
    assert!(spoiled > 260, "{spoiled}");
    records.purge(100).await;
    let left = records.dump().await;
    assert!(
        !left
            .keys()
            .any(|key| key.contains(&own) && !key.contains(&format!(" S(\"INTEGRATION{own}")))
    );
    // A link that cannot be read does not say what leads back.
    let more = left.keys().filter(|key| !kept.contains_key(*key));
    assert_eq!(more.count(), 3);
}

#[tokio::test]
async fn under_another_organization_nothing_is_found_to_be_purged() {
    let (records, _) = two().await;
    let before = records.dump().await;
    let store = &records.world.store;
    let purged = store
        .purge_integration(Records::stranger(), records.world.integration, 1_000)
        .await
        .unwrap();
    let nothing = Purged {
        is_done: true,
        ..Purged::default()
    };
    assert_eq!(purged, nothing);
    assert_eq!(records.dump().await, before);
}
