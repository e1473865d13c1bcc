//! The one way by which records change, whoever changes them: a page of a list, an event, a request
//! of ours, the answer to what was sent, a person who settled a conflict.
//!
//! What it guarantees: each change is decided on the record as it is, and written only if that, and
//! the order of all changes, is still what was read; who loses a race reads again and decides again.
//! With a job, all that a step changes is written once, by whoever does that step first, and the job
//! moves on in the transaction with the last of it.

mod conflicts;
mod links;
mod pack;
mod prepare;

use std::time::Duration;

use crate::domain::sync::conflict::FieldConflict;
use crate::domain::sync::{
    ChangeOrigin, EntityName, EntityState, EntitySync, JobCounts, Novelty, Observation, RecordBody,
    RecordChange, RecordHead, Standing, SyncJob, record_digest,
};
use crate::domain::{Cause, Digest, Error, IntegrationId, OrganizationId, Sources, Timestamp};
use crate::store::{LinkWrite, MissingPage, SeenPage, Store, StoredRecord, Versioned};

use super::hints::Hints;
use crate::vault::DataKeys;

use pack::{Ended, Packer};

/// How often a change is decided anew because others were faster.
const TRIES: u32 = 24;
/// The longest wait before it is, at first.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// The longest wait at all.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Changes records. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    store: Store,
    keys: DataKeys,
    sources: Sources,
    /// How long deleted records and settled conflicts are kept.
    retention: Duration,
    /// By what those are told who are to be told of changes.
    hints: Option<Hints>,
}

/// The records of one kind of an integration.
#[derive(Clone, Copy, Debug)]
pub struct Kind<'a> {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The kind.
    pub entity: &'a EntityName,
    /// How it is synchronized.
    pub rules: &'a EntitySync,
}

/// A change of one record that somebody wants.
pub trait Change: Send + Sync {
    /// The digest of the record's id.
    fn record(&self) -> Digest;

    /// What has to be known to decide, when this is known of the record.
    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need;

    /// What becomes of the record; `None`, if it stays as it is.
    ///
    /// # Errors
    ///
    /// If it is not allowed: then nothing that is not written yet is.
    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error>;

    /// Links that are written with the record, if it changes.
    fn links(&self) -> &[LinkWrite] {
        &[]
    }
}

/// What has to be known to decide on a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Nothing: the record stays as it is.
    Nothing,
    /// Nothing: the record stays as it is, but for what is known of it besides.
    Touch(Box<RecordHead>),
    /// What the record holds.
    Content,
}

/// A record as it becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Its head, without a sequence if it moves. Its conflict is the one that was open.
    pub head: RecordHead,
    /// What it holds.
    pub body: RecordBody,
    /// All that waits for a person.
    pub open: Vec<FieldConflict>,
    /// Whether readers see something new. If not, its version stays as well.
    pub moves: bool,
    /// Who changes it.
    pub origin: ChangeOrigin,
    /// Who settled its conflict, if somebody did.
    pub settled_by: Option<String>,
}

/// What changes have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that there were not.
    pub created: u64,
    /// Records that hold something else.
    pub updated: u64,
    /// Records that are deleted.
    pub deleted: u64,
    /// Conflicts that were opened.
    pub conflicts: u64,
}

/// The job whose step it is, as it was read; as it is written, afterwards.
#[derive(Debug)]
pub(super) struct Fence<'a> {
    pub(super) job: Versioned<SyncJob>,
    pub(super) closing: Closing<'a>,
}

/// Makes of the job, and of the state, what they are after the step; says when the job expires, if it
/// has ended.
pub(super) type Close<'a> =
    &'a (dyn Fn(&mut SyncJob, &mut EntityState) -> Option<Timestamp> + Send + Sync);

/// What is written together with the last of a step's changes.
pub(super) struct Closing<'a> {
    pub(super) seen: Option<SeenPage>,
    pub(super) missing: Option<MissingPage>,
    pub(super) close: Close<'a>,
}

impl std::fmt::Debug for Closing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Closing").finish_non_exhaustive()
    }
}

/// Why changes were not made.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// Somebody else has moved the job.
    JobMoved,
    /// The table does not answer, or a change is not allowed.
    Error(Error),
}

impl<E: Into<Error>> From<E> for ApplyError {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Records {
    /// Changes records in the table; those that are deleted, and conflicts that are settled, are kept
    /// for `retention`.
    #[must_use]
    pub fn new(store: Store, keys: DataKeys, sources: Sources, retention: Duration) -> Self {
        Self {
            store,
            keys,
            sources,
            retention,
            hints: None,
        }
    }

    /// The same, telling of each change by `hints`.
    #[must_use]
    pub fn with_hints(self, hints: Hints) -> Self {
        Self {
            hints: Some(hints),
            ..self
        }
    }

    pub(super) fn keys(&self) -> &DataKeys {
        &self.keys
    }

    /// What a record holds, as it stands in the feed.
    pub(super) async fn open(
        &self,
        kind: Kind<'_>,
        change: &RecordChange,
    ) -> Result<RecordBody, Error> {
        let (organization, integration) = (kind.organization, kind.integration);
        let opened = (self.keys).open_record(organization, integration, kind.entity, change);
        Ok(opened.await?)
    }

    /// A record as it stands; none, if there never was one, or it has been deleted for longer than
    /// deleted records are kept.
    pub(super) async fn standing(
        &self,
        kind: Kind<'_>,
        record: Digest,
    ) -> Result<Option<Standing>, Error> {
        let (organization, integration) = (kind.organization, kind.integration);
        let now = self.sources.now();
        let found = (self.store).record(organization, integration, kind.entity, record, now);
        let Some(StoredRecord { head, change }) = found.await? else {
            return Ok(None);
        };
        Ok(Some(Standing {
            head: head.item,
            origin: change.origin,
            created_at: change.created_at,
            changed_at: change.changed_at,
            body: self.open(kind, &change).await?,
        }))
    }

    /// Makes changes of records of one kind, each record once at most. If it fails, some of them may
    /// have been made; making all of them again does no harm.
    ///
    /// # Errors
    ///
    /// If the table does not answer, others change the same records all the time, or a change is not
    /// allowed.
    pub async fn apply<C: Change>(&self, kind: Kind<'_>, changes: &[C]) -> Result<Tally, Error> {
        let applied = Box::pin(self.apply_in(kind, changes, None)).await;
        applied.map_err(|error| match error {
            ApplyError::Error(error) => error,
            ApplyError::JobMoved => Error::Internal(Cause::from("there is no job")),
        })
    }

    /// As [`Records::apply`]. With a fence all is written under it, and the job moves on at the end.
    pub(super) async fn apply_in<C: Change>(
        &self,
        kind: Kind<'_>,
        changes: &[C],
        mut fence: Option<&mut Fence<'_>>,
    ) -> Result<Tally, ApplyError> {
        let mut tally = Tally::default();
        let mut left: Vec<&C> = changes.iter().collect();
        let mut is_hinted = false;
        for attempt in 0..TRIES {
            self.wait(attempt).await;
            let (organization, integration) = (kind.organization, kind.integration);
            let store = &self.store;
            let state = store.entity_state(organization, integration, kind.entity);
            let state = state.await?;
            let mut packer = Packer::new(self, kind, state, fence.as_deref_mut());
            packer.is_hinted = is_hinted;
            let ended = Box::pin(packer.run(&left)).await;
            is_hinted = packer.is_hinted;
            let done = packer.finish(&mut tally);
            match ended? {
                Ended::All => {
                    if let Some(hints) = self.hints.as_ref().filter(|_| is_hinted) {
                        hints.after(kind).await;
                    }
                    return Ok(tally);
                }
                Ended::Raced => left.retain(|change| !done.contains(&change.record())),
            }
        }
        Err(crate::store::contended().into())
    }

    /// Waits before another try, so that those who met do not meet again.
    async fn wait(&self, attempt: u32) {
        if attempt > 0 {
            let longest = FIRST_WAIT.saturating_mul(attempt).min(LONGEST_WAIT);
            let wait = longest.mul_f64(self.sources.randomness.fraction());
            tokio::time::sleep(wait).await;
        }
    }
}

impl Tally {
    fn add(&mut self, was: bool, is: bool) {
        let counted = match (was, is) {
            (false, true) => &mut self.created,
            (true, false) => &mut self.deleted,
            (true, true) => &mut self.updated,
            (false, false) => return,
        };
        *counted = counted.saturating_add(1);
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.created = self.created.saturating_add(other.created);
        self.updated = self.updated.saturating_add(other.updated);
        self.deleted = self.deleted.saturating_add(other.deleted);
        self.conflicts = self.conflicts.saturating_add(other.conflicts);
    }
}

impl From<Tally> for JobCounts {
    fn from(tally: Tally) -> Self {
        Self {
            created: tally.created,
            updated: tally.updated,
            deleted: tally.deleted,
            conflicts: tally.conflicts,
            ..Self::default()
        }
    }
}

impl Change for Observation {
    fn record(&self) -> Digest {
        record_digest(&self.id)
    }

    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need {
        let head = head.map(|head| &head.item);
        match (self.novelty(head), head) {
            (Novelty::New, _) => Need::Content,
            (Novelty::SameButNewer, Some(head)) if !head.deleted => {
                Need::Touch(Box::new(RecordHead {
                    source_version: self.source_version.clone(),
                    observed_at: self.observed_at.max(head.observed_at),
                    ..head.clone()
                }))
            }
            (Novelty::Same | Novelty::SameButNewer | Novelty::Old, _) => Need::Nothing,
        }
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        let origin = self.origin;
        let observed = match standing {
            Some(standing) => standing.observed(self.clone(), rules),
            None => self.clone().first(),
        };
        Ok(Some(Changed {
            head: observed.head,
            body: observed.body,
            open: observed.open,
            moves: observed.moves,
            origin,
            settled_by: None,
        }))
    }
}
