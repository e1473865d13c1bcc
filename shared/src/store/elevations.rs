use std::time::Duration;

use crate::domain::{ActiveElevation, Elevation, ElevationId, OrganizationId, Timestamp};

use super::error::contended;
use super::items::{Stored, Versioned};
use super::keys::{Collection, ItemKey};
use super::table::Transacted;
use super::{Digest, Page, Store, StoreError};

/// How long it is known who had which role.
const REMEMBERED: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Store {
    /// Adds an elevation that somebody asks for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one with its id.
    pub async fn create_elevation(&self, elevation: &Elevation) -> Result<(), StoreError> {
        self.create(item_key(elevation), &remembered(elevation))
            .await
    }

    /// An elevation.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn elevation(
        &self,
        organization: OrganizationId,
        id: ElevationId,
    ) -> Result<Option<Versioned<Elevation>>, StoreError> {
        let stored = self.get(ItemKey::Elevation(organization, id)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// At most `limit` elevations asked for before `after`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn elevations(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<ElevationId>,
    ) -> Result<Page<Versioned<Elevation>, ElevationId>, StoreError> {
        let collection = Collection::Elevations(organization);
        let key_of = |id| ItemKey::Elevation(organization, id);
        self.list(collection, key_of, limit, after).await
    }

    /// The elevations of `subject` that were allowed; some may have ended since.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn elevated(
        &self,
        organization: OrganizationId,
        subject: &str,
    ) -> Result<Vec<ActiveElevation>, StoreError> {
        let stored = self.get(elevated_key(organization, subject)).await?;
        Ok(stored
            .map(|stored: Stored<_>| stored.data)
            .unwrap_or_default())
    }

    /// Replaces the elevation that was read in version `expected`, and makes it count, or count no
    /// more, at `now`: both or neither.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it, or what counts of that person, is in another version.
    pub async fn settle_elevation(
        &self,
        elevation: &Elevation,
        expected: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = elevated_key(elevation.organization_id, &elevation.requested_by);
        let found: Option<Stored<Vec<ActiveElevation>>> = self.get(key).await?;
        let (version, mut counting) =
            found.map_or_else(Default::default, |stored| (stored.version, stored.data));
        counting.retain(|one| one.id != elevation.id && now < one.ends_at);
        counting.extend(elevation.active().filter(|one| now < one.ends_at));
        let end = counting.iter().map(|one| one.ends_at).max().unwrap_or(now);
        let counting = Stored {
            version: version.saturating_add(1),
            ..Stored::first(counting).until(end)
        };
        let elevation = Stored {
            version: expected.saturating_add(1),
            ..remembered(elevation)
        };
        let operations = vec![
            self.put_over(item_key(&elevation.data), &elevation, expected)?,
            self.put_over(key, &counting, version)?,
        ];
        match self.transact(operations).await? {
            Transacted::Done => Ok(()),
            Transacted::Unmet(_) => Err(StoreError::Conflict),
            Transacted::Busy => Err(contended()),
        }
    }
}

fn remembered(elevation: &Elevation) -> Stored<Elevation> {
    Stored::first(elevation.clone()).until(elevation.requested_at.plus(REMEMBERED))
}

fn item_key(elevation: &Elevation) -> ItemKey {
    ItemKey::Elevation(elevation.organization_id, elevation.id)
}

fn elevated_key(organization: OrganizationId, subject: &str) -> ItemKey {
    ItemKey::Elevated(organization, Digest::of(subject.as_bytes()))
}
