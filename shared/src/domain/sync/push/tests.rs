use serde_json::{Value, json};

use super::*;
use crate::domain::Timestamp;
use crate::domain::sync::conflict::Update;
use crate::domain::sync::{
    ChangeOrigin, HASH_OF_NOTHING, Novelty, Observation, RecordBody, RecordHead, SourceVersion,
    content_hash,
};
use std::time::Duration;

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn at(second: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus(Duration::from_secs(second))
}

fn rules() -> EntitySync {
    serde_json::from_value(json!({
        "mapping": {
            "name": {"from": "Name"},
            "city": {"from": "address.city", "to": "City"},
            "score": {"from": "length(Name)"}
        },
        "calls": {
            "create": {"method": "POST", "path": "/contacts", "result": "@"},
            "update": {"method": "PATCH", "path": "/contacts/{id}"},
            "delete": {"method": "DELETE", "path": "/contacts/{id}"},
            "read": {"method": "GET", "path": "/contacts/{id}"}
        }
    }))
    .unwrap()
}

fn standing(base: Option<Value>, content: Value, deleted: bool) -> Standing {
    Standing {
        head: RecordHead {
            sequence: 4,
            version: 2,
            source_hash: "hash".to_owned(),
            deleted,
            source_version: Some(SourceVersion("5".to_owned())),
            observed_at: at(10),
            pending: true,
            conflict: None,
        },
        origin: ChangeOrigin::Local,
        created_at: at(1),
        changed_at: at(20),
        body: RecordBody {
            id: "c/1".to_owned(),
            content: fields(content),
            base: base.map(fields),
            history: Vec::new(),
            moved_to: None,
        },
    }
}

fn update(set: Value, removed: &[&str]) -> Change {
    Change::Update(Update {
        set: fields(set),
        removed: removed.iter().map(|name| (*name).to_owned()).collect(),
    })
}

#[test]
fn what_is_sent_is_what_differs_from_the_base_and_can_be_written() {
    let base = json!({"name": "A", "city": "X", "score": 1});
    let step = |base: Option<Value>, content: Value, deleted| {
        standing(base, content, deleted).to_push(&rules())
    };
    let changed = json!({"name": "B", "city": "X", "score": 9});
    let expected = PushStep::Update(update(json!({"name": "B"}), &[]));
    assert_eq!(step(Some(base.clone()), changed.clone(), false), expected);
    // What cannot be written is not waited for.
    let computed = json!({"name": "A", "city": "X", "score": 9});
    assert_eq!(step(Some(base.clone()), computed, false), PushStep::Agreed);
    assert_eq!(
        step(Some(base.clone()), base.clone(), false),
        PushStep::Agreed
    );
    assert_eq!(
        step(Some(base.clone()), base.clone(), true),
        PushStep::Delete
    );
    let create = PushStep::Create(fields(changed.clone()));
    assert_eq!(step(None, changed.clone(), false), create);
    // Made and deleted here before it was ever sent.
    assert_eq!(step(None, changed, true), PushStep::Agreed);
    let mut waits = standing(Some(base.clone()), json!({"name": "B"}), false);
    waits.head.conflict = Some(ulid::Ulid::from(7_u128).into());
    assert_eq!(waits.to_push(&rules()), PushStep::Waits);
    waits.head.pending = false;
    assert_eq!(waits.to_push(&rules()), PushStep::Nothing);
}

#[test]
fn a_call_has_the_providers_names_and_the_id_as_one_segment() {
    let content = fields(json!({"name": "B", "city": "Y", "score": 1}));
    let call = |change: &Change| OutgoingCall::of(change, ("c/1?x", &content), &rules());
    let created = call(&Change::Create(content.clone())).unwrap();
    assert_eq!(
        (created.method.as_str(), created.path.as_str()),
        ("POST", "/contacts")
    );
    assert_eq!(created.body, Some(json!({"Name": "B", "City": "Y"})));
    let updated = call(&update(json!({"name": "B"}), &["city"])).unwrap();
    assert_eq!(updated.path, "/contacts/c%2F1%3Fx");
    assert_eq!(updated.body, Some(json!({"Name": "B", "City": null})));
    let deleted = call(&Change::Delete).unwrap();
    assert_eq!((deleted.method.as_str(), deleted.body), ("DELETE", None));
    let read = OutgoingCall::read("1", &rules()).unwrap();
    assert_eq!(
        (read.method.as_str(), read.path.as_str()),
        ("GET", "/contacts/1")
    );
    assert_eq!(
        OutgoingCall::read("1", &EntitySync::default()),
        Err(OutgoingError::NoCall)
    );
    let unwritable = call(&update(json!({"score": 3}), &[])).unwrap_err();
    assert_eq!(unwritable.code(), "unmappable");
}

#[test]
fn a_body_is_what_its_expression_makes_of_id_changes_and_record() {
    let mut rules = rules();
    let call = rules.calls.update.as_mut().unwrap();
    call.body = Some("{Id: id, new: changes, all: record}".parse().unwrap());
    let content = fields(json!({"name": "B", "city": "Y"}));
    let change = update(json!({"name": "B"}), &[]);
    let body = OutgoingCall::of(&change, ("7", &content), &rules)
        .unwrap()
        .body;
    let expected = json!({"Id": "7", "new": {"Name": "B"}, "all": {"Name": "B", "City": "Y"}});
    assert_eq!(body, Some(expected));
}

fn sent(change: Change) -> Sent {
    Sent {
        change,
        at: at(100),
    }
}

#[test]
fn what_was_sent_is_agreed_on_and_seeing_it_again_is_no_news() {
    let standing = standing(
        Some(json!({"name": "A", "city": "X"})),
        json!({"name": "B", "city": "X"}),
        false,
    );
    let change = update(json!({"name": "B"}), &[]);
    let pushed = standing.pushed(&sent(change), &Answered::default(), &rules());
    assert!(!pushed.has_changed && !pushed.head.pending);
    assert_eq!((pushed.head.version, pushed.body.base), (2, None));
    let seen = |content: Value, version: &str, second| {
        let version = Some(SourceVersion(version.to_owned()));
        let content = fields(content);
        Observation::present(
            "c/1".to_owned(),
            content,
            version,
            at(second),
            ChangeOrigin::Sync,
        )
        .novelty(Some(&pushed.head))
    };
    let ours = json!({"name": "B", "city": "X"});
    assert_eq!(seen(ours.clone(), "6", 120), Novelty::SameButNewer);
    assert_eq!(seen(ours, "5", 20), Novelty::Same);
    // A page that was read before the answer was here shows what was.
    let before = json!({"name": "A", "city": "X"});
    assert_eq!(seen(before.clone(), "5", 90), Novelty::Old);
    assert_eq!(seen(before, "4", 130), Novelty::Old);
    let others = json!({"name": "C", "city": "X"});
    assert_eq!(seen(others, "7", 130), Novelty::New);
}

#[test]
fn an_answer_that_differs_is_the_providers_change() {
    let standing = standing(Some(json!({"name": "A"})), json!({"name": " b "}), false);
    let answered = Answered {
        fields: fields(json!({"name": "B", "city": "X"})),
        version: Some(SourceVersion("6".to_owned())),
    };
    let change = update(json!({"name": " b "}), &[]);
    let pushed = standing.pushed(&sent(change), &answered, &rules());
    assert!(pushed.has_changed && !pushed.head.pending);
    assert_eq!(pushed.head.version, 3);
    assert_eq!(
        pushed.body.content,
        fields(json!({"name": "B", "city": "X"}))
    );
    assert_eq!(pushed.head.source_hash, content_hash(&pushed.body.content));
    assert_eq!(pushed.head.source_version, answered.version);
    assert_eq!(pushed.head.observed_at, at(100));
    assert_eq!(pushed.body.history.len(), 1);
}

#[test]
fn an_answer_that_makes_more_than_a_record_holds_is_not_taken() {
    let ours = json!({"name": "x".repeat(100_000)});
    let standing = standing(Some(json!({"name": "A"})), ours.clone(), false);
    let answered = Answered {
        fields: fields(json!({"city": "y".repeat(100_000)})),
        version: Some(SourceVersion("6".to_owned())),
    };
    let change = update(ours.clone(), &[]);
    let pushed = standing.pushed(&sent(change), &answered, &rules());
    assert!(!pushed.has_changed && !pushed.head.pending);
    assert_eq!(pushed.body.content, fields(ours));
    // The version that it came with is not taken either, so the next list is looked at.
    assert_eq!(pushed.head.source_version, standing.head.source_version);
}

#[test]
fn what_was_written_meanwhile_stays_to_be_sent() {
    // Sent was B; since then, C was written here, and the provider answers that it made b of it.
    let mut standing = standing(
        Some(json!({"name": "A", "city": "X"})),
        json!({"name": "C", "city": "X"}),
        false,
    );
    standing.head.version = 3;
    let change = update(json!({"name": "B"}), &[]);
    for answer in [json!({}), json!({"name": "b"})] {
        let answered = Answered {
            fields: fields(answer.clone()),
            version: None,
        };
        let pushed = standing.pushed(&sent(change.clone()), &answered, &rules());
        assert!(!pushed.has_changed && pushed.head.pending, "{answer}");
        assert_eq!(pushed.body.content["name"], "C");
        let mut base = fields(json!({"name": "B", "city": "X"}));
        base.extend(fields(answer));
        assert_eq!(pushed.body.base, Some(base));
        let next = Standing {
            head: pushed.head,
            body: pushed.body,
            ..standing.clone()
        };
        let expected = PushStep::Update(update(json!({"name": "C"}), &[]));
        assert_eq!(next.to_push(&rules()), expected);
    }
}

#[test]
fn our_write_that_a_list_showed_before_the_answer_came_stays_settled() {
    let mut standing = standing(None, json!({"name": "B", "city": "X"}), false);
    standing.head.pending = false;
    let change = update(json!({"name": "B"}), &[]);
    let pushed = standing.pushed(&sent(change), &Answered::default(), &rules());
    assert!(!pushed.has_changed && !pushed.head.pending);
    assert_eq!(pushed.body.content, standing.body.content);
}

#[test]
fn a_delete_that_is_done_leaves_nothing_to_send() {
    let content = json!({"name": "A"});
    let standing = standing(Some(content.clone()), content.clone(), true);
    let pushed = standing.pushed(&sent(Change::Delete), &Answered::default(), &rules());
    assert!(pushed.head.deleted && !pushed.head.pending && !pushed.has_changed);
    assert_eq!(pushed.head.source_hash, HASH_OF_NOTHING);
    assert_eq!(
        (pushed.body.base, pushed.body.content),
        (None, fields(content))
    );
}

fn error(second: u64) -> PushError {
    PushError {
        code: "x".to_owned(),
        status: Some(503),
        request_id: None,
        version: 2,
        at: at(second),
        retrying: false,
    }
}

#[test]
fn what_passes_is_tried_for_days_and_what_stays_is_not() {
    let mut push = RecordPush {
        leased_until: Some(at(9)),
        ..RecordPush::default()
    };
    assert!(push.is_leased(at(8)) && !push.is_leased(at(9)));
    let passes = PushFailure::Passes(None);
    for n in 1..=3 {
        let again;
        (push, again) = push.failed(error(n), &passes);
        assert!(again && !push.has_given_up(2) && push.leased_until.is_none());
        assert_eq!(u64::from(push.failures), n);
    }
    let end = 1 + RecordPush::GIVEN_UP_AFTER.as_secs();
    let (ended, again) = push.clone().failed(error(end), &passes);
    assert!(!again && ended.has_given_up(2) && !ended.has_given_up(3));
    let (stays, again) = push.failed(error(5), &PushFailure::Stays);
    assert!(!again && stays.has_given_up(2));
    let asked = stays.asked(at(6));
    assert_eq!((asked.error, asked.failures), (None, 0));
}

#[test]
fn a_create_is_repeated_only_while_it_is_recognised() {
    let create = StartedCreate {
        version: 1,
        started_at: at(0),
        recognised: true,
    };
    assert!(create.can_be_repeated(at(3_600)));
    assert!(!create.can_be_repeated(at(12 * 3_600)));
    let unknown = StartedCreate {
        recognised: false,
        ..create
    };
    assert!(!unknown.can_be_repeated(at(1)));
    let push = RecordPush {
        create: Some(unknown),
        ..RecordPush::default()
    };
    let (push, _) = push.failed(error(1), &PushFailure::Unknown);
    assert_eq!(push.create, Some(unknown));
    assert_eq!(push.asked(at(2)).create, None);
}

fn started(recognised: bool) -> RecordPush {
    RecordPush {
        create: Some(StartedCreate {
            version: 2,
            started_at: at(0),
            recognised,
        }),
        ..RecordPush::default()
    }
}

#[test]
fn a_create_that_was_not_made_is_begun_anew_and_one_that_may_have_been_is_kept() {
    let failures = [
        (PushFailure::Passes(None), true),
        (PushFailure::Stays, false),
        (PushFailure::Unknown, true),
    ];
    for (failure, is_kept) in failures {
        let (recognised, _) = started(true).failed(error(1), &failure);
        assert_eq!(recognised.create.is_some(), is_kept, "{failure:?}");
        let (unrecognised, _) = started(false).failed(error(1), &failure);
        let may_be_made = failure == PushFailure::Unknown;
        assert_eq!(unrecognised.create.is_some(), may_be_made, "{failure:?}");
    }
}

#[test]
fn who_asks_has_a_create_that_is_not_recognised_any_more_begun_anew() {
    let still = 12 * 3_600 - 1;
    assert!(started(true).asked(at(still)).create.is_some());
    assert!(started(true).asked(at(still + 1)).create.is_none());
}

#[test]
fn it_is_not_forgotten_that_a_create_may_have_been_done() {
    assert_eq!(started(true).kept_until(at(0)), None);
    let month = at(30 * 86_400);
    assert_eq!(RecordPush::default().kept_until(at(0)), Some(month));
}

#[test]
fn a_message_that_comes_before_the_next_try_is_for_another_version_or_for_nothing() {
    let (mut push, again) = RecordPush::default().failed(error(1), &PushFailure::Passes(None));
    assert!(again);
    assert_eq!(push.tried_in(2, at(1)), None);
    push.retry_at = Some(at(30));
    assert_eq!(push.tried_in(2, at(28)), Some(Duration::from_secs(2)));
    assert_eq!(push.tried_in(2, at(29)), None);
    assert_eq!(push.tried_in(3, at(28)), None);
    let (ended, _) = push.clone().failed(error(28), &PushFailure::Stays);
    assert_eq!(ended.retry_at, None);
    assert_eq!(push.asked(at(2)).tried_in(2, at(2)), None);
}

#[test]
fn another_try_after_a_refusal_is_another() {
    let stays = PushFailure::Stays;
    let (refused, _) = started(true).failed(error(1), &stays);
    assert_eq!(refused.refusals, 1);
    assert_eq!(refused.asked(at(2)).refusals, 1);
    // What has not been answered may have been done: it is to be recognised.
    let unanswered = PushError {
        status: None,
        ..error(1)
    };
    assert_eq!(started(true).failed(unanswered, &stays).0.refusals, 0);
    let (passes, _) = started(true).failed(error(1), &PushFailure::Passes(None));
    assert_eq!(passes.refusals, 0);
}

#[test]
fn the_reason_of_a_failure_is_one_of_few() {
    let reason = |code: &str| {
        let code = code.to_owned();
        PushError { code, ..error(1) }.reason()
    };
    assert_eq!(reason("outcome_unknown"), "outcome_unknown");
    assert_eq!(reason("no_call"), "no_call");
    assert_eq!(reason("DUPLICATE_VALUE"), "refused");
}
