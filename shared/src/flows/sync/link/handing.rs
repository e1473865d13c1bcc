//! What is handed on, and what the other side knows already.

use serde_json::Value;

use super::{Handing, Next};
use crate::domain::Error;
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{ChangeOrigin, Fields, SyncTarget};

impl Handing<'_> {
    /// Whether this may be the record that was made for one of the other side, of which the answer is not
    /// here yet.
    pub(super) fn may_be_known(&self) -> bool {
        let is_shown = matches!(
            self.standing.origin,
            ChangeOrigin::Sync | ChangeOrigin::Event
        );
        is_shown && self.there.target_to(&self.here).is_some()
    }

    /// What this side is known to have been told by the other, after the other has changed because of it.
    pub(super) fn known_here(
        &self,
        known: Option<Fields>,
        before: Option<&Fields>,
        after: &Fields,
    ) -> Option<Fields> {
        let target = self.there.target_to(&self.here)?;
        let after = told(target, after)?;
        let before = before.and_then(|before| told(target, before));
        match (known, before) {
            (None, Some(_)) => None,
            (None, None) => Some(after),
            (Some(known), before) => {
                let change = Change::between(before.as_ref(), Some(&after));
                change.map_or(Some(known.clone()), |change| {
                    change.applied_to(Some(&known))
                })
            }
        }
    }

    pub(super) fn cannot(&self, error: &Error) -> Next {
        let (here, there) = (self.here.integration, self.there.integration);
        tracing::warn!(
            integration.id = %here,
            other.id = %there,
            entity = %self.there.entity,
            record = %self.due.record,
            error = error as &dyn std::error::Error,
            "a record of {here} cannot be handed on to {there}"
        );
        Next::Done
    }
}

/// What the other side would hold.
pub(super) fn told(target: &SyncTarget, content: &Fields) -> Option<Fields> {
    target.mapper().read(&Value::Object(content.clone())).ok()
}
