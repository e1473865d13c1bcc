//! What a deleted integration leaves behind, deleted: its records with all that is kept beside them, its
//! jobs, conflicts and states, what is due of it, its rotations, where its alerts stand, and what else of it
//! would never expire.
//!
//! All is found by keys. Heads lead to what stands in the feed and beside records, jobs to their pages,
//! states to all records of a kind: so of each of these the item that leads there goes last, and what
//! breaks off is gone on with. Nothing but the deletes themselves is written, and none has a condition: done
//! twice, or by two at a time, it comes to the same.
//!
//! `monitor` ends its alerts when it finds the integration gone, and `rotation` tells what is left at the
//! provider; each of them forgets it then. What leads them to that stays until they have.
//!
//! Who writes for the integration meanwhile may leave something behind. So this is for when nobody does any
//! more: `flows::sync::Purger` waits for that.

use futures::{StreamExt as _, TryStreamExt as _};

use crate::domain::incident::IncidentType;
use crate::domain::sync::{EntityState, RecordHead, RecordLink};
use crate::domain::{Digest, IntegrationId, OrganizationId, SyncJobId};

use super::incidents::group_key;
use super::items::{self, Attributes, Stored};
use super::keys::{AlertKey, Collection, ItemKey, PK, SHARDS, SK};
use super::queries::QueryPage;
use super::record_sides::RecordRef;
use super::sync_due::DueSync;
use super::{Store, StoreError};

/// How many heads, or jobs, are looked at in one go.
const PAGE: u16 = 100;
/// How many keys are read in one go.
const KEYS: u16 = 500;
/// How many queries are made at a time.
const PARALLEL_QUERIES: usize = 16;

/// What a purge has deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Records, deleted ones included.
    pub records: u64,
    /// Items in all, as far as they are counted: what was deleted twice counts twice.
    pub items: u64,
    /// Whether nothing is left.
    pub is_done: bool,
    /// Whether what is left waits for another function to find the integration gone.
    pub waits: bool,
}

/// A purge at work.
struct Purge<'a> {
    store: &'a Store,
    organization: OrganizationId,
    integration: IntegrationId,
    /// How many items it may still delete.
    left: usize,
    purged: Purged,
}

impl Store {
    /// Deletes what a deleted integration has left behind: `limit` items, or somewhat more, so that it does
    /// not take long. What expires by itself stays: its events, their deliveries, its requests, what is
    /// cached of its answers, its quotas, its roll-ups and checks, and alerts that are over. Its incidents are
    /// the organization's.
    ///
    /// Links of other integrations' records to its own go, too: nothing they lead to comes back.
    ///
    /// # Errors
    ///
    /// If the table does not answer. Some of it may be deleted; doing it again goes on.
    pub async fn purge_integration(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        limit: usize,
    ) -> Result<Purged, StoreError> {
        let mut purge = Purge {
            store: self,
            organization,
            integration,
            left: limit,
            purged: Purged::default(),
        };
        purge.purged.is_done = Box::pin(purge.run()).await?;
        Ok(purge.purged)
    }
}

/// Each method says whether nothing is left of what it is about.
impl Purge<'_> {
    async fn run(&mut self) -> Result<bool, StoreError> {
        let (organization, integration) = (self.organization, self.integration);
        // Jobs before states: who moves a job writes both, and fails where the job is gone.
        let conflicts = Collection::RecordConflicts(organization, integration);
        let is_done =
            self.jobs().await? && self.clear(conflicts).await? && self.all_kinds().await?;
        if !is_done {
            return Ok(false);
        }
        let rest = [
            ItemKey::Grant(organization, integration),
            ItemKey::Gateway(organization, integration),
            ItemKey::EndpointsGuard(organization, integration),
        ];
        let groups = IncidentType::ALL.into_iter();
        let groups = groups.map(|of| group_key(organization, Some(integration), of));
        let rest = rest.into_iter().chain(groups).map(ItemKey::attributes);
        self.store.delete_all(rest.collect()).await?;
        // Each waits for another function.
        let (alerts, rotations) = (self.alerts().await?, self.rotations().await?);
        Ok(alerts && rotations)
    }

    /// Where its rules stand. `monitor` has ended the alerts that are open by the time at which it forgets to
    /// watch the integration; none fires after that.
    async fn alerts(&mut self) -> Result<bool, StoreError> {
        let (organization, integration) = (self.organization, self.integration);
        if self.store.watch(organization, integration).await?.is_some() {
            self.purged.waits = true;
            return Ok(false);
        }
        let book = ItemKey::OfAlerts(AlertKey::Book(organization, integration));
        self.store.delete_all(vec![book.attributes()]).await?;
        Ok(true)
    }

    /// Its rotations. `rotation` looks once more at a plan that is due, and tells what was under way.
    async fn rotations(&mut self) -> Result<bool, StoreError> {
        let (organization, integration) = (self.organization, self.integration);
        let plan = self.store.rotation_plan(organization, integration).await?;
        if plan.item.due_at.is_some() {
            self.purged.waits = true;
            return Ok(false);
        }
        let rotations = Collection::Rotations(organization, integration);
        let is_done = self.clear(rotations).await?;
        if is_done {
            let plan = ItemKey::RotationPlan(organization, integration);
            self.store.delete_all(vec![plan.attributes()]).await?;
        }
        Ok(is_done)
    }

    /// Jobs, with what they have seen and missed.
    async fn jobs(&mut self) -> Result<bool, StoreError> {
        let jobs = Collection::SyncJobs(self.organization, self.integration);
        loop {
            if self.left == 0 {
                return Ok(false);
            }
            let found = self.store.query_keys(jobs, PAGE).await?;
            let mut pages = Vec::new();
            for job in &found.items {
                let job: SyncJobId = jobs.id_of(job)?;
                pages.push(Collection::SeenRecords(self.organization, job));
                pages.push(Collection::MissingRecords(self.organization, job));
            }
            let store = self.store;
            let reads = pages.into_iter().map(|page| store.query_keys(page, KEYS));
            let (keys, is_all) = first_of_each(reads).await?;
            self.delete(keys).await?;
            if is_all {
                self.delete(found.items).await?;
                if !found.more {
                    return Ok(true);
                }
            }
        }
    }

    /// All kinds of record that anything was ever written of.
    async fn all_kinds(&mut self) -> Result<bool, StoreError> {
        let states = Collection::EntityStates(self.organization, self.integration);
        let cursors = Collection::FeedCursors(self.organization, self.integration);
        loop {
            let known = self.store.query_up(states, PAGE).await?;
            let cursor_keys = self.store.query_keys(cursors, KEYS).await?.items;
            if known.is_empty() && cursor_keys.is_empty() {
                return Ok(true);
            }
            for state in known {
                let entity: Digest = states.id_of(&state)?;
                if !self.kind(entity).await? {
                    return Ok(false);
                }
                self.state(entity, state).await?;
            }
            for cursor in &cursor_keys {
                if !self.kind(cursors.id_of(cursor)?).await? {
                    return Ok(false);
                }
            }
            self.delete(cursor_keys).await?;
        }
    }

    /// The records of a kind.
    async fn kind(&mut self, entity: Digest) -> Result<bool, StoreError> {
        for shard in 0..SHARDS {
            if !self.heads(entity, shard).await? {
                return Ok(false);
            }
        }
        // What no head leads to: it expired before its place in the feed, or could not be read.
        let feed = Collection::RecordChanges(self.organization, self.integration, entity);
        self.clear(feed).await
    }

    /// Heads of one part, with all that belongs to their records.
    async fn heads(&mut self, entity: Digest, shard: u8) -> Result<bool, StoreError> {
        let (organization, integration) = (self.organization, self.integration);
        let heads = Collection::RecordHeads(organization, integration, entity, shard);
        loop {
            if self.left == 0 {
                return Ok(false);
            }
            let found = self.store.query_down(heads, None, Some(PAGE)).await?;
            let (mut records, mut head_keys) = (Vec::new(), Vec::new());
            let mut others = Vec::new();
            for attributes in found.items {
                let record: Digest = heads.id_of(&attributes)?;
                let key = ItemKey::RecordHead(organization, integration, entity, record);
                let head: Result<Stored<RecordHead>, _> = items::read(key, attributes);
                let sequence = head.ok().map(|head| head.data.sequence);
                let place = |place| ItemKey::RecordChange(organization, integration, entity, place);
                others.extend(sequence.map(|sequence| place(sequence).attributes()));
                head_keys.push(key.attributes());
                records.push(RecordRef {
                    organization,
                    integration,
                    entity,
                    record,
                });
            }
            let store = self.store;
            let reads = records.into_iter().map(|record| store.beside(record));
            let (beside, is_all) = first_of_each(reads).await?;
            others.extend(beside);
            self.delete(others).await?;
            if is_all {
                self.purged.records += head_keys.len() as u64;
                self.delete(head_keys).await?;
                if !found.more {
                    return Ok(true);
                }
            }
        }
    }

    /// The state of a kind whose records are gone, with its entry among what is due.
    async fn state(&mut self, entity: Digest, attributes: Attributes) -> Result<(), StoreError> {
        let (organization, integration) = (self.organization, self.integration);
        let key = ItemKey::EntityState(organization, integration, entity);
        let state: Result<Stored<EntityState>, _> = items::read(key, attributes);
        let due = state.ok().and_then(|state| {
            let (entity, at) = (state.data.entity, state.data.due_at?);
            let due = DueSync {
                at,
                organization,
                integration,
                entity,
            };
            Some(due.key().attributes())
        });
        self.delete(due.into_iter().collect()).await?;
        self.delete(vec![key.attributes()]).await
    }

    /// All of a collection.
    async fn clear(&mut self, collection: Collection) -> Result<bool, StoreError> {
        loop {
            if self.left == 0 {
                return Ok(false);
            }
            let found = self.store.query_keys(collection, KEYS).await?;
            self.delete(found.items).await?;
            if !found.more {
                return Ok(true);
            }
        }
    }

    async fn delete(&mut self, keys: Vec<Attributes>) -> Result<(), StoreError> {
        let items = keys.len();
        self.store.delete_all(keys).await?;
        self.left = self.left.saturating_sub(items);
        self.purged.items += items as u64;
        Ok(())
    }
}

impl Store {
    /// The keys of what is kept beside a record: how sending it stands, its links, and the links that lead
    /// back from the other sides of these.
    async fn beside(&self, record: RecordRef) -> Result<QueryPage, StoreError> {
        let links = record.links();
        let found = self.query_partition(links).await?;
        let mut keys = Vec::new();
        for attributes in found.items {
            let key = [PK, SK].map(|name| Some((name.to_owned(), attributes.get(name)?.clone())));
            keys.extend(key.into_iter().collect::<Option<Attributes>>());
            let Ok(other) = links.id_of::<Digest>(&attributes) else {
                // How sending stands.
                continue;
            };
            let key = record.link_key(other);
            if let Ok(link) = items::read::<RecordLink>(key, attributes) {
                let link = link.data;
                let there = RecordRef {
                    organization: record.organization,
                    integration: link.integration,
                    entity: link.entity.digest(),
                    record: link.record,
                };
                let back = there.link_to(record.integration, record.entity);
                keys.push(back.key().attributes());
            }
        }
        Ok(QueryPage {
            items: keys,
            more: found.more,
        })
    }
}

/// What the first pages of several queries hold, and whether none has another page.
async fn first_of_each(
    queries: impl Iterator<Item = impl Future<Output = Result<QueryPage, StoreError>>>,
) -> Result<(Vec<Attributes>, bool), StoreError> {
    let pages: Vec<QueryPage> = futures::stream::iter(queries)
        .buffer_unordered(PARALLEL_QUERIES)
        .try_collect()
        .await?;
    let is_all = pages.iter().all(|page| !page.more);
    let items = pages.into_iter().flat_map(|page| page.items);
    Ok((items.collect(), is_all))
}
