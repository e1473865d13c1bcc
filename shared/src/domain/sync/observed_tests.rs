use serde_json::{Value, json};

use super::super::conflict::{ConflictPolicy, Strategy};
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn fields(value: &Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn seen(content: &Value, version: Option<&str>, second: i64) -> Observation {
    let version = version.map(|version| SourceVersion(version.to_owned()));
    let (id, at) = ("a".to_owned(), at(second));
    match content {
        Value::Null => Observation::deleted(id, version, at, ChangeOrigin::Sync),
        content => Observation::present(id, fields(content), version, at, ChangeOrigin::Sync),
    }
}

/// What is known of a record after an observation of it.
fn head(content: &Value, version: Option<&str>, second: i64) -> RecordHead {
    seen(content, version, second).first().head
}

fn standing(content: &Value, base: Option<&Value>) -> Standing {
    let first = seen(content, Some("1"), 10).first();
    Standing {
        head: RecordHead {
            sequence: 7,
            pending: base.is_some(),
            ..first.head
        },
        origin: ChangeOrigin::Local,
        created_at: at(10),
        changed_at: at(10),
        body: RecordBody {
            base: base.map(fields),
            ..first.body
        },
    }
}

#[test]
fn the_versions_decide_and_else_the_instants() {
    use Novelty::{New, Old, Same, SameButNewer};
    let (a, b) = (json!({"n": 1}), json!({"n": 2}));
    let known = [("2", 100)].map(|(version, second)| head(&a, Some(version), second));
    for (content, version, second, expected) in [
        (&a, Some("2"), 200, Same),
        (&a, Some("3"), 50, SameButNewer),
        (&a, Some("1"), 200, Old),
        (&b, Some("1"), 200, Old),
        (&b, Some("3"), 50, New),
        (&b, Some("2"), 100, New),
        (&b, Some("2"), 99, Old),
        (&b, Some("x"), 99, Old),
        (&b, None, 99, Old),
        (&b, None, 100, New),
        (&Value::Null, Some("1"), 200, Old),
        (&Value::Null, None, 200, New),
    ] {
        let novelty = seen(content, version, second).novelty(Some(&known[0]));
        assert_eq!(novelty, expected, "{content} {version:?} {second}");
    }
}

#[test]
fn what_was_found_missing_comes_back_only_by_what_was_seen_later() {
    let missing = head(&Value::Null, None, 100);
    let content = json!({"n": 1});
    for (second, expected) in [(99, Novelty::Old), (101, Novelty::New)] {
        let novelty = seen(&content, Some("9"), second).novelty(Some(&missing));
        assert_eq!(novelty, expected);
    }
}

#[test]
fn a_full_list_is_believed_in_the_end() {
    let known = head(&json!({"n": 1}), Some("5"), 100);
    for (second, expected) in [(399, Novelty::Old), (400, Novelty::New)] {
        let mut older = seen(&json!({"n": 2}), Some("4"), second);
        older.overrules_after = Some(Duration::from_secs(300));
        assert_eq!(older.novelty(Some(&known)), expected);
    }
}

#[test]
fn a_deletion_of_what_is_not_known_is_kept_only_if_an_event_says_it() {
    let mut deleted = seen(&Value::Null, None, 1);
    assert_eq!(deleted.novelty(None), Novelty::Same);
    deleted.origin = ChangeOrigin::Event;
    assert_eq!(deleted.novelty(None), Novelty::New);
}

#[test]
fn where_nothing_is_pending_the_providers_content_is_taken() {
    let rules = EntitySync::default();
    let before = standing(&json!({"n": 1}), None);
    let after = before.observed(seen(&json!({"n": 2}), Some("2"), 20), &rules);
    assert_eq!((after.head.version, after.moves), (2, true));
    assert_eq!(after.body.content, fields(&json!({"n": 2})));
    assert_eq!(after.body.history[0].content, fields(&json!({"n": 1})));
    let gone = before.observed(seen(&Value::Null, None, 20), &rules);
    assert!(gone.head.deleted && gone.moves);
    assert_eq!(gone.head.source_version, None);
    assert_eq!(gone.body.content, fields(&json!({"n": 1})));
}

#[test]
fn our_own_write_that_comes_back_is_no_news_to_readers() {
    let ours = standing(&json!({"n": 2}), Some(&json!({"n": 1})));
    let echo = ours.observed(
        seen(&json!({"n": 2}), Some("2"), 20),
        &EntitySync::default(),
    );
    assert!(!echo.moves && !echo.head.pending);
    assert_eq!((echo.head.version, echo.head.sequence), (1, 7));
    assert_eq!(echo.body.base, None);
    assert!(echo.body.history.is_empty());
}

#[test]
fn changes_of_both_sides_are_settled_by_the_policy() {
    let base = json!({"n": 1, "m": 1});
    let ours = standing(&json!({"n": 2, "m": 1}), Some(&base));
    for (strategy, content, pending, open) in [
        (Strategy::SourceWins, json!({"n": 3, "m": 4}), false, 0),
        (Strategy::DestinationWins, json!({"n": 2, "m": 4}), true, 0),
        (Strategy::Manual, json!({"n": 2, "m": 4}), false, 1),
    ] {
        let rules = EntitySync {
            conflicts: ConflictPolicy::of(strategy),
            ..EntitySync::default()
        };
        let after = ours.observed(seen(&json!({"n": 3, "m": 4}), Some("2"), 20), &rules);
        assert_eq!(after.body.content, fields(&content), "{strategy:?}");
        assert_eq!((after.head.pending, after.open.len()), (pending, open));
        assert_eq!(after.body.base.is_some(), pending || open > 0);
    }
}

#[test]
fn what_a_conflict_held_back_moves_when_it_is_not_in_conflict_any_more() {
    let base = json!({"n": 1, "m": 1});
    let ours = standing(&json!({"n": 2, "m": 1}), Some(&base));
    let rules = EntitySync {
        conflicts: ConflictPolicy::of(Strategy::Manual),
        ..EntitySync::default()
    };
    let disputed = ours.observed(seen(&json!({"n": 3, "m": 1}), Some("2"), 20), &rules);
    assert!(!disputed.moves && !disputed.open.is_empty());
    for pending in [false, true] {
        let mut held = Standing {
            head: disputed.head.clone(),
            body: disputed.body.clone(),
            ..ours.clone()
        };
        held.head.pending = pending;
        held.head.conflict = Some(ulid::Ulid::from(7_u128).into());
        // The provider takes its change back.
        let freed = held.observed(seen(&base, Some("3"), 30), &rules);
        assert!(freed.head.pending && freed.open.is_empty(), "{pending}");
        assert!(freed.moves, "{pending}");
        assert_eq!(freed.head.version, held.head.version + 1);
        assert_eq!(freed.body.content, ours.body.content);
        // It changes something else: what waits still does.
        let other = held.observed(seen(&json!({"n": 4, "m": 1}), Some("3"), 30), &rules);
        assert!(!other.moves && !other.open.is_empty(), "{pending}");
    }
}

#[test]
fn changes_that_are_more_than_a_record_holds_together_are_for_a_person_as_a_whole() {
    let text = |byte: &str| byte.repeat(100_000);
    let base = json!({"a": 1});
    let ours = json!({"a": 1, "here": text("h")});
    let theirs = json!({"a": 1, "there": text("t")});
    let standing = standing(&ours, Some(&base));
    let observed = standing.observed(seen(&theirs, Some("2"), 20), &EntitySync::default());
    assert_eq!(observed.body.content, fields(&ours));
    assert_eq!(observed.body.base, Some(fields(&base)));
    assert!(!observed.head.pending && !observed.moves);
    let [open] = observed.open.as_slice() else {
        panic!("{} conflicts", observed.open.len());
    };
    assert!(open.field.is_whole());
    assert_eq!(open.reason, FlagReason::TooLarge);
    assert_eq!(open.source, Some(theirs.clone()));
    assert_eq!(open.destination, Some(ours));
    // Once the provider has less, both fit.
    let next = Standing {
        head: RecordHead {
            conflict: Some(ulid::Ulid::from(7_u128).into()),
            ..observed.head
        },
        body: observed.body,
        ..standing
    };
    let less = json!({"a": 1, "there": "t"});
    let observed = next.observed(seen(&less, Some("3"), 30), &EntitySync::default());
    assert!(observed.open.is_empty() && observed.head.pending);
    assert_eq!(observed.body.content.len(), 3);
}
