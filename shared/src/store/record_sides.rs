//! What is kept of records besides themselves: whom they are linked to, how sending their changes stands,
//! and how far what follows from changes has been handed on.

use crate::domain::sync::{EntityName, FeedCursor, RecordLink, RecordPush};
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

use super::items::{self, Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::{Digest, Store, StoreError};

/// A record of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its integration.
    pub integration: IntegrationId,
    /// The digest of the name of its kind.
    pub entity: Digest,
    /// The digest of its id.
    pub record: Digest,
}

/// A link of a record: it has one to each kind of record in which another is linked to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRef {
    /// The record that it is of.
    pub of: RecordRef,
    /// What stands for the kind that it leads to.
    pub other: Digest,
}

/// A link that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkWrite {
    /// The record that it is of.
    pub of: RecordRef,
    /// As it becomes.
    pub link: RecordLink,
    /// In which version it was read; 0, if it is new.
    pub version: u64,
}

impl RecordRef {
    /// Its link to a record of this kind of that integration. `entity` is the digest of the kind's name.
    #[must_use]
    pub fn link_to(self, integration: IntegrationId, entity: Digest) -> LinkRef {
        let other = Digest::of_parts(&[&integration.ulid().to_bytes(), entity.as_bytes()]);
        LinkRef { of: self, other }
    }

    /// The place of `link` among its own.
    #[must_use]
    pub fn place_of(self, link: &RecordLink) -> LinkRef {
        self.link_to(link.integration, link.entity.digest())
    }

    /// Its links, as they are kept.
    pub(super) fn links(&self) -> Collection {
        Collection::RecordLinks(
            self.organization,
            self.integration,
            self.entity,
            self.record,
        )
    }

    /// Where its link is that leads to what `other` stands for.
    pub(super) fn link_key(self, other: Digest) -> ItemKey {
        LinkRef { of: self, other }.key()
    }

    fn push(&self) -> ItemKey {
        ItemKey::RecordPush(
            self.organization,
            self.integration,
            self.entity,
            self.record,
        )
    }
}

impl LinkRef {
    pub(super) fn key(&self) -> ItemKey {
        let of = &self.of;
        ItemKey::RecordLink(
            of.organization,
            of.integration,
            of.entity,
            of.record,
            self.other,
        )
    }
}

impl LinkWrite {
    /// Where it is written, and what.
    pub(super) fn item(&self) -> (ItemKey, Stored<RecordLink>) {
        let stored = Stored {
            version: self.version.saturating_add(1),
            ..Stored::first(self.link.clone())
        };
        (self.of.place_of(&self.link).key(), stored)
    }
}

impl Store {
    /// What a record is linked to, of one kind.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn record_link(
        &self,
        link: LinkRef,
    ) -> Result<Option<Versioned<RecordLink>>, StoreError> {
        let found = self.get::<RecordLink>(link.key()).await?;
        Ok(found.map(Stored::into_versioned))
    }

    /// All that a record is linked to. It is little: one for each kind that hands records on to its own,
    /// or takes them.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn record_links(
        &self,
        of: RecordRef,
    ) -> Result<Vec<Versioned<RecordLink>>, StoreError> {
        let collection = of.links();
        let mut links = Vec::new();
        let mut after = None;
        loop {
            let found = self.query_down(collection, after, None).await?;
            for attributes in found.items {
                let other: Digest = collection.id_of(&attributes)?;
                let key = of.link_key(other);
                let stored: Stored<RecordLink> = items::read(key, attributes)?;
                links.push(stored.into_versioned());
                after = Some(key);
            }
            if !found.more {
                return Ok(links);
            }
        }
    }

    /// Writes a link in place of the one that was read. Whether it was still that one.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn write_record_link(&self, write: &LinkWrite) -> Result<bool, StoreError> {
        let (key, stored) = write.item();
        Ok(self.swap(key, stored, write.version).await?.is_ok())
    }

    /// Deletes a link.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn delete_record_link(&self, link: LinkRef) -> Result<(), StoreError> {
        self.delete_returning::<RecordLink>(link.key()).await?;
        Ok(())
    }

    /// How sending a record's changes stands; as nothing, in version 0, if nothing is known.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn record_push(
        &self,
        record: RecordRef,
    ) -> Result<Versioned<RecordPush>, StoreError> {
        let found = self.get::<RecordPush>(record.push()).await?;
        Ok(found.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Writes how sending stands in place of what was read as `expected`: the new version, or none if that
    /// has changed meanwhile.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn write_record_push(
        &self,
        record: RecordRef,
        push: RecordPush,
        expected: u64,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let until = push.kept_until(now);
        let stored = Stored::first(push);
        let stored = match until {
            Some(until) => stored.until(until),
            None => stored,
        };
        let written = self.swap(record.push(), stored, expected).await?;
        Ok(written.ok())
    }

    /// Forgets how sending stands, if that is as it was read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], if it has changed meanwhile, or the table does not answer.
    pub async fn forget_record_push(
        &self,
        record: RecordRef,
        expected: u64,
    ) -> Result<(), StoreError> {
        match self.delete(record.push(), Some(expected)).await {
            Err(StoreError::NotFound(_)) => Ok(()),
            ended => ended,
        }
    }

    /// How far what follows from changes has been handed on.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn feed_cursor(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &EntityName,
    ) -> Result<Versioned<FeedCursor>, StoreError> {
        let key = ItemKey::FeedCursor(organization, integration, entity.digest());
        let found = self.get::<FeedCursor>(key).await?;
        Ok(found.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Moves the cursor that was read as `expected`: its new version, or none if another has moved it.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn move_feed_cursor(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        entity: &EntityName,
        cursor: FeedCursor,
        expected: u64,
    ) -> Result<Option<u64>, StoreError> {
        let key = ItemKey::FeedCursor(organization, integration, entity.digest());
        let moved = self.swap(key, Stored::first(cursor), expected).await?;
        Ok(moved.ok())
    }
}
