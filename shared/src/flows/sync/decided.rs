//! Changes that were decided on a reading of the record, before they are made.

use super::{Change, Changed, Need};
use crate::domain::sync::{EntitySync, RecordHead, Standing};
use crate::domain::{Digest, Error};
use crate::store::{LinkWrite, Versioned};

/// What becomes of a record, if it is as it was when that was decided.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) record: Digest,
    /// As it was; none, if there was none.
    pub(super) seen: Option<RecordHead>,
    pub(super) changed: Changed,
    /// Links that are written with it.
    pub(super) links: Vec<LinkWrite>,
}

impl Change for Decided {
    fn record(&self) -> Digest {
        self.record
    }

    fn need(&self, _: Option<&Versioned<RecordHead>>) -> Need {
        Need::Content
    }

    /// [`Error::PreconditionFailed`], if the record is another by now: it is to be decided again.
    fn decide(
        &self,
        standing: Option<&Standing>,
        _: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        if standing.map(|standing| &standing.head) != self.seen.as_ref() {
            return Err(Error::PreconditionFailed);
        }
        Ok(Some(self.changed.clone()))
    }

    fn links(&self) -> &[LinkWrite] {
        &self.links
    }
}
