//! The JSON Schema says what the types say.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::*;

pub(super) const SCHEMA: &str = include_str!("../../../catalog/provider.schema.json");

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn read(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn every_file_fits_the_schema() {
    let validator = validator();
    for (file, text) in FILES.iter().chain([&("payment/x.toml", SMALL)]) {
        if let Err(error) = validator.validate(&read(text)) {
            panic!("{file}: {}: {error}", error.instance_path());
        }
    }
}

/// Tables whose keys are names that a file gives itself, or JSON that is passed on as it is.
fn is_open(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        names[..],
        ["variables" | "webhooks"]
            | ["auth", .., "fields"]
            | ["api", "entities"]
            | ["api", "rotation", "keys", "created"]
            | ["auth", _, "rotation", "keys", "created"]
            | [
                "auth",
                _,
                "config",
                "headers" | "parameters" | "authorizationParameters" | "tokenParameters"
            ]
    ) || names.contains(&"claims")
        || names.contains(&"body") && is_of_calls(&names)
        || is_of_calls(&names) && matches!(names.last(), Some(&"headers" | &"form"))
}

/// Whether what is there says which calls are made.
fn is_of_calls(names: &[&str]) -> bool {
    names.first() == Some(&"api") || names.contains(&"rotation")
}

/// `value` as often as it has fields, each time with one of them under another name.
fn renamed(path: &mut Vec<String>, value: &Value, found: &mut Vec<(String, Value)>) {
    let inner = |path: &mut Vec<String>, name: String, child: &Value| {
        path.push(name);
        let mut changed = Vec::new();
        renamed(path, child, &mut changed);
        path.pop();
        changed
    };
    match value {
        Value::Object(fields) => {
            for (name, child) in fields {
                for (place, changed) in inner(path, name.clone(), child) {
                    let mut whole = fields.clone();
                    whole.insert(name.clone(), changed);
                    found.push((place, Value::Object(whole)));
                }
                if !is_open(path) {
                    let mut whole: Map<String, Value> = fields.clone();
                    whole.remove(name);
                    whole.insert(format!("{name}X"), child.clone());
                    found.push((format!("{}/{name}", path.join("/")), Value::Object(whole)));
                }
            }
        }
        Value::Array(items) => {
            for (n, child) in items.iter().enumerate() {
                for (place, changed) in inner(path, n.to_string(), child) {
                    let mut whole = items.clone();
                    whole[n] = changed;
                    found.push((place, Value::Array(whole)));
                }
            }
        }
        _ => {}
    }
}

#[test]
fn a_field_of_another_name_is_refused_by_the_schema_and_by_the_types() {
    let validator = validator();
    let mut all = 0;
    for (file, text) in FILES {
        let mut found = Vec::new();
        renamed(&mut Vec::new(), &read(text), &mut found);
        all += found.len();
        for (place, changed) in found {
            assert!(
                !validator.is_valid(&changed),
                "{file}: the schema takes {place}"
            );
            let text = toml::to_string(&changed).unwrap();
            assert!(
                parse(file, &text).is_err(),
                "{file}: the types take {place}"
            );
        }
    }
    assert!(all > 500, "{all}");
}

#[test]
fn what_the_schema_asks_for_the_types_ask_for() {
    let validator = validator();
    for (pointer, value) in [
        ("/type", json!("pets")),
        ("/documentation", json!("x")),
        ("/baseUrl", json!("http://x.example")),
        ("/sources/0/read", json!("today")),
        ("/variables/shop/pattern", json!(7)),
        ("/auth/0/method", json!("password")),
        ("/auth/0/config/keyLocation", json!("cookie")),
        ("/auth/0/config/keyHeader", json!("a b")),
        ("/api/hosts/0", json!("https://x.example")),
        ("/api/verification/path", json!("me")),
        ("/api/verification/path", json!("//evil.example")),
        ("/webhooks/x/verification/kind", json!("magic")),
    ] {
        let mut file = read(SMALL);
        *file.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&file), "the schema takes {pointer}");
        let text = toml::to_string(&file).unwrap();
        assert!(
            parse("payment/x.toml", &text).is_err(),
            "the types take {pointer}"
        );
    }
}

#[test]
fn what_a_profile_may_hold_the_schema_knows() {
    let profile = json!({
        "hosts": ["{shop}.x.example"], "verification": {"path": "/me"},
        "rateLimits": {"requestsPerMinute": 1},
        "rateLimitHeaders": [
            {"remaining": "a", "reset": "b", "resetForm": "http_date"},
            {"used": "a", "windowSeconds": 1},
        ],
        "retry": {"statuses": [409], "codes": ["a"], "rateLimitStatuses": [403]},
        "errors": {"when": "a", "code": "a", "codeHeader": "a", "message": "a"},
        "pagination": {"kind": "page", "parameter": "p", "first": 0},
        "rotation": {"strategy": "asymmetric"},
    });
    let mut file = read(SMALL);
    file["api"] = profile;
    assert!(validator().is_valid(&file));
    let text = toml::to_string(&file).unwrap();
    assert!(parse("payment/x.toml", &text).is_ok());
}
