use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::same::same_or_absent;
use super::{FieldConflict, FieldPath, Fields, Resolution, Settled};
use crate::domain::object::only_objects;
use crate::domain::sync::ContentError;

only_objects!(Choice);

/// What a person decides on a field in conflict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "take",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum Choice {
    /// What the source has; the field goes if it has none.
    Source {},
    /// What the destination has; the field goes if it has none.
    Destination {},
    /// Something else.
    Value {
        /// What. For the record as a whole, an object.
        value: Value,
    },
}

impl Choice {
    /// What the field of `conflict` becomes.
    fn value(&self, conflict: &FieldConflict) -> Result<Option<Value>, SettleError> {
        match self {
            Self::Source {} => Ok(conflict.source.clone()),
            Self::Destination {} => Ok(conflict.destination.clone()),
            Self::Value { value } if conflict.field.is_whole() && !value.is_object() => {
                Err(SettleError::NoRecord)
            }
            Self::Value { value } => Ok(Some(value.clone())),
        }
    }
}

/// Why a conflict is not settled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// There is no conflict about the field.
    #[error("there is no open conflict about `{0}`")]
    NotOpen(FieldPath),
    /// The field is not what it was when the conflict was found.
    #[error("`{0}` has changed since the conflict was found")]
    Changed(FieldPath),
    /// The record as a whole can only be an object.
    #[error("a record is an object")]
    NoRecord,
    /// It would hold more than a record may.
    #[error("the record cannot hold that: {0}")]
    Content(#[from] ContentError),
}

/// Settles some of a record's `conflicts`, as people have decided, whatever the policy.
///
/// `base` and `content` are the record's own, as the resolution that found the conflicts left them,
/// with what has changed at the destination since. The resolution that is returned is about what is
/// settled and what was settled before; its conflicts are those that stay open. What is at the
/// source is not asked: if it has changed since, that is found the next time that it is taken in.
///
/// # Errors
///
/// If there is no such conflict, or the field is not what it was when the conflict was found. Then
/// nothing is settled.
pub fn settle(
    base: Option<&Fields>,
    content: Option<&Fields>,
    conflicts: &[FieldConflict],
    choices: &BTreeMap<FieldPath, Choice>,
) -> Result<Resolution, SettleError> {
    let is_open = |field: &&FieldPath| !conflicts.iter().any(|conflict| conflict.field == **field);
    if let Some(field) = choices.keys().find(is_open) {
        return Err(SettleError::NotOpen(field.clone()));
    }
    let [mut source_now, mut new_base] = [base, base].map(Option::<&Fields>::cloned);
    let mut new_content = content.cloned();
    let mut open = Vec::new();
    for conflict in conflicts {
        let field = &conflict.field;
        field.put_in(&mut source_now, conflict.source.clone());
        let Some(choice) = choices.get(field) else {
            open.push(conflict.clone());
            continue;
        };
        if !is_at(content, field, conflict.destination.as_ref())
            || !is_at(base, field, conflict.base.as_ref())
        {
            return Err(SettleError::Changed(field.clone()));
        }
        field.put_in(&mut new_content, choice.value(conflict)?);
        field.put_in(&mut new_base, conflict.source.clone());
    }
    let mut new_source = new_content.clone();
    for conflict in &open {
        let value = conflict.source.clone();
        conflict.field.put_in(&mut new_source, value);
    }
    let settled = Settled {
        source: new_source,
        destination: new_content,
        base: new_base,
    };
    Ok(Resolution::of(
        [source_now.as_ref(), content],
        settled,
        open,
    ))
}

/// Whether `record` has `expected` at `field`.
fn is_at(record: Option<&Fields>, field: &FieldPath, expected: Option<&Value>) -> bool {
    if !field.is_whole() {
        let found = record.and_then(|record| field.find(record));
        return same_or_absent(found, expected);
    }
    let whole = record.cloned().map(Value::Object);
    same_or_absent(whole.as_ref(), expected)
}
