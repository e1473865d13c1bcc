use proptest::prelude::*;
use serde_json::json;

use super::*;

fn seen(records: Value) -> SchemaSeen {
    SchemaSeen::of(records.as_array().unwrap())
}

fn schema(value: Value) -> RecordSchema {
    serde_json::from_value(value).unwrap()
}

/// The changes of a page, each in a few words, and what is known then.
fn page(known: &RecordSchema, records: Value) -> (Vec<String>, RecordSchema) {
    let change = seen(records).changes(known, true);
    (words(&change), change.schema)
}

fn words(change: &SchemaChange) -> Vec<String> {
    let words = change.drifts.iter().map(|drift| match drift.kind {
        DriftKind::New => format!("{} new", drift.field),
        DriftKind::Vanished => format!("{} vanished", drift.field),
        DriftKind::Retyped { from, to } => format!("{} {from:?} {to:?}", drift.field),
    });
    words.collect()
}

#[test]
fn each_change_is_reported_once() {
    let known = schema(json!({"id": "integer", "name": "string"}));
    let records = json!([{"id": 1, "name": "a", "vip": true}, {"id": "2", "name": null}]);
    let (changes, known) = page(&known, records.clone());
    assert_eq!(changes, ["id Integer Mixed", "vip new"]);
    let (changes, again) = page(&known, records);
    assert_eq!((changes.len(), &again), (0, &known));
    let expected = json!({"id": "mixed", "name": "string", "vip": "boolean"});
    assert_eq!(known, schema(expected));
}

#[test]
fn null_and_integers_fit_into_what_is_known() {
    let known = schema(json!({"a": "null", "b": "integer", "c": "number", "d": "string"}));
    let records = json!([{"a": [1], "b": 1.5, "c": 2, "d": null}, {"a": null, "b": 1.0}]);
    let (changes, known) = page(&known, records);
    assert!(changes.is_empty(), "{changes:?}");
    let expected = json!({"a": "array", "b": "number", "c": "number", "d": "string"});
    assert_eq!(known, schema(expected));
    let (changes, _) = page(
        &known,
        json!([{"a": {"x": 1}, "b": "1", "c": true, "d": 1}]),
    );
    let expected = [
        "a Array Object",
        "b Number String",
        "c Number Boolean",
        "d String Integer",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn the_first_run_finds_out_what_there_is() {
    let change = seen(json!([{"id": 1}])).changes(&RecordSchema::new(), false);
    assert_eq!((change.drifts.len(), change.schema.len()), (0, 1));
    let change = seen(json!([{"id": "a", "more": 1}])).changes(&change.schema, false);
    assert_eq!((change.drifts.len(), change.schema.len()), (0, 2));
    assert_eq!(DriftPolicy::Stop.stopped_by(&change.drifts).count(), 0);
}

#[test]
fn a_field_vanishes_if_no_record_of_a_full_run_had_it() {
    let known = schema(json!({"id": "integer", "fax": "string", "rare": "string"}));
    let mut run = SchemaSeen::default();
    let pages = [
        json!([{"id": 1}]),
        json!([{"id": 2, "rare": null}]),
        json!([{"id": 3}]),
    ];
    for records in pages {
        let page = seen(records);
        assert!(page.changes(&known, true).drifts.is_empty());
        run.merge(&page);
    }
    let change = run.conclude(&known, true);
    assert_eq!(words(&change), ["fax vanished"]);
    assert_eq!(
        change.schema,
        schema(json!({"id": "integer", "rare": "string"}))
    );
    assert!(run.conclude(&change.schema, true).drifts.is_empty());
    // It comes back.
    let (changes, _) = page(&change.schema, json!([{"fax": "1"}]));
    assert_eq!(changes, ["fax new"]);
    let empty = SchemaSeen::default().conclude(&known, true);
    assert_eq!((empty.drifts.len(), empty.schema), (0, known));
}

#[test]
fn a_type_that_changed_for_good_is_the_new_one_after_a_full_run() {
    let known = schema(json!({"id": "integer"}));
    let (changes, known) = page(&known, json!([{"id": "a"}]));
    assert_eq!(changes, ["id Integer String"]);
    let change = seen(json!([{"id": "a"}, {"id": "b"}])).conclude(&known, true);
    assert_eq!(
        (words(&change).len(), &change.schema),
        (0, &schema(json!({"id": "string"})))
    );
    let (changes, _) = page(&change.schema, json!([{"id": 1}]));
    assert_eq!(changes, ["id String Integer"]);
}

#[test]
fn only_so_many_fields_are_watched() {
    let members = (0..600).map(|n| (format!("f{n:03}"), json!(1)));
    let records = json!([members.collect::<serde_json::Map<_, _>>(), {"x".repeat(129): 1}]);
    let run = seen(records);
    assert_eq!((run.fields.len(), run.more), (MAX_FIELDS, true));
    let known = schema(json!({"gone": "string"}));
    let change = run.conclude(&known, true);
    assert_eq!(change.schema.len(), MAX_FIELDS);
    assert!(
        change
            .drifts
            .iter()
            .all(|drift| drift.kind == DriftKind::New)
    );
}

#[test]
fn new_and_retyped_fields_stop_a_job_that_is_to_stop() {
    let known = schema(json!({"id": "integer", "gone": "string"}));
    let drifts = seen(json!([{"id": "a", "new": 1}]))
        .conclude(&known, true)
        .drifts;
    assert_eq!(drifts.len(), 3);
    let stopped = DriftPolicy::Stop
        .stopped_by(&drifts)
        .map(|drift| drift.field.as_str());
    assert_eq!(stopped.collect::<Vec<_>>(), ["id", "new"]);
    for policy in [DriftPolicy::Ignore, DriftPolicy::Add] {
        assert_eq!(policy.stopped_by(&drifts).count(), 0);
    }
}

#[test]
fn what_was_seen_reads_as_it_was_stored() {
    for records in [json!([]), json!([{"": 1, "a.b": null, "#": "x"}])] {
        let seen = seen(records);
        let stored = serde_json::to_value(&seen).unwrap();
        assert!(stored.get("fields").is_none_or(Value::is_array));
        assert_eq!(serde_json::from_value::<SchemaSeen>(stored).unwrap(), seen);
    }
}

#[test]
fn a_change_is_written_flat() {
    let kind = DriftKind::Retyped {
        from: FieldType::Integer,
        to: FieldType::String,
    };
    let drift = Drift {
        field: "id".to_owned(),
        kind,
    };
    let json = json!({"field": "id", "kind": "retyped", "from": "integer", "to": "string"});
    assert_eq!(serde_json::to_value(&drift).unwrap(), json);
    assert_eq!(serde_json::from_value::<Drift>(json).unwrap(), drift);
}

fn records() -> impl Strategy<Value = Value> {
    let value = prop::sample::select(vec![
        json!(null),
        json!(1),
        json!(1.5),
        json!("a"),
        json!(true),
        json!([]),
        json!({}),
    ]);
    let record = prop::collection::btree_map("[a-d]", value, 0..4);
    prop::collection::vec(record, 0..4).prop_map(|records| json!(records))
}

proptest! {
    /// However a run is cut into pages, in whatever order, it has the same fields.
    #[test]
    fn pages_merge_in_any_order(one in records(), two in records(), three in records()) {
        let merged = |pages: [&Value; 4]| {
            let mut run = SchemaSeen::default();
            for page in pages {
                run.merge(&seen(page.clone()));
            }
            run
        };
        let all = [&one, &two, &three].map(|page| page.as_array().unwrap().clone()).concat();
        prop_assert_eq!(merged([&one, &two, &three, &one]), merged([&three, &one, &two, &two]));
        prop_assert_eq!(merged([&one, &two, &three, &one]), seen(json!(all)));
    }

    #[test]
    fn what_is_known_is_not_news(known in records(), page in records()) {
        let known = seen(known).fields;
        let change = seen(page.clone()).changes(&known, true);
        prop_assert!(seen(page.clone()).changes(&change.schema, true).drifts.is_empty());
        let end = seen(page.clone()).conclude(&known, true);
        prop_assert!(seen(page).conclude(&end.schema, true).drifts.is_empty());
    }
}
