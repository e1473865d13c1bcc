//! How much a record may hold, wherever that comes from: a list, an event, the answer to a change, a
//! request, a link, or a person who settles a conflict.

use serde_json::Value;

use super::Fields;

/// The largest content of a record, as JSON, in bytes: with what both sides last agreed on, and with
/// earlier versions, it has to fit into one item of the table.
pub const MAX_CONTENT_BYTES: usize = 128 * 1024;
/// How deep the fields of a record may be nested.
pub const MAX_CONTENT_DEPTH: u8 = 64;

/// Why content cannot be kept. Says nothing of what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// It is too large.
    #[error("it is larger than {MAX_CONTENT_BYTES} bytes")]
    TooLarge,
    /// It is nested too deeply.
    #[error("it is nested more than {MAX_CONTENT_DEPTH} levels deep")]
    TooDeep,
}

/// Whether a record may hold `content`.
///
/// # Errors
///
/// If it is too large, or nested too deeply.
pub fn check_content(content: &Fields) -> Result<(), ContentError> {
    if content.values().any(is_too_deep) {
        return Err(ContentError::TooDeep);
    }
    let bytes = serde_json::to_vec(content).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_CONTENT_BYTES {
        return Err(ContentError::TooLarge);
    }
    Ok(())
}

/// Whether a field is nested too deeply for a record. Looks no deeper than that.
#[must_use]
pub fn is_too_deep(field: &Value) -> bool {
    is_deeper(field, MAX_CONTENT_DEPTH)
}

fn is_deeper(value: &Value, than: u8) -> bool {
    let Some(than) = than.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(elements) => elements.iter().any(|element| is_deeper(element, than)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, than)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Fields {
        Fields::from_iter([("a".to_owned(), value)])
    }

    #[test]
    fn content_may_be_as_large_as_the_limit_and_no_larger() {
        // With `{"a":""}`.
        let text = |bytes: usize| of("x".repeat(bytes - 8).into());
        assert_eq!(check_content(&text(MAX_CONTENT_BYTES)), Ok(()));
        let larger = check_content(&text(MAX_CONTENT_BYTES + 1));
        assert_eq!(larger, Err(ContentError::TooLarge));
    }

    #[test]
    fn content_may_be_as_deep_as_the_limit_and_no_deeper() {
        let deep = |levels: u8| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(check_content(&of(deep(MAX_CONTENT_DEPTH))), Ok(()));
        let deeper = check_content(&of(deep(MAX_CONTENT_DEPTH + 1)));
        assert_eq!(deeper, Err(ContentError::TooDeep));
        let object = (0..=MAX_CONTENT_DEPTH).fold(json!(1), |inner, _| json!({"b": inner}));
        assert!(is_too_deep(&object));
    }
}
