use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::same::same_or_absent;
use super::{Change, FieldConflict, FieldPath, Fields, Resolution};
use crate::domain::object::only_objects;

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
    for conflict in conflicts {
        put(&mut source_now, &conflict.field, conflict.source.clone())?;
        let Some(choice) = choices.get(&conflict.field) else {
            continue;
        };
        if !is_at(content, conflict, conflict.destination.as_ref())
            || !is_at(base, conflict, conflict.base.as_ref())
        {
            return Err(SettleError::Changed(conflict.field.clone()));
        }
        let value = match choice {
            Choice::Source {} => conflict.source.clone(),
            Choice::Destination {} => conflict.destination.clone(),
            Choice::Value { value } => Some(value.clone()),
        };
        put(&mut new_content, &conflict.field, value)?;
        put(&mut new_base, &conflict.field, conflict.source.clone())?;
    }
    let open = conflicts.iter();
    let open = open.filter(|conflict| !choices.contains_key(&conflict.field));
    let open: Vec<FieldConflict> = open.cloned().collect();
    let mut new_source = new_content.clone();
    for conflict in &open {
        put(&mut new_source, &conflict.field, conflict.source.clone())?;
    }
    Ok(Resolution {
        to_source: Change::between(source_now.as_ref(), new_source.as_ref()),
        to_destination: Change::between(content, new_content.as_ref()),
        content: new_content,
        conflicts: open,
        new_base,
    })
}

fn put(
    record: &mut Option<Fields>,
    field: &FieldPath,
    value: Option<Value>,
) -> Result<(), SettleError> {
    if field.is_whole() {
        *record = match value {
            None => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(_) => return Err(SettleError::NoRecord),
        };
    } else {
        field.put(record.get_or_insert_default(), value);
    }
    Ok(())
}

/// Whether `record` has `expected` where the conflict is.
fn is_at(record: Option<&Fields>, conflict: &FieldConflict, expected: Option<&Value>) -> bool {
    if !conflict.field.is_whole() {
        let found = record.and_then(|record| conflict.field.find(record));
        return same_or_absent(found, expected);
    }
    let whole = record.cloned().map(Value::Object);
    same_or_absent(whole.as_ref(), expected)
}
