use serde_json::{Value, json};

use super::*;
use crate::domain::sync::DriftPolicy;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn rules(more: Value) -> EntitySync {
    let mut rules = json!({"calls": {
        "create": {"method": "POST", "path": "/c"},
        "update": {"method": "PATCH", "path": "/c/{id}"},
        "delete": {"method": "DELETE", "path": "/c/{id}"},
    }});
    rules
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(rules).unwrap()
}

fn standing(content: Value) -> Standing {
    Standing {
        head: RecordHead {
            sequence: 7,
            version: 3,
            source_hash: "hash".to_owned(),
            deleted: false,
            source_version: None,
            observed_at: at(1),
            pending: false,
            conflict: None,
        },
        origin: ChangeOrigin::Sync,
        created_at: at(1),
        changed_at: at(2),
        body: RecordBody {
            id: "c1".to_owned(),
            content: fields(content),
            base: None,
            history: Vec::new(),
            moved_to: None,
        },
    }
}

/// The record after a write, as the next write finds it.
fn after(standing: &Standing, write: LocalWrite) -> Standing {
    let (head, body) = standing.written(write, &rules(json!({}))).unwrap().unwrap();
    Standing {
        head,
        origin: ChangeOrigin::Local,
        created_at: standing.created_at,
        changed_at: at(9),
        body,
    }
}

fn patch(value: Value) -> LocalWrite {
    LocalWrite::Patch(fields(value))
}

fn pointers(error: Error) -> Vec<(String, String)> {
    match error {
        Error::Invalid(errors) => errors
            .into_iter()
            .map(|error| (error.pointer, error.message))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_keeps_what_both_sides_agreed_on_until_the_provider_has_it() {
    let first = standing(json!({"name": "A", "age": 1}));
    let second = after(&first, patch(json!({"name": "B"})));
    assert_eq!(
        (
            second.head.version,
            second.head.pending,
            second.head.deleted
        ),
        (4, true, false)
    );
    // What the provider was seen to have is not changed by what we do.
    assert_eq!(second.head.source_hash, "hash");
    assert_eq!(second.body.content, fields(json!({"name": "B", "age": 1})));
    assert_eq!(second.body.base, Some(first.body.content.clone()));
    let third = after(&second, LocalWrite::Replace(fields(json!({"name": "C"}))));
    assert_eq!(third.body.content, fields(json!({"name": "C"})));
    assert_eq!(third.body.base, Some(first.body.content.clone()));
    // A change that takes itself back may have been sent already.
    let back = after(&third, LocalWrite::Replace(first.body.content.clone()));
    assert!(back.head.pending);
    assert_eq!(back.body.base, Some(first.body.content));
    let versions: Vec<_> = back.body.history.iter().map(|past| past.version).collect();
    assert_eq!(versions, [5, 4, 3]);
    assert_eq!(back.body.history[0].content, fields(json!({"name": "C"})));
    assert_eq!(back.body.history[2].origin, ChangeOrigin::Sync);
}

#[test]
fn a_deletion_keeps_the_content_and_is_pending() {
    let first = standing(json!({"name": "A"}));
    let gone = after(&first, LocalWrite::Delete);
    assert!(gone.head.deleted && gone.head.pending);
    assert_eq!(gone.body.content, first.body.content);
    assert_eq!(gone.body.base, Some(first.body.content));
    for write in [LocalWrite::Delete, patch(json!({"name": "B"}))] {
        let refused = gone.written(write, &rules(json!({})));
        assert!(matches!(refused, Err(Error::NotFound("record"))));
    }
}

#[test]
fn nothing_is_agreed_on_of_a_record_that_the_provider_never_had() {
    let mut made = standing(json!({"name": "A"}));
    made.head.pending = true;
    let changed = after(&made, patch(json!({"name": "B"})));
    assert_eq!(changed.body.base, None);
    assert!(changed.head.pending);
}

#[test]
fn what_changes_nothing_is_no_change() {
    let first = standing(json!({"name": "A", "tags": ["x"]}));
    for write in [
        patch(json!({})),
        patch(json!({"name": "A", "other": null})),
        LocalWrite::Replace(first.body.content.clone()),
    ] {
        assert_eq!(first.written(write, &rules(json!({}))).unwrap(), None);
    }
}

#[test]
fn so_many_versions_are_kept_as_the_entity_says() {
    for (history, kept) in [
        (json!({}), 5),
        (json!({"history": 0}), 0),
        (json!({"history": 2}), 2),
    ] {
        let rules = rules(history);
        let mut record = standing(json!({"n": 0}));
        for n in 1..9 {
            let write = patch(json!({"n": n}));
            let (head, body) = record.written(write, &rules).unwrap().unwrap();
            record = Standing {
                head,
                body,
                ..record
            };
        }
        assert_eq!(record.body.history.len(), kept);
    }
}

#[test]
fn a_record_is_not_changed_here_if_nobody_can_tell_the_provider() {
    let record = standing(json!({"name": "A"}));
    for (write, word) in [
        (patch(json!({"name": "B"})), "changed"),
        (LocalWrite::Replace(Fields::new()), "changed"),
        (LocalWrite::Delete, "deleted"),
    ] {
        let refused = record.written(write, &EntitySync::default());
        assert!(matches!(refused, Err(Error::NotWritable(said)) if said == word));
    }
    let refused = new_content(Fields::new(), &EntitySync::default());
    assert!(matches!(refused, Err(Error::NotWritable("created"))));
    let mut waits = record;
    waits.head.conflict = Some(ulid::Ulid::from(1_u128).into());
    let refused = waits.written(patch(json!({"name": "B"})), &rules(json!({})));
    assert!(matches!(refused, Err(Error::ConflictOpen)));
}

#[test]
fn only_fields_that_the_provider_knows_are_written_and_as_what_they_are() {
    let mapping = json!({"mapping": {
        "name": {"from": "full_name", "type": "string"},
        "age": {"from": "profile.age", "to": "age", "type": "integer"},
        "city": {"from": "address.city"},
        "seen": {"from": "seen", "type": "timestamp"},
    }});
    let rules = rules(mapping.clone());
    let record = standing(json!({"name": "A", "city": "X", "old": 1}));
    let unwritable = "cannot be written at the provider";
    for (change, pointer, message) in [
        (
            json!({"name": [1]}),
            "/name",
            "`name` cannot be made a text out of a list",
        ),
        (
            json!({"age": 1.5}),
            "/age",
            "`age` cannot be made an integer out of this number",
        ),
        (json!({"city": "Y"}), "/city", unwritable),
        (json!({"city": null}), "/city", unwritable),
        (json!({"a/b": 1}), "/a~1b", "there is no field `a/b`"),
        (json!({"old": null}), "/old", unwritable),
        (json!({"": 1}), "/", "expected a name of 1 to 200 bytes"),
    ] {
        let text = change.to_string();
        let refused = record.written(patch(change), &rules).unwrap_err();
        let expected = [(pointer.to_owned(), message.to_owned())];
        assert_eq!(pointers(refused), expected, "{text}");
    }
    let good = json!({"name": null, "age": "7", "seen": "2026-01-01T02:00:00+02:00"});
    let (_, body) = record.written(patch(good), &rules).unwrap().unwrap();
    let read =
        json!({"name": null, "city": "X", "old": 1, "age": 7, "seen": "2026-01-01T00:00:00.000Z"});
    assert_eq!(body.content, fields(read));
    let added = super::super::EntitySync {
        drift: DriftPolicy::Add,
        ..rules
    };
    assert!(
        record
            .written(patch(json!({"new": 1})), &added)
            .unwrap()
            .is_some()
    );
    let many: Fields = (0..501).map(|n| (format!("f{n}"), json!(n))).collect();
    let refused = new_content(many, &added).unwrap_err();
    assert_eq!(pointers(refused)[0].1, "has more than 500 fields");
    let large = patch(json!({"name": "x".repeat(128 * 1024)}));
    let refused = record.written(large, &added);
    assert!(matches!(
        refused,
        Err(Error::TooLarge {
            limit_bytes: 131_072
        })
    ));
}

#[test]
fn a_field_may_be_as_deep_as_a_providers_and_no_deeper() {
    let deep = |levels: u8| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let standing = standing(json!({"a": 1}));
    let write = |levels| LocalWrite::Patch(fields(json!({"b": deep(levels)})));
    assert!(standing.written(write(64), &rules(json!({}))).is_ok());
    match standing.written(write(65), &rules(json!({}))) {
        Err(Error::Invalid(errors)) => {
            assert_eq!(errors[0].pointer, "/b");
            assert_eq!(errors[0].message, "is nested more than 64 levels deep");
        }
        other => panic!("{other:?}"),
    }
}
