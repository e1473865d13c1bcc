//! How the changes of both sides are put together, by the kind of the values:
//! - Scalars, which are `null`, booleans, numbers, and texts of one line and at most 256 bytes; or
//!   no value at all, where the other side has one: what was changed later, or the source's, if
//!   that is not known.
//! - Texts that are longer: by lines ([`lines`](super::lines)).
//! - Lists: as sets ([`elements`](super::elements)).
//! - Objects: field by field.
//!
//! All else is for a person to decide.

use serde_json::Value;

use super::lines::merged_lines;
use super::same::same_or_absent;
use super::{Fields, FlagReason, Side, elements};

/// A text of more bytes, or of more than a line, is not replaced as a whole.
pub(super) const MAX_SCALAR_BYTES: usize = 256;
/// So deep in each other may objects and lists stand that are merged.
pub(super) const MAX_DEPTH: usize = 32;
/// So many texts of a record are merged by lines: a bound on the time that it takes.
pub(super) const MAX_TEXTS: usize = 10;

/// The three values of a field; `None` where it is absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    pub(super) base: Option<&'a Value>,
    pub(super) source: Option<&'a Value>,
    pub(super) destination: Option<&'a Value>,
}

impl<'a> Unit<'a> {
    /// The field `name` of three records or objects.
    pub(super) fn field(
        name: &str,
        base: Option<&'a Fields>,
        source: &'a Fields,
        destination: &'a Fields,
    ) -> Self {
        Self {
            base: base.and_then(|base| base.get(name)),
            source: source.get(name),
            destination: destination.get(name),
        }
    }

    /// The value that nobody disputes, if there is one: which only one side has changed, or both
    /// to the same.
    pub(super) fn undisputed(self) -> Option<Option<&'a Value>> {
        if same_or_absent(self.source, self.base) {
            Some(self.destination)
        } else if same_or_absent(self.destination, self.base)
            || same_or_absent(self.source, self.destination)
        {
            Some(self.source)
        } else {
            None
        }
    }

    /// The objects of both sides, and of the base, if all are objects. What was no object before
    /// both made it one had no fields.
    pub(super) fn objects(self) -> Option<(Option<&'a Fields>, &'a Fields, &'a Fields)> {
        let (source, destination) = (self.source?.as_object()?, self.destination?.as_object()?);
        Some((self.base.and_then(Value::as_object), source, destination))
    }
}

/// The names of both objects' fields: those of the destination first, in its order.
pub(super) fn names<'a>(
    source: &'a Fields,
    destination: &'a Fields,
) -> impl Iterator<Item = &'a String> {
    let new = source
        .keys()
        .filter(|name| !destination.contains_key(*name));
    destination.keys().chain(new)
}

/// Puts together what both sides have changed.
pub(super) struct Merger {
    /// The destination was changed later than the source.
    destination_is_later: bool,
    texts_left: usize,
}

impl Merger {
    pub(super) fn new(source: Side<'_>, destination: Side<'_>) -> Self {
        let times = source.changed_at.zip(destination.changed_at);
        Self {
            destination_is_later: times.is_some_and(|(source, destination)| destination > source),
            texts_left: MAX_TEXTS,
        }
    }

    /// What becomes of a value, disputed or not, that stands `depth` deep.
    pub(super) fn settled(
        &mut self,
        unit: Unit<'_>,
        depth: usize,
    ) -> Result<Option<Value>, FlagReason> {
        match unit.undisputed() {
            Some(value) => Ok(value.cloned()),
            None => self.merged(unit, depth),
        }
    }

    /// What both sides' changes make together of a value that stands `depth` deep.
    pub(super) fn merged(
        &mut self,
        unit: Unit<'_>,
        depth: usize,
    ) -> Result<Option<Value>, FlagReason> {
        if depth > MAX_DEPTH {
            return Err(FlagReason::TooLarge);
        }
        if let Some((base, source, destination)) = unit.objects() {
            let mut merged = Fields::new();
            for name in names(source, destination) {
                let member = Unit::field(name, base, source, destination);
                if let Some(value) = self.settled(member, depth + 1)? {
                    merged.insert(name.clone(), value);
                }
            }
            return Ok(Some(Value::Object(merged)));
        }
        match (unit.source, unit.destination) {
            (Some(Value::Array(source)), Some(Value::Array(destination))) => {
                let base = unit
                    .base
                    .and_then(Value::as_array)
                    .map_or(&[][..], Vec::as_slice);
                let merged = elements::merged(self, [base, source, destination], depth)?;
                Ok(Some(Value::Array(merged)))
            }
            (Some(Value::String(source)), Some(Value::String(destination)))
                if is_text(source) || is_text(destination) =>
            {
                self.texts_left = self.texts_left.checked_sub(1).ok_or(FlagReason::TooLarge)?;
                // Two texts that were nothing before have no line in common to hold on to.
                let base = unit.base.and_then(Value::as_str).ok_or(FlagReason::Lines)?;
                merged_lines(base, source, destination).map(|text| Some(Value::String(text)))
            }
            (source, destination) => self.later(source, destination).map(|value| value.cloned()),
        }
    }

    /// Of two scalars, that which was changed later.
    fn later<'a>(
        &self,
        source: Option<&'a Value>,
        destination: Option<&'a Value>,
    ) -> Result<Option<&'a Value>, FlagReason> {
        let kinds = (Kind::of(source), Kind::of(destination));
        let is_removed = source.is_none() || destination.is_none();
        match kinds {
            (Kind::Other, _) | (_, Kind::Other) if is_removed => Err(FlagReason::Removed),
            (Kind::Other, _) | (_, Kind::Other) => Err(FlagReason::Types),
            (one, other) if one != other && one != Kind::Nothing && other != Kind::Nothing => {
                Err(FlagReason::Types)
            }
            _ if self.destination_is_later => Ok(destination),
            _ => Ok(source),
        }
    }
}

fn is_text(text: &str) -> bool {
    text.len() > MAX_SCALAR_BYTES || text.contains('\n')
}

/// Of which kind a scalar is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `null`, or absent: it goes with any other.
    Nothing,
    Bool,
    Number,
    String,
    /// No scalar.
    Other,
}

impl Kind {
    fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Nothing,
            Some(Value::Bool(_)) => Self::Bool,
            Some(Value::Number(_)) => Self::Number,
            Some(Value::String(text)) if !is_text(text) => Self::String,
            Some(Value::String(_) | Value::Array(_) | Value::Object(_)) => Self::Other,
        }
    }
}
