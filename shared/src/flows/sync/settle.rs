//! Conflicts, as people look at them and settle them.

use std::collections::BTreeMap;

use super::{Change, Changed, Kind, LocalRecords, Need};
use crate::domain::sync::conflict::{Choice, FieldConflict, FieldPath, SettleError};
use crate::domain::sync::{
    ChangeOrigin, ConflictSides, ConflictStatus, EntitySync, RecordConflict, RecordHead, Standing,
};
use crate::domain::{
    ConflictId, Digest, DigestError, Error, FieldError, IntegrationId, OrganizationId,
};
use crate::store::Versioned;

/// How often a conflict is read anew because the record has changed meanwhile.
const TRIES: usize = 5;

/// A conflict that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundConflict {
    /// As it is stored.
    pub conflict: Versioned<RecordConflict>,
    /// What it is about.
    pub sides: ConflictSides,
}

/// What somebody decided on a conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Only if the conflict is in this version.
    pub expected: Option<u64>,
    /// What becomes of which field. Fields that are left out stay open.
    pub choices: BTreeMap<FieldPath, Choice>,
    /// Who decided: the caller's subject.
    pub by: String,
}

/// A conflict that is settled as a person decided, on the record as it was when it was read.
struct Settling<'a> {
    conflict: ConflictId,
    record: Digest,
    seen: &'a RecordHead,
    fields: &'a [FieldConflict],
    verdict: &'a Verdict,
}

impl LocalRecords {
    /// Reads a conflict, with both sides.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table or the vault does not answer.
    pub async fn conflict(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        id: ConflictId,
    ) -> Result<FoundConflict, Error> {
        let now = self.sources.now();
        let found = self
            .store
            .record_conflict(organization, integration, id, now);
        let conflict = found.await?.ok_or(Error::NotFound("conflict"))?;
        let sides = self.sides(&conflict.item).await?;
        Ok(FoundConflict { conflict, sides })
    }

    /// What a conflict is about.
    ///
    /// # Errors
    ///
    /// If the vault does not answer, or it is another's.
    pub async fn sides(&self, conflict: &RecordConflict) -> Result<ConflictSides, Error> {
        let (organization, id) = (conflict.organization_id, conflict.id);
        let opened = self.keys.open_sides(organization, id, &conflict.sides);
        Ok(opened.await?)
    }

    /// Whether a conflict can be settled like this, as it stands now.
    ///
    /// # Errors
    ///
    /// As [`LocalRecords::settle`].
    pub async fn check_verdict(
        &self,
        kind: Kind<'_>,
        id: ConflictId,
        verdict: &Verdict,
        pointer: impl Fn(&FieldPath) -> String,
    ) -> Result<(), Error> {
        let checked = self.disputed(kind, id, (verdict, &pointer)).await?;
        drop(checked);
        Ok(())
    }

    /// Settles a conflict, and has the provider told what it does not have.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`], if the conflict is in another version than
    /// expected; [`Error::Conflict`], if it does not wait, or the record has changed since it was
    /// found; [`Error::Invalid`], at the place that `pointer` gives to what is said of a field; or the
    /// table, the vault or the queue does not answer.
    pub async fn settle(
        &self,
        kind: Kind<'_>,
        id: ConflictId,
        verdict: &Verdict,
        pointer: impl Fn(&FieldPath) -> String,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (record, seen, sides) = self.disputed(kind, id, (verdict, &pointer)).await?;
            let settling = Settling {
                conflict: id,
                record,
                seen: &seen,
                fields: &sides.fields,
                verdict,
            };
            match self.change(kind, record, &settling).await {
                Err(Error::PreconditionFailed) => {}
                settled => return settled,
            }
        }
        Err(Error::Unavailable("the record changes all the time".into()))
    }

    /// A conflict that can be settled like this, with its record.
    async fn disputed(
        &self,
        kind: Kind<'_>,
        id: ConflictId,
        (verdict, pointer): (&Verdict, &impl Fn(&FieldPath) -> String),
    ) -> Result<(Digest, RecordHead, ConflictSides), Error> {
        let owner = (kind.organization, kind.integration);
        let record = self.conflict(owner, id).await?.record()?;
        // The record before the conflict: if both change in between, the record is found to have.
        let standing = self.read(kind, record).await?;
        let standing = standing.ok_or(Error::NotFound("record"))?;
        let found = self.conflict(owner, id).await?;
        if found.conflict.item.status != ConflictStatus::Open {
            return Err(Error::Conflict("the conflict does not wait".to_owned()));
        }
        let version = found.conflict.version;
        if verdict.expected.is_some_and(|expected| expected != version) {
            return Err(Error::PreconditionFailed);
        }
        let settled = standing.settled(&found.sides.fields, &verdict.choices, kind.rules);
        settled.map_err(|error| refusal(&error, pointer))?;
        Ok((record, standing.head, found.sides))
    }
}

impl FoundConflict {
    /// The digest of the record's id.
    fn record(&self) -> Result<Digest, Error> {
        let record = self.conflict.item.record.parse();
        record.map_err(|error: DigestError| Error::Internal(error.into()))
    }
}

impl Change for Settling<'_> {
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
        let standing = standing.ok_or(Error::NotFound("record"))?;
        // What the provider has may be another by now, and then so is the conflict.
        if standing.head != *self.seen || standing.head.conflict != Some(self.conflict) {
            return Err(Error::PreconditionFailed);
        }
        let settled = standing.settled(self.fields, &self.verdict.choices, rules);
        let settled = settled.map_err(|error| Error::Conflict(error.to_string()))?;
        Ok(Some(Changed {
            // Which conflict it is, is found out when that is written.
            head: RecordHead {
                conflict: Some(self.conflict),
                ..settled.head
            },
            body: settled.body,
            open: settled.open,
            moves: true,
            origin: ChangeOrigin::Conflict,
            settled_by: Some(self.verdict.by.clone()),
        }))
    }
}

/// What is told of a verdict that cannot be.
fn refusal(error: &SettleError, pointer: impl Fn(&FieldPath) -> String) -> Error {
    match error {
        SettleError::NotOpen(field) => Error::Invalid(vec![FieldError::new(
            format!("{}/field", pointer(field)),
            "the conflict is not about this field",
        )]),
        SettleError::NoRecord => Error::Invalid(vec![FieldError::new(
            format!("{}/value", pointer(&FieldPath::WHOLE)),
            "expected an object: it is the record as a whole",
        )]),
        SettleError::Content(error) => Error::Invalid(vec![FieldError::new(
            pointer(&FieldPath::WHOLE),
            format!("the record cannot hold that: {error}"),
        )]),
        SettleError::Changed(_) => Error::Conflict(error.to_string()),
    }
}
