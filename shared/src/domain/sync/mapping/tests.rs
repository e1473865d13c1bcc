use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type Mapped = BTreeMap<String, FieldMapping>;

fn mapped(value: Value) -> Mapped {
    serde_json::from_value(value).unwrap()
}

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

fn read(mapping: Value, record: Value) -> Result<Fields, MappingError> {
    Mapping::new(&mapped(mapping), DriftPolicy::Ignore).read(&record)
}

#[test]
fn fields_are_renamed_typed_and_filled_in() {
    let content = read(
        json!({
            "email": "properties.email",
            "name": {"from": "join(' ', [properties.first, properties.last])"},
            "employees": {"from": "properties.size", "type": "integer", "default": 0},
            "created": {"from": "createdAt", "type": "timestamp"},
            "active": {"from": "archived == `false`"},
            "phone": "properties.phone",
        }),
        json!({
            "id": "1", "createdAt": 1_760_000_000, "archived": false,
            "properties": {"email": "a@b.example", "first": "Ada", "last": "B", "size": ""},
        }),
    );
    let expected = json!({
        "email": "a@b.example", "name": "Ada B", "employees": 0, "active": true, "phone": null,
        "created": "2025-10-09T08:53:20.000Z",
    });
    assert_eq!(content, Ok(fields(expected)));
}

#[test]
fn without_a_mapping_records_are_as_they_are() {
    let record = json!({"id": 1, "a": {"b": []}});
    assert_eq!(read(json!({}), record.clone()), Ok(fields(record)));
    for record in [json!([1]), json!("x"), json!(null)] {
        assert_eq!(read(json!({}), record), Err(MappingError::NotAnObject));
    }
    let whole = read(json!({"name": "@"}), json!("x"));
    assert_eq!(whole, Ok(fields(json!({"name": "x"}))));
}

#[test]
fn only_what_no_mapping_looks_at_is_taken_over() {
    let mapping = mapped(json!({"mail": "email", "city": "address.city", "new": "old"}));
    let record = json!({"email": "a", "address": {"city": "b", "zip": 1}, "old": 2, "extra": 3});
    let read = |drift| Mapping::new(&mapping, drift).read(&record).unwrap();
    let named = json!({"mail": "a", "city": "b", "new": 2});
    assert_eq!(read(DriftPolicy::Ignore), fields(named.clone()));
    assert_eq!(read(DriftPolicy::Stop), fields(named));
    let all = json!({"mail": "a", "city": "b", "new": 2, "extra": 3});
    assert_eq!(read(DriftPolicy::Add), fields(all));
    // Ours of that name wins.
    let record = json!({"mail": "theirs", "email": "a"});
    let content = Mapping::new(&mapping, DriftPolicy::Add).read(&record);
    assert_eq!(content.unwrap().get("mail"), Some(&json!("a")));
}

#[test]
fn what_cannot_be_mapped_names_the_field_and_not_the_value() {
    let typed = json!({"size": {"from": "n", "type": "integer"}});
    for (record, message) in [
        (
            json!({"n": "canary"}),
            "`size` cannot be made an integer out of this text",
        ),
        (
            json!({"n": 1.5}),
            "`size` cannot be made an integer out of this number",
        ),
        (
            json!({"n": ["canary"]}),
            "`size` cannot be made an integer out of a list",
        ),
    ] {
        let error = read(typed.clone(), record).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let error = read(json!({"size": "length(n)"}), json!({"n": 1})).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`size`: the expression fails"),
        "{error}"
    );
}

#[test]
fn changes_go_back_by_the_providers_names() {
    let mapping = mapped(json!({
        "mail": "email",
        "city": {"from": "address.city", "to": "city"},
        "name": "join(' ', [first, last])",
        "alias": "email",
    }));
    let closed = Mapping::new(&mapping, DriftPolicy::Ignore);
    let written = closed.write(&fields(json!({"mail": "a", "city": null})));
    assert_eq!(written, Ok(fields(json!({"email": "a", "city": null}))));
    let field = |name: &str| name.to_owned();
    for (changes, error) in [
        (
            json!({"name": "x"}),
            MappingError::NotWritable {
                field: field("name"),
            },
        ),
        (
            json!({"extra": 1}),
            MappingError::Unknown {
                field: field("extra"),
            },
        ),
        (
            json!({"email": 1}),
            MappingError::Unknown {
                field: field("email"),
            },
        ),
        (
            json!({"alias": 1, "mail": 2}),
            MappingError::Ambiguous {
                field: field("mail"),
            },
        ),
    ] {
        assert_eq!(closed.write(&fields(changes)), Err(error));
    }
    let open = Mapping::new(&mapping, DriftPolicy::Add);
    let own = fields(json!({"extra": 1}));
    assert_eq!(open.write(&own), Ok(own.clone()));
    assert_eq!(open.accept(&own), Ok(own));
    for (name, writable) in [
        ("extra", true),
        ("mail", true),
        ("email", false),
        ("name", false),
    ] {
        assert_eq!(open.is_writable(name), writable, "{name}");
    }
    let all = fields(json!({"mail": "a", "city": "b", "name": "c", "gone": 1}));
    let expected = fields(json!({"email": "a", "city": "b"}));
    assert_eq!(closed.write_what_can_be(&all), Ok(expected));
}

#[test]
fn what_somebody_asks_for_is_made_what_the_field_is() {
    let mapping = mapped(json!({"at": {"from": "ts", "type": "timestamp"}, "any": "any"}));
    let mapping = Mapping::new(&mapping, DriftPolicy::Ignore);
    let accepted = mapping.accept(&fields(
        json!({"at": "2026-01-31T10:00:00+01:00", "any": [1]}),
    ));
    let expected = fields(json!({"at": "2026-01-31T09:00:00.000Z", "any": [1]}));
    assert_eq!(accepted, Ok(expected));
    let error = mapping.accept(&fields(json!({"at": "soon"}))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`at` cannot be made an instant out of this text"
    );
    let error = mapping.accept(&fields(json!({"ts": 1}))).unwrap_err();
    assert_eq!(error.to_string(), "there is no field `ts`");
}

#[test]
fn a_part_of_a_record_says_nothing_of_the_rest() {
    let mapping = mapped(json!({
        "mail": "properties.email",
        "phone": {"from": "properties.phone", "default": "none"},
        "name": "join(' ', [first, last])",
        "kind": "'contact'",
        "all": "@",
        "city": "address.city",
    }));
    let mapping = Mapping::new(&mapping, DriftPolicy::Ignore);
    let part = json!({"properties": {"email": "a"}, "first": "Ada", "address": null});
    let found = mapping.read_partial(&part).unwrap();
    assert_eq!(found.fields, fields(json!({"mail": "a", "city": null})));
    assert_eq!(found.unsure, ["all", "name"]);
    let part = json!({"properties": {"phone": null}, "first": "Ada", "last": "B"});
    let found = mapping.read_partial(&part).unwrap();
    assert_eq!(
        found.fields,
        fields(json!({"phone": "none", "name": "Ada B"}))
    );
    assert_eq!(
        mapping.read_partial(&json!([])),
        Err(MappingError::NotAnObject)
    );
    let own = mapped(json!({}));
    let found = Mapping::new(&own, DriftPolicy::Ignore)
        .read_partial(&json!({"a": 1}))
        .unwrap();
    assert_eq!(found.fields, fields(json!({"a": 1})));
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,20}".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]".prop_map(Value::from),
        Just(json!([1])),
        Just(json!({"a": 1})),
    ]
}

fn any_type() -> impl Strategy<Value = Option<FieldType>> {
    prop::option::of(prop::sample::select(vec![
        FieldType::String,
        FieldType::Integer,
        FieldType::Number,
        FieldType::Boolean,
        FieldType::Timestamp,
        FieldType::Array,
        FieldType::Object,
    ]))
}

proptest! {
    /// Whatever the record holds: each field is there, of its type, or the error names one.
    #[test]
    fn a_mapping_is_total(
        record in prop::collection::btree_map("[a-d]", leaf(), 0..5),
        types in prop::collection::vec(any_type(), 4),
    ) {
        let mapping: Mapped = ["a", "b", "c", "d"].iter().zip(types).map(|(name, field_type)| {
            let from = FieldMapping::from(name.parse::<crate::domain::Expression>().unwrap());
            (format!("our {name}"), FieldMapping { field_type, ..from })
        }).collect();
        let record = Value::Object(record.into_iter().collect());
        match Mapping::new(&mapping, DriftPolicy::Ignore).read(&record) {
            Ok(content) => {
                prop_assert!(content.keys().eq(mapping.keys()));
                for (name, field) in &mapping {
                    if let (Some(wanted), Some(value)) = (field.field_type, content.get(name)) {
                        prop_assert_eq!(wanted.convert(value), Some(value.clone()));
                    }
                }
            }
            Err(MappingError::Conversion { field, .. }) => prop_assert!(mapping.contains_key(&field)),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    /// What is written comes back as it is here.
    #[test]
    fn what_is_written_reads_as_it_was(
        changes in prop::collection::btree_map("[a-d]", leaf(), 0..5),
        types in prop::collection::vec(any_type(), 4),
        drift in prop::sample::select(vec![DriftPolicy::Ignore, DriftPolicy::Add]),
    ) {
        let mapping: Mapped = ["a", "b", "c", "d"].iter().zip(types).map(|(name, field_type)| {
            let from = format!("theirs_{name}").parse::<crate::domain::Expression>().unwrap();
            ((*name).to_owned(), FieldMapping { field_type, ..FieldMapping::from(from) })
        }).collect();
        let mapping = Mapping::new(&mapping, drift);
        if let Ok(accepted) = mapping.accept(&changes.into_iter().collect()) {
            let written = Value::Object(mapping.write(&accepted).unwrap());
            let mut content = mapping.read(&written).unwrap();
            content.retain(|name, _| accepted.contains_key(name));
            prop_assert_eq!(&content, &accepted);
            let partial = mapping.read_partial(&written).unwrap();
            prop_assert_eq!(partial.fields, accepted);
        }
    }
}
