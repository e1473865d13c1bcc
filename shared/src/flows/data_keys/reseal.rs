//! One part of a pass over what never expires.
//!
//! Everything is found by keys: an organization's integrations; of each its endpoints, destinations and
//! grant, then its conflicts, then the records of each kind in the order of the feed, each with its links.
//! What is written meanwhile by others is sealed under the newest key by that, since a pass begins only when
//! nobody seals under an older one any more; so a write that others have come before is not made again.

use futures::{StreamExt as _, TryStreamExt as _};

use super::{DataKeyDesk, DataKeyError};
use crate::domain::data_key::{RecordsPlace, ResealPlace};
use crate::domain::sync::{ConflictStatus, EntityName, RecordChange};
use crate::domain::{Digest, IntegrationId, OrganizationId, Sealed, StoredSecret};
use crate::store::{
    ConflictQuery, FeedQuery, GrantWrite, LinkWrite, RecordRef, StoreError, StoredGrant,
};
use crate::vault::{SealContext, VaultError};

use ulid::Ulid;

/// How many endpoints, destinations or conflicts are read in one go.
const PAGE: u16 = 50;
/// How many records are done in one part, and at the same time.
const RECORDS: u16 = 100;
const AT_ONCE: usize = 8;

/// A part of a pass.
pub(super) struct Pass<'a> {
    desk: &'a DataKeyDesk,
    organization: OrganizationId,
    target: u16,
    /// How much was sealed anew.
    pub(super) done: u64,
    /// How much should have been, and was not.
    pub(super) left: u64,
}

/// What became of one thing.
#[derive(Clone, Copy, Default)]
struct Count {
    done: u64,
    left: u64,
}

impl Count {
    fn of(written: bool) -> Self {
        Self {
            done: u64::from(written),
            left: u64::from(!written),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            left: self.left + other.left,
        }
    }
}

impl<'a> Pass<'a> {
    pub(super) fn new(desk: &'a DataKeyDesk, organization: OrganizationId, target: u16) -> Self {
        Self {
            desk,
            organization,
            target,
            done: 0,
            left: 0,
        }
    }

    /// Does the next part: a bounded number of items. Where the one after it begins; none, if that was all.
    pub(super) async fn go_on(
        &mut self,
        place: ResealPlace,
    ) -> Result<Option<ResealPlace>, DataKeyError> {
        if let Some(records) = place.records {
            let records = match records.entity {
                None => self.conflicts(records).await?,
                Some(entity) => self.records(records, entity).await?,
            };
            return Ok(Some(match records {
                Some(_) => ResealPlace { records, ..place },
                None => ResealPlace {
                    after: place.records.map(|records| records.integration),
                    records: None,
                },
            }));
        }
        let page = self
            .desk
            .store
            .integrations(self.organization, 1, place.after);
        let Some(found) = page.await?.items.into_iter().next() else {
            return Ok(None);
        };
        let integration = found.item.id;
        self.endpoints(integration).await?;
        self.destinations(integration).await?;
        self.grant(integration).await?;
        Ok(Some(ResealPlace {
            records: Some(RecordsPlace::start(integration)),
            ..place
        }))
    }

    fn count(&mut self, count: Count) {
        self.done += count.done;
        self.left += count.left;
    }

    /// Sealed anew; none, if it need not be. What does not open is counted, and holds up nothing.
    async fn reseal(
        &self,
        context: &SealContext,
        sealed: &Sealed,
    ) -> Result<(Option<Sealed>, Count), DataKeyError> {
        let keys = &self.desk.keys;
        let anew = keys.reseal(self.organization, context, sealed, self.target);
        match anew.await {
            Ok(anew) => Ok((anew, Count::default())),
            Err(VaultError::Tampered | VaultError::NoKey | VaultError::Corrupt(_)) => {
                tracing::warn!(
                    organization.id = %self.organization,
                    "something of {} does not open, and stays as it is: {context:?}",
                    self.organization
                );
                Ok((None, Count::of(false)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Seals the secrets of an endpoint or destination anew. Whether any was.
    async fn secrets(
        &mut self,
        owner: Ulid,
        secrets: &mut [StoredSecret],
    ) -> Result<bool, DataKeyError> {
        let mut is_new = false;
        for secret in secrets {
            let context = SealContext::SigningSecret {
                owner,
                secret: secret.id,
            };
            let (anew, count) = self.reseal(&context, &secret.sealed).await?;
            self.count(count);
            if let Some(anew) = anew {
                secret.sealed = anew;
                is_new = true;
            }
        }
        Ok(is_new)
    }

    async fn endpoints(&mut self, integration: IntegrationId) -> Result<(), DataKeyError> {
        let (organization, store) = (self.organization, self.desk.store.clone());
        let mut after = None;
        loop {
            let page = store.endpoints(organization, integration, PAGE, after);
            let page = page.await?;
            for mut found in page.items {
                let owner = found.item.id.ulid();
                if self.secrets(owner, &mut found.item.secrets).await? {
                    let written = store.update_endpoint(&found.item, found.version).await;
                    self.count(Count::of(won(written)?));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn destinations(&mut self, integration: IntegrationId) -> Result<(), DataKeyError> {
        let (organization, store) = (self.organization, self.desk.store.clone());
        let mut after = None;
        loop {
            let page = store.destinations(organization, integration, PAGE, after);
            let page = page.await?;
            for mut found in page.items {
                let owner = found.item.id.ulid();
                if self.secrets(owner, &mut found.item.secrets).await? {
                    let written = store.update_destination(&found.item, found.version).await;
                    self.count(Count::of(won(written)?));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The tokens of a grant. One that is being renewed is left to whoever renews it: the new tokens are
    /// sealed under the newest key.
    async fn grant(&mut self, integration: IntegrationId) -> Result<(), DataKeyError> {
        let (organization, store) = (self.organization, &self.desk.store);
        let Some(found) = store.grant(organization, integration).await? else {
            return Ok(());
        };
        let Some(sealed) = &found.item.tokens else {
            return Ok(());
        };
        let context = SealContext::Tokens {
            integration,
            version: found.item.grant.tokens_version,
        };
        let (anew, count) = self.reseal(&context, sealed).await?;
        self.count(count);
        let Some(anew) = anew else {
            return Ok(());
        };
        if found.item.grant.lease.is_some() {
            self.count(Count::of(false));
            return Ok(());
        }
        let resealed = StoredGrant {
            tokens: Some(anew),
            ..found.item
        };
        let written = store
            .put_grant(organization, integration, &resealed, found.version)
            .await?;
        self.count(Count::of(matches!(written, GrantWrite::Done(_))));
        Ok(())
    }

    /// A page of conflicts that wait; then the first kind of record, if there is any.
    async fn conflicts(
        &mut self,
        place: RecordsPlace,
    ) -> Result<Option<RecordsPlace>, DataKeyError> {
        let (organization, store) = (self.organization, &self.desk.store);
        let query = ConflictQuery {
            entity: None,
            status: Some(ConflictStatus::Open),
            limit: PAGE,
            after: place.conflict,
            now: self.desk.sources.now(),
        };
        let page = store
            .record_conflicts(organization, place.integration, &query)
            .await?;
        let mut counted = Count::default();
        for found in &page.items {
            let context = SealContext::Conflict {
                conflict: found.item.id,
            };
            let (anew, count) = self.reseal(&context, &found.item.sides).await?;
            counted = counted.and(count);
            if let Some(anew) = anew {
                let written = store.reseal_conflict(found, anew).await?;
                counted = counted.and(Count::of(written));
            }
        }
        self.count(counted);
        if page.next.is_some() {
            return Ok(Some(RecordsPlace {
                conflict: page.next,
                ..place
            }));
        }
        self.next_kind(place).await
    }

    /// The beginning of the next kind of record.
    async fn next_kind(&self, place: RecordsPlace) -> Result<Option<RecordsPlace>, DataKeyError> {
        let kinds = self.kinds(place.integration).await?;
        let next = kinds.iter().map(EntityName::digest);
        let next = next.filter(|kind| place.entity.is_none_or(|done| *kind < done));
        Ok(next.max().map(|entity| RecordsPlace {
            entity: Some(entity),
            sequence: 0,
            ..place
        }))
    }

    async fn kinds(&self, integration: IntegrationId) -> Result<Vec<EntityName>, DataKeyError> {
        let states = self
            .desk
            .store
            .entity_states(self.organization, integration);
        let states = states.await?.into_iter();
        Ok(states.map(|state| state.item.entity).collect())
    }

    /// A page of the records of a kind, with what they are linked to.
    async fn records(
        &mut self,
        place: RecordsPlace,
        entity: Digest,
    ) -> Result<Option<RecordsPlace>, DataKeyError> {
        let kinds = self.kinds(place.integration).await?;
        let kind = kinds.into_iter().find(|kind| kind.digest() == entity);
        let Some(kind) = kind else {
            return self.next_kind(place).await;
        };
        let query = FeedQuery {
            after: place.sequence,
            up_to: None,
            limit: RECORDS,
            now: self.desk.sources.now(),
        };
        let store = &self.desk.store;
        let page = store.changes_after(self.organization, place.integration, &kind, query);
        let page = page.await?;
        let of = (self.organization, place.integration, entity);
        let each = page.items.iter().map(|(sequence, change)| {
            let this = &*self;
            async move { Box::pin(this.record(of, *sequence, change)).await }
        });
        let counts = futures::stream::iter(each).buffer_unordered(AT_ONCE);
        let counts: Vec<Count> = counts.try_collect().await?;
        self.count(counts.into_iter().fold(Count::default(), Count::and));
        match page.next {
            Some(sequence) => Ok(Some(RecordsPlace { sequence, ..place })),
            None => self.next_kind(place).await,
        }
    }

    /// A record that is there, and its links. A deleted one expires.
    async fn record(
        &self,
        of: (OrganizationId, IntegrationId, Digest),
        sequence: u64,
        change: &RecordChange,
    ) -> Result<Count, DataKeyError> {
        let Ok(record) = change.digest.parse::<Digest>() else {
            return Ok(Count::of(false));
        };
        let (organization, integration, entity) = of;
        let record = RecordRef {
            organization,
            integration,
            entity,
            record,
        };
        let links = self.links(record).await?;
        if change.deleted {
            return Ok(links);
        }
        let context = SealContext::Record {
            integration,
            entity,
            record: record.record,
            version: change.version,
        };
        let (anew, count) = self.reseal(&context, &change.body).await?;
        let Some(anew) = anew else {
            return Ok(links.and(count));
        };
        let store = &self.desk.store;
        let written = store.reseal_change(of, sequence, change, anew).await?;
        Ok(links.and(Count::of(written)))
    }

    async fn links(&self, record: RecordRef) -> Result<Count, DataKeyError> {
        let mut counted = Count::default();
        for mut found in self.desk.store.record_links(record).await? {
            let Some(held) = &found.item.held else {
                continue;
            };
            let context = SealContext::RecordLink {
                integration: record.integration,
                entity: record.entity,
                record: record.record,
                other: record.place_of(&found.item).other,
                version: found.item.version,
            };
            let (anew, count) = self.reseal(&context, held).await?;
            counted = counted.and(count);
            if anew.is_some() {
                found.item.held = anew;
                let write = LinkWrite {
                    of: record,
                    link: found.item,
                    version: found.version,
                };
                let written = self.desk.store.write_record_link(&write).await?;
                counted = counted.and(Count::of(written));
            }
        }
        Ok(counted)
    }
}

/// Whether a write was the first.
fn won(written: Result<u64, StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
