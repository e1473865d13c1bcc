use std::time::Duration;

use crate::domain::{ApiKeyId, OrganizationId, Sighting};

use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::{Digest, Page, Store, StoreError};

/// How long it is known that somebody was here.
const REMEMBERED: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Who was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A person, by the token's `sub`.
    User(&'a str),
    /// A machine.
    ApiKey(ApiKeyId),
}

impl Seen<'_> {
    fn key(self, organization: OrganizationId) -> ItemKey {
        match self {
            Self::User(subject) => ItemKey::User(organization, Digest::of(subject.as_bytes())),
            Self::ApiKey(id) => ItemKey::ApiKeyUse(organization, id),
        }
    }
}

impl Store {
    /// When somebody was here, if that is known.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn sighting(
        &self,
        organization: OrganizationId,
        seen: Seen<'_>,
    ) -> Result<Option<Sighting>, StoreError> {
        let stored = self.get(seen.key(organization)).await?;
        Ok(stored.map(|stored: Stored<_>| stored.data))
    }

    /// Writes down that somebody is here, unless that was written less than `pause` ago. Of functions that do so at the same time, one writes.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn note_sighting(
        &self,
        organization: OrganizationId,
        seen: Seen<'_>,
        sighting: Sighting,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let key = seen.key(organization);
        let found: Option<Stored<Sighting>> = self.get(key).await?;
        let (now, version) = (
            sighting.last_seen_at,
            found.as_ref().map_or(0, |found| found.version),
        );
        let known = found.map(|found| found.data);
        let is_fresh = |known: &Sighting| now < known.last_seen_at.plus(pause);
        if known.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let first_seen_at = known.map_or(now, |known: Sighting| known.first_seen_at);
        let sighting = Sighting {
            first_seen_at,
            ..sighting
        };
        let stored = Stored::first(sighting).until(now.plus(REMEMBERED));
        // Whoever was faster has written the same.
        let _: Result<u64, Option<Versioned<Sighting>>> = self.swap(key, stored, version).await?;
        Ok(())
    }

    /// At most `limit` people that were here, in an order that means nothing, from `after` on.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn users(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<Digest>,
    ) -> Result<Page<Versioned<Sighting>, Digest>, StoreError> {
        let collection = Collection::Users(organization);
        let key_of = |subject| ItemKey::User(organization, subject);
        self.list(collection, key_of, limit, after).await
    }
}
