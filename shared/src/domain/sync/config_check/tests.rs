use serde_json::json;

use super::*;

fn read(value: &Value) -> Result<SyncConfig, FieldError> {
    SyncConfig::read(Some(value))
}

/// A configuration with one entity, of these settings.
fn contacts(settings: Value) -> Value {
    json!({"entities": {"contacts": settings}})
}

fn assert_named(settings: Value, place: &str) {
    let value = contacts(settings);
    let error = read(&value).unwrap_err();
    let expected = format!("/syncConfig/entities/contacts{place}");
    assert_eq!(error.pointer, expected, "{value}: {}", error.message);
}

#[test]
fn nothing_is_a_configuration() {
    for value in [None, Some(&json!({})), Some(&json!({"entities": {}}))] {
        assert_eq!(SyncConfig::read(value), Ok(SyncConfig::default()));
    }
    assert!(read(&contacts(json!({}))).is_ok());
}

#[test]
fn a_whole_configuration_reads_as_it_was_written() {
    let value = contacts(json!({
        "source": {"listPath": "/contacts?archived=false", "items": "results", "id": "id",
            "cursorField": "updatedAt", "changedSince": {"parameter": "since"}},
        "schedule": "rate(15 minutes)", "fullSchedule": "cron(0 3 * * SUN)",
        "lookbackSeconds": 604_800, "history": 50,
        "mapping": {"email": {"from": "properties.email", "to": "email"},
            "age": {"from": "age", "type": "integer", "default": "7"}},
        "conflicts": {"strategy": "merge", "rules": [{"field": "tags*", "action": "merge"}]},
        "deleteGuard": {"percent": 100, "records": 0}, "drift": "stop",
        "calls": {
            "create": {"method": "POST", "path": "/contacts", "body": "{properties: record}", "result": "@"},
            "update": {"method": "PATCH", "path": "/contacts/{id}"},
            "delete": {"method": "POST", "path": "/contacts/delete", "body": "{id: id}"},
            "read": {"method": "GET", "path": "/contact?id={id}"},
        },
        "events": [{"types": ["contact.*"], "record": "data", "partial": true}],
    }));
    let config = read(&value).unwrap();
    let again = serde_json::to_value(&config).unwrap();
    assert_eq!(read(&again), Ok(config));
}

#[test]
fn a_mapping_may_be_the_expression_alone() {
    let short = read(&contacts(json!({"mapping": {"email": "properties.email"}})));
    let long = read(&contacts(
        json!({"mapping": {"email": {"from": "properties.email"}}}),
    ));
    assert_eq!(short, long);
    assert_named(json!({"mapping": {"a/b": "a.["}}), "/mapping/a~1b");
    assert_named(json!({"mapping": {"a": 1}}), "/mapping/a");
    assert_named(json!({"mapping": {"a": ["x"]}}), "/mapping/a");
    assert_named(json!({"mapping": {"a": {}}}), "/mapping/a/from");
    assert_named(
        json!({"mapping": {"a": {"from": "a", "x": 1}}}),
        "/mapping/a/x",
    );
}

#[test]
fn a_wrong_setting_is_named() {
    for (settings, place) in [
        (json!([]), ""),
        (
            json!({"source": {"listPath": "contacts", "items": "@", "id": "id"}}),
            "/source/listPath",
        ),
        (json!({"source": {"listPath": "/c"}}), "/source/items"),
        (
            json!({"source": {"listPath": "/c", "items": "@", "id": "id", "method": "LIST"}}),
            "/source/method",
        ),
        (json!({"schedule": "hourly"}), "/schedule"),
        (json!({"fullSchedule": "cron(0 0 31 2 *)"}), "/fullSchedule"),
        (json!({"lookbackSeconds": 604_801}), "/lookbackSeconds"),
        (json!({"lookbackSeconds": -1}), "/lookbackSeconds"),
        (json!({"history": 51}), "/history"),
        (
            json!({"deleteGuard": {"percent": 101}}),
            "/deleteGuard/percent",
        ),
        (json!({"drift": "explode"}), "/drift"),
        (
            json!({"target": {"integration": "x", "entity": "a"}}),
            "/target/integration",
        ),
        (json!({"unknown": 1}), "/unknown"),
    ] {
        assert_named(settings, place);
    }
}

#[test]
fn a_wrong_mapping_is_named() {
    let names = (0..201).map(|n| (format!("f{n}"), json!("a")));
    let many: serde_json::Map<_, _> = names.collect();
    for (settings, place) in [
        (json!({"mapping": many}), "/mapping"),
        (json!({"mapping": {"": "a"}}), "/mapping/"),
        (
            json!({"mapping": {"a".repeat(201): "a"}}),
            &format!("/mapping/{}", "a".repeat(201)),
        ),
        (
            json!({"mapping": {"a": {"from": "a", "type": "null"}}}),
            "/mapping/a/type",
        ),
        (
            json!({"mapping": {"a": {"from": "a", "type": "mixed"}}}),
            "/mapping/a/type",
        ),
        (
            json!({"mapping": {"a": {"from": "a", "type": "integer", "default": "x"}}}),
            "/mapping/a/default",
        ),
        (
            json!({"mapping": {"a": {"from": "a", "to": "x"}, "b": {"from": "b", "to": "x"}}}),
            "/mapping/b/to",
        ),
        (
            json!({"mapping": {"a": {"from": "a", "to": ""}}}),
            "/mapping/a/to",
        ),
    ] {
        let integration = "int_01K72Z5QSW0123456789ABCDEF";
        let mapping = &settings["mapping"];
        let target = json!({"integration": integration, "entity": "a", "mapping": mapping});
        assert_named(json!({"target": target}), &format!("/target{place}"));
        assert_named(settings, place);
    }
}

#[test]
fn a_wrong_rule_is_named() {
    let rule = json!({"field": "a", "action": "merge"});
    for (settings, place) in [
        (
            json!({"conflicts": {"rules": vec![rule; 101]}}),
            "/conflicts/rules",
        ),
        (
            json!({"conflicts": {"rules": [{"field": "", "action": "merge"}]}}),
            "/conflicts/rules/0/field",
        ),
        (
            json!({"events": [{"types": [], "record": "@"}]}),
            "/events/0/types",
        ),
        (
            json!({"events": vec![json!({"types": ["a"], "record": "@"}); 51]}),
            "/events",
        ),
        (
            json!({"events": [{"types": ["a"], "record": "["}]}),
            "/events/0/record",
        ),
    ] {
        assert_named(settings, place);
    }
}

#[test]
fn a_wrong_call_is_named() {
    for (call, place) in [
        (json!({"method": "PUT", "path": "contacts/{id}"}), "/path"),
        (
            json!({"method": "PUT", "path": "//evil.example/{id}"}),
            "/path",
        ),
        (json!({"method": "PUT", "path": "/a/../{id}"}), "/path"),
        (json!({"method": "PUT", "path": "/contacts/{key}"}), "/path"),
        (json!({"method": "PUT", "path": "/contacts/{id"}), "/path"),
        (json!({"method": "PUT", "path": "/contacts"}), "/path"),
        (
            json!({"method": "put", "path": "/contacts/{id}"}),
            "/method",
        ),
        (
            json!({"method": "GET", "path": "/contacts/{id}", "body": "@"}),
            "/body",
        ),
        (
            json!({"method": "PUT", "path": "/contacts/{id}", "body": "["}),
            "/body",
        ),
    ] {
        for name in ["update", "delete", "read"] {
            assert_named(
                json!({"calls": {name: call}}),
                &format!("/calls/{name}{place}"),
            );
        }
    }
}

#[test]
fn a_configuration_has_bounds() {
    let error = |value: Value| read(&value).unwrap_err().pointer;
    let many: serde_json::Map<_, _> = (0..101).map(|n| (format!("e{n}"), json!({}))).collect();
    assert_eq!(error(json!({"entities": many})), "/syncConfig/entities");
    assert_eq!(
        error(json!({"entities": "x".repeat(70_000)})),
        "/syncConfig"
    );
    for value in [
        json!([]),
        json!("x"),
        json!({"a": 1}),
        json!({"entities": {"a b": {}}}),
    ] {
        assert!(error(value).starts_with("/syncConfig"));
    }
}

#[test]
fn a_wrong_configuration_is_not_quoted() {
    for value in [
        json!({"canary": 1}),
        contacts(json!({"schedule": "canary"})),
        contacts(json!({"history": "canary"})),
        contacts(json!({"drift": "canary"})),
    ] {
        let error = read(&value).unwrap_err();
        assert!(!error.message.contains("canary") || error.message.contains("unknown field"));
    }
}

#[test]
fn an_entity_is_listed_as_its_own_settings_say_and_as_the_profile_does_otherwise() {
    let profile: ApiProfile = serde_json::from_value(json!({
        "pagination": {"kind": "page", "parameter": "p"},
        "entities": {
            "contacts": {"listPath": "/contacts", "items": "@", "id": "id"},
            "deals": {"listPath": "/deals", "items": "@", "id": "id", "pagination": {"kind": "none"}},
        },
    }))
    .unwrap();
    let source = json!({"listPath": "/v2/contacts", "items": "@", "id": "id"});
    let config = read(&contacts(json!({"source": source}))).unwrap();
    let resolved = |name: &str| {
        let name: EntityName = name.parse().unwrap();
        let entity = config.entity(&name).resolved(&name, &profile);
        entity.map(|entity| (entity.list_path, entity.pagination))
    };
    let paged = profile.pagination.clone();
    assert_eq!(
        resolved("contacts"),
        Some(("/v2/contacts".to_owned(), paged))
    );
    let none = profile.entities["deals"].pagination.clone();
    assert_eq!(resolved("deals"), Some(("/deals".to_owned(), none)));
    assert_eq!(resolved("tasks"), None);
}

#[test]
fn a_target_is_another_kind_or_another_integration() {
    let (own, other) = (ulid::Ulid::from(1_u128), ulid::Ulid::from(2_u128));
    let (own, other): (IntegrationId, IntegrationId) = (own.into(), other.into());
    for (integration, entity, is_itself) in [
        (own, "contacts", true),
        (own, "people", false),
        (other, "contacts", false),
    ] {
        let target = json!({"integration": integration, "entity": entity});
        let config = read(&contacts(json!({"target": target}))).unwrap();
        let refused = config.check_targets(own).err();
        let place = refused.map(|error| error.pointer);
        let expected = is_itself.then(|| "/syncConfig/entities/contacts/target".to_owned());
        assert_eq!(place, expected);
    }
}
