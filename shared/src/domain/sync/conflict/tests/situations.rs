//! Who changed what, and what comes of it.

use super::*;

#[test]
fn what_one_side_changed_is_taken_whatever_the_policy() {
    for strategy in STRATEGIES {
        let policy = ConflictPolicy::of(strategy);
        let base = json!({"a": 1, "b": 2, "c": 3, "d": 4});
        let source = json!({"a": 10, "b": 2, "d": 4, "e": 5});
        let destination = json!({"a": 1, "b": 20, "c": 3, "f": 6});
        let resolution = resolved(&policy, base, source.clone(), destination);
        assert_eq!(
            resolution,
            Resolution {
                content: record(json!({"a": 10, "b": 20, "e": 5, "f": 6})),
                to_source: Some(Change::Update(Update {
                    set: fields(json!({"b": 20, "f": 6})),
                    removed: vec!["d".to_owned()],
                })),
                to_destination: Some(Change::Update(Update {
                    set: fields(json!({"a": 10, "e": 5})),
                    removed: vec!["c".to_owned()],
                })),
                conflicts: Vec::new(),
                new_base: record(source),
                base_once_sent: record(json!({"a": 10, "b": 20, "e": 5, "f": 6})),
            },
            "{strategy:?}"
        );
    }
}

#[test]
fn a_record_that_one_side_made_or_deleted_is_what_that_side_says() {
    let one = json!({"a": 1});
    for strategy in STRATEGIES {
        let policy = ConflictPolicy::of(strategy);
        let content = |base: &Value, source: &Value, destination: &Value| {
            let resolution = resolved(&policy, base.clone(), source.clone(), destination.clone());
            assert!(resolution.conflicts.is_empty());
            (
                resolution.content,
                resolution.to_source,
                resolution.to_destination,
            )
        };
        let (made, nothing) = (record(one.clone()), json!(null));
        let create = Some(Change::Create(fields(one.clone())));
        let delete = Some(Change::Delete);
        assert_eq!(
            content(&nothing, &one, &nothing),
            (made.clone(), None, create.clone())
        );
        assert_eq!(
            content(&nothing, &nothing, &one),
            (made.clone(), create, None)
        );
        assert_eq!(content(&nothing, &one, &one), (made, None, None));
        assert_eq!(content(&one, &nothing, &one), (None, None, delete.clone()));
        assert_eq!(content(&one, &one, &nothing), (None, delete, None));
        assert_eq!(content(&one, &nothing, &nothing), (None, None, None));
    }
}

#[test]
fn the_strategy_decides_where_both_changed_a_field() {
    let resolution = |strategy| {
        let policy = ConflictPolicy::of(strategy);
        let (base, source) = (json!({"a": 1, "b": 0}), json!({"a": 2, "b": 0}));
        resolved(&policy, base, source, json!({"a": 3, "b": 0}))
    };
    for strategy in [Strategy::SourceWins, Strategy::Merge] {
        let resolution = resolution(strategy);
        assert_eq!(resolution.content, record(json!({"a": 2, "b": 0})));
        assert_eq!(resolution.to_source, None);
        assert!(resolution.conflicts.is_empty());
    }
    let kept = resolution(Strategy::DestinationWins);
    assert_eq!(kept.content, record(json!({"a": 3, "b": 0})));
    assert_eq!(kept.new_base, record(json!({"a": 2, "b": 0})));
    let update = Update {
        set: fields(json!({"a": 3})),
        removed: Vec::new(),
    };
    assert_eq!(kept.to_source, Some(Change::Update(update)));
    let manual = resolution(Strategy::Manual);
    assert_eq!(manual.content, record(json!({"a": 3, "b": 0})));
    assert_eq!(manual.new_base, record(json!({"a": 1, "b": 0})));
    assert_eq!((&manual.to_source, &manual.to_destination), (&None, &None));
    let conflict = FieldConflict {
        field: FieldPath::of("a"),
        base: Some(json!(1)),
        source: Some(json!(2)),
        destination: Some(json!(3)),
        reason: FlagReason::Strategy,
    };
    assert_eq!(manual.conflicts, [conflict]);
}

#[test]
fn the_strategy_decides_where_one_side_deleted_what_the_other_changed() {
    let (base, edited) = (json!({"a": 1}), json!({"a": 2}));
    for (strategy, source_deleted, destination_deleted) in [
        (Strategy::SourceWins, json!(null), edited.clone()),
        (Strategy::DestinationWins, edited.clone(), json!(null)),
        (Strategy::Merge, edited.clone(), json!(null)),
        (Strategy::Manual, edited.clone(), json!(null)),
    ] {
        let policy = ConflictPolicy::of(strategy);
        let gone = resolved(&policy, base.clone(), json!(null), edited.clone());
        assert_eq!(gone.content, record(source_deleted), "{strategy:?}");
        let left = resolved(&policy, base.clone(), edited.clone(), json!(null));
        assert_eq!(left.content, record(destination_deleted), "{strategy:?}");
        let asked = matches!(strategy, Strategy::Merge | Strategy::Manual);
        for (resolution, source) in [(gone, json!(null)), (left, edited.clone())] {
            if asked {
                assert_eq!(resolution.conflicts[0].field, FieldPath::WHOLE);
                assert_eq!(resolution.new_base, record(base.clone()));
                assert_eq!(resolution.to_source, None);
            } else {
                assert!(resolution.conflicts.is_empty());
                assert_eq!(resolution.new_base, record(source));
            }
        }
    }
}

#[test]
fn without_a_base_each_side_has_added_what_it_has() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let source = json!({"a": 1, "b": 2, "c": 3});
    let resolution = resolved(
        &policy,
        json!(null),
        source,
        json!({"a": 1, "b": 20, "d": 4}),
    );
    assert_eq!(
        resolution.content,
        record(json!({"a": 1, "b": 20, "d": 4, "c": 3}))
    );
    assert_eq!(resolution.conflicts.len(), 1);
    assert_eq!(resolution.conflicts[0].base, None);
    assert_eq!(resolution.new_base, record(json!({"a": 1, "c": 3})));
}

#[test]
fn values_are_the_same_however_they_are_written() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let base = json!({"n": 1, "o": {"x": 1, "y": [0]}, "z": -0.0});
    let source = json!({"n": 1.0, "o": {"y": [0.0], "x": 1}, "z": 0});
    let resolution = resolved(&policy, base, source, json!({"n": 2, "o": null, "z": 1}));
    assert!(resolution.conflicts.is_empty(), "{resolution:?}");
    assert_eq!(
        resolution.content,
        record(json!({"n": 2, "o": null, "z": 1}))
    );
    for (one, other) in [
        (
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992.0),
        ),
        (json!(u64::MAX), json!(1.844_674_407_370_955_2e19)),
        (json!(1), json!(1.000_000_1)),
        (json!(1), json!("1")),
        (json!(0), json!(false)),
        (json!(null), json!([])),
        (json!([1, 2]), json!([2, 1])),
        (json!({"a": null}), json!({})),
    ] {
        assert!(!same(&one, &other), "{one} {other}");
    }
    for (one, other) in [
        (
            json!(9_007_199_254_740_992_u64),
            json!(9_007_199_254_740_992.0),
        ),
        (json!(1_u64 << 63), json!((1_u64 << 63) as f64)),
        (json!(i64::MIN), json!(i64::MIN as f64)),
        (json!(1e300), json!(1e300)),
        (json!(0), json!(-0.0)),
    ] {
        assert!(same(&one, &other), "{one} {other}");
    }
}

#[test]
fn null_is_a_value_and_absence_is_another() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let resolution = resolved(&policy, json!({"a": 1}), json!({"a": null}), json!({}));
    assert_eq!(resolution.conflicts[0].source, Some(json!(null)));
    assert_eq!(resolution.conflicts[0].destination, None);
    let written = serde_json::to_value(&resolution.conflicts[0]).unwrap();
    let expected = json!({"field": "a", "base": 1, "source": null, "reason": "strategy"});
    assert_eq!(written, expected);
    let read: FieldConflict = serde_json::from_value(written).unwrap();
    assert_eq!(read, resolution.conflicts[0]);
}

#[test]
fn what_waits_is_found_again_as_it_was_until_a_side_changes() {
    let policy = ConflictPolicy::of(Strategy::Manual);
    let source = json!({"a": 2, "b": 1});
    let first = resolved(
        &policy,
        json!({"a": 1, "b": 0}),
        source.clone(),
        json!({"a": 3, "b": 0}),
    );
    let again = |source: Value, content: &Option<Fields>| {
        let side = Side {
            fields: content.as_ref(),
            changed_at: None,
        };
        let source = record(source);
        let source = Side {
            fields: source.as_ref(),
            changed_at: None,
        };
        resolve(first.new_base.as_ref(), source, side, &policy)
    };
    let same = again(source, &first.content);
    assert_eq!(same.conflicts, first.conflicts);
    assert_eq!(
        (&same.new_base, &same.content),
        (&first.new_base, &first.content)
    );
    assert_eq!((&same.to_source, &same.to_destination), (&None, &None));
    let newer = again(json!({"a": 4, "b": 1}), &first.content);
    assert_eq!(newer.conflicts[0].source, Some(json!(4)));
    assert_eq!(newer.conflicts[0].base, Some(json!(1)));
    let agreed = again(json!({"a": 3, "b": 1}), &first.content);
    assert!(agreed.conflicts.is_empty());
    assert_eq!(agreed.new_base, record(json!({"a": 3, "b": 1})));
}

#[test]
fn what_goes_to_the_source_goes_until_it_is_there() {
    let policy = ConflictPolicy::of(Strategy::DestinationWins);
    let (base, source) = (json!({"a": 1}), json!({"a": 2}));
    let first = resolved(&policy, base, source.clone(), json!({"a": 3}));
    let content = Value::from_iter(first.content.clone().unwrap());
    let base = Value::from_iter(first.new_base.clone().unwrap());
    let again = resolved(&policy, base, source.clone(), content.clone());
    assert_eq!(again.to_source, first.to_source);
    assert!(again.conflicts.is_empty());
    // The source has accepted it, and the destination changes before the source is seen again.
    let base = Value::from_iter(first.base_once_sent.unwrap());
    let manual = ConflictPolicy::of(Strategy::Manual);
    let after = resolved(&manual, base, content, json!({"a": 4}));
    assert!(after.conflicts.is_empty());
    assert_eq!(after.content, record(json!({"a": 4})));
}
