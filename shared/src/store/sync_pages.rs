//! What a full run remembers from page to page: which records it has seen, and which it missed.

use serde::{Deserialize, Serialize};

use crate::domain::{OrganizationId, SyncJobId};

use super::items::{self, DATA, Stored};
use super::keys::{Collection, ItemKey};
use super::{Digest, Store, StoreError};

/// How much of a digest is kept: enough that no two records share it.
const SEEN_BYTES: usize = 16;
/// A digest, and a version.
const MISSING_BYTES: usize = 32 + 8;
/// The highest number that a page can have in a key.
const LAST_PAGE: u64 = 999_999_999;
/// How many pages are read at a time.
const PAGES: u16 = 1_000;

/// The records that a page had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPage {
    /// The job.
    pub job: SyncJobId,
    /// The number of the page.
    pub page: u64,
    /// The digests of the records.
    pub records: Vec<Digest>,
}

/// Records that no page had, as far as they were found in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPage {
    /// The job.
    pub job: SyncJobId,
    /// A number of its own among those of the job.
    pub page: u64,
    /// The records.
    pub records: Vec<MissingRecord>,
}

/// A record that no page had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRecord {
    /// The digest of its id.
    pub record: Digest,
    /// The version of its head (of [`super::Versioned`]) when it was missed.
    pub version: u64,
}

/// All records that the pages of a job had.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SeenRecords(Vec<[u8; SEEN_BYTES]>);

/// How either is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packed {
    #[serde(with = "serde_bytes")]
    records: Vec<u8>,
}

impl SeenRecords {
    /// Whether a page had the record.
    #[must_use]
    pub fn contains(&self, record: &Digest) -> bool {
        self.0.binary_search(&seen(record)).is_ok()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for SeenRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeenRecords({})", self.0.len())
    }
}

impl SeenPage {
    pub(super) fn bytes(&self) -> usize {
        self.records.len() * SEEN_BYTES
    }

    pub(super) fn pack(&self) -> Packed {
        let records = self.records.iter().flat_map(seen).collect();
        Packed { records }
    }
}

impl MissingPage {
    pub(super) fn bytes(&self) -> usize {
        self.records.len() * MISSING_BYTES
    }

    pub(super) fn pack(&self) -> Packed {
        let mut records = Vec::with_capacity(self.records.len() * MISSING_BYTES);
        for missing in &self.records {
            records.extend_from_slice(missing.record.as_bytes());
            records.extend_from_slice(&missing.version.to_be_bytes());
        }
        Packed { records }
    }
}

impl Store {
    /// All records that the pages of a job had so far: 16 bytes of memory for each.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn seen_records(
        &self,
        organization: OrganizationId,
        job: SyncJobId,
    ) -> Result<SeenRecords, StoreError> {
        let collection = Collection::SeenRecords(organization, job);
        let key_of = |page| ItemKey::SeenRecords(organization, job, page);
        let mut seen = Vec::new();
        let mut next = 0;
        loop {
            let range = (key_of(next), key_of(LAST_PAGE));
            let found = self.query_between(collection, range, PAGES, false).await?;
            for attributes in found.items {
                let page: u64 = collection.id_of(&attributes)?;
                let key = key_of(page);
                let stored: Stored<Packed> = items::read(key, attributes)?;
                let (records, rest) = stored.data.records.as_chunks::<SEEN_BYTES>();
                if !rest.is_empty() {
                    return Err(StoreError::corrupt(key, DATA));
                }
                seen.extend_from_slice(records);
                next = page.saturating_add(1);
            }
            if !found.more {
                break;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        Ok(SeenRecords(seen))
    }

    /// The first page of missing records of a job from the number `from` on.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn missing_records(
        &self,
        organization: OrganizationId,
        job: SyncJobId,
        from: u64,
    ) -> Result<Option<MissingPage>, StoreError> {
        let collection = Collection::MissingRecords(organization, job);
        let key_of = |page| ItemKey::MissingRecords(organization, job, page);
        let range = (key_of(from), key_of(LAST_PAGE));
        if from > LAST_PAGE {
            return Ok(None);
        }
        let found = self.query_between(collection, range, 1, false).await?;
        let Some(attributes) = found.items.into_iter().next() else {
            return Ok(None);
        };
        let page: u64 = collection.id_of(&attributes)?;
        let key = key_of(page);
        let stored: Stored<Packed> = items::read(key, attributes)?;
        let (records, rest) = stored.data.records.as_chunks::<MISSING_BYTES>();
        let records = records.iter().map(missing).collect::<Option<Vec<_>>>();
        match records {
            Some(records) if rest.is_empty() => Ok(Some(MissingPage { job, page, records })),
            _ => Err(StoreError::corrupt(key, DATA)),
        }
    }
}

fn seen(record: &Digest) -> [u8; SEEN_BYTES] {
    let mut seen = [0; SEEN_BYTES];
    for (byte, of) in seen.iter_mut().zip(record.as_bytes()) {
        *byte = *of;
    }
    seen
}

fn missing(bytes: &[u8; MISSING_BYTES]) -> Option<MissingRecord> {
    let (record, version) = bytes.split_at_checked(32)?;
    Some(MissingRecord {
        record: Digest::from_bytes(record)?,
        version: u64::from_be_bytes(version.try_into().ok()?),
    })
}
