//! Names in braces in the texts of a rotation's calls.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// All but what RFC 3986 section 2.3 does not reserve.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name in braces that nothing is known of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a field that may be told nor a name of a rotation")]
pub struct UnknownName(pub String);

/// `text` with what `value` says for each `{name}`. What it says is not read as a text.
///
/// # Errors
///
/// The first name of which it says nothing.
pub fn fill(text: &str, value: &impl Fn(&str) -> Option<String>) -> Result<String, UnknownName> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((start, end)) = name_in(rest) {
        let (before, name, after) = (
            rest.get(..start).unwrap_or_default(),
            rest.get(start + 1..end).unwrap_or_default(),
            rest.get(end + 1..).unwrap_or_default(),
        );
        filled.push_str(before);
        filled.push_str(&value(name).ok_or_else(|| UnknownName(name.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// As [`fill`], for a path: what is filled in is one segment, or one value of the query.
///
/// # Errors
///
/// The first name of which `value` says nothing, or says `.` or `..`.
pub fn fill_path(
    path: &str,
    value: &impl Fn(&str) -> Option<String>,
) -> Result<String, UnknownName> {
    fill(path, &|name| {
        let value = value(name).filter(|value| value != "." && value != "..")?;
        Some(utf8_percent_encode(&value, RESERVED).to_string())
    })
}

/// As [`fill`], for every text in `body`.
///
/// # Errors
///
/// The first name of which `value` says nothing.
pub fn fill_value(
    body: &Value,
    value: &impl Fn(&str) -> Option<String>,
) -> Result<Value, UnknownName> {
    Ok(match body {
        Value::String(text) => Value::String(fill(text, value)?),
        Value::Array(items) => {
            let items = items.iter().map(|item| fill_value(item, value));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), fill_value(field, value)?)));
            Value::Object(fields.collect::<Result<_, UnknownName>>()?)
        }
        other => other.clone(),
    })
}

/// Where the first `{name}` opens and closes.
fn name_in(text: &str) -> Option<(usize, usize)> {
    text.match_indices('{').find_map(|(start, _)| {
        let inside = text.get(start + 1..)?;
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric())?;
        let closes = length > 0 && inside.get(length..)?.starts_with('}');
        closes.then_some((start, start + 1 + length))
    })
}
