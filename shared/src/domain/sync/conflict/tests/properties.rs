//! What holds for any records and policies.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

use super::{Strategy, *};

/// Values of every kind, few enough that two are often the same.
fn values() -> BoxedStrategy<Value> {
    let text = ["a", "b", "x\ny\nz", "X\ny\nz", "x\ny\nZ", "x\nY\nz"];
    let scalars = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..3_i32).prop_map(Value::from),
        Just(json!(1.0)),
        prop::sample::select(text.to_vec()).prop_map(Value::from),
    ];
    scalars
        .prop_recursive(3, 12, 3, |inner| {
            let named = ("[ab]", inner.clone());
            let objects = prop::collection::vec(named, 0..3);
            let with_ids = (0..3_i32, inner.clone());
            let with_ids = with_ids.prop_map(|(id, value)| json!({"id": id, "a": value}));
            prop_oneof![
                3 => objects.prop_map(|members| Value::Object(members.into_iter().collect())),
                1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
                1 => prop::collection::vec(0..4_i32, 0..4).prop_map(Value::from),
                1 => prop::collection::vec(with_ids, 0..3).prop_map(Value::from),
            ]
        })
        .boxed()
}

/// A field on the base and on both sides: often unchanged, often changed by one.
fn units() -> impl Generator<Value = [Option<Value>; 3]> {
    let one = || prop::option::weighted(0.8, values());
    let who = 0..8_u8;
    (one(), one(), one(), who).prop_map(|(base, source, destination, who)| match who {
        0 => [base.clone(), base.clone(), base],
        1 => [base.clone(), base, destination],
        2 => [base.clone(), source, base],
        3 => [base, source.clone(), source],
        _ => [base, source, destination],
    })
}

/// The base and both sides of a record.
fn records() -> impl Generator<Value = [Option<Fields>; 3]> {
    let names = prop::sample::select(vec!["a", "b", "c", "a.b"]);
    let fields = prop::collection::btree_map(names, units(), 0..4);
    let there = prop::array::uniform3(prop::bool::weighted(0.85));
    (fields, there).prop_map(|(fields, there)| {
        let side = |n: usize| -> Option<Fields> {
            let present = fields.iter().filter_map(|(name, unit)| {
                let value = unit[n].clone()?;
                Some(((*name).to_owned(), value))
            });
            there[n].then(|| present.collect())
        };
        [side(0), side(1), side(2)]
    })
}

/// Policies with rules, and these conditions.
fn policies(conditions: &'static [&'static str]) -> impl Generator<Value = ConflictPolicy> {
    let patterns = vec![
        "a", "b", "a.a", "a.b", r"a\.b", "a.*", "*", "?", "*.a", "b.a.b",
    ];
    let actions = vec!["overwrite", "preserve", "merge", "flag"];
    let conditions: Vec<Option<&str>> = std::iter::once(None)
        .chain(conditions.iter().copied().map(Some))
        .collect();
    let rule = (
        prop::sample::select(patterns),
        prop::sample::select(conditions),
        prop::sample::select(actions),
    );
    let rule = rule.prop_map(|(field, condition, action)| {
        json!({"field": field, "condition": condition, "action": action})
    });
    let rules = prop_oneof![1 => Just(Vec::new()), 2 => prop::collection::vec(rule, 1..4)];
    (prop::sample::select(STRATEGIES.to_vec()), rules)
        .prop_map(|(strategy, rules)| policy(json!({"strategy": strategy, "rules": rules})))
}

/// When the sides were changed.
fn times() -> impl Generator<Value = [Option<Timestamp>; 2]> {
    let time = || prop::option::of((0..3_i64).prop_map(|second| at(second).unwrap()));
    (time(), time()).prop_map(|(source, destination)| [source, destination])
}

type Times = [Option<Timestamp>; 2];

fn run(sides: [&Option<Fields>; 3], times: Times, policy: &ConflictPolicy) -> Resolution {
    let [base, source, destination] = sides.map(Option::as_ref);
    let side = |fields, changed_at| Side { fields, changed_at };
    let [source_at, destination_at] = times;
    let destination = side(destination, destination_at);
    resolve(base, side(source, source_at), destination, policy)
}

fn same_record(one: &Option<Fields>, other: &Option<Fields>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_fields(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Nothing has changed since `first`, and nothing is to be done again.
fn assert_settled(first: &Resolution, again: &Resolution, to_source: Option<&Change>) {
    assert!(
        same_record(&again.content, &first.content),
        "{first:?}\n{again:?}"
    );
    assert_eq!(again.to_destination, None, "{first:?}\n{again:?}");
    assert_eq!(again.to_source.as_ref(), to_source, "{first:?}\n{again:?}");
    assert_eq!(again.conflicts, first.conflicts);
}

/// `value` without what is left open: the order of lists, and how a number is written.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(plain).collect();
            elements.sort_by_key(Value::to_string);
            Value::Array(elements)
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(k, v)| (k.clone(), plain(v))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn plain_record(record: &Option<Fields>) -> Value {
    record
        .clone()
        .map_or(json!(null), |fields| plain(&Value::Object(fields)))
}

fn open_fields(resolution: &Resolution) -> Vec<FieldPath> {
    let fields = resolution.conflicts.iter();
    let mut fields: Vec<FieldPath> = fields.map(|conflict| conflict.field.clone()).collect();
    fields.sort();
    fields
}

/// Of the source, which does not change when a resolution is applied: what a condition on anything
/// else says may change with the record.
const OF_THE_SOURCE: &[&str] = &[
    "source.value == `1`",
    "!(source.value)",
    "length(source.value) > `1`",
    "source.record.b == `1`",
];
const OF_ANYTHING: &[&str] = &[
    "destination.value == base.value",
    "sort(keys(destination.record)) == keys(source.record)",
    "later == 'source'",
    "sum(source.value) > `2`",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn to_resolve_again_changes_nothing(
        [base, source, destination] in records(), times in times(),
        policy in policies(OF_THE_SOURCE),
    ) {
        let first = run([&base, &source, &destination], times, &policy);
        let again = run([&first.new_base, &source, &first.content], times, &policy);
        assert_settled(&first, &again, first.to_source.as_ref());
        prop_assert!(same_record(&again.new_base, &first.new_base));
        prop_assert!(same_record(&again.base_once_sent, &first.base_once_sent));
    }

    #[test]
    fn once_the_source_has_what_it_was_sent_nothing_is_left_to_do(
        [base, source, destination] in records(), times in times(), policy in policies(&[]),
    ) {
        let first = run([&base, &source, &destination], times, &policy);
        let sent = match &first.to_source {
            Some(change) => change.applied_to(source.as_ref()),
            None => source,
        };
        let again = run([&first.base_once_sent, &sent, &first.content], times, &policy);
        assert_settled(&first, &again, None);
        // Whoever has not heard that it was accepted comes to the same.
        let unheard = run([&first.new_base, &sent, &first.content], times, &policy);
        assert_settled(&first, &unheard, None);
    }

    #[test]
    fn what_one_side_changed_is_kept_and_what_none_changed_is_not_touched(
        [base, source, destination] in records(), times in times(), policy in policies(OF_ANYTHING),
    ) {
        let resolution = run([&base, &source, &destination], times, &policy);
        if same_record(&source, &base) {
            prop_assert!(same_record(&resolution.content, &destination));
            prop_assert!(resolution.conflicts.is_empty());
        } else if same_record(&destination, &base) {
            prop_assert!(same_record(&resolution.content, &source));
            prop_assert!(resolution.conflicts.is_empty());
        } else if let (Some(source), Some(destination)) = (&source, &destination) {
            let content = resolution.content.clone().unwrap();
            let base = base.unwrap_or_default();
            for name in source.keys().chain(destination.keys()).chain(base.keys()) {
                let [before, source, destination, now] =
                    [&base, source, destination, &content].map(|record| record.get(name));
                let same = |one: Option<&Value>, other: Option<&Value>| match (one, other) {
                    (Some(one), Some(other)) => same(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                let is_open = resolution.conflicts.iter().any(|c| c.field.names()[0] == *name);
                if same(source, before) {
                    prop_assert!(same(now, destination) && !is_open, "{}", name);
                } else if same(destination, before) || same(source, destination) {
                    prop_assert!(same(now, source) && !is_open, "{}", name);
                }
            }
            let known = |name: &String| source.contains_key(name) || destination.contains_key(name);
            prop_assert!(content.keys().all(known));
        }
    }

    #[test]
    fn the_two_sides_winning_are_mirror_images(
        [base, source, destination] in records(), times in times(),
    ) {
        let [source_wins, destination_wins] =
            [Strategy::SourceWins, Strategy::DestinationWins].map(ConflictPolicy::of);
        let one = run([&base, &source, &destination], times, &source_wins);
        let other = run([&base, &destination, &source], times, &destination_wins);
        prop_assert!(same_record(&one.content, &other.content));
        prop_assert!(one.conflicts.is_empty() && other.conflicts.is_empty());
    }

    #[test]
    fn a_merge_does_not_ask_which_side_is_which(
        [base, source, destination] in records(), source_is_later in any::<bool>(),
    ) {
        let policy = ConflictPolicy::of(Strategy::Merge);
        let times = if source_is_later { [at(2), at(1)] } else { [at(1), at(2)] };
        let one = run([&base, &source, &destination], times, &policy);
        let other = run([&base, &destination, &source], [times[1], times[0]], &policy);
        prop_assert_eq!(open_fields(&one), open_fields(&other));
        if one.conflicts.is_empty() {
            prop_assert_eq!(plain_record(&one.content), plain_record(&other.content));
        }
    }

    #[test]
    fn what_people_decide_stands_and_the_rest_stays_open(
        [base, source, destination] in records(), times in times(), policy in policies(&[]),
        decided in prop::collection::vec(prop::option::of(0..3_u8), 8), value in values(),
    ) {
        let found = run([&base, &source, &destination], times, &policy);
        let mut choices = BTreeMap::new();
        for (conflict, decided) in found.conflicts.iter().zip(decided) {
            let value = if conflict.field.is_whole() { json!({"a": value}) } else { value.clone() };
            let choice = match decided {
                None => continue,
                Some(0) => Choice::Source {},
                Some(1) => Choice::Destination {},
                Some(_) => Choice::Value { value },
            };
            choices.insert(conflict.field.clone(), choice);
        }
        let (base, content) = (found.new_base.as_ref(), found.content.as_ref());
        let settled = settle(base, content, &found.conflicts, &choices).unwrap();
        prop_assert_eq!(settled.conflicts.len() + choices.len(), found.conflicts.len());
        let next = run([&settled.new_base, &source, &settled.content], times, &policy);
        assert_settled(&settled, &next, settled.to_source.as_ref());
        let sent = match &settled.to_source {
            Some(change) => change.applied_to(source.as_ref()),
            None => source,
        };
        let next = run([&settled.base_once_sent, &sent, &settled.content], times, &policy);
        assert_settled(&settled, &next, None);
    }

    #[test]
    fn a_change_makes_one_record_into_the_other([one, other, _] in records()) {
        let changed = match Change::between(one.as_ref(), other.as_ref()) {
            Some(change) => change.applied_to(one.as_ref()),
            None => one,
        };
        prop_assert!(same_record(&changed, &other));
    }

    #[test]
    fn no_json_is_too_strange(
        [base, source, destination] in prop::array::uniform3(prop::option::of(strange())),
        times in times(), policy in policies(OF_ANYTHING),
    ) {
        let resolution = run([&base, &source, &destination], times, &policy);
        let written = serde_json::to_string(&resolution.conflicts).unwrap();
        let read: Vec<FieldConflict> = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read, resolution.conflicts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_set_has_what_both_have_and_what_either_added(
        lists in prop::array::uniform3(prop::collection::vec(0..9_u8, 0..9)),
    ) {
        let [base, source, destination] = lists.map(|mut list| {
            list.sort_unstable();
            list.dedup();
            list
        });
        prop_assume!(source != base && destination != base && source != destination);
        let expected = (0..9_u8).filter(|element| {
            let [base, source, destination] =
                [&base, &source, &destination].map(|list| list.contains(element));
            (source && destination) || (!base && (source || destination))
        });
        let expected = Value::from_iter(expected);
        let found = merged(json!(base), json!(source), json!(destination)).unwrap();
        prop_assert_eq!(plain(&found), plain(&expected));
    }

    /// Lines that nobody changes, with one between each two that is one side's to change.
    #[test]
    fn lines_that_are_changed_apart_are_all_changed(
        edits in prop::collection::vec((any::<bool>(), 0..4_u8), 2..20),
    ) {
        let text = |source: bool, destination: bool| {
            let mut lines = vec!["start".to_owned()];
            for (n, (is_source, edit)) in edits.iter().enumerate() {
                let is_made = if *is_source { source } else { destination };
                let old = format!("line {n}");
                match if is_made { *edit } else { 0 } {
                    0 => lines.push(old),
                    1 => lines.push(format!("new {n}")),
                    2 => {}
                    _ => lines.extend([old, format!("added {n}")]),
                }
                lines.extend([format!("anchor {n}"), format!("and {n}")]);
            }
            json!(lines.join("\n"))
        };
        let found = merged(text(false, false), text(true, false), text(false, true));
        prop_assert_eq!(found, Ok(text(true, true)));
    }
}

/// Records with any names, and any values.
fn strange() -> impl Generator<Value = Fields> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        "([ab]?\n){0,6}[ab]?".prop_map(Value::from),
        "x{250,260}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(5, 30, 5, |inner| {
        let members = prop::collection::vec((".{0,3}", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let names = prop_oneof![3 => "[a-c]", 1 => ".{0,4}"];
    prop::collection::vec((names, value), 0..5).prop_map(|fields| fields.into_iter().collect())
}
