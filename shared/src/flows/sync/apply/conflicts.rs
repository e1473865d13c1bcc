//! The conflicts of records that change: opened, brought up to date, closed.

use super::{Changed, Kind, Records};
use crate::domain::sync::{ConflictSides, ConflictStatus, RecordConflict};
use crate::domain::{ConflictId, Digest, Error, Timestamp};
use crate::store::{ConflictWrite, Versioned};

impl Records {
    /// What has to be written of the record's conflict, and how many more are open after it, or fewer.
    /// The head is made to name it.
    pub(super) async fn conflict(
        &self,
        kind: Kind<'_>,
        record: Digest,
        changed: &mut Changed,
        now: Timestamp,
    ) -> Result<(Option<ConflictWrite>, i8), Error> {
        let known = match changed.head.conflict {
            Some(conflict) => self.open_conflict(kind, conflict, now).await?,
            None => None,
        };
        let sides = ConflictSides {
            id: changed.body.id.clone(),
            fields: std::mem::take(&mut changed.open),
        };
        let waits = !sides.fields.is_empty();
        changed.head.conflict = None;
        match known {
            None if !waits => Ok((None, 0)),
            None => {
                let id = ConflictId::generate(now, self.sources.randomness.as_ref());
                let conflict = RecordConflict {
                    id,
                    organization_id: kind.organization,
                    integration_id: kind.integration,
                    entity: kind.entity.clone(),
                    record: record.to_string(),
                    status: ConflictStatus::Open,
                    sides: self.keys.seal_sides(kind.organization, id, &sides).await?,
                    opened_at: now,
                    resolved_at: None,
                    resolved_by: None,
                };
                changed.head.conflict = Some(id);
                Ok((Some(write(conflict, 0, None)), 1))
            }
            Some(Versioned { item, version }) if waits => {
                changed.head.conflict = Some(item.id);
                let sides = self.keys.seal_sides(kind.organization, item.id, &sides);
                let conflict = RecordConflict {
                    sides: sides.await?,
                    ..item
                };
                Ok((Some(write(conflict, version, None)), 0))
            }
            Some(Versioned { item, version }) => {
                let settled_by = changed.settled_by.take();
                let status = match settled_by {
                    Some(_) => ConflictStatus::Resolved,
                    None => ConflictStatus::Obsolete,
                };
                let conflict = RecordConflict {
                    status,
                    resolved_at: Some(now),
                    resolved_by: settled_by,
                    ..item
                };
                let expires_at = Some(now.plus(self.retention));
                Ok((Some(write(conflict, version, expires_at)), -1))
            }
        }
    }

    async fn open_conflict(
        &self,
        kind: Kind<'_>,
        conflict: ConflictId,
        now: Timestamp,
    ) -> Result<Option<Versioned<RecordConflict>>, Error> {
        let store = &self.store;
        let found = store.record_conflict(kind.organization, kind.integration, conflict, now);
        let found = found.await?;
        Ok(found.filter(|found| found.item.status == ConflictStatus::Open))
    }
}

fn write(conflict: RecordConflict, version: u64, expires_at: Option<Timestamp>) -> ConflictWrite {
    ConflictWrite {
        conflict,
        version,
        expires_at,
    }
}
