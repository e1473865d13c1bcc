//! What is decided of records, sealed and ready to be written.

use super::{Change, Changed, Kind, Need, Records};
use crate::domain::sync::{ChangeOrigin, PastVersion, RecordChange, RecordHead, Standing};
use crate::domain::{Digest, Error, Sealed, Timestamp};
use crate::store::{ConflictWrite, LinkWrite, Versioned};

/// The most JSON of earlier versions that is kept with a record, in bytes.
const MAX_HISTORY_BYTES: usize = 100 * 1024;

/// A record that changes, but for its place among all changes.
pub(super) struct Prepared {
    pub(super) record: Digest,
    pub(super) before: Option<Versioned<RecordHead>>,
    pub(super) head: RecordHead,
    /// What it holds; nothing, if only its head changes.
    pub(super) content: Option<Content>,
    pub(super) conflict: Option<ConflictWrite>,
    /// How many more conflicts are open, or fewer.
    pub(super) opened: i8,
    /// The links that change with it.
    pub(super) links: Vec<LinkWrite>,
}

impl Prepared {
    /// Whether others may have to be told of it; whether it is what the provider is still to be told,
    /// of which only those who watch the feed learn.
    pub(in crate::flows::sync) fn tells(&self) -> (bool, bool) {
        let change = self.content.as_ref().filter(|content| content.moves);
        let is_told = |origin| matches!(origin, ChangeOrigin::Local | ChangeOrigin::Conflict);
        let untold = change.is_some_and(|content| !is_told(content.change.origin));
        (change.is_some(), untold && self.head.pending)
    }
}

/// What a record holds.
pub(super) struct Content {
    pub(super) body: Sealed,
    pub(super) change: RecordChange,
    pub(super) moves: bool,
}

/// A change, with the head that it was asked about.
pub(super) struct Asked<'c, C> {
    pub(super) change: &'c C,
    pub(super) head: Option<Versioned<RecordHead>>,
    pub(super) need: Need,
}

/// Some records have changed between two readings.
#[derive(Debug)]
pub(super) struct Raced;

impl Records {
    /// Reads what is needed, decides, and seals. What stays as it is, is left out.
    pub(super) async fn prepare<C: Change>(
        &self,
        kind: Kind<'_>,
        asked: &[Asked<'_, C>],
        now: Timestamp,
    ) -> Result<Result<Vec<Prepared>, Raced>, Error> {
        let Ok(standings) = self.standings(kind, asked).await? else {
            return Ok(Err(Raced));
        };
        let mut prepared = Vec::with_capacity(asked.len());
        for (asked, standing) in asked.iter().zip(standings) {
            if let Need::Touch(head) = &asked.need {
                prepared.push(Prepared {
                    record: asked.change.record(),
                    before: asked.head.clone(),
                    head: (**head).clone(),
                    content: None,
                    conflict: None,
                    opened: 0,
                    links: Vec::new(),
                });
                continue;
            }
            let Some(changed) = asked.change.decide(standing.as_ref(), kind.rules)? else {
                continue;
            };
            let made_at = standing.map(|standing| (standing.created_at, standing.changed_at));
            prepared.push(self.seal(kind, asked, changed, made_at, now).await?);
        }
        Ok(Ok(prepared))
    }

    /// The records whose content is needed, as they stand.
    async fn standings<C: Change>(
        &self,
        kind: Kind<'_>,
        asked: &[Asked<'_, C>],
    ) -> Result<Result<Vec<Option<Standing>>, Raced>, Error> {
        let (organization, integration) = (kind.organization, kind.integration);
        let head_of = |asked: &Asked<'_, C>| {
            let head = asked.head.as_ref().filter(|_| asked.need == Need::Content);
            head.map(|head| head.item.clone())
        };
        let heads: Vec<Option<RecordHead>> = asked.iter().map(head_of).collect();
        let sequences: Vec<u64> = heads.iter().flatten().map(|head| head.sequence).collect();
        let store = &self.store;
        let found = store.record_changes(organization, integration, kind.entity, &sequences);
        let mut found = found.await?.into_iter();
        let mut standings = Vec::with_capacity(asked.len());
        for head in heads {
            let Some(head) = head else {
                standings.push(None);
                continue;
            };
            let Some(change) = found.next().flatten() else {
                return Ok(Err(Raced));
            };
            if change.version != head.version {
                return Ok(Err(Raced));
            }
            let keys = &self.keys;
            let body = keys.open_record(organization, integration, kind.entity, &change);
            standings.push(Some(Standing {
                head,
                origin: change.origin,
                created_at: change.created_at,
                changed_at: change.changed_at,
                body: body.await?,
            }));
        }
        Ok(Ok(standings))
    }

    async fn seal<C: Change>(
        &self,
        kind: Kind<'_>,
        asked: &Asked<'_, C>,
        mut changed: Changed,
        made_at: Option<(Timestamp, Timestamp)>,
        now: Timestamp,
    ) -> Result<Prepared, Error> {
        let (organization, integration) = (kind.organization, kind.integration);
        let record = asked.change.record();
        let (conflict, opened) = self.conflict(kind, record, &mut changed, now).await?;
        let Changed {
            head,
            mut body,
            moves,
            origin,
            ..
        } = changed;
        drop_oldest(&mut body.history);
        let sealed = self
            .keys
            .seal_record(organization, integration, kind.entity, head.version, &body)
            .await?;
        let (created_at, changed_at) = made_at.unwrap_or((now, now));
        let change = RecordChange {
            digest: record.to_string(),
            version: head.version,
            deleted: head.deleted,
            origin,
            created_at,
            changed_at,
            body: sealed.clone(),
        };
        Ok(Prepared {
            record,
            before: asked.head.clone(),
            head,
            content: Some(Content {
                body: sealed,
                change,
                moves,
            }),
            conflict,
            opened,
            links: asked.change.links().to_vec(),
        })
    }
}

/// Leaves out the oldest versions, as far as they are too large together.
fn drop_oldest(history: &mut Vec<PastVersion>) {
    let mut bytes = 0_usize;
    let fits = |past: &PastVersion| {
        let json = serde_json::to_vec(past).map_or(usize::MAX, |json| json.len());
        bytes = bytes.saturating_add(json);
        bytes <= MAX_HISTORY_BYTES
    };
    let kept = history.iter().map(fits).take_while(|fits| *fits).count();
    history.truncate(kept);
}
