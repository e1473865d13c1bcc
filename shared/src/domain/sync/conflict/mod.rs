//! What becomes of a record that both sides have changed: three-way conflict resolution.
//!
//! A record is on two sides: the *source*, where it is synchronized from, such as a provider, and
//! the *destination*, where it is kept, such as our records. The *base* is what the source had when
//! it was last taken in. What only one side has changed since is that side's, whatever the policy;
//! what both have changed to the same value is no conflict; the rest is for the [policy]. The truth
//! table is `docs/conflicts.md`, which a test writes from this code.
//!
//! [`resolve`] remembers nothing, so the base has to say what is settled and what is not:
//! - Of what is settled, [`Resolution::new_base`] has the value that the source has *now*. If the
//!   destination's is another, it is the destination's change, which goes to the source; and so it
//!   stays, each time it is asked, until the source has it. Who knows that the source has accepted
//!   [`Resolution::to_source`] goes on with [`Resolution::base_once_sent`] at once: otherwise our
//!   own change, coming back, is the source's, and in conflict with what changed here meanwhile.
//! - Of what waits for a person, it has what the old base had. So the same conflict is found again,
//!   and is equal to the one before, until one of the sides changes, or [`settle`] is called. The
//!   conflicts of a resolution are all that are open for the record: they replace those before.
//!
//! [policy]: ConflictPolicy

mod change;
mod condition;
mod elements;
mod lines;
mod merge;
mod path;
mod policy;
mod resolve;
mod same;
mod settle;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::Timestamp;
use crate::domain::object::only_objects;

pub use change::{Change, Update};
pub use path::{FieldPath, FieldPathError};
pub use policy::{
    ConflictPolicy, ConflictRule, FieldPattern, FieldPatternError, RuleAction, Strategy,
};
pub use resolve::resolve;
pub use same::{same, same_fields};
pub use settle::{Choice, SettleError, settle};

/// What a record holds, by field.
pub type Fields = serde_json::Map<String, Value>;

/// A record as one of the sides has it.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What it holds; `None` if the record was deleted there, or never was there.
    pub fields: Option<&'a Fields>,
    /// When it was last changed there, if that is known.
    pub changed_at: Option<Timestamp>,
}

impl<'a> Side<'a> {
    /// A record that is there.
    #[must_use]
    pub fn present(fields: &'a Fields, changed_at: Option<Timestamp>) -> Self {
        Self {
            fields: Some(fields),
            changed_at,
        }
    }

    /// A record that was deleted, or never was there.
    #[must_use]
    pub fn deleted(changed_at: Option<Timestamp>) -> Self {
        Self {
            fields: None,
            changed_at,
        }
    }
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// What the destination holds from now on; `None` if the record is deleted. A field that waits
    /// for a person keeps the destination's value.
    pub content: Option<Fields>,
    /// By what the source differs from what is settled, and has to be told.
    pub to_source: Option<Change>,
    /// By what the destination differs from `content`.
    pub to_destination: Option<Change>,
    /// All that waits for a person, by field: what waited before and still does, too.
    pub conflicts: Vec<FieldConflict>,
    /// What has to be given as the base next time.
    pub new_base: Option<Fields>,
    /// The same, once the source has accepted `to_source`.
    pub base_once_sent: Option<Fields>,
}

impl Resolution {
    /// What comes of what the sides are now, and will be.
    fn of(now: [Option<&Fields>; 2], settled: Settled<Fields>, open: Vec<FieldConflict>) -> Self {
        let [source, destination] = now;
        let to_source = Change::between(source, settled.source.as_ref());
        let mut base_once_sent = settled.source;
        for conflict in &open {
            conflict
                .field
                .put_in(&mut base_once_sent, conflict.base.clone());
        }
        Self {
            to_source,
            to_destination: Change::between(destination, settled.destination.as_ref()),
            content: settled.destination,
            conflicts: open,
            new_base: settled.base,
            base_once_sent,
        }
    }
}

/// Leaves a record that both sides have to a person as a whole, whatever the policy: what becomes of it
/// by the policy is `reason` enough. Each side keeps what it has until then.
#[must_use]
pub fn leave(
    base: Option<&Fields>,
    source: Option<&Fields>,
    destination: Option<&Fields>,
    reason: FlagReason,
) -> Resolution {
    let whole = |fields: Option<&Fields>| fields.cloned().map(Value::Object);
    let open = FieldConflict {
        field: FieldPath::WHOLE,
        base: whole(base),
        source: whole(source),
        destination: whole(destination),
        reason,
    };
    let settled = Settled::not(base, source, destination);
    Resolution::of([source, destination], settled, vec![open])
}

/// What each side, and the base, is from now on. The sides differ where a person has to decide.
struct Settled<T> {
    source: Option<T>,
    destination: Option<T>,
    base: Option<T>,
}

only_objects!(FieldConflict);

/// A field that both sides have changed, and that a person has to decide on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct FieldConflict {
    /// Which; `*` if one side deleted the record and the other changed it.
    pub field: FieldPath,
    /// What it was; absent if it was not there.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub base: Option<Value>,
    /// What it is at the source; absent if it is not there.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub source: Option<Value>,
    /// What it is at the destination; absent if it is not there.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub destination: Option<Value>,
    /// Why it was not settled by itself.
    pub reason: FlagReason,
}

/// Why a person has to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlagReason {
    /// The strategy is `manual`.
    Strategy,
    /// A rule says so.
    Rule,
    /// A rule's condition fails on this record, or there are too many to evaluate.
    Condition,
    /// To be merged, but one side removed what the other changed.
    Removed,
    /// To be merged, but the values are of different types.
    Types,
    /// To be merged, but the same lines of a text were changed.
    Lines,
    /// To be merged, but a list is no set: its elements are not all scalars, or all objects with an
    /// `id`, or one occurs twice.
    NotASet,
    /// To be merged, but too large or too deep for that; of a record as a whole, that the changes of both
    /// sides together are more than a record may hold.
    TooLarge,
}

/// Reads a value that is there, though it may be `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
