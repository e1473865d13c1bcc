//! How values are put together, by their kind.

use super::*;

/// The merged field of three records, the sides changed at these seconds.
fn merged_at(times: [Option<i64>; 2], values: [Value; 3]) -> Value {
    let [base, source, destination] = values.map(|value| fields(json!({"f": value})));
    let [source_at, destination_at] = times.map(|time| time.and_then(at));
    let resolution = resolve(
        Some(&base),
        Side::present(&source, source_at),
        Side::present(&destination, destination_at),
        &ConflictPolicy::of(Strategy::Merge),
    );
    assert!(resolution.conflicts.is_empty());
    resolution.content.unwrap()["f"].clone()
}

#[test]
fn of_scalars_the_later_is_taken_and_the_sources_if_nobody_knows() {
    for (base, source, destination) in [
        (json!(1), json!(2), json!(3)),
        (json!("a"), json!("b"), json!("c")),
        (json!(null), json!(true), json!(false)),
        (json!(1), json!(null), json!(3)),
        (json!(1), json!("b"), json!(null)),
        (json!([1]), json!(2), json!(3)),
    ] {
        let later = |source_at, destination_at| {
            let values = [base.clone(), source.clone(), destination.clone()];
            merged_at([source_at, destination_at], values)
        };
        assert_eq!(later(Some(2), Some(1)), source);
        assert_eq!(later(Some(1), Some(2)), destination);
        for (source_at, destination_at) in [
            (Some(1), Some(1)),
            (None, Some(1)),
            (Some(1), None),
            (None, None),
        ] {
            assert_eq!(later(source_at, destination_at), source);
        }
    }
}

#[test]
fn a_scalar_that_one_side_removed_is_removed_if_that_was_later() {
    let (base, edited, removed) = (json!({"f": 1}), json!({"f": 2}), json!({}));
    let [base, edited, removed] = [base, edited, removed].map(fields);
    let policy = ConflictPolicy::of(Strategy::Merge);
    for (edited_at, removed_at, expected) in [(2, 1, Some(json!(2))), (1, 2, None)] {
        let source = Side::present(&edited, at(edited_at));
        let destination = Side::present(&removed, at(removed_at));
        let resolution = resolve(Some(&base), source, destination, &policy);
        assert!(resolution.conflicts.is_empty());
        assert_eq!(resolution.content.unwrap().get("f"), expected.as_ref());
        let resolution = resolve(Some(&base), destination, source, &policy);
        assert_eq!(resolution.content.unwrap().get("f"), expected.as_ref());
    }
}

#[test]
fn what_is_of_different_types_is_not_merged() {
    for (source, destination) in [
        (json!(1), json!("1")),
        (json!(1), json!(true)),
        (json!("a"), json!(true)),
        (json!([]), json!({})),
        (json!([]), json!(1)),
        (json!({}), json!("a")),
        (json!(null), json!([])),
        (json!({}), json!(null)),
        (json!("two\nlines"), json!(1)),
        (json!(null), json!("two\nlines")),
    ] {
        let result = merged(json!("base"), source.clone(), destination.clone());
        assert_eq!(result, Err(FlagReason::Types), "{source} {destination}");
    }
}

#[test]
fn what_one_side_removed_and_the_other_changed_inside_is_not_merged() {
    let policy = ConflictPolicy::of(Strategy::Merge);
    for (base, changed) in [
        (json!([1]), json!([1, 2])),
        (json!({"a": 1}), json!({"a": 2})),
        (json!("a\nb"), json!("a\nb\nc")),
    ] {
        let resolution = resolved(
            &policy,
            json!({"f": base}),
            json!({}),
            json!({"f": changed}),
        );
        assert_eq!(resolution.conflicts[0].reason, FlagReason::Removed);
        assert_eq!(resolution.content, record(json!({"f": changed})));
    }
}

#[test]
fn sets_have_what_both_added_and_not_what_either_removed() {
    for (base, source, destination, expected) in [
        (
            json!([1, 2, 3]),
            json!([1, 2, 4]),
            json!([5, 2, 3]),
            json!([2, 4, 5]),
        ),
        (
            json!(["a"]),
            json!(["b", "a"]),
            json!(["a", "c"]),
            json!(["b", "a", "c"]),
        ),
        (
            json!([]),
            json!(["x", "y"]),
            json!(["y", "z"]),
            json!(["x", "y", "z"]),
        ),
        (json!([1, 2]), json!([2]), json!([1]), json!([])),
        (
            json!([1, 2, 3]),
            json!([3, 2, 1]),
            json!([2, 1, 3]),
            json!([3, 2, 1]),
        ),
        (json!(null), json!([1]), json!([2]), json!([1, 2])),
        (
            json!([null, true]),
            json!([true, 1.0]),
            json!([null, true, 1]),
            json!([true, 1.0]),
        ),
    ] {
        let found = merged(base.clone(), source.clone(), destination.clone());
        assert_eq!(found, Ok(expected), "{base} {source} {destination}");
    }
}

#[test]
fn objects_in_a_list_are_recognised_by_their_ids() {
    let base = json!([{"id": 1, "n": "a", "m": "x"}, {"id": 2, "n": "b"}, {"id": 3, "n": "c"}]);
    let source = json!([{"id": 3, "n": "c"}, {"id": 1, "n": "A", "m": "x"}, {"id": 4, "n": "d"}]);
    let destination =
        json!([{"id": 5, "n": "e"}, {"id": 1.0, "n": "a", "m": "X"}, {"id": 2, "n": "b"}]);
    let merged_list = merged(base.clone(), source, destination.clone());
    let expected = json!([
        {"id": 1, "n": "A", "m": "X"},
        {"id": 4, "n": "d"},
        {"id": 5, "n": "e"},
    ]);
    assert!(same(&merged_list.unwrap(), &expected));
    // One side removes what the other changes, though only inside.
    let gone = merged(base, json!([{"id": 2, "n": "b"}]), destination);
    assert_eq!(gone, Err(FlagReason::Removed));
}

#[test]
fn what_cannot_be_merged_in_an_element_is_a_conflict_about_the_list() {
    let list = |value: Value| json!([{"id": "x", "v": value}]);
    let found = merged(list(json!(0)), list(json!(1)), list(json!("1")));
    assert_eq!(found, Err(FlagReason::Types));
    let found = merged(
        list(json!("a\nb")),
        list(json!("a\nc")),
        list(json!("a\nd")),
    );
    assert_eq!(found, Err(FlagReason::Lines));
}

#[test]
fn a_list_that_is_no_set_is_not_merged() {
    for list in [
        json!([1, 1]),
        json!([1, 1.0]),
        json!([[1]]),
        json!([1, {"id": 1}]),
        json!([{"id": 1}, 1]),
        json!([{"id": 1}, {"id": 1}]),
        json!([{"name": 1}]),
        json!([{"id": null}]),
        json!([{"id": [1]}]),
    ] {
        for (source, destination) in [(list.clone(), json!([7])), (json!([7]), list.clone())] {
            let found = merged(json!([]), source, destination);
            assert_eq!(found, Err(FlagReason::NotASet), "{list}");
        }
        let found = merged(list.clone(), json!([7]), json!([8]));
        assert_eq!(found, Err(FlagReason::NotASet), "{list}");
    }
    let many = |first: usize| Value::from_iter(first..first + 10_001);
    assert_eq!(
        merged(json!([]), many(0), json!([7])),
        Err(FlagReason::TooLarge)
    );
    assert_eq!(
        merged(json!([]), json!([7]), many(1)),
        Err(FlagReason::TooLarge)
    );
}

#[test]
fn objects_are_merged_field_by_field_and_what_is_open_is_named() {
    let policy = ConflictPolicy::of(Strategy::Merge);
    let base = json!({"o": {"a": 1, "b": 1, "c": 1, "d": {"x": 1, "y": 1}}, "p": 1});
    let source = json!({"o": {"a": 2, "b": 1, "c": "2", "d": {"x": 2, "y": [2]}, "e": 1}, "p": 1});
    let destination = json!({"o": {"a": 1, "c": 3, "d": {"x": 1, "y": "3"}, "f": 1}, "p": 1});
    let resolution = resolved(&policy, base, source, destination);
    let open: Vec<String> = resolution
        .conflicts
        .iter()
        .map(|conflict| conflict.field.to_string())
        .collect();
    assert_eq!(open, ["o.c", "o.d.y"]);
    let content = json!({"o": {"a": 2, "c": 3, "d": {"x": 2, "y": "3"}, "e": 1, "f": 1}, "p": 1});
    assert_eq!(resolution.content, record(content));
    let new_base = json!({"o": {"a": 2, "b": 1, "c": 1, "d": {"x": 2, "y": 1}, "e": 1}, "p": 1});
    assert_eq!(resolution.new_base, record(new_base));
    // The source is told what is settled in the object, with its own values for what is not.
    let source = json!({"o": {"a": 2, "c": "2", "d": {"x": 2, "y": [2]}, "e": 1, "f": 1}});
    let update = Update {
        set: fields(source),
        removed: Vec::new(),
    };
    assert_eq!(resolution.to_source, Some(Change::Update(update)));
}

#[test]
fn texts_are_merged_by_lines() {
    for (base, source, destination, expected) in [
        ("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC"),
        ("a\nb\nc", "A\nb\nc", "a\nb\nc\nd", "A\nb\nc\nd"),
        ("a\nb\nc\n", "a\nb\nc", "0\na\nb\nc\n", "0\na\nb\nc"),
        ("a\nb\nc\nd", "b\nc\nd", "a\nb\nc", "b\nc"),
        ("a\nb\nc", "a\nX\nc", "a\nX\nc\nd", "a\nX\nc\nd"),
        ("a\r\nb\r\nc", "A\r\nb\r\nc", "a\r\nb\r\nC", "A\r\nb\r\nC"),
        ("a\nb\nc", "a", "a\nb\nc\nd", "?"),
        ("a\nb", "A\nb", "a\nB", "?"),
        ("a", "a\nb", "a\nc", "?"),
        ("", "a\nb", "c\nd", "?"),
    ] {
        let found = merged(json!(base), json!(source), json!(destination));
        let mirrored = merged(json!(base), json!(destination), json!(source));
        assert_eq!(found, mirrored, "{base:?} {source:?} {destination:?}");
        let expected = match expected {
            "?" => Err(FlagReason::Lines),
            text => Ok(json!(text)),
        };
        assert_eq!(found, expected, "{base:?} {source:?} {destination:?}");
    }
    assert_eq!(
        merged(json!(1), json!("a\nb"), json!("c")),
        Err(FlagReason::Lines)
    );
    // Without a text before, nothing tells that the empty line of one is that of the other.
    assert_eq!(
        merged(json!(1), json!("x\n"), json!("\ny")),
        Err(FlagReason::Lines)
    );
}

#[test]
fn a_long_line_is_a_text_and_not_replaced_as_a_whole() {
    let line = |end: &str, length: usize| json!(format!("{}{end}", "x".repeat(length - 1)));
    let short = merged(json!(""), line("a", 256), line("b", 256));
    assert_eq!(short, Ok(line("a", 256)));
    let long = merged(json!(""), line("a", 257), line("b", 2));
    assert_eq!(long, Err(FlagReason::Lines));
}

#[test]
fn texts_that_are_too_long_or_too_many_are_not_merged() {
    let text = |lines: usize, first: &str| json!(format!("{first}{}", "\nx".repeat(lines - 1)));
    assert_eq!(
        merged(text(1000, "a"), text(999, "a"), text(1000, "b")),
        Ok(text(999, "b"))
    );
    let too_long = merged(text(1000, "a"), text(1001, "a"), text(1000, "b"));
    assert_eq!(too_long, Err(FlagReason::TooLarge));
    let wide = |first: &str| json!(format!("{first}\nb\n{}", "x".repeat(64 * 1024)));
    assert_eq!(
        merged(wide("a"), wide("b"), json!("a")),
        Err(FlagReason::TooLarge)
    );

    let texts = |first: &str, last: &str| {
        let fields = (0..11).map(|n| (format!("f{n:02}"), format!("{first}\nx\n{last}").into()));
        Value::Object(fields.collect())
    };
    let policy = ConflictPolicy::of(Strategy::Merge);
    let resolution = resolved(&policy, texts("a", "z"), texts("b", "z"), texts("a", "y"));
    assert_eq!(resolution.conflicts.len(), 1);
    assert_eq!(resolution.conflicts[0].field, FieldPath::of("f10"));
    assert_eq!(resolution.conflicts[0].reason, FlagReason::TooLarge);
}

#[test]
fn what_is_too_deep_is_not_merged() {
    let deep = |levels: usize, leaf: Value| (0..levels).fold(leaf, |value, _| json!({"o": value}));
    let one = |levels| {
        merged(
            deep(levels, json!(0)),
            deep(levels, json!(1)),
            deep(levels, json!(2)),
        )
    };
    assert_eq!(one(31), Ok(deep(31, json!(1))));
    assert_eq!(one(32), Err(FlagReason::TooLarge));
    // What is named is the object that is too deep, and not what is in it.
    let policy = ConflictPolicy::of(Strategy::Merge);
    let [base, source, destination] = [0, 1, 2].map(|leaf| json!({"f": deep(40, json!(leaf))}));
    let resolution = resolved(&policy, base, source, destination);
    assert_eq!(resolution.conflicts[0].field.names().len(), 33);
    let list = |levels: usize, leaf: i32| {
        (0..levels).fold(json!(leaf), |value, _| json!([{"id": 1, "v": value}]))
    };
    assert_eq!(
        merged(list(10, 0), list(10, 1), list(10, 2)),
        Ok(list(10, 1))
    );
    assert_eq!(
        merged(list(40, 0), list(40, 1), list(40, 2)),
        Err(FlagReason::TooLarge)
    );
}
