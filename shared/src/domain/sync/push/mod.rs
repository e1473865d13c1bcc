//! What is sent to a provider of the changes that were made here, and what becomes of the record
//! when the provider has answered.

mod outgoing;
mod settled;
mod state;
#[cfg(test)]
mod tests;

pub use outgoing::{OutgoingCall, OutgoingError};
pub use settled::{Answered, Pushed, Sent};
pub use state::{PushError, PushFailure, RecordPush, StartedCreate};

use super::conflict::Change;
use super::{EntitySync, Fields, Standing};

/// What has to be done for the provider to have what is here.
#[derive(Clone, Debug, PartialEq)]
pub enum PushStep {
    /// Nothing waits.
    Nothing,
    /// A person has to decide first: until then, nothing of the record is sent.
    Waits,
    /// The provider has it already: what waits is only to be struck off.
    Agreed,
    /// The record is to be made.
    Create(Fields),
    /// Some of its fields are to be changed.
    Update(Change),
    /// It is to be deleted.
    Delete,
}

impl Standing {
    /// What is to be sent of the record: what it holds, as far as it can be written, against what both
    /// sides last agreed on.
    #[must_use]
    pub fn to_push(&self, rules: &EntitySync) -> PushStep {
        if !self.head.pending {
            return PushStep::Nothing;
        }
        if self.head.conflict.is_some() {
            return PushStep::Waits;
        }
        let here = (!self.head.deleted).then_some(&self.body.content);
        match Change::between(self.body.base.as_ref(), here) {
            None => PushStep::Agreed,
            Some(Change::Create(fields)) => PushStep::Create(fields),
            Some(Change::Delete) => PushStep::Delete,
            Some(Change::Update(mut update)) => {
                // What the provider alone decides on cannot be sent, and is not waited for.
                let mapper = rules.mapper();
                update.set.retain(|name, _| mapper.is_writable(name));
                update.removed.retain(|name| mapper.is_writable(name));
                if update.set.is_empty() && update.removed.is_empty() {
                    PushStep::Agreed
                } else {
                    PushStep::Update(Change::Update(update))
                }
            }
        }
    }
}
