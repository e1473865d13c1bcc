//! The audit trail: pages of entries, spread over shards, and the spine that says which lanes there
//! are. Nothing here changes or deletes an item.
//!
//! Whether entries are whole is not judged here: a page that cannot be read is handed over as such,
//! since that is something to be told of, and no reason to tell nothing of the others.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::{AuditEntry, AuditId, OrganizationId, Timestamp};

use super::items::{
    self, Attributes, DATA, EXPIRES_AT, ITEM_TYPE, SCHEMA_VERSION, Stored, VERSION,
};
use super::keys::{Collection, ItemKey, SK};
use super::sharded::{Range, Sharded};
use super::table::{ABSENT, Put, Transacted};
use super::{Page, Store, StoreError};

/// What is stored of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entries {
    entries: Vec<AuditEntry>,
}

/// A page of the trail as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuditPage {
    /// The id under which it is stored: its first entry's, if nobody has changed it.
    pub id: AuditId,
    /// Its entries, oldest first; none, if it is not readable.
    pub entries: Option<Vec<AuditEntry>>,
}

/// A link of the spine as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpineLink {
    /// Its place.
    pub place: u64,
    /// The entry; none, if it is not readable.
    pub entry: Option<AuditEntry>,
}

/// Which pages to read.
#[derive(Clone, Copy, Debug)]
pub struct AuditRange {
    /// Only those of this instant or later.
    pub from: Option<Timestamp>,
    /// Only those of before this instant.
    pub to: Option<Timestamp>,
    /// Only those whose id is below this one.
    pub after: Option<AuditId>,
    /// At most this many.
    pub limit: u16,
    /// The current instant: what has expired is not read.
    pub now: Timestamp,
}

struct Listed;

impl Sharded for Listed {
    type Owner = OrganizationId;
    type Id = AuditId;
    type Data = AuditPage;

    fn collection(owner: OrganizationId, shard: u8) -> Collection {
        Collection::AuditPages(owner, shard)
    }

    fn key(owner: OrganizationId, id: AuditId) -> ItemKey {
        ItemKey::AuditPage(owner, id)
    }

    fn projection() -> (String, HashMap<String, String>) {
        let attributes = [SK, ITEM_TYPE, SCHEMA_VERSION, VERSION, EXPIRES_AT, DATA];
        let names = attributes.iter().enumerate();
        let names: HashMap<String, String> = names
            .map(|(index, attribute)| (format!("#a{index}"), (*attribute).to_owned()))
            .collect();
        let paths: Vec<String> = (0..attributes.len())
            .map(|index| format!("#a{index}"))
            .collect();
        (paths.join(", "), names)
    }

    fn read(key: ItemKey, attributes: Attributes) -> Result<Stored<AuditPage>, StoreError> {
        let ItemKey::AuditPage(_, id) = key else {
            return Err(StoreError::corrupt(key, SK));
        };
        let page = |entries| AuditPage { id, entries };
        Ok(match items::read::<Entries>(key, attributes) {
            Ok(stored) => Stored {
                version: stored.version,
                expires_at: stored.expires_at,
                data: page(Some(stored.data.entries)),
            },
            Err(_) => Stored::first(page(None)),
        })
    }
}

impl Store {
    /// Adds a page to a lane that is open: entries that follow each other, the oldest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer; the page may be there all the same.
    pub async fn add_audit_page(
        &self,
        organization: OrganizationId,
        entries: Vec<AuditEntry>,
    ) -> Result<(), StoreError> {
        let Some((key, stored)) = page(organization, entries) else {
            return Ok(());
        };
        self.create(key, &stored).await
    }

    /// Adds the first page of a lane together with the link of the spine that says so. False, if
    /// another writer was faster: nothing is written then.
    ///
    /// # Errors
    ///
    /// If the table does not answer; both may be there all the same.
    pub async fn open_audit_lane(
        &self,
        organization: OrganizationId,
        entries: Vec<AuditEntry>,
        link: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let Some((key, stored)) = page(organization, entries) else {
            return Ok(true);
        };
        let (link_key, link) = spine_item(organization, link);
        let operations = vec![
            self.put_operation(link_key, &link, Some(ABSENT))?,
            self.put_operation(key, &stored, Some(ABSENT))?,
        ];
        Ok(self.transact(operations).await? == Transacted::Done)
    }

    /// Adds a link to the spine. False, if another writer was faster.
    ///
    /// # Errors
    ///
    /// If the table does not answer; it may be there all the same.
    pub async fn add_spine_link(
        &self,
        organization: OrganizationId,
        link: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let (key, stored) = spine_item(organization, link);
        let put = self.client().put_item().condition_expression(ABSENT);
        Ok(match self.put_if(put, key, &stored).await? {
            Put::Done(_) | Put::Same => true,
            Put::Missing | Put::Other(_) => false,
        })
    }

    /// The last link of the spine, whether it has expired or not: the next one follows it.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn spine_end(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<SpineLink>, StoreError> {
        let collection = Collection::AuditSpine(organization);
        let found = self.query_down(collection, None, Some(1)).await?;
        let Some(attributes) = found.items.into_iter().next() else {
            return Ok(None);
        };
        let place: u64 = collection.id_of(&attributes)?;
        let read = items::read::<Entries>(ItemKey::AuditSpine(organization, place), attributes);
        let entry = read
            .ok()
            .and_then(|stored| stored.data.entries.into_iter().next());
        Ok(Some(SpineLink { place, entry }))
    }

    /// At most `limit` links of the spine below the place `below` (of the end, if there is none),
    /// the newest first. Those that have expired are left out.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn spine_links(
        &self,
        organization: OrganizationId,
        below: Option<u64>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<SpineLink, u64>, StoreError> {
        let collection = Collection::AuditSpine(organization);
        let key = |place| ItemKey::AuditSpine(organization, place);
        let found = self
            .query_down(collection, below.map(key), Some(limit.max(1)))
            .await?;
        let mut page = Page {
            items: Vec::with_capacity(found.items.len()),
            next: None,
        };
        for attributes in found.items {
            let place: u64 = collection.id_of(&attributes)?;
            page.next = found.more.then_some(place);
            let read = items::read::<Entries>(key(place), attributes);
            if !read.as_ref().is_ok_and(|stored| !stored.is_alive(now)) {
                let entry = read
                    .ok()
                    .and_then(|stored| stored.data.entries.into_iter().next());
                page.items.push(SpineLink { place, entry });
            }
        }
        Ok(page)
    }

    /// At most `range.limit` pages, newest first. Work is bounded: a list can be short, even empty,
    /// and still go on.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn audit_pages(
        &self,
        organization: OrganizationId,
        range: AuditRange,
    ) -> Result<Page<AuditPage, AuditId>, StoreError> {
        let wanted = Range {
            from: range.from,
            to: range.to,
            after: range.after.map(AuditId::ulid),
            limit: range.limit,
        };
        let accepts = |stored: &Stored<AuditPage>| stored.is_alive(range.now);
        self.newest::<Listed>(organization, wanted, accepts).await
    }
}

fn page(
    organization: OrganizationId,
    entries: Vec<AuditEntry>,
) -> Option<(ItemKey, Stored<Entries>)> {
    let first = entries.first()?;
    let key = ItemKey::AuditPage(organization, first.id);
    let expires_at = first.expires_at;
    Some((key, Stored::first(Entries { entries }).until(expires_at)))
}

fn spine_item(organization: OrganizationId, link: &AuditEntry) -> (ItemKey, Stored<Entries>) {
    let key = ItemKey::AuditSpine(organization, link.sequence);
    let entries = vec![link.clone()];
    (
        key,
        Stored::first(Entries { entries }).until(link.expires_at),
    )
}
