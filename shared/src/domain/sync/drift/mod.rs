//! Whether the provider's records still have the fields that they had.
//!
//! What is compared are the members of the provider's records, before they are mapped, by the types
//! of JSON: a text is a text, whatever stands in it. `null` fits any type, and integers are numbers.

mod found;
pub(super) mod pairs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{DriftPolicy, FieldType};

pub use found::FoundDrift;

/// So many fields of a kind of record are watched. A provider whose records have members by ids
/// rather than by names would else fill the item that this is kept in.
const MAX_FIELDS: usize = 500;
/// A member with a longer name is not watched.
const MAX_NAME: usize = 128;

/// The fields of a provider's records, with their types.
pub type RecordSchema = BTreeMap<String, FieldType>;

/// One change of the provider's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The provider's name of the field.
    pub field: String,
    /// What has changed.
    #[serde(flatten)]
    pub kind: DriftKind,
}

/// What has changed of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DriftKind {
    /// It has not been there.
    New,
    /// No record of a full run had it.
    Vanished,
    /// It has values of another type.
    Retyped {
        /// The type that was known.
        from: FieldType,
        /// The type that was seen.
        to: FieldType,
    },
}

/// The fields that records of a run had. Those of its pages are merged one by one into what is kept
/// with the job, in the transaction that moves the job on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaSeen {
    /// By name.
    #[serde(default, with = "pairs", skip_serializing_if = "BTreeMap::is_empty")]
    fields: RecordSchema,
    /// Whether there were more than are watched. Then nothing can be said to have vanished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// What fields have become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaChange {
    /// What is to be reported, in the order of the names. Nothing, as long as no run was completed:
    /// there is nothing to compare with.
    pub drifts: Vec<Drift>,
    /// What is known from now on. It is stored where the changes are reported, so that none is
    /// reported twice.
    pub schema: RecordSchema,
}

impl SchemaSeen {
    /// Of the records of a page, as the provider sent them. What is no object has no fields.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut seen = Self::default();
        for (name, value) in records.into_iter().filter_map(Value::as_object).flatten() {
            seen.add(name, type_of(value));
        }
        seen
    }

    /// Adds what other pages had. In which order does not matter, nor if a page is added twice.
    pub fn merge(&mut self, other: &Self) {
        self.more |= other.more;
        for (name, field_type) in &other.fields {
            self.add(name, *field_type);
        }
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.more
    }

    /// What a page changes of what is `known`: fields that are new, and such with other types.
    /// `compared` says whether a run was completed before this one.
    #[must_use]
    pub fn changes(&self, known: &RecordSchema, compared: bool) -> SchemaChange {
        let mut change = SchemaChange {
            drifts: Vec::new(),
            schema: known.clone(),
        };
        for (name, seen) in &self.fields {
            let before = known.get(name).copied();
            if before.is_none() && change.schema.len() >= MAX_FIELDS {
                continue;
            }
            let now = before.map_or(*seen, |before| before.joined(*seen));
            change.schema.insert(name.clone(), now);
            let kind = match before {
                None => DriftKind::New,
                Some(from) if from.widens_to(now) => continue,
                Some(from) => DriftKind::Retyped { from, to: *seen },
            };
            if compared {
                let field = name.clone();
                change.drifts.push(Drift { field, kind });
            }
        }
        change
    }

    /// What the end of a full run changes of what is `known`, where this is what all of its pages
    /// had: which fields have vanished. Not for a run that left anything out. A field that was seen
    /// with two types, since its type changed on the way, has from now on the one that is left.
    #[must_use]
    pub fn conclude(&self, known: &RecordSchema, compared: bool) -> SchemaChange {
        let mut change = self.changes(known, compared);
        // Without any records, the fields are as they were.
        if self.more || self.fields.is_empty() {
            return change;
        }
        for (name, seen) in &self.fields {
            if *seen != FieldType::Null && change.schema.contains_key(name) {
                change.schema.insert(name.clone(), *seen);
            }
        }
        for name in known.keys().filter(|name| !self.fields.contains_key(*name)) {
            change.schema.remove(name);
            if compared {
                change.drifts.push(Drift {
                    field: name.clone(),
                    kind: DriftKind::Vanished,
                });
            }
        }
        change
            .drifts
            .sort_by(|one, other| one.field.cmp(&other.field));
        change
    }

    fn add(&mut self, name: &str, seen: FieldType) {
        if let Some(field_type) = self.fields.get_mut(name) {
            *field_type = field_type.joined(seen);
        } else if self.fields.len() >= MAX_FIELDS || name.len() > MAX_NAME {
            self.more = true;
        } else {
            self.fields.insert(name.to_owned(), seen);
        }
    }
}

impl DriftPolicy {
    /// Those of the changes that stop a job: with [`DriftPolicy::Stop`], fields that are new or have
    /// another type. The end of a run is too late to stop it for what has vanished.
    pub fn stopped_by(self, drifts: &[Drift]) -> impl Iterator<Item = &Drift> {
        drifts
            .iter()
            .filter(move |drift| self == Self::Stop && drift.kind != DriftKind::Vanished)
    }
}

impl FieldType {
    /// The type of what may be of either.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::Null, other) | (other, Self::Null) => other,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Mixed,
        }
    }

    /// Whether what has become `other` of this is no change to speak of: it is the same, or the
    /// first value that is not `null`, or a number with a fraction after integers.
    fn widens_to(self, other: Self) -> bool {
        self == other || self == Self::Null || (self == Self::Integer && other == Self::Number)
    }
}

fn type_of(value: &Value) -> FieldType {
    match value {
        Value::Null => FieldType::Null,
        Value::Bool(_) => FieldType::Boolean,
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() != 0.0 => FieldType::Number,
            _ => FieldType::Integer,
        },
        Value::String(_) => FieldType::String,
        Value::Array(_) => FieldType::Array,
        Value::Object(_) => FieldType::Object,
    }
}
