use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Fields;

/// How the whole record is written where a field's path stands.
const WHOLE: &str = "*";

/// A field of a record, or the record as a whole.
///
/// Written as the names from the record down to the field, with dots between: `address.city`. A
/// `.`, `*`, `?` or `\` that is part of a name is written with a `\` before it. The whole record is
/// `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(Vec<String>);

/// Why a text is not a field's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected names with dots between, such as `address.city`; `.`, `*`, `?` and `\\` in a name \
     are written with a `\\` before them"
)]
pub struct FieldPathError;

impl FieldPath {
    /// The record as a whole.
    pub const WHOLE: Self = Self(Vec::new());

    /// The field `name` of a record.
    #[must_use]
    pub fn of(name: impl Into<String>) -> Self {
        Self(vec![name.into()])
    }

    /// Whether it is the record as a whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The names from the record down to the field; none for the whole record.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The field `name` of the object at this path.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// What stands here in `record`; `None` if nothing does.
    #[must_use]
    pub fn find<'a>(&self, record: &'a Fields) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let mut found = record.get(first)?;
        for name in rest {
            found = found.as_object()?.get(name)?;
        }
        Some(found)
    }

    /// Has `value` stand here in `record`, or nothing. What is no object on the way becomes one; a
    /// whole record that is no object is none.
    pub(super) fn put_in(&self, record: &mut Option<Fields>, value: Option<Value>) {
        if !self.is_whole() {
            put(record.get_or_insert_default(), &self.0, value);
            return;
        }
        *record = match value {
            Some(Value::Object(fields)) => Some(fields),
            _ => None,
        };
    }
}

fn put(fields: &mut Fields, names: &[String], value: Option<Value>) {
    match (names, value) {
        ([], _) => {}
        ([name], Some(value)) => {
            fields.insert(name.clone(), value);
        }
        ([name], None) => fields.retain(|other, _| other != name),
        ([name, rest @ ..], value) => {
            let mut within = match fields.get_mut(name).map(Value::take) {
                Some(Value::Object(within)) => within,
                _ => Fields::new(),
            };
            put(&mut within, rest, value);
            fields.insert(name.clone(), Value::Object(within));
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            return f.write_str(WHOLE);
        }
        for (n, name) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(".")?;
            }
            for c in name.chars() {
                if is_escaped(c) {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

fn is_escaped(c: char) -> bool {
    matches!(c, '.' | '*' | '?' | '\\')
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == WHOLE {
            return Ok(Self::WHOLE);
        }
        let (mut names, mut name) = (Vec::new(), String::new());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '.' => names.push(std::mem::take(&mut name)),
                '\\' => {
                    let escaped = chars.next().filter(|c| is_escaped(*c));
                    name.push(escaped.ok_or(FieldPathError)?);
                }
                '*' | '?' => return Err(FieldPathError),
                c => name.push(c),
            }
        }
        names.push(name);
        Ok(Self(names))
    }
}

impl TryFrom<String> for FieldPath {
    type Error = FieldPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.to_string()
    }
}

impl utoipa::PartialSchema for FieldPath {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "Names from the record down to the field, with dots between; `*` for the whole record",
            ))
            .into()
    }
}

impl ToSchema for FieldPath {}
