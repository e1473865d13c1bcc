use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fields;
use super::same::{same, same_fields};
use crate::domain::object::only_objects;

/// What has to happen to a record, for it to be what it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is not there, and has to be.
    Create(Fields),
    /// Some of its fields have to change.
    Update(Update),
    /// It is there, and must not be.
    Delete,
}

only_objects!(Update);

/// What has to happen to a record's fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct Update {
    /// The new values, whole, by field.
    pub set: Fields,
    /// The fields that have to go.
    pub removed: Vec<String>,
}

impl Change {
    /// What makes `from` into `to`; `None` if they are the same.
    #[must_use]
    pub fn between(from: Option<&Fields>, to: Option<&Fields>) -> Option<Self> {
        match (from, to) {
            (None, None) => None,
            (None, Some(to)) => Some(Self::Create(to.clone())),
            (Some(_), None) => Some(Self::Delete),
            (Some(from), Some(to)) if same_fields(from, to) => None,
            (Some(from), Some(to)) => {
                let is_new = |(name, value): &(&String, &Value)| {
                    !from.get(*name).is_some_and(|old| same(old, value))
                };
                let set = to.iter().filter(is_new);
                let removed = from.keys().filter(|name| !to.contains_key(*name));
                Some(Self::Update(Update {
                    set: set
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                    removed: removed.cloned().collect(),
                }))
            }
        }
    }

    /// `record` after this change. It is no base for what has to be settled: see
    /// [`Resolution::base_once_sent`](super::Resolution::base_once_sent).
    #[must_use]
    pub fn applied_to(&self, record: Option<&Fields>) -> Option<Fields> {
        match self {
            Self::Create(fields) => Some(fields.clone()),
            Self::Delete => None,
            Self::Update(Update { set, removed }) => {
                let mut fields = record.cloned().unwrap_or_default();
                fields.retain(|name, _| !removed.contains(name));
                fields.extend(set.clone());
                Some(fields)
            }
        }
    }
}
