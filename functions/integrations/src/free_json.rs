use gatehouse::domain::FieldError;
use serde_json::Value;

/// DynamoDB takes 32 levels, of which the item itself uses a few.
const MAX_DEPTH: usize = 16;
/// DynamoDB's numbers end there.
const MAX_NUMBER: f64 = 1e125;
const MAX_BYTES: usize = 16 * 1024;

/// Checks JSON whose form is the caller's own: an object that can be stored.
pub(crate) fn check(pointer: &str, value: &Value, errors: &mut Vec<FieldError>) {
    if !value.is_object() {
        errors.push(FieldError::new(pointer, "expected an object"));
    } else if !fits(value, MAX_DEPTH) {
        let message = "is nested too deeply, or holds a number that is too large";
        errors.push(FieldError::new(pointer, message));
    } else if value.to_string().len() > MAX_BYTES {
        errors.push(FieldError::new(pointer, "is longer than 16 KiB"));
    }
}

fn fits(value: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| number.abs() < MAX_NUMBER),
        Value::Array(items) => items.iter().all(|item| fits(item, depth)),
        Value::Object(fields) => fields.values().all(|field| fits(field, depth)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(value: &Value) -> usize {
        let mut errors = Vec::new();
        check("/authConfig", value, &mut errors);
        errors.len()
    }

    #[test]
    fn only_what_can_be_stored_is_taken() {
        assert_eq!(problems(&json!({"a": [1, {"b": null}]})), 0);
        let deep = (0..20).fold(json!(1), |inner, _| json!({"a": inner}));
        for value in [
            json!(1),
            json!({"a": 1e200}),
            json!({"a": "x".repeat(20_000)}),
            deep,
        ] {
            assert_eq!(problems(&value), 1);
        }
    }
}
