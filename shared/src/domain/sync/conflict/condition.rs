//! The conditions of rules, and the document that they are evaluated on:
//!
//! ```json
//! {
//!     "field": "address.city",
//!     "source": {"value": "Bern", "record": {…}, "changedAt": "2026-01-31T09:30:00.000Z"},
//!     "destination": {"value": "Basel", "record": {…}, "changedAt": null},
//!     "base": {"value": "Biel", "record": {…}},
//!     "later": "source"
//! }
//! ```
//!
//! What is absent is `null`: a value, a record that was deleted, an instant that is not known. For
//! the record as a whole, `field` is `null`, and so are the values. `later` is the side that was
//! changed later, as JMESPath does not order texts; `null` if that is not known.

use serde_json::{Value, json};

use super::merge::Unit;
use super::{ConflictRule, FieldPath, Fields, FlagReason, Side};

/// So many bytes of documents are evaluated for one record, all its conditions together. It is a
/// condition for each of a thousand fields of a record of 16 KB, or a few of one of 1 MB.
pub(super) const BUDGET: usize = 64 * 1024 * 1024;

/// The records of one resolution, for the conditions of its rules.
pub(super) struct Conditions<'a> {
    base: Option<&'a Fields>,
    source: Side<'a>,
    destination: Side<'a>,
    /// Made when a rule asks for it.
    document: Option<Value>,
    /// How large it is, without the values of the field in question.
    size: usize,
    left: usize,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(base: Option<&'a Fields>, source: Side<'a>, destination: Side<'a>) -> Self {
        Self {
            base,
            source,
            destination,
            document: None,
            size: 0,
            left: BUDGET,
        }
    }

    /// Whether the condition of `rule` holds for the field at `path`; it does if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be evaluated. Then a person decides: neither way would be what was meant.
    pub(super) fn hold(
        &mut self,
        rule: &ConflictRule,
        path: &FieldPath,
        unit: Unit<'_>,
    ) -> Result<bool, FlagReason> {
        let Some(condition) = &rule.condition else {
            return Ok(true);
        };
        if self.document.is_none() {
            let document = self.records();
            self.size = size(&document);
            self.document = Some(document);
        }
        let values = [unit.base, unit.source, unit.destination];
        let values: usize = values.into_iter().flatten().map(size).sum();
        let left = self.left.checked_sub(self.size.saturating_add(values));
        // What is spent stays spent: a smaller value that would still fit is not the next to be
        // asked about.
        self.left = left.unwrap_or(0);
        let (Some(_), Some(document)) = (left, &mut self.document) else {
            return Err(FlagReason::Condition);
        };
        fill(document, path, unit);
        condition
            .matches(document)
            .map_err(|_| FlagReason::Condition)
    }

    fn records(&self) -> Value {
        let side = |side: Side<'_>| json!({"value": null, "record": side.fields, "changedAt": side.changed_at});
        let later = match (self.source.changed_at, self.destination.changed_at) {
            (Some(source), Some(destination)) if source > destination => Some("source"),
            (Some(source), Some(destination)) if source < destination => Some("destination"),
            _ => None,
        };
        json!({
            "field": null,
            "source": side(self.source),
            "destination": side(self.destination),
            "base": {"value": null, "record": self.base},
            "later": later,
        })
    }
}

fn fill(document: &mut Value, path: &FieldPath, unit: Unit<'_>) {
    let field = (!path.is_whole()).then(|| path.to_string());
    for (pointer, value) in [
        ("/field", field.map(Value::String)),
        ("/source/value", unit.source.cloned()),
        ("/destination/value", unit.destination.cloned()),
        ("/base/value", unit.base.cloned()),
    ] {
        if let Some(place) = document.pointer_mut(pointer) {
            *place = value.unwrap_or_default();
        }
    }
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    const NODE: usize = 32;
    NODE + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(size).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| name.len() + size(member))
            .sum(),
    }
}
