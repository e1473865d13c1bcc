//! Which rule decides, and what its condition sees.

use super::*;

/// The fields in conflict, and what is kept, of records whose fields have all been changed by both.
fn kept(rules: Value, base: Value, source: Value, destination: Value) -> (Value, Vec<String>) {
    let policy = policy(json!({"strategy": "source_wins", "rules": rules}));
    let resolution = resolved(&policy, base, source, destination);
    let open = resolution.conflicts.iter();
    let open = open.map(|conflict| conflict.field.to_string()).collect();
    (resolution.content.map_or(json!(null), Value::Object), open)
}

fn field_kept(rules: Value) -> Value {
    let (content, open) = kept(rules, json!({"f": 1}), json!({"f": 2}), json!({"f": 3}));
    if open.is_empty() {
        content["f"].clone()
    } else {
        json!("open")
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    for (rules, expected) in [
        (json!([]), json!(2)),
        (json!([{"field": "g", "action": "preserve"}]), json!(2)),
        (json!([{"field": "f", "action": "preserve"}]), json!(3)),
        (json!([{"field": "*", "action": "preserve"}]), json!(3)),
        (json!([{"field": "f", "action": "flag"}]), json!("open")),
        (json!([{"field": "f", "action": "merge"}]), json!(2)),
        (
            json!([{"field": "f", "action": "preserve"}, {"field": "*", "action": "flag"}]),
            json!(3),
        ),
        (
            json!([{"field": "*", "action": "flag"}, {"field": "f", "action": "preserve"}]),
            json!("open"),
        ),
        (
            json!([
                {"field": "f", "condition": "source.value > `5`", "action": "flag"},
                {"field": "f", "condition": "source.value == `2`", "action": "preserve"},
            ]),
            json!(3),
        ),
    ] {
        assert_eq!(field_kept(rules.clone()), expected, "{rules}");
    }
}

#[test]
fn a_condition_that_fails_is_for_a_person_and_not_passed_over() {
    let rules = json!([
        {"field": "f", "condition": "length(source.value) > `1`", "action": "overwrite"},
        {"field": "f", "action": "preserve"},
    ]);
    let policy = policy(json!({"rules": rules}));
    let resolution = resolved(&policy, json!({"f": 1}), json!({"f": 2}), json!({"f": 3}));
    assert_eq!(resolution.conflicts[0].reason, FlagReason::Condition);
    assert_eq!(resolution.content, record(json!({"f": 3})));
}

#[test]
fn a_condition_sees_both_sides_and_the_base() {
    let base = fields(json!({"a": {"b": 1}, "kind": "x"}));
    let source = fields(json!({"a": {"b": 2}, "kind": "x", "status": "open"}));
    let destination = fields(json!({"a": {"b": 3}, "kind": "x", "owner": "me"}));
    let holds = |condition: &str| {
        let rules = json!([{"field": "a.b", "condition": condition, "action": "preserve"}]);
        let resolution = resolve(
            Some(&base),
            Side::present(&source, at(1_760_000_000)),
            Side::present(&destination, at(1_760_000_060)),
            &policy(json!({"rules": rules})),
        );
        assert!(resolution.conflicts.is_empty(), "{condition}");
        resolution.content.unwrap()["a"]["b"] == json!(3)
    };
    for condition in [
        "field == 'a.b'",
        "base.value == `1` && source.value == `2` && destination.value == `3`",
        "source.record.status == 'open' && !(destination.record.status)",
        "destination.record.owner == 'me' && base.record.kind == 'x'",
        "source.changedAt == '2025-10-09T08:53:20.000Z'",
        "destination.changedAt == '2025-10-09T08:54:20.000Z'",
        "later == 'destination'",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in ["field == 'a'", "later == 'source'", "nothing", "`false`"] {
        assert!(!holds(condition), "{condition}");
    }
}

#[test]
fn what_is_absent_is_null_in_a_condition() {
    let base = fields(json!({}));
    let changed = fields(json!({"f": 2}));
    let other = fields(json!({"f": 3}));
    let seen = |condition: &str| {
        let rules = json!([{"field": "f", "condition": condition, "action": "preserve"}]);
        let (source, destination) = (Side::present(&changed, None), Side::present(&other, at(1)));
        let policy = policy(json!({"rules": rules}));
        let resolution = resolve(Some(&base), source, destination, &policy);
        resolution.content.unwrap()["f"] == json!(3)
    };
    assert!(seen(
        "base.value == `null` && source.changedAt == `null` && later == `null`"
    ));
}

#[test]
fn a_rule_for_everything_decides_on_deleted_records_too() {
    let (one, other) = (json!({"a": 1}), json!({"a": 2}));
    for (rules, expected) in [
        (json!([]), json!(null)),
        (json!([{"field": "*", "action": "preserve"}]), other.clone()),
        (json!([{"field": "a", "action": "preserve"}]), json!(null)),
        (json!([{"field": "**", "action": "preserve"}]), json!(null)),
        (
            json!([{
                "field": "*",
                "condition": "field == `null` && source.record == `null`",
                "action": "preserve",
            }]),
            other.clone(),
        ),
        (
            json!([{"field": "*", "condition": "source.record.a == `1`", "action": "preserve"}]),
            json!(null),
        ),
    ] {
        let found = kept(rules.clone(), one.clone(), json!(null), other.clone());
        assert_eq!(found, (expected, Vec::new()), "{rules}");
    }
    let flag = json!([{"field": "*", "action": "flag"}]);
    assert_eq!(
        kept(flag, one, json!(null), other.clone()),
        (other, vec!["*".to_owned()])
    );
}

#[test]
fn an_object_is_one_field_unless_a_rule_names_a_field_in_it() {
    let base = json!({"o": {"a": 1, "b": 1, "c": 1}});
    let source = json!({"o": {"a": 2, "b": 2, "c": 1}});
    let destination = json!({"o": {"a": 3, "b": 1, "c": 3}});
    let kept = |rules: Value| {
        let (content, open) = kept(rules, base.clone(), source.clone(), destination.clone());
        (content["o"].clone(), open)
    };
    let none = Vec::new;
    assert_eq!(kept(json!([])), (source["o"].clone(), none()));
    let preserve = json!({"field": "o.a", "action": "preserve"});
    let apart = (json!({"a": 3, "b": 2, "c": 3}), none());
    assert_eq!(kept(json!([preserve])), apart);
    let all = json!({"field": "*", "action": "overwrite"});
    assert_eq!(kept(json!([preserve, all])), apart);
    assert_eq!(kept(json!([all, preserve])), (source["o"].clone(), none()));
    let flag = json!({"field": "o.*", "action": "flag"});
    let open = (json!({"a": 3, "b": 2, "c": 3}), vec!["o.a".to_owned()]);
    assert_eq!(kept(json!([flag])), open);
    // A pattern that starts with a wildcard names no object, so none is taken apart for it.
    let anywhere = json!({"field": "*.a", "action": "flag"});
    assert_eq!(kept(json!([anywhere])), (source["o"].clone(), none()));
}

#[test]
fn rules_before_a_merge_hold_inside_it_and_rules_after_it_do_not() {
    let base = json!({"o": {"a": 1, "t": 1}});
    let source = json!({"o": {"a": [2], "t": 2}});
    let destination = json!({"o": {"a": [3], "t": 3}});
    let kept = |rules: Value| {
        let (content, open) = kept(rules, base.clone(), source.clone(), destination.clone());
        (content["o"].clone(), open)
    };
    let merge = json!({"field": "o", "action": "merge"});
    let preserve = json!({"field": "*", "action": "preserve"});
    let flag = json!({"field": "*.t", "action": "flag"});
    let merged = (json!({"a": [2, 3], "t": 2}), Vec::new());
    assert_eq!(kept(json!([merge])), merged);
    assert_eq!(kept(json!([merge, preserve])), merged);
    assert_eq!(
        kept(json!([preserve, merge])),
        (destination["o"].clone(), Vec::new())
    );
    let open = (json!({"a": [2, 3], "t": 3}), vec!["o.t".to_owned()]);
    assert_eq!(kept(json!([flag, merge])), open);
}

#[test]
fn a_name_with_a_dot_is_no_path() {
    let record = |a: i32| json!({"a.b": a, "a": {"b": a}});
    let rules = json!([{"field": r"a\.b", "action": "preserve"}]);
    let (content, _) = kept(rules, record(1), record(2), record(3));
    assert_eq!(content, json!({"a.b": 3, "a": {"b": 2}}));
    let rules = json!([{"field": "a.b", "action": "preserve"}]);
    let (content, _) = kept(rules, record(1), record(2), record(3));
    assert_eq!(content, json!({"a.b": 2, "a": {"b": 3}}));
}

#[test]
fn conditions_beyond_what_may_be_evaluated_are_for_a_person() {
    let records = |value: i32| {
        let names = (0..100).map(|n| (format!("f{n:03}"), json!(value)));
        let mut fields: Fields = names.collect();
        fields.insert("ballast".to_owned(), json!("x".repeat(400_000)));
        Value::Object(fields)
    };
    let policy = policy(json!({
        "rules": [{"field": "*", "condition": "`true`", "action": "preserve"}],
    }));
    let resolution = resolved(&policy, records(1), records(2), records(3));
    let settled = 100 - resolution.conflicts.len();
    assert!((40..60).contains(&settled), "{settled}");
    let mut reasons = resolution.conflicts.iter().map(|conflict| conflict.reason);
    assert!(reasons.all(|reason| reason == FlagReason::Condition));
}
