//! Policies as they are written.

use super::*;
use crate::domain::FieldError;

#[test]
fn a_policy_is_read_as_it_is_written() {
    assert_eq!(policy(json!({})), ConflictPolicy::of(Strategy::SourceWins));
    let written = json!({
        "strategy": "manual",
        "rules": [
            {"field": "address.*", "condition": "later == 'source'", "action": "overwrite"},
            {"field": "tags", "action": "merge"},
            {"field": "*", "action": "flag"},
        ],
    });
    let read = policy(written.clone());
    assert_eq!(read.rules.len(), 3);
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    assert_eq!(read.check(""), Ok(()));
}

#[test]
fn what_is_no_policy_is_refused() {
    for (value, expected) in [
        (json!([]), "expected an object"),
        (json!({"strategy": "newest"}), "unknown variant `newest`"),
        (json!({"rule": []}), "unknown field `rule`"),
        (
            json!({"rules": [["f", null, "flag"]]}),
            "expected an object",
        ),
        (
            json!({"rules": [{"action": "flag"}]}),
            "missing field `field`",
        ),
        (json!({"rules": [{"field": "f"}]}), "missing field `action`"),
        (
            json!({"rules": [{"field": "f", "action": "drop"}]}),
            "unknown variant `drop`",
        ),
        (
            json!({"rules": [{"field": "", "action": "flag"}]}),
            "expected 1 to 256 bytes",
        ),
        (
            json!({"rules": [{"field": "a\nb", "action": "flag"}]}),
            "expected 1 to 256 bytes",
        ),
        (
            json!({"rules": [{"field": "f".repeat(257), "action": "flag"}]}),
            "expected 1 to 256 bytes",
        ),
        (
            json!({"rules": [{"field": "f", "condition": "a[", "action": "flag"}]}),
            "not a JMESPath expression",
        ),
    ] {
        let error = serde_json::from_value::<ConflictPolicy>(value.clone()).unwrap_err();
        assert!(error.to_string().contains(expected), "{value}: {error}");
    }
}

#[test]
fn there_are_at_most_100_rules() {
    let of = |count: usize| {
        let rules = vec![json!({"field": "f", "action": "flag"}); count];
        policy(json!({"rules": rules})).check("/syncConfig/conflicts")
    };
    assert_eq!(of(100), Ok(()));
    let pointer = "/syncConfig/conflicts/rules";
    let expected = FieldError::new(pointer, "expected at most 100 rules");
    assert_eq!(of(101), Err(expected));
}

#[test]
fn changes_and_choices_are_read_as_they_are_written() {
    let update = Update {
        set: fields(json!({"a": 1})),
        removed: vec!["b".to_owned()],
    };
    for (change, written) in [
        (
            Change::Create(fields(json!({"a": 1}))),
            json!({"create": {"a": 1}}),
        ),
        (
            Change::Update(update),
            json!({"update": {"set": {"a": 1}, "removed": ["b"]}}),
        ),
        (Change::Delete, json!("delete")),
    ] {
        assert_eq!(serde_json::to_value(&change).unwrap(), written);
        assert_eq!(serde_json::from_value::<Change>(written).unwrap(), change);
    }
    for (choice, written) in [
        (Choice::Source {}, json!({"take": "source"})),
        (Choice::Destination {}, json!({"take": "destination"})),
        (
            Choice::Value { value: json!(null) },
            json!({"take": "value", "value": null}),
        ),
    ] {
        assert_eq!(serde_json::to_value(&choice).unwrap(), written);
        assert_eq!(serde_json::from_value::<Choice>(written).unwrap(), choice);
    }
    for wrong in [
        json!({"take": "value"}),
        json!({"take": "source", "value": 1}),
        json!({"take": "both"}),
        json!(["source"]),
    ] {
        assert!(
            serde_json::from_value::<Choice>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}
