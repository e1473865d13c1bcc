//! Changes of records that are made here. Each waits, as pending, for the provider to be told of it:
//! that is for whoever takes the message `Push`. One of these is on its way before the change is
//! written, so that no change is written of which nobody is told.

use std::fmt;
use std::time::Duration;

use super::push::{self, RecordDue};
use super::{Change, Changed, Kind, Need, Records};
use crate::domain::sync::{
    ChangeOrigin, EntitySync, Fields, HASH_OF_NOTHING, LocalWrite, PushError, RecordBody,
    RecordHead, Standing, new_content, record_digest,
};
use crate::domain::{Digest, Error, Sources, Timestamp};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::{RecordRef, Store, StoredRecord, Versioned};
use crate::vault::DataKeys;

/// After so long, longer than a function may run, comes the message that makes sure that the
/// provider is told, should the one be lost that is sent at once.
const MAKING_SURE: Duration = Duration::from_secs(60);

/// Reads records, and changes them as requests of ours ask for. Cheap to clone.
#[derive(Clone)]
pub struct LocalRecords {
    pub(super) records: Records,
    pub(super) store: Store,
    pub(super) keys: DataKeys,
    queue: SyncQueue,
    pub(super) sources: Sources,
}

impl fmt::Debug for LocalRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRecords").finish_non_exhaustive()
    }
}

/// A change that somebody asks for here.
struct Asked {
    record: Digest,
    ask: Ask,
    now: Timestamp,
}

enum Ask {
    /// That there be a record of this id.
    Create(String, Fields),
    /// That the record be another, if it is in this version.
    Write(u64, LocalWrite),
}

impl LocalRecords {
    /// Changes records by `records`, which are in the table, sealed by `keys`, and has providers told
    /// by `queue`.
    #[must_use]
    pub fn new(
        records: Records,
        (store, keys): (Store, DataKeys),
        queue: SyncQueue,
        sources: Sources,
    ) -> Self {
        Self {
            records,
            store,
            keys,
            queue,
            sources,
        }
    }

    /// Reads a record; none, if there never was one, or it has been deleted for longer than deleted
    /// records are kept.
    ///
    /// # Errors
    ///
    /// If the table or the vault does not answer.
    pub async fn read(&self, kind: Kind<'_>, record: Digest) -> Result<Option<Standing>, Error> {
        let now = self.sources.now();
        let (organization, integration) = (kind.organization, kind.integration);
        let found = self
            .store
            .record(organization, integration, kind.entity, record, now);
        let Some(StoredRecord { head, change }) = found.await? else {
            return Ok(None);
        };
        let keys = &self.keys;
        let body = keys.open_record(organization, integration, kind.entity, &change);
        Ok(Some(Standing {
            head: head.item,
            origin: change.origin,
            created_at: change.created_at,
            changed_at: change.changed_at,
            body: body.await?,
        }))
    }

    /// Changes a record that is in the version `expected`, and has the provider told. One that stays
    /// as it is is not written.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::PreconditionFailed`], and what [`Standing::written`] says; or the
    /// table, the vault or the queue does not answer.
    pub async fn write(
        &self,
        kind: Kind<'_>,
        record: Digest,
        (expected, write): (u64, LocalWrite),
    ) -> Result<(), Error> {
        // Nobody is told of what is refused.
        let now = self.sources.now();
        let asked = Asked {
            record,
            ask: Ask::Write(expected, write),
            now,
        };
        let standing = self.read(kind, record).await?;
        if asked.decide(standing.as_ref(), kind.rules)?.is_none() {
            return Ok(());
        }
        self.change(kind, record, &asked).await
    }

    /// Makes a record, and has the provider told. Its id is one of ours until the provider gives one.
    ///
    /// # Errors
    ///
    /// What [`new_content`] says; [`Error::Conflict`], if there is one of that id; or the table, the
    /// vault or the queue does not answer.
    pub async fn create(&self, kind: Kind<'_>, id: String, content: Fields) -> Result<(), Error> {
        let content = new_content(content, kind.rules)?;
        let record = record_digest(&id);
        let asked = Asked {
            record,
            ask: Ask::Create(id, content),
            now: self.sources.now(),
        };
        self.change(kind, record, &asked).await
    }

    /// Has what could not be sent of a record sent again.
    ///
    /// # Errors
    ///
    /// If the table or the queue does not answer.
    pub async fn push_again(&self, kind: Kind<'_>, record: Digest) -> Result<(), Error> {
        let due = RecordDue {
            organization: kind.organization,
            integration: kind.integration,
            entity: kind.entity.clone(),
            record,
        };
        push::ask(&self.store, &self.queue, &due, self.sources.now()).await
    }

    /// Why what is pending of a record could not be sent yet, or cannot be.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn push_error(
        &self,
        kind: Kind<'_>,
        record: Digest,
    ) -> Result<Option<PushError>, Error> {
        let at = RecordRef {
            organization: kind.organization,
            integration: kind.integration,
            entity: kind.entity.digest(),
            record,
        };
        Ok(self.store.record_push(at).await?.item.error)
    }

    /// Makes a change, and has the provider told.
    pub(super) async fn change<C: Change>(
        &self,
        kind: Kind<'_>,
        record: Digest,
        change: &C,
    ) -> Result<(), Error> {
        self.tell(kind, record, MAKING_SURE).await?;
        let changes = std::slice::from_ref(change);
        self.records.apply(kind, changes).await?;
        if let Err(error) = self.tell(kind, record, Duration::ZERO).await {
            let id = kind.integration;
            tracing::warn!(integration.id = %id, %error, "the provider of {id} is told later");
        }
        Ok(())
    }

    /// Has the provider told, after `delay`, of what is pending of a record then.
    async fn tell(&self, kind: Kind<'_>, record: Digest, delay: Duration) -> Result<(), Error> {
        let message = SyncMessage::Push {
            organization: kind.organization,
            integration: kind.integration,
            entity: kind.entity.clone(),
            record,
        };
        self.queue.send(&message, delay).await?;
        Ok(())
    }
}

impl Change for Asked {
    fn record(&self) -> Digest {
        self.record
    }

    fn need(&self, _: Option<&Versioned<RecordHead>>) -> Need {
        Need::Content
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        let (head, body) = match (&self.ask, standing) {
            (Ask::Create(id, content), None) => made(id, content, self.now),
            (Ask::Create(..), Some(_)) => {
                return Err(Error::Conflict("there is such a record".to_owned()));
            }
            (Ask::Write(..), None) => return Err(Error::NotFound("record")),
            (Ask::Write(expected, write), Some(standing)) => {
                if standing.head.version != *expected {
                    return Err(Error::PreconditionFailed);
                }
                match standing.written(write.clone(), rules)? {
                    Some(written) => written,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Changed {
            head,
            body,
            open: Vec::new(),
            moves: true,
            origin: ChangeOrigin::Local,
            settled_by: None,
        }))
    }
}

/// A record that the provider does not have yet.
pub(super) fn made(id: &str, content: &Fields, now: Timestamp) -> (RecordHead, RecordBody) {
    let head = RecordHead {
        sequence: 0,
        version: 1,
        source_hash: HASH_OF_NOTHING.to_owned(),
        deleted: false,
        source_version: None,
        observed_at: now,
        pending: true,
        conflict: None,
    };
    let body = RecordBody {
        id: id.to_owned(),
        content: content.clone(),
        base: None,
        history: Vec::new(),
        moved_to: None,
    };
    (head, body)
}
