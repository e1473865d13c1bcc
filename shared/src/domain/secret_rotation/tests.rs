use super::*;
use crate::domain::{DestinationStatus, DestinationTarget, HttpTarget, Sealed};

const DAY_SECONDS: i64 = 24 * 60 * 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn secret(n: u128, created_at: i64, expires_at: Option<i64>) -> StoredSecret {
    StoredSecret {
        id: Ulid::from(n).into(),
        sealed: Sealed::from_bytes(Vec::new()),
        created_at: at(created_at),
        expires_at: expires_at.map(at),
        unseen: false,
    }
}

fn destination(secrets: Vec<StoredSecret>, every_days: Option<u16>) -> Destination {
    let id = Ulid::from(1);
    let policy = every_days.map(|every_days| SecretRotationPolicy {
        every_days,
        overlap_seconds: Some(600),
        paused: false,
    });
    Destination {
        id: id.into(),
        organization_id: id.into(),
        integration_id: id.into(),
        target: DestinationTarget::Http(HttpTarget {
            url: "https://example.com/".parse().unwrap(),
            timeout_ms: 1000,
        }),
        events: Vec::new(),
        filter: None,
        transform: None,
        retry_policy: None,
        status: DestinationStatus::Active,
        disabled_reason: None,
        secrets,
        secret_plan: SecretPlan {
            policy,
            ..SecretPlan::default()
        },
        breaker: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn ids(destination: &Destination) -> Vec<u128> {
    let secrets = destination.secrets.iter();
    secrets.map(|secret| secret.id.ulid().0).collect()
}

fn ends(destination: &Destination) -> Vec<Option<i64>> {
    let secrets = destination.secrets.iter();
    secrets
        .map(|secret| secret.expires_at.map(Timestamp::as_second))
        .collect()
}

#[test]
fn the_old_secret_is_valid_until_the_overlap_is_over() {
    let secrets = vec![
        secret(1, 0, None),
        secret(2, 0, Some(1010)),
        secret(3, 0, Some(999)),
    ];
    let mut owner = destination(secrets, None);
    replace_secret(&mut owner, secret(4, 1000, None), Some(60), at(1000)).unwrap();
    assert_eq!(ends(&owner), [None, Some(1060), Some(1010)]);
    assert_eq!(owner.secrets_of().due_at(), Some(at(1010)));
}

#[test]
fn without_an_overlap_the_old_secret_is_gone_at_once() {
    let mut owner = destination(vec![secret(1, 0, None)], None);
    replace_secret(&mut owner, secret(2, 1000, None), Some(0), at(1000)).unwrap();
    assert_eq!(ids(&owner), [2]);
    assert_eq!(owner.secrets_of().due_at(), None);
}

#[test]
fn a_replacement_that_is_refused_changes_nothing() {
    let many: Vec<_> = (1..=10).map(|n| secret(n, 0, None)).collect();
    let mut owner = destination(many, None);
    let before = owner.clone();
    let new = secret(11, 1000, None);
    let refused = replace_secret(&mut owner, new.clone(), Some(60), at(1000));
    assert_eq!(refused, Err(SecretsError::TooMany));
    let refused = replace_secret(&mut owner, new, Some(2_592_001), at(1000));
    assert_eq!(refused, Err(SecretsError::Overlap));
    assert_eq!(owner, before);
}

#[test]
fn a_new_one_is_made_when_the_newest_is_old_and_not_again_until_it_was_shown() {
    let mut owner = destination(vec![secret(1, 0, None)], Some(30));
    let turn = at(30 * DAY_SECONDS);
    assert_eq!(owner.secrets_of().due_at(), Some(turn));
    let before = at(30 * DAY_SECONDS - 1);
    assert_eq!(owner.secrets_of().step(before), SecretStep::Wait);
    assert_eq!(owner.secrets_of().step(turn), SecretStep::Make);
    add_untold(&mut owner, secret(2, 30 * DAY_SECONDS, None), turn);
    // The old one goes on, however long nobody is shown the new one.
    assert_eq!(ends(&owner), [None, None]);
    assert_eq!(owner.secrets_of().due_at(), Some(at(31 * DAY_SECONDS)));
    for days in [31, 61, 1000] {
        let step = owner.secrets_of().step(at(days * DAY_SECONDS));
        assert_eq!(step, SecretStep::Remind(SecretNeed::Reveal), "{days}");
    }
    let shown = at(40 * DAY_SECONDS);
    let id = owner.secrets[0].id;
    assert_eq!(reveal(&mut owner, id, shown).unwrap().id, id);
    assert_eq!(ends(&owner), [None, Some(40 * DAY_SECONDS + 600)]);
    let over = at(40 * DAY_SECONDS + 600);
    assert_eq!(owner.secrets_of().due_at(), Some(over));
    let early = at(40 * DAY_SECONDS + 599);
    assert_eq!(owner.secrets_of().over(early).len(), 0);
    forget_over(&mut owner, over);
    assert_eq!(ids(&owner), [2]);
    // It counts from when it was shown.
    assert_eq!(owner.secrets_of().due_at(), Some(at(70 * DAY_SECONDS)));
}

#[test]
fn one_is_shown_once_and_only_while_it_is_valid() {
    let mut owner = destination(vec![secret(2, 0, None), secret(1, 0, Some(10))], None);
    owner.secrets[1].unseen = true;
    let before = owner.clone();
    let (shown, over) = (owner.secrets[0].id, owner.secrets[1].id);
    let none = Ulid::from(9).into();
    for (id, error) in [
        (shown, SecretsError::Shown),
        (over, SecretsError::Over),
        (none, SecretsError::Unknown),
    ] {
        assert_eq!(reveal(&mut owner, id, at(10)), Err(error));
    }
    assert_eq!(owner, before);
    // One that is not the newest ends nothing.
    assert!(reveal(&mut owner, over, at(9)).is_ok());
    assert_eq!(ends(&owner), [None, Some(10)]);
}

#[test]
fn the_newest_stays_even_if_it_is_over() {
    let mut owner = destination(vec![secret(2, 0, Some(5)), secret(1, 0, Some(5))], None);
    forget_over(&mut owner, at(1000));
    assert_eq!(ids(&owner), [2]);
}

#[test]
fn what_is_paused_is_neither_made_nor_reminded_of() {
    let mut owner = destination(vec![secret(1, 0, None)], Some(30));
    owner.secret_plan.policy.as_mut().unwrap().paused = true;
    assert_eq!(owner.secrets_of().due_at(), None);
    let late = at(1000 * DAY_SECONDS);
    assert_eq!(owner.secrets_of().step(late), SecretStep::Wait);
}

#[test]
fn one_that_has_as_many_as_it_may_is_reminded_of() {
    let end = Some(100 * DAY_SECONDS);
    let mut many: Vec<_> = (1..=10).map(|n| secret(n, 0, end)).collect();
    many[0].expires_at = None;
    let owner = destination(many, Some(30));
    let step = owner.secrets_of().step(at(30 * DAY_SECONDS));
    assert_eq!(step, SecretStep::Remind(SecretNeed::TooMany));
    // What is over is taken away first.
    let step = owner.secrets_of().step(at(100 * DAY_SECONDS));
    assert_eq!(step, SecretStep::Make);
}

#[test]
fn the_schedule_reminds_of_an_endpoints_secret_and_explains_its_old_ones() {
    fn of<'a>(plan: &'a SecretPlan, secrets: &'a [StoredSecret]) -> SecretsOf<'a> {
        SecretsOf {
            plan,
            secrets,
            are_ours: false,
        }
    }
    let secrets = vec![secret(2, 0, None), secret(1, 0, Some(10))];
    let mut plan = SecretPlan::default();
    plan.set_policy(Some(SecretRotationPolicy {
        every_days: 30,
        overlap_seconds: None,
        paused: false,
    }));
    let explained = at(10 + 7 * DAY_SECONDS);
    assert_eq!(of(&plan, &secrets).due_at(), Some(explained));
    assert_eq!(of(&plan, &secrets).over(at(7 * DAY_SECONDS)).len(), 0);
    assert_eq!(of(&plan, &secrets).over(explained).len(), 1);
    let turn = at(30 * DAY_SECONDS);
    let remind = SecretStep::Remind(SecretNeed::NewSecret);
    assert_eq!(of(&plan, &secrets).step(turn), remind);
    plan.reminded_at = Some(turn);
    assert_eq!(of(&plan, &secrets).step(turn), SecretStep::Wait);
    assert_eq!(of(&plan, &secrets).step(at(31 * DAY_SECONDS)), remind);
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    for (every_days, overlap_seconds, pointer) in [
        (0, None, "/everyDays"),
        (3651, None, "/everyDays"),
        (30, Some(299), "/overlapSeconds"),
        (30, Some(2_592_001), "/overlapSeconds"),
        (1, Some(86_401), "/overlapSeconds"),
    ] {
        let policy = SecretRotationPolicy {
            every_days,
            overlap_seconds,
            paused: false,
        };
        assert_eq!(policy.check().unwrap_err().pointer, pointer);
    }
    let policy: SecretRotationPolicy =
        serde_json::from_str(r#"{"everyDays": 1, "overlapSeconds": 86400}"#).unwrap();
    assert_eq!(policy.check(), Ok(()));
    for text in ["{}", "[30]", r#"{"everyDays": 1, "x": 1}"#, "30"] {
        assert!(serde_json::from_str::<SecretRotationPolicy>(text).is_err());
    }
}
