//! Changes in sets that are written together, one after the other.

use std::collections::HashSet;

use super::prepare::{Asked, Prepared};
use super::{ApplyError, Change, Fence, Kind, Need, Records, Tally};
use crate::domain::sync::{EntityState, JobCounts, RecordHead};
use crate::domain::{Digest, Error, Timestamp};
use crate::store::{ChangeSet, Committed, JobWrite, MAX_CHANGES, RecordWrite, Versioned};

/// How one try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All is written.
    All,
    /// Somebody else was faster.
    Raced,
}

/// Writes changes in sets.
pub(super) struct Packer<'a, 'f> {
    records: &'a Records,
    kind: Kind<'a>,
    fence: Option<&'a mut Fence<'f>>,
    /// The set that is being filled, over the state as it was read or written last.
    set: ChangeSet,
    of_set: Tally,
    written: Tally,
    done: HashSet<Digest>,
    now: Timestamp,
    /// Whether those who follow the feed are told already that there may be more.
    pub(super) is_hinted: bool,
}

impl<'a, 'f> Packer<'a, 'f> {
    pub(super) fn new(
        records: &'a Records,
        kind: Kind<'a>,
        state: Versioned<EntityState>,
        fence: Option<&'a mut Fence<'f>>,
    ) -> Self {
        let now = records.sources.now();
        let mut packer = Self {
            set: ChangeSet::new(kind.organization, kind.integration, state, now),
            records,
            kind,
            fence,
            of_set: Tally::default(),
            written: Tally::default(),
            done: HashSet::new(),
            now,
            is_hinted: false,
        };
        packer.make_room();
        packer
    }

    /// Adds up what was written, and says of which records.
    pub(super) fn finish(self, tally: &mut Tally) -> HashSet<Digest> {
        *tally += self.written;
        self.done
    }

    pub(super) async fn run<C: Change>(&mut self, changes: &[&C]) -> Result<Ended, ApplyError> {
        let asked = self.ask(changes).await?;
        if !asked.is_empty() {
            self.records.keys.ensure(self.kind.organization).await?;
        }
        for chunk in asked.chunks(MAX_CHANGES) {
            let prepared = self.records.prepare(self.kind, chunk, self.now).await?;
            let Ok(prepared) = prepared else {
                return Ok(Ended::Raced);
            };
            self.hint(&prepared).await?;
            for one in prepared {
                let bytes = one.content.as_ref();
                let bytes = bytes.map_or(0, |content| content.body.as_bytes().len());
                let conflict = one.conflict.as_ref().map(|write| &write.conflict);
                if !self.set.has_room_for(bytes, conflict) && !self.write(false).await? {
                    return Ok(Ended::Raced);
                }
                self.add(one);
            }
        }
        if self.fence.is_none() && self.set.changes.is_empty() {
            return Ok(Ended::All);
        }
        let written = self.write(true).await?;
        Ok(if written { Ended::All } else { Ended::Raced })
    }

    /// What of the changes is not known to be nothing.
    async fn ask<'c, C: Change>(&self, changes: &[&'c C]) -> Result<Vec<Asked<'c, C>>, ApplyError> {
        let digests: Vec<Digest> = changes.iter().map(|change| change.record()).collect();
        let kind = self.kind;
        let heads = self
            .records
            .store
            .record_heads(
                kind.organization,
                kind.integration,
                kind.entity,
                &digests,
                self.now,
            )
            .await?;
        let asked = changes.iter().zip(heads).map(|(change, head)| Asked {
            need: change.need(head.as_ref()),
            change: *change,
            head,
        });
        Ok(asked.filter(|asked| asked.need != Need::Nothing).collect())
    }

    /// Sees to it that those are told of the changes who are to be told, before they are made.
    async fn hint(&mut self, prepared: &[Prepared]) -> Result<(), Error> {
        let Some(hints) = self.records.hints.as_ref().filter(|_| !self.is_hinted) else {
            return Ok(());
        };
        let tells = prepared.iter().map(Prepared::tells);
        let (changes, pending) =
            tells.fold((false, false), |all, one| (all.0 || one.0, all.1 || one.1));
        if changes && (pending || hints.are_wanted(self.kind).await?) {
            hints.before(self.kind).await?;
            self.is_hinted = true;
        }
        Ok(())
    }

    /// Puts one more into the set, and gives it its place among all changes.
    fn add(&mut self, one: Prepared) {
        let Prepared {
            record,
            before,
            mut head,
            content,
            conflict,
            opened,
            links,
        } = one;
        self.set.links.extend(links);
        let was = RecordHead::is_there(before.as_ref().map(|before| &before.item));
        let is = RecordHead::is_there(Some(&head));
        let mut change = content.map(|content| (content.change, content.moves));
        if let Some((change, true)) = &mut change {
            let (sequence, at) = self.set.state.take_change(was, is, self.now);
            head.sequence = sequence;
            change.changed_at = at;
            self.of_set.add(was, is);
        }
        let open = &mut self.set.state.open_conflicts;
        if opened > 0 {
            *open = open.saturating_add(1);
            self.of_set.conflicts = self.of_set.conflicts.saturating_add(1);
        } else if opened < 0 {
            *open = open.saturating_sub(1);
        }
        self.set.conflicts.extend(conflict);
        let expires_at = head.deleted && !head.pending && head.conflict.is_none();
        self.set.changes.push(RecordWrite {
            record,
            before,
            head,
            change: change.map(|(change, _)| change),
            expires_at: expires_at.then(|| self.now.plus(self.records.retention)),
        });
    }

    /// Writes the set, and begins the next one. Whether it is written.
    async fn write(&mut self, is_last: bool) -> Result<bool, ApplyError> {
        if !is_last {
            (self.set.seen, self.set.missing) = (None, None);
        }
        if let Some(fence) = &self.fence {
            let mut job = fence.job.item.clone();
            job.counts += JobCounts::from(self.of_set);
            let expires_at = is_last
                .then(|| (fence.closing.close)(&mut job, &mut self.set.state))
                .flatten();
            self.set.job = Some(JobWrite {
                job,
                version: fence.job.version,
                expires_at,
            });
        }
        let store = &self.records.store;
        store.keep_as_wanted(&mut self.set).await?;
        let versions = match store.commit_changes(&self.set).await? {
            Committed::Done(versions) => versions,
            Committed::JobMoved => return Err(ApplyError::JobMoved),
            Committed::LinkMoved => return Err(Error::PreconditionFailed.into()),
            Committed::StateMoved | Committed::RecordMoved(_) | Committed::Busy => {
                return Ok(false);
            }
        };
        self.done
            .extend(self.set.changes.iter().map(|write| write.record));
        self.written += std::mem::take(&mut self.of_set);
        if let (Some(fence), Some(write)) = (&mut self.fence, self.set.job.take()) {
            fence.job = Versioned::new(write.job, versions.job);
        }
        let state = Versioned::new(self.set.state.clone(), versions.state);
        let (organization, integration) = (self.kind.organization, self.kind.integration);
        self.set = ChangeSet::new(organization, integration, state, self.now);
        self.make_room();
        Ok(true)
    }

    /// Any set may turn out to be the last one, so each has room for what that one bears besides.
    fn make_room(&mut self) {
        if let Some(fence) = &self.fence {
            self.set.seen.clone_from(&fence.closing.seen);
            self.set.missing.clone_from(&fence.closing.missing);
        }
    }
}
