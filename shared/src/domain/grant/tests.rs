use super::super::{GrantType, Oauth2Auth};
use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const BASIS: &str = "basis";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn reply(seconds: i64, refresh: Option<Duration>) -> GrantReply {
    GrantReply {
        asked_at: at(seconds),
        expires_in: Some(HOUR),
        has_refresh_token: true,
        refresh_token_expires_in: refresh,
        scopes: None,
    }
}

fn config() -> Oauth2Auth {
    Oauth2Auth::default()
}

fn connected() -> Grant {
    Grant::connected(&reply(0, None), &config(), BASIS, 0)
}

fn without_refresh_token() -> Grant {
    let reply = GrantReply {
        has_refresh_token: false,
        ..reply(0, None)
    };
    Grant::connected(&reply, &config(), BASIS, 0)
}

fn machine() -> Grant {
    Grant::new(GrantType::ClientCredentials, BASIS.to_owned(), at(0))
}

fn next(grant: &Grant, seconds: i64) -> Next {
    grant.next(BASIS, None, at(seconds))
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_and_used_until_then() {
    let grant = connected();
    assert_eq!(next(&grant, 3_539), Next::Use);
    assert_eq!(next(&grant, 3_540), Next::Refresh { is_usable: true });
    assert_eq!(next(&grant, 3_599), Next::Refresh { is_usable: true });
    assert_eq!(next(&grant, 3_600), Next::Refresh { is_usable: false });
    let refused = grant.next(BASIS, Some(1), at(10));
    assert_eq!(refused, Next::Refresh { is_usable: false });
    assert_eq!(grant.next(BASIS, Some(0), at(10)), Next::Use);
}

#[test]
fn while_one_renews_it_the_others_use_it_or_wait() {
    let leased = connected().leased("me".to_owned(), at(3_590), Duration::from_secs(20));
    assert_eq!(next(&leased, 3_595), Next::Use);
    assert_eq!(next(&leased, 3_605), Next::Wait(at(3_610)));
    assert_eq!(next(&leased, 3_610), Next::Refresh { is_usable: false });
}

#[test]
fn an_answer_that_says_nothing_leaves_defaults_and_the_old_refresh_token() {
    let silent = GrantReply {
        expires_in: None,
        has_refresh_token: false,
        ..reply(100, None)
    };
    let before = Grant::connected(&reply(0, Some(DAY * 30)), &config(), BASIS, 4);
    let renewed = before.renewed(&silent, &config(), BASIS);
    assert_eq!(renewed.expires_at, at(100).plus(DEFAULT_TOKEN_LIFETIME));
    assert!(renewed.has_refresh_token);
    assert_eq!(renewed.refresh_expires_at, Some(at(0).plus(DAY * 30)));
    assert_eq!((before.tokens_version, renewed.tokens_version), (5, 6));
    assert_eq!(renewed.obtained_at, at(0));
    assert_eq!(renewed.last_refreshed_at, Some(at(100)));
    let short = Oauth2Auth {
        lifetime_seconds: Some(600),
        refresh_token_days: Some(10),
        ..config()
    };
    let renewed = before.renewed(&silent, &short, BASIS);
    assert_eq!(renewed.expires_at, at(700));
    assert_eq!(renewed.refresh_expires_at, Some(at(100).plus(DAY * 10)));
    // A new refresh token of which nothing is said does not end when the old one did.
    let renewed = before.renewed(&reply(100, None), &config(), BASIS);
    assert_eq!(renewed.refresh_expires_at, None);
}

#[test]
fn scopes_are_those_that_were_granted_last() {
    let scopes = Some(vec!["read".to_owned()]);
    let narrowed = GrantReply {
        scopes: scopes.clone(),
        ..reply(100, None)
    };
    let renewed = connected().renewed(&narrowed, &config(), BASIS);
    assert_eq!(Some(renewed.scopes_granted.clone()), scopes);
    let silent = renewed.renewed(&reply(200, None), &config(), BASIS);
    assert_eq!(silent.scopes_granted, renewed.scopes_granted);
}

#[test]
fn a_failure_that_passes_leaves_the_grant_as_it_is_and_waits_longer_each_time() {
    let mut grant = connected().leased("me".to_owned(), at(3_545), HOUR);
    let mut waits = Vec::new();
    for _ in 0..10 {
        grant = grant.failed(RefreshFailure::Transient("timeout"), at(3_550));
        let trouble = grant.trouble.clone().unwrap();
        waits.push(trouble.retry_at.since(at(3_550)).as_secs());
        assert!(trouble.is_transient && grant.lease.is_none());
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(grant.tokens_version, 1);
    assert_eq!(next(&grant, 3_560), Next::Use);
    assert_eq!(next(&grant, 3_601), Next::Later(at(3_850)));
    assert_eq!(next(&grant, 3_850), Next::Refresh { is_usable: false });
    assert_eq!(grant.state(at(3_560)), GrantState::Expiring);
    let renewed = grant.renewed(&reply(3_900, None), &config(), BASIS);
    assert_eq!(renewed.trouble, None);
}

#[test]
fn only_the_servers_word_ends_a_consent() {
    let refused = connected().failed(RefreshFailure::Refused, at(3_550));
    assert_eq!(refused.end, Some(GrantEnd::Refused));
    assert_eq!(next(&refused, 3_551), Next::Ended(GrantEnd::Refused));
    assert_eq!(refused.state(at(3_551)), GrantState::NeedsConsent);
    // An answer that was on its way all the time says otherwise.
    let late = refused.renewed(&reply(3_545, None), &config(), BASIS);
    assert_eq!(next(&late, 3_552), Next::Use);
    let wrong_secret = connected().failed(RefreshFailure::Lasting("invalid_client"), at(3_550));
    assert_eq!(wrong_secret.end, None);
    assert_eq!(next(&wrong_secret, 3_605), Next::Later(at(3_610)));
}

#[test]
fn what_needs_no_person_is_asked_for_again() {
    let grant = machine();
    assert_eq!(next(&grant, 0), Next::Refresh { is_usable: false });
    let refused = grant.failed(RefreshFailure::Refused, at(0));
    assert_eq!(refused.end, None);
    assert_eq!(refused.trouble.as_ref().unwrap().code, "invalid_grant");
    let obtained = grant.renewed(&reply(0, None), &config(), BASIS);
    assert_eq!(next(&obtained, 10), Next::Use);
    let changed = obtained.next("other", None, at(10));
    assert_eq!(changed, Next::Refresh { is_usable: false });
    let revoked = obtained.ended_by(GrantEnd::Revoked);
    assert_eq!(next(&revoked, 10), Next::Refresh { is_usable: false });
    assert_eq!(revoked.state(at(10)), GrantState::Revoked);
}

#[test]
fn a_change_of_the_set_up_keeps_tokens_from_where_they_may_not_go() {
    let changed = connected().next("other", None, at(10));
    assert_eq!(changed, Next::Ended(GrantEnd::SetUpChanged));
}

#[test]
fn without_a_refresh_token_a_grant_ends_by_itself() {
    let grant = without_refresh_token();
    assert_eq!(grant.state(at(10)), GrantState::Expiring);
    assert_eq!(next(&grant, 3_590), Next::Use);
    assert_eq!(grant.next(BASIS, Some(1), at(10)), Next::Use);
    assert_eq!(next(&grant, 3_600), Next::Ended(GrantEnd::Lapsed));
    assert_eq!(grant.state(at(3_600)), GrantState::NeedsConsent);
}

#[test]
fn whoever_renews_what_was_ended_has_nothing_to_replace() {
    let ended = connected().ended_by(GrantEnd::Revoked);
    assert_eq!(ended.tokens_version, 2);
    let again = Grant::connected(&reply(50, None), &config(), BASIS, ended.tokens_version);
    assert_eq!(again.tokens_version, 3);
    assert_eq!(again.obtained_at, at(50));
    assert_eq!(again.last_refreshed_at, None);
}

#[test]
fn an_unused_grant_is_looked_at_before_it_lapses() {
    let grant = Grant::connected(&reply(0, Some(DAY * 90)), &config(), BASIS, 0);
    let due = at(0).plus(DAY * 83);
    assert_eq!(grant.look_next(at(0)), Some(due));
    let visit = |now| grant.visit(&config(), BASIS, now);
    assert_eq!(visit(at(10)), Visit::Later(due));
    assert_eq!(visit(due), Visit::Refresh);
    assert_eq!(grant.state(due), GrantState::Expiring);
    let short = Grant::connected(&reply(0, Some(HOUR * 8)), &config(), BASIS, 0);
    assert_eq!(short.look_next(at(0)), Some(at(6 * 3_600)));
    // Where refreshing puts nothing off, it is not tried again and again.
    let late = at(7 * 3_600);
    assert_eq!(short.look_next(late), Some(late.plus(HOUR / 2)));
}

#[test]
fn a_lifetime_that_the_configuration_says_later_is_heeded() {
    let grant = connected();
    assert_eq!(grant.look_next(at(0)), Some(at(0).plus(DAY * 30)));
    let said = Oauth2Auth {
        refresh_token_days: Some(40),
        ..config()
    };
    let late = at(0).plus(DAY * 34);
    assert_eq!(grant.visit(&said, BASIS, late), Visit::Refresh);
    assert_eq!(
        grant.visit(&config(), BASIS, late),
        Visit::Later(late.plus(DAY * 30))
    );
}

#[test]
fn what_cannot_lapse_is_not_looked_at() {
    let now = at(10);
    for grant in [
        without_refresh_token(),
        machine().renewed(&reply(0, Some(DAY)), &config(), BASIS),
        connected().ended_by(GrantEnd::LoggedOut),
    ] {
        assert_eq!(grant.look_next(now), None);
        assert_eq!(grant.visit(&config(), BASIS, now), Visit::Drop);
    }
    assert_eq!(connected().visit(&config(), "other", now), Visit::Drop);
}
