//! When two values are the same: as JSON means it, not as it happens to be written.

use serde_json::{Number, Value};

use super::Fields;

/// Whether two values are the same. The order of an object's fields does not count, the order of a
/// list's elements does, and 1 is 1.0: providers, and the table, write a number as they like.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => same_fields(one, other),
        (one, other) => one == other,
    }
}

/// [`same`] for the contents of two records.
#[must_use]
pub fn same_fields(one: &Fields, other: &Fields) -> bool {
    let mut fields = one.iter();
    one.len() == other.len()
        && fields.all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
}

/// [`same`] for values that may be absent, which is not the same as `null`.
pub(super) fn same_or_absent(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (None, None) => true,
        _ => false,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    one == other || whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// The digits of a whole number, which are the same in both forms, however many they are.
fn whole(number: &Number) -> Option<String> {
    if number.is_u64() || number.is_i64() {
        return Some(number.to_string());
    }
    let fraction = number.as_f64()?;
    // `0.0 +` turns minus zero into zero.
    (fraction.trunc() == fraction).then(|| format!("{:.0}", 0.0 + fraction))
}

/// A text that two scalars have in common if, and only if, they are the same. `None` for lists and
/// objects.
pub(super) fn scalar_key(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => Some(value.to_string()),
        Value::Number(number) => Some(whole(number).unwrap_or_else(|| number.to_string())),
        Value::String(text) => Some(format!("\"{text}")),
        Value::Array(_) | Value::Object(_) => None,
    }
}
