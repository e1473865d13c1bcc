//! A provider's records become ours, and our changes become the provider's.

mod convert;
mod partial;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{DriftPolicy, EntitySync, FieldMapping, FieldType, Fields, SyncTarget};
use crate::domain::ExpressionError;

pub use partial::PartialRecord;

/// How the fields of one kind of record are mapped. Without any, records keep the fields that the
/// provider has.
#[derive(Clone, Debug)]
pub struct Mapping<'a> {
    fields: &'a BTreeMap<String, FieldMapping>,
    /// The provider's fields that mappings look at.
    looked_at: BTreeSet<&'a str>,
    /// Whether what no mapping looks at is taken over under its own name.
    open: bool,
}

/// Why a record cannot be mapped. Says nothing of what the record holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The record is none.
    #[error("a record is not an object")]
    NotAnObject,
    /// A value is not of the field's type, and cannot be turned into one.
    #[error("`{field}` cannot be made {} out of {found}", .wanted.with_article())]
    Conversion {
        /// Our field.
        field: String,
        /// What it has to be.
        wanted: FieldType,
        /// What it is.
        found: &'static str,
    },
    /// The mapping's expression has no result for this record.
    #[error("`{field}`: {reason}")]
    Expression {
        /// Our field.
        field: String,
        /// Why.
        reason: ExpressionError,
    },
    /// A field is to be changed that there is not.
    #[error("there is no field `{field}`")]
    Unknown {
        /// What was to be changed.
        field: String,
    },
    /// A field is to be changed that the provider has under no name of its own.
    #[error("`{field}` cannot be written: its mapping does not say where to")]
    NotWritable {
        /// Our field.
        field: String,
    },
    /// Two fields that are one at the provider are to be changed in different ways.
    #[error("`{field}` and another field are one at the provider, and differ")]
    Ambiguous {
        /// The second of them.
        field: String,
    },
}

impl EntitySync {
    /// How its records are mapped.
    #[must_use]
    pub fn mapper(&self) -> Mapping<'_> {
        Mapping::new(&self.mapping, self.drift)
    }
}

impl SyncTarget {
    /// How our records become those of the target: our fields stand for the provider's.
    #[must_use]
    pub fn mapper(&self) -> Mapping<'_> {
        Mapping::new(&self.mapping, DriftPolicy::Ignore)
    }
}

impl<'a> Mapping<'a> {
    /// By `fields`, ours by name. With [`DriftPolicy::Add`], what they do not look at is taken over.
    #[must_use]
    pub fn new(fields: &'a BTreeMap<String, FieldMapping>, drift: DriftPolicy) -> Self {
        let paths = fields.values().flat_map(|mapping| mapping.from.paths());
        Self {
            fields,
            looked_at: paths.filter_map(|path| path.first().copied()).collect(),
            open: fields.is_empty() || drift == DriftPolicy::Add,
        }
    }

    /// Our fields of a provider's record. Each that the mapping names is among them, and is `null`
    /// where the provider has nothing and there is no default.
    ///
    /// # Errors
    ///
    /// If an expression fails on the record, a value cannot be turned into its type, or the record
    /// is no object though fields of it are taken over.
    pub fn read(&self, record: &Value) -> Result<Fields, MappingError> {
        let mut content = self.taken_over(record)?;
        for (name, mapping) in self.fields {
            content.insert(name.clone(), field(name, mapping, record)?);
        }
        Ok(content)
    }

    /// Changes that somebody asks for in our fields, each as its type writes it.
    ///
    /// # Errors
    ///
    /// If there is no such field, or a value cannot be turned into its type.
    pub fn accept(&self, changes: &Fields) -> Result<Fields, MappingError> {
        let mut accepted = Fields::new();
        for (name, value) in changes {
            let value = match self.fields.get(name) {
                Some(mapping) => converted(name, mapping, value)?,
                None if self.is_own_name(name) => value.clone(),
                None => {
                    return Err(MappingError::Unknown {
                        field: name.clone(),
                    });
                }
            };
            accepted.insert(name.clone(), value);
        }
        Ok(accepted)
    }

    /// Changes of our fields by the provider's names. The values stay as ours are.
    ///
    /// # Errors
    ///
    /// If there is no such field, the provider has no name for it, or two of them have the same one
    /// and differ.
    pub fn write(&self, changes: &Fields) -> Result<Fields, MappingError> {
        let mut written = Fields::new();
        for (name, value) in changes {
            let target = match self.fields.get(name) {
                Some(mapping) => mapping.written_to(),
                None if self.is_own_name(name) => Some(name.as_str()),
                None => {
                    return Err(MappingError::Unknown {
                        field: name.clone(),
                    });
                }
            };
            let Some(target) = target else {
                return Err(MappingError::NotWritable {
                    field: name.clone(),
                });
            };
            match written.insert(target.to_owned(), value.clone()) {
                Some(other) if other != *value => {
                    return Err(MappingError::Ambiguous {
                        field: name.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(written)
    }

    /// Those of our fields that can be written at the provider, by its names: what a new record is
    /// made of. What the provider alone decides on is left out.
    ///
    /// # Errors
    ///
    /// If two of them have the same name there and differ.
    pub fn write_what_can_be(&self, content: &Fields) -> Result<Fields, MappingError> {
        let writable = content.iter().filter(|(name, _)| self.is_writable(name));
        let writable: Fields = writable
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.write(&writable)
    }

    /// Whether our field can be written at the provider.
    #[must_use]
    pub fn is_writable(&self, name: &str) -> bool {
        match self.fields.get(name) {
            Some(mapping) => mapping.written_to().is_some(),
            None => self.is_own_name(name),
        }
    }

    /// Whether a field that no mapping makes is the provider's of the same name.
    fn is_own_name(&self, name: &str) -> bool {
        self.open && !self.looked_at.contains(name)
    }

    /// What of the record is taken over as it is.
    fn taken_over(&self, record: &Value) -> Result<Fields, MappingError> {
        if !self.open {
            return Ok(Fields::new());
        }
        let members = record.as_object().ok_or(MappingError::NotAnObject)?;
        let own = members
            .iter()
            .filter(|(name, _)| !self.looked_at.contains(name.as_str()));
        Ok(own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }
}

impl FieldMapping {
    /// The provider's name of the field in writes, if it can be written.
    #[must_use]
    pub fn written_to(&self) -> Option<&str> {
        self.to.as_deref().or_else(|| self.from.as_member())
    }
}

fn field(name: &str, mapping: &FieldMapping, record: &Value) -> Result<Value, MappingError> {
    let found = mapping.from.evaluate(record).map_err(|reason| {
        let field = name.to_owned();
        MappingError::Expression { field, reason }
    })?;
    let value = converted(name, mapping, &found)?;
    match (&mapping.default, value) {
        (Some(default), Value::Null) => converted(name, mapping, default),
        (_, value) => Ok(value),
    }
}

fn converted(name: &str, mapping: &FieldMapping, value: &Value) -> Result<Value, MappingError> {
    let Some(wanted) = mapping.field_type else {
        return Ok(value.clone());
    };
    wanted
        .convert(value)
        .ok_or_else(|| MappingError::Conversion {
            field: name.to_owned(),
            wanted,
            found: convert::described(value),
        })
}
