//! What becomes of a conflict when a person decides.

use std::collections::BTreeMap;

use super::*;

const SOURCE: fn() -> Choice = || Choice::Source {};
const DESTINATION: fn() -> Choice = || Choice::Destination {};

fn choices<const N: usize>(choices: [(&str, Choice); N]) -> BTreeMap<FieldPath, Choice> {
    let choices = choices.into_iter();
    choices
        .map(|(field, choice)| (field.parse().unwrap(), choice))
        .collect()
}

/// Settles what `found` left open.
fn settled<const N: usize>(
    found: &Resolution,
    decided: [(&str, Choice); N],
) -> Result<Resolution, SettleError> {
    let (base, content) = (found.new_base.as_ref(), found.content.as_ref());
    settle(base, content, &found.conflicts, &choices(decided))
}

/// The next time that the source is taken in, which has not changed.
fn next(source: &Value, settled: &Resolution) -> Resolution {
    let source = record(source.clone());
    let side = |fields| Side {
        fields,
        changed_at: None,
    };
    let policy = ConflictPolicy::of(Strategy::Manual);
    let (base, content) = (settled.new_base.as_ref(), settled.content.as_ref());
    resolve(base, side(source.as_ref()), side(content), &policy)
}

#[test]
fn a_field_becomes_what_was_chosen_and_stays_so() {
    let source = json!({"a": 2, "b": 1});
    let policy = ConflictPolicy::of(Strategy::Manual);
    let found = resolved(
        &policy,
        json!({"a": 1, "b": 0}),
        source.clone(),
        json!({"a": 3, "b": 0}),
    );
    let set = |value: i32| {
        let set = fields(json!({"a": value}));
        let removed = Vec::new();
        Some(Change::Update(Update { set, removed }))
    };
    let value = Choice::Value { value: json!(4) };
    for (choice, kept, to_source, to_destination) in [
        (SOURCE(), 2, None, set(2)),
        (DESTINATION(), 3, set(3), None),
        (value, 4, set(4), set(4)),
    ] {
        let settled = settled(&found, [("a", choice)]).unwrap();
        let expected = Resolution {
            content: record(json!({"a": kept, "b": 1})),
            to_source,
            to_destination,
            conflicts: Vec::new(),
            new_base: record(source.clone()),
            base_once_sent: record(json!({"a": kept, "b": 1})),
        };
        assert_eq!(settled, expected);
        let next = next(&source, &settled);
        assert!(next.conflicts.is_empty());
        assert_eq!(
            (&next.content, &next.to_source),
            (&settled.content, &settled.to_source)
        );
    }
}

#[test]
fn a_field_that_a_side_removed_goes_if_that_side_is_chosen() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let found = resolved(&policy, json!({"a": 1}), json!({}), json!({"a": 3}));
    let gone = settled(&found, [("a", SOURCE())]).unwrap();
    assert_eq!(
        (gone.content, gone.new_base),
        (record(json!({})), record(json!({})))
    );
    let kept = settled(&found, [("a", DESTINATION())]).unwrap();
    assert_eq!(kept.content, record(json!({"a": 3})));
    assert!(next(&json!({}), &kept).conflicts.is_empty());
}

#[test]
fn what_is_not_chosen_stays_open() {
    let policy =
        policy(json!({"strategy": "manual", "rules": [{"field": "o", "action": "merge"}]}));
    let base = json!({"o": {"x": 1, "y": 1, "z": 1}, "a": 1});
    let source = json!({"o": {"x": "s", "y": "s", "z": 2}, "a": 2});
    let destination = json!({"o": {"x": [3], "y": [3], "z": 1}, "a": 3});
    let found = resolved(&policy, base, source.clone(), destination);
    assert_eq!(found.conflicts.len(), 3);
    let settled = settled(&found, [("o.x", DESTINATION())]).unwrap();
    assert_eq!(settled.content, found.content);
    let open: Vec<_> = settled
        .conflicts
        .iter()
        .map(|open| open.field.to_string())
        .collect();
    assert_eq!(open, ["o.y", "a"]);
    let new_base = json!({"o": {"x": "s", "y": 1, "z": 2}, "a": 1});
    assert_eq!(settled.new_base, record(new_base));
    let base_once_sent = json!({"o": {"x": [3], "y": 1, "z": 2}, "a": 1});
    assert_eq!(settled.base_once_sent, record(base_once_sent));
    // The source keeps its own value of what is open, also within the same object.
    let set = fields(json!({"o": {"x": [3], "y": "s", "z": 2}}));
    let removed = Vec::new();
    assert_eq!(
        settled.to_source,
        Some(Change::Update(Update { set, removed }))
    );
    assert_eq!(settled.to_destination, None);
}

#[test]
fn a_deleted_record_is_kept_or_goes_as_was_chosen() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let edited = json!({"a": 2});
    let found = resolved(&policy, json!({"a": 1}), json!(null), edited.clone());
    let gone = settled(&found, [("*", SOURCE())]).unwrap();
    assert_eq!((&gone.content, &gone.new_base), (&None, &None));
    assert_eq!(
        (&gone.to_source, &gone.to_destination),
        (&None, &Some(Change::Delete))
    );
    let kept = settled(&found, [("*", DESTINATION())]).unwrap();
    assert_eq!(
        (&kept.content, &kept.new_base),
        (&record(edited.clone()), &None)
    );
    assert_eq!(kept.to_source, Some(Change::Create(fields(edited.clone()))));
    assert!(next(&json!(null), &kept).conflicts.is_empty());

    let found = resolved(&policy, json!({"a": 1}), edited.clone(), json!(null));
    assert_eq!(found.content, None);
    let back = settled(&found, [("*", SOURCE())]).unwrap();
    assert_eq!(back.content, record(edited.clone()));
    let gone = settled(&found, [("*", DESTINATION())]).unwrap();
    assert_eq!(gone.to_source, Some(Change::Delete));
    assert_eq!(next(&edited, &gone).to_source, Some(Change::Delete));
}

#[test]
fn what_cannot_be_settled_is_refused() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let found = resolved(
        &policy,
        json!({"a": 1, "b": 0}),
        json!({"a": 2, "b": 0}),
        json!({"a": 3, "b": 0}),
    );
    let not_open = settled(&found, [("a", SOURCE()), ("b", SOURCE())]);
    assert_eq!(not_open, Err(SettleError::NotOpen(FieldPath::of("b"))));

    let changed = Err(SettleError::Changed(FieldPath::of("a")));
    for (base, content) in [
        (json!({"a": 1, "b": 0}), json!({"a": 4, "b": 0})),
        (json!({"a": 1, "b": 0}), json!({"b": 0})),
        (json!({"a": 1, "b": 0}), json!(null)),
        (json!({"a": 2, "b": 0}), json!({"a": 3, "b": 0})),
        (json!(null), json!({"a": 3, "b": 0})),
    ] {
        let (base, content) = (record(base), record(content));
        let chosen = choices([("a", SOURCE())]);
        let result = settle(base.as_ref(), content.as_ref(), &found.conflicts, &chosen);
        assert_eq!(result, changed);
    }

    let found = resolved(&policy, json!({"a": 1}), json!(null), json!({"a": 2}));
    let value = Choice::Value { value: json!([1]) };
    assert_eq!(settled(&found, [("*", value)]), Err(SettleError::NoRecord));
}
