use super::*;
use crate::domain::GrantType;

const NOW: i64 = 1_795_996_800;

fn days(days: i64) -> Timestamp {
    Timestamp::from_second(NOW + days * 86_400).unwrap()
}

fn credential(created: i64, expires: Option<i64>) -> CredentialInfo {
    CredentialInfo {
        fields_expire_at: std::collections::BTreeMap::new(),
        version: "1".to_owned(),
        fields: vec!["apiKey".to_owned()],
        created_at: days(created),
        last_used_at: None,
        expires_at: expires.map(days),
    }
}

#[test]
fn credentials_are_judged_by_their_end_and_else_by_their_age() {
    let cases = [
        (
            credential(-10, None),
            CheckState::Passed,
            "credential_valid",
        ),
        (
            credential(-365, None),
            CheckState::Passed,
            "credential_valid",
        ),
        (credential(-366, None), CheckState::Warned, "credential_old"),
        (
            credential(-400, Some(15)),
            CheckState::Passed,
            "credential_valid",
        ),
        (
            credential(-10, Some(14)),
            CheckState::Warned,
            "credential_expiring",
        ),
        (
            credential(-10, Some(0)),
            CheckState::Failed,
            "credential_expired",
        ),
        (
            credential(-10, Some(-1)),
            CheckState::Failed,
            "credential_expired",
        ),
    ];
    for (credential, state, code) in cases {
        let checked = credential_checked(&credential, None, days(0));
        assert_eq!(
            (checked.state, checked.code.as_str()),
            (state, code),
            "{credential:?}"
        );
        assert_eq!(checked.expires_at, credential.expires_at);
    }
}

#[test]
fn credentials_that_a_person_replaces_are_old_when_the_provider_s_time_is_over() {
    let after = Some(Duration::from_secs(90 * 86_400));
    let cases = [
        (credential(-90, None), "credential_valid"),
        (credential(-91, None), "credential_old"),
        (credential(-91, Some(400)), "credential_old"),
        (credential(-91, Some(14)), "credential_expiring"),
        (credential(-91, Some(0)), "credential_expired"),
    ];
    for (credential, code) in cases {
        let checked = credential_checked(&credential, after, days(0));
        assert_eq!(checked.code, code, "{credential:?}");
    }
    // Where more than a year is declared, that holds.
    let late = Some(Duration::from_secs(400 * 86_400));
    let checked = credential_checked(&credential(-390, None), late, days(0));
    assert_eq!(checked.code, "credential_valid");
}

#[test]
fn a_certificate_is_to_be_replaced_ahead_of_its_end_by_how_long_it_is_valid() {
    let cases = [
        (-30, 60, CheckState::Passed),
        (-69, 21, CheckState::Warned),
        // One of six days is replaced within the last day and a half.
        (-4, 2, CheckState::Passed),
        (-5, 1, CheckState::Warned),
        (-90, 0, CheckState::Failed),
        (-90, -1, CheckState::Failed),
    ];
    for (before, after, state) in cases {
        let checked = certificate_checked(days(before), days(after), days(0));
        assert_eq!(
            checked.state, state,
            "{before} {after}: {}",
            checked.message
        );
    }
    let checked = certificate_checked(days(-5), days(1), days(0));
    assert_eq!(checked.message, "the server's certificate expires in 1 day");
}

#[test]
fn a_grant_is_judged_by_its_state() {
    let grant = Grant {
        grant_type: GrantType::AuthorizationCode,
        scopes_asked: Vec::new(),
        scopes_granted: Vec::new(),
        obtained_at: days(-1),
        last_refreshed_at: None,
        expires_at: days(1),
        renew_at: days(1),
        has_refresh_token: true,
        refresh_expires_at: Some(days(300)),
        identity: None,
        basis: String::new(),
        tokens_version: 1,
        end: None,
        trouble: None,
        lease: None,
        look_at: None,
    };
    let ended = |end| Grant {
        end: Some(end),
        ..grant.clone()
    };
    let lapsing = Grant {
        refresh_expires_at: Some(days(0)),
        ..grant.clone()
    };
    let cases = [
        (Some(grant.clone()), CheckState::Passed, "grant_connected"),
        (Some(lapsing), CheckState::Warned, "grant_expiring"),
        (
            Some(ended(crate::domain::GrantEnd::Refused)),
            CheckState::Failed,
            "grant_needs_consent",
        ),
        (
            Some(ended(crate::domain::GrantEnd::Revoked)),
            CheckState::Failed,
            "grant_revoked",
        ),
        (None, CheckState::Failed, "grant_missing"),
    ];
    for (grant, state, code) in cases {
        let checked = grant_checked(grant.as_ref(), days(0));
        assert_eq!((checked.state, checked.code.as_str()), (state, code));
    }
}

#[test]
fn a_check_reads_back_as_it_was_written() {
    let check = Check {
        id: "chk_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        checked_at: days(0),
        trigger: CheckTrigger::Schedule,
        found: credential_checked(&credential(-10, Some(1)), None, days(0)),
    };
    let text = serde_json::to_string(&check).unwrap();
    assert!(
        text.contains(r#""kind":"credential","state":"warned""#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Check>(&text).unwrap(), check);
    for kind in CheckKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
