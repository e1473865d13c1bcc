use gatehouse::domain::FieldError;
use serde_json::Value;

/// DynamoDB takes 32 levels, of which the item itself uses a few.
const MAX_DEPTH: usize = 16;
/// DynamoDB's numbers end there, but for 0.
const MAX_NUMBER: f64 = 1e125;
const MIN_NUMBER: f64 = 1e-129;
const MAX_BYTES: usize = 16 * 1024;

/// What a field with a secret is called, without regard to case, `_` and `-`.
const SECRET_NAMES: [&str; 12] = [
    "accesstoken",
    "apikey",
    "authorization",
    "clientsecret",
    "credentials",
    "passphrase",
    "password",
    "privatekey",
    "refreshtoken",
    "secret",
    "signingsecret",
    "token",
];

/// Checks JSON whose form is the caller's own: an object that can be stored.
pub(crate) fn check(pointer: &str, value: &Value, errors: &mut Vec<FieldError>) {
    check_form(pointer, value, errors);
    if value.to_string().len() > MAX_BYTES {
        errors.push(FieldError::new(pointer, "is longer than 16 KiB"));
    }
}

/// Checks that JSON is an object of a form that can be stored.
pub(crate) fn check_form(pointer: &str, value: &Value, errors: &mut Vec<FieldError>) {
    if !value.is_object() {
        errors.push(FieldError::new(pointer, "expected an object"));
    } else if !fits(value, MAX_DEPTH) {
        let message =
            "is nested too deeply, or holds an empty name or a number too large or too small";
        errors.push(FieldError::new(pointer, message));
    }
}

/// Refuses what is called like a secret: settings are shown to whoever may read the integration.
pub(crate) fn check_secrets(pointer: &str, value: &Value, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                if is_secret_name(name) && !field.is_null() {
                    let message = "must not hold a secret: secrets go into `credentials`";
                    errors.push(FieldError::new(pointer, message));
                } else {
                    check_secrets(&pointer, field, errors);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_secrets(&format!("{pointer}/{index}"), item, errors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    SECRET_NAMES.contains(&name.as_str())
}

fn fits(value: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| {
            number == 0.0 || (MIN_NUMBER..MAX_NUMBER).contains(&number.abs())
        }),
        Value::Array(items) => items.iter().all(|item| fits(item, depth)),
        Value::Object(fields) => fields
            .iter()
            .all(|(name, field)| !name.is_empty() && fits(field, depth)),
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
        assert_eq!(problems(&json!({"a": [0, -0.0, 1e-128, -1e124]})), 0);
        let deep = (0..20).fold(json!(1), |inner, _| json!({"a": inner}));
        for value in [
            json!(1),
            json!({"a": 1e200}),
            json!({"a": 1e-200}),
            json!({"a": [{"": 1}]}),
            json!({"a": "x".repeat(20_000)}),
            deep,
        ] {
            assert_eq!(problems(&value), 1);
        }
    }

    #[test]
    fn a_field_that_is_called_like_a_secret_is_pointed_at_and_not_quoted() {
        let wrong = |value: &Value| {
            let mut errors = Vec::new();
            check_secrets("/webhookConfig", value, &mut errors);
            let told = format!("{errors:?}");
            assert!(!told.contains("canary"), "{told}");
            errors
                .into_iter()
                .map(|error| error.pointer)
                .collect::<Vec<_>>()
        };
        let value = json!({"a": [{"API_Key": "canary"}], "client-secret": {"x": 1}, "b/c": {"token": "canary"}});
        let mut found = wrong(&value);
        found.sort_unstable();
        let expected = [
            "/webhookConfig/a/0/API_Key",
            "/webhookConfig/b~1c/token",
            "/webhookConfig/client-secret",
        ];
        assert_eq!(found, expected);
        let harmless = json!({"tokenUrl": "https://example.com", "keyHeader": "X", "secret": null});
        assert!(wrong(&harmless).is_empty());
    }
}
