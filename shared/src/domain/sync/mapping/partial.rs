//! Records of which only what has changed is there.

use serde_json::Value;

use super::{FieldMapping, Mapping, MappingError};
use crate::domain::sync::Fields;

/// What can be told from a part of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialRecord {
    /// The fields that are known from it.
    pub fields: Fields,
    /// Those that have changed, or may have, but depend on what is not there: the record has to be
    /// read to know them.
    pub unsure: Vec<String>,
}

/// How much of what a field depends on is there.
enum Presence {
    All,
    Some,
    None,
}

impl Mapping<'_> {
    /// Our fields of a record of which only what has changed is there. A field is known if all that
    /// it depends on is there, and has not changed if nothing of it is. Defaults stand for what a
    /// whole record lacks, or has as `null`, so here only for the latter.
    ///
    /// # Errors
    ///
    /// As [`Mapping::read`], or if the part is no object.
    pub fn read_partial(&self, record: &Value) -> Result<PartialRecord, MappingError> {
        if !record.is_object() {
            return Err(MappingError::NotAnObject);
        }
        let mut partial = PartialRecord {
            fields: self.taken_over(record)?,
            unsure: Vec::new(),
        };
        for (name, mapping) in self.fields {
            match presence(mapping, record) {
                Presence::All => {
                    let value = super::field(name, mapping, record)?;
                    partial.fields.insert(name.clone(), value);
                }
                Presence::Some => partial.unsure.push(name.clone()),
                Presence::None => {}
            }
        }
        Ok(partial)
    }
}

fn presence(mapping: &FieldMapping, record: &Value) -> Presence {
    let paths = mapping.from.paths();
    if paths.iter().any(Vec::is_empty) {
        // It depends on the whole record, of which this is a part.
        return Presence::Some;
    }
    let present = paths.iter().filter(|path| is_present(path, record)).count();
    match present {
        0 => Presence::None,
        _ if present == paths.len() => Presence::All,
        _ => Presence::Some,
    }
}

/// Whether `record` says what is at `path`: below what is no object there is nothing, which is known.
fn is_present(path: &[&str], record: &Value) -> bool {
    let mut value = record;
    for name in path {
        let Some(members) = value.as_object() else {
            return true;
        };
        match members.get(*name) {
            Some(member) => value = member,
            None => return false,
        }
    }
    true
}
