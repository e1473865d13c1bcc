use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::domain::{RotationId, Timestamp};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-26T09:00:00Z")
}

fn policy(value: Value) -> RotationPolicy {
    serde_json::from_value(value).unwrap()
}

/// A rotation that begins.
fn rotation(strategy: RotationStrategy) -> Rotation {
    let state = match strategy {
        RotationStrategy::OperatorSupplied => "due",
        _ => "create",
    };
    let value = json!({
        "id": "rot_01K72Z5QSW0123456789ABCDEF",
        "organizationId": "org_01K72Z5QSW0123456789ABCDEF",
        "integrationId": "int_01K72Z5QSW0123456789ABCDEF",
        "strategy": strategy, "trigger": "request", "state": state, "fromVersion": "old",
        "graceSeconds": 600, "startedAt": now(), "updatedAt": now(),
    });
    serde_json::from_value(value).unwrap()
}

fn candidate() -> Candidate {
    Candidate {
        version: "new".to_owned(),
        key_id: Some("k2".to_owned()),
        fields: vec!["apiKey".to_owned()],
        expires_at: None,
        fields_expire_at: Default::default(),
    }
}

/// One whose new credentials are made.
fn staged() -> Rotation {
    let mut rotation = rotation(RotationStrategy::ProviderApi);
    rotation
        .begin_creation("new".to_owned(), "label".to_owned(), now())
        .unwrap();
    rotation.staged(candidate(), false, now()).unwrap();
    rotation
}

#[test]
fn a_policy_is_due_by_age_or_by_the_end_whichever_is_first() {
    let created = at("2026-01-01T00:00:00Z");
    let ends = Some(at("2026-03-01T00:00:00Z"));
    for (given, expires_at, due) in [
        (json!({}), ends, None),
        (json!({"everyDays": 30}), None, Some("2026-01-31T00:00:00Z")),
        (json!({"beforeExpiryDays": 10}), None, None),
        (
            json!({"beforeExpiryDays": 10}),
            ends,
            Some("2026-02-19T00:00:00Z"),
        ),
        (
            json!({"everyDays": 30, "beforeExpiryDays": 10}),
            ends,
            Some("2026-01-31T00:00:00Z"),
        ),
        (
            json!({"everyDays": 80, "beforeExpiryDays": 10}),
            ends,
            Some("2026-02-19T00:00:00Z"),
        ),
    ] {
        let found = policy(given.clone()).due_at(created, expires_at);
        assert_eq!(found, due.map(at), "{given}");
    }
}

#[test]
fn a_window_opens_on_its_days_and_may_close_on_the_next() {
    let window = |days: Value, from: &str, to: &str| {
        policy(json!({"window": {"days": days, "from": from, "to": to}}))
    };
    // 2026-11-26 is a Thursday.
    assert_eq!(Weekday::of(now()), Weekday::Thu);
    for (given, asked, opens) in [
        (
            policy(json!({})),
            "2026-11-26T09:00:00Z",
            "2026-11-26T09:00:00Z",
        ),
        (
            window(json!([]), "02:00", "04:00"),
            "2026-11-26T03:00:00Z",
            "2026-11-26T03:00:00Z",
        ),
        (
            window(json!([]), "02:00", "04:00"),
            "2026-11-26T04:00:00Z",
            "2026-11-27T02:00:00Z",
        ),
        (
            window(json!(["sat"]), "02:00", "04:00"),
            "2026-11-26T03:00:00Z",
            "2026-11-28T02:00:00Z",
        ),
        (
            window(json!(["wed"]), "22:00", "02:00"),
            "2026-11-26T01:59:00Z",
            "2026-11-26T01:59:00Z",
        ),
        (
            window(json!(["wed"]), "22:00", "02:00"),
            "2026-11-26T02:00:00Z",
            "2026-12-02T22:00:00Z",
        ),
        (
            window(json!(["thu"]), "00:00", "00:00"),
            "2026-11-26T23:59:59Z",
            "2026-11-26T23:59:59Z",
        ),
        (
            window(json!(["thu"]), "08:00", "09:00"),
            "2026-11-26T09:00:00Z",
            "2026-12-03T08:00:00Z",
        ),
    ] {
        assert_eq!(given.opens_at(at(asked)), at(opens), "{given:?}, {asked}");
    }
}

#[test]
fn what_a_policy_says_is_checked() {
    for (wrong, pointer) in [
        (json!({"everyDays": 0}), "/everyDays"),
        (json!({"everyDays": 3651}), "/everyDays"),
        (json!({"beforeExpiryDays": 0}), "/beforeExpiryDays"),
        (json!({"graceSeconds": 119}), "/graceSeconds"),
        (json!({"graceSeconds": 2_592_001}), "/graceSeconds"),
        (
            json!({"window": {"from": "24:00", "to": "01:00"}}),
            "/window/from",
        ),
        (
            json!({"window": {"from": "1:00", "to": "02:00"}}),
            "/window/from",
        ),
        (
            json!({"window": {"from": "01:00", "to": "02:60"}}),
            "/window/to",
        ),
        (
            json!({"window": {"from": "01:00", "to": "+2:00"}}),
            "/window/to",
        ),
        (
            json!({"window": {"from": "01:00", "to": "02:00",
                "days": ["mon", "mon", "mon", "mon", "mon", "mon", "mon", "mon"]}}),
            "/window/days",
        ),
    ] {
        assert_eq!(
            policy(wrong.clone()).check().unwrap_err().pointer,
            pointer,
            "{wrong}"
        );
    }
    for unknown in [
        json!({"everyDay": 1}),
        json!([]),
        json!({"window": {"from": "01:00", "to": "02:00", "days": ["monday"]}}),
    ] {
        assert!(
            serde_json::from_value::<RotationPolicy>(unknown.clone()).is_err(),
            "{unknown}"
        );
    }
    assert_eq!(
        policy(json!({"everyDays": 90, "graceSeconds": 120})).check(),
        Ok(())
    );
    // What functions remember outlives any grace that is shorter.
    assert_eq!(RotationPolicy::grace(None, 0), 120);
    assert_eq!(
        RotationPolicy::grace(Some(&policy(json!({"graceSeconds": 300}))), 9_000),
        300
    );
}

#[test]
fn names_are_filled_in_once_and_a_path_gets_one_segment() {
    let value = |name: &str| match name {
        "id" => Some("a/b c".to_owned()),
        "dots" => Some("..".to_owned()),
        "odd" => Some("{id}".to_owned()),
        _ => None,
    };
    assert_eq!(fill("x {id}{odd} {", &value).unwrap(), "x a/b c{id} {");
    assert_eq!(
        fill_path("/keys/{id}?q={id}", &value).unwrap(),
        "/keys/a%2Fb%20c?q=a%2Fb%20c"
    );
    assert!(fill_path("/keys/{dots}", &value).is_err());
    assert_eq!(
        fill("{other}", &value),
        Err(UnknownName("other".to_owned()))
    );
    let body = json!({"a": ["{id}", 1, null], "{id}": true});
    let filled = fill_value(&body, &value).unwrap();
    assert_eq!(filled, json!({"a": ["a/b c", 1, null], "{id}": true}));
}

#[test]
fn a_rotation_goes_from_step_to_step_and_no_other_way() {
    let mut rotation = rotation(RotationStrategy::ProviderApi);
    let begun = |rotation: &mut Rotation| {
        rotation.begin_creation("new".to_owned(), "label".to_owned(), now())
    };
    begun(&mut rotation).unwrap();
    assert_eq!(begun(&mut rotation), Err(OutOfStep(RotationState::Create)));
    assert_eq!(rotation.set(now()), Err(OutOfStep(RotationState::Create)));
    rotation.staged(candidate(), true, now()).unwrap();
    assert_eq!(rotation.creation, None);
    assert_eq!(
        rotation.tested(true, now()),
        Err(OutOfStep(RotationState::Set))
    );
    rotation.set(now()).unwrap();
    assert_eq!(
        rotation.switched(now()),
        Err(OutOfStep(RotationState::Test))
    );
    rotation.tested(true, now()).unwrap();
    rotation.switched(now()).unwrap();
    let until = now().plus(Duration::from_secs(600));
    assert_eq!(
        (rotation.state, rotation.grace_until),
        (RotationState::Grace, Some(until))
    );
    assert_eq!(rotation.next_at(now()), Some(until));
    let too_late = rotation.give_up(RotationFailure::Cancelled, None, now());
    assert_eq!(too_late, Err(OutOfStep(RotationState::Grace)));
    assert_eq!(rotation.graced(now()), Err(OutOfStep(RotationState::Grace)));
    rotation.graced(until).unwrap();
    rotation.revoked(true, until).unwrap();
    assert_eq!(
        (rotation.state, rotation.ended_at),
        (RotationState::Done, Some(until))
    );
    assert!(!rotation.has_leftovers());
    assert_eq!(rotation.next_at(until), None);
    let steps: Vec<_> = rotation
        .steps
        .iter()
        .map(|taken| taken.step.as_str())
        .collect();
    assert_eq!(
        steps,
        ["create", "set", "test", "finish", "grace", "revoke"]
    );
}

#[test]
fn a_key_that_may_be_there_is_told_of() {
    let mut rotation = rotation(RotationStrategy::ProviderApi);
    rotation
        .begin_creation("new".to_owned(), "label".to_owned(), now())
        .unwrap();
    rotation.lose_creation(now()).unwrap();
    assert_eq!(rotation.state, RotationState::OrphanPossible);
    assert_eq!(rotation.leftovers[0].kind, LeftoverKind::PossibleKey);
    assert_eq!(rotation.leftovers[0].label.as_deref(), Some("label"));
    assert!(rotation.has_leftovers());
    let mut plan = RotationPlan::default();
    plan.follow(&rotation, now());
    assert_eq!((plan.has_leftovers, plan.last), (true, Some(rotation.id)));
    rotation.cleaned_up(now());
    assert!(!rotation.has_leftovers());
}

#[test]
fn what_is_given_up_is_discarded_if_it_was_made_for_it() {
    let mut made = staged();
    made.give_up(RotationFailure::NotAccepted, Some(401), now())
        .unwrap();
    assert_eq!(made.state, RotationState::Discard);
    made.discarded(true, now()).unwrap();
    assert_eq!(
        (made.state, made.has_leftovers()),
        (RotationState::Failed, false)
    );
    assert_eq!(made.trouble.unwrap().reason, RotationFailure::NotAccepted);
    let mut left = staged();
    left.give_up(RotationFailure::NotAccepted, None, now())
        .unwrap();
    left.discarded(false, now()).unwrap();
    assert_eq!(left.state, RotationState::OrphanPossible);
    assert_eq!(left.leftovers[0].key_id.as_deref(), Some("k2"));
    let mut handed_in = rotation(RotationStrategy::OperatorSupplied);
    handed_in.staged(candidate(), false, now()).unwrap();
    handed_in
        .give_up(RotationFailure::NotAccepted, None, now())
        .unwrap();
    assert_eq!(handed_in.state, RotationState::Failed);
}

#[test]
fn a_step_is_tried_again_later_and_later_and_then_given_up() {
    let mut rotation = staged();
    let mut waits = Vec::new();
    while rotation.step_failed(RotationFailure::Unavailable, None, now()) == Pace::Again {
        waits.push(rotation.next_at(now()).unwrap().since(now()).as_secs());
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920]);
    // In an emergency, nobody waits for long.
    rotation.make_emergency(now());
    rotation.failures = 7;
    assert_eq!(
        rotation.next_at(now()),
        Some(now().plus(Duration::from_secs(60)))
    );
}

#[test]
fn a_plan_says_when_to_look() {
    let credentials = serde_json::from_value(json!({
        "version": "v", "fields": [], "createdAt": "2026-11-01T09:00:00Z",
    }));
    let credentials = Some(credentials.unwrap());
    let mut plan = RotationPlan {
        policy: Some(policy(json!({"everyDays": 30}))),
        ..RotationPlan::default()
    };
    let begins = plan.begins_at(credentials.as_ref(), false);
    assert_eq!(begins, Some(at("2026-12-01T09:00:00Z")));
    // A person has a week to make new ones.
    let begins = plan.begins_at(credentials.as_ref(), true);
    assert_eq!(begins, Some(at("2026-11-24T09:00:00Z")));
    plan.look(credentials.as_ref(), false, now());
    assert_eq!(plan.due_at, Some(at("2026-11-27T09:00:00Z")));
    plan.look(credentials.as_ref(), true, now());
    assert_eq!(plan.due_at, Some(now()));
    plan.put_off(now());
    assert_eq!(plan.due_at, Some(at("2026-11-27T09:00:00Z")));
    plan.paused = true;
    plan.look(credentials.as_ref(), true, now());
    assert_eq!(
        (plan.due_at, plan.begins_at(credentials.as_ref(), true)),
        (None, None)
    );
}

#[test]
fn what_is_paused_is_not_looked_at_but_for_what_somebody_works_on_and_emergencies() {
    let mut plan = RotationPlan {
        paused: true,
        ..RotationPlan::default()
    };
    let mut rotation = staged();
    plan.follow(&rotation, now());
    assert_eq!((plan.active, plan.due_at), (Some(rotation.id), None));
    rotation.lease = Some(RotationLease {
        owner: "somebody".to_owned(),
        until: now().plus(Duration::from_secs(60)),
    });
    plan.follow(&rotation, now());
    assert_eq!(plan.due_at, Some(now().plus(Duration::from_secs(60))));
    rotation.lease = None;
    rotation.make_emergency(now());
    plan.follow(&rotation, now());
    assert_eq!(plan.due_at, Some(now()));
    let another: RotationId = "rot_01K72Z5QSW0123456789ABCDE0".parse().unwrap();
    assert_ne!(another, rotation.id);
}
