//! Of each rule, with its defaults: what must fire, and what must not.

use super::*;

fn calls(total: u64, failed: u64, p95_ms: f64) -> Option<CallWindow> {
    Some(CallWindow {
        total,
        timed: total,
        failed,
        p95_ms: Some(p95_ms),
    })
}

fn days_from(at: Timestamp, days: u64) -> Expiry {
    Expiry::At(at.plus(Duration::from_secs(days * 86_400)))
}

#[test]
fn an_integration_that_does_not_work_fires_and_one_that_is_silent_does_not() {
    let mut watched = Watched::new(AlertKind::IntegrationFailure);
    watched.sees_for(3, |seen| seen.calls = calls(10, 0, 10.0));
    watched.sees_for(2, |seen| seen.is_barred = true);
    // That nobody calls any more is no sign of health.
    watched.sees_for(30, |_| {});
    assert_eq!(watched.turns, [(4, true)]);
    watched.sees_for(3, |seen| seen.calls = calls(10, 9, 10.0));
    assert_eq!(watched.turns[1..], [(37, false)]);

    let mut checked = Watched::new(AlertKind::IntegrationFailure);
    checked.sees_for(2, |seen| seen.failed_checks = Some(1));
    checked.sees_for(3, |seen| seen.failed_checks = Some(0));
    assert_eq!(checked.turns, [(1, true), (4, false)]);

    let mut calm = Watched::new(AlertKind::IntegrationFailure);
    calm.sees_for(60, |_| {});
    // Too few calls to say that none succeeds.
    calm.sees_for(60, |seen| seen.calls = calls(4, 4, 10.0));
    // Half of them fail: that is for another rule.
    calm.sees_for(60, |seen| seen.calls = calls(100, 50, 10.0));
    // One bad minute.
    calm.sees(|seen| seen.is_barred = true);
    calm.sees_for(5, |seen| seen.failed_checks = Some(0));
    assert_eq!(calm.turns, []);
}

#[test]
fn one_check_counts_once_however_often_it_is_seen() {
    let checked = |at, failed| {
        move |seen: &mut Observation| {
            seen.failed_checks = Some(failed);
            seen.checked_at = Some(minute(at));
        }
    };
    let mut blip = Watched::new(AlertKind::IntegrationFailure);
    blip.sees_for(30, checked(0, 1)).sees_for(3, checked(30, 0));
    assert_eq!(blip.turns, []);
    let mut failing = Watched::new(AlertKind::IntegrationFailure);
    failing
        .sees_for(3, checked(0, 1))
        .sees_for(3, checked(3, 1));
    assert_eq!(failing.turns, [(3, true)]);
    failing.sees_for(30, checked(6, 0));
    assert_eq!(failing.turns.len(), 1, "one good check is one");
    failing.sees(checked(36, 0)).sees(checked(37, 0));
    assert_eq!(failing.turns[1..], [(37, false)]);
}

#[test]
fn many_failing_calls_fire_and_few_or_fewer_do_not() {
    let mut watched = Watched::new(AlertKind::ErrorRate);
    watched.sees_for(3, |seen| seen.calls = calls(100, 10, 1.0));
    watched.sees_for(20, |seen| seen.calls = calls(100, 7, 1.0));
    watched.sees_for(5, |seen| seen.calls = calls(100, 4, 1.0));
    assert_eq!(watched.turns, [(2, true), (27, false)]);

    let mut calm = Watched::new(AlertKind::ErrorRate);
    calm.sees_for(60, |seen| seen.calls = calls(100, 9, 1.0));
    calm.sees_for(60, |seen| seen.calls = calls(19, 19, 1.0));
    calm.sees_for(60, |seen| seen.calls = calls(0, 0, 1.0));
    // Never three minutes in a row.
    for _ in 0..20 {
        calm.sees_for(2, |seen| seen.calls = calls(100, 90, 1.0));
        calm.sees(|seen| seen.calls = calls(100, 0, 1.0));
    }
    assert_eq!(calm.turns, []);
}

#[test]
fn slow_calls_fire_and_a_slow_minute_does_not() {
    let mut watched = Watched::new(AlertKind::Slow);
    watched.sees_for(3, |seen| seen.calls = calls(20, 0, 5_000.0));
    watched.sees_for(5, |seen| seen.calls = calls(20, 0, 2_999.0));
    assert_eq!(watched.turns, [(2, true), (7, false)]);

    let mut calm = Watched::new(AlertKind::Slow);
    calm.sees_for(60, |seen| seen.calls = calls(20, 0, 4_999.0));
    calm.sees_for(60, |seen| seen.calls = calls(19, 0, 60_000.0));
    // A cache has answered all but one of them.
    calm.sees_for(60, |seen| {
        seen.calls = calls(100, 0, 60_000.0).map(|calls| CallWindow { timed: 1, ..calls });
    });
    calm.sees(|seen| seen.calls = calls(20, 0, 60_000.0));
    assert_eq!(calm.turns, []);
}

#[test]
fn a_quota_that_is_nearly_used_up_fires_and_a_busy_one_does_not() {
    let mut watched = Watched::new(AlertKind::QuotaNearlyExhausted);
    watched.sees_for(2, |seen| seen.quota_left = Some(0.05));
    watched.sees_for(9, |seen| seen.quota_left = Some(0.2));
    watched.sees_for(3, |seen| seen.quota_left = Some(0.9));
    assert_eq!(watched.turns, [(1, true), (13, false)]);

    let mut calm = Watched::new(AlertKind::QuotaNearlyExhausted);
    calm.sees_for(60, |seen| seen.quota_left = Some(0.11));
    calm.sees_for(60, |seen| seen.quota_left = None);
    assert_eq!(calm.turns, []);
}

#[test]
fn a_credential_that_expires_fires_until_it_is_replaced_and_one_without_an_end_does_not() {
    let mut watched = Watched::new(AlertKind::CredentialExpiring);
    let expires = |days| {
        move |seen: &mut Observation| {
            seen.credential_expires_at = days_from(seen.at, days);
        }
    };
    watched.sees(expires(16)).sees(expires(14)).sees(expires(3));
    watched.sees(|seen| {
        let over = seen.at.minus(Duration::from_secs(60));
        seen.credential_expires_at = Expiry::At(over);
    });
    watched.sees(|seen| seen.credential_expires_at = Expiry::Never);
    assert_eq!(watched.turns, [(1, true), (4, false)]);

    let mut calm = Watched::new(AlertKind::CredentialExpiring);
    calm.sees_for(9, |seen| {
        seen.credential_expires_at = days_from(seen.at, 15)
    });
    calm.sees_for(9, |seen| seen.credential_expires_at = Expiry::Never);
    calm.sees_for(9, |_| {});
    assert_eq!(calm.turns, []);
}

#[test]
fn a_certificate_that_expires_fires_and_one_that_nobody_has_seen_does_not() {
    let mut watched = Watched::new(AlertKind::CertificateExpiring);
    watched.sees(|seen| seen.certificate_expires_at = days_from(seen.at, 14));
    watched.sees_for(9, |_| {});
    watched.sees(|seen| seen.certificate_expires_at = days_from(seen.at, 90));
    assert_eq!(watched.turns, [(0, true), (10, false)]);

    let mut calm = Watched::new(AlertKind::CertificateExpiring);
    calm.sees_for(9, |_| {});
    calm.sees_for(9, |seen| {
        seen.certificate_expires_at = days_from(seen.at, 30)
    });
    assert_eq!(calm.turns, []);
}

#[test]
fn a_rotation_that_failed_fires_and_one_that_succeeded_does_not() {
    let mut watched = Watched::new(AlertKind::RotationFailed);
    watched.sees_for(3, |seen| seen.last_rotation = Some(RotationEnd::Failed));
    watched.sees(|seen| seen.last_rotation = Some(RotationEnd::Succeeded));
    assert_eq!(watched.turns, [(0, true), (3, false)]);

    let mut calm = Watched::new(AlertKind::RotationFailed);
    calm.sees_for(9, |seen| seen.last_rotation = Some(RotationEnd::Succeeded));
    calm.sees_for(9, |_| {});
    assert_eq!(calm.turns, []);
}

#[test]
fn webhooks_that_fail_fire_and_a_few_do_not() {
    let failed = |failed| {
        move |seen: &mut Observation| {
            let received = 100;
            seen.webhooks = Some(WebhookWindow {
                received,
                failed,
                is_silent: false,
            });
        }
    };
    let mut watched = Watched::new(AlertKind::WebhookFailures);
    watched.sees_for(2, failed(5)).sees_for(9, failed(1));
    watched.sees_for(3, failed(0));
    assert_eq!(watched.turns, [(1, true), (13, false)]);

    let mut calm = Watched::new(AlertKind::WebhookFailures);
    calm.sees_for(60, failed(4)).sees_for(60, |_| {});
    assert_eq!(calm.turns, []);

    let none = |is_silent| {
        move |seen: &mut Observation| {
            seen.webhooks = Some(WebhookWindow {
                received: 0,
                failed: 0,
                is_silent,
            });
        }
    };
    let mut silent = Watched::new(AlertKind::WebhookFailures);
    silent.sees_for(2, none(true)).sees_for(3, none(false));
    assert_eq!(silent.turns, [(1, true), (4, false)]);
}

#[test]
fn one_dead_letter_fires_and_none_does_not() {
    let mut watched = Watched::new(AlertKind::DeadLetters);
    watched.sees(|seen| seen.dead_letters = Some(1));
    watched.sees(|seen| seen.dead_letters = Some(0));
    assert_eq!(watched.turns, [(0, true), (1, false)]);

    let mut calm = Watched::new(AlertKind::DeadLetters);
    calm.sees_for(60, |seen| seen.dead_letters = Some(0));
    calm.sees_for(60, |_| {});
    assert_eq!(calm.turns, []);
}

#[test]
fn conflicts_that_pile_up_fire_and_a_few_do_not() {
    let mut watched = Watched::new(AlertKind::ConflictsWaiting);
    watched.sees_for(3, |seen| seen.conflicts_waiting = Some(10));
    watched.sees_for(9, |seen| seen.conflicts_waiting = Some(5));
    watched.sees_for(3, |seen| seen.conflicts_waiting = Some(4));
    assert_eq!(watched.turns, [(2, true), (14, false)]);

    let mut calm = Watched::new(AlertKind::ConflictsWaiting);
    calm.sees_for(60, |seen| seen.conflicts_waiting = Some(9));
    assert_eq!(calm.turns, []);
}

/// Calls of an hour of a shop: many by day, few by night, fewer on Sundays; a little different each week.
fn season(number: i64) -> u64 {
    let (day, hour_of_day) = (number.div_euclid(24) % 7, number.rem_euclid(24));
    let base = match (day, hour_of_day) {
        (6, 8..20) => 300,
        (_, 8..20) => 1_000,
        _ => 40,
    };
    u64::try_from(base + (number * 7_919).rem_euclid(base / 20 + 1)).unwrap()
}

/// What the rule says of each hour of `weeks`, where `odd` may replace the number of some.
fn hours(weeks: i64, odd: impl Fn(i64) -> Option<u64>) -> Vec<(i64, bool)> {
    let mut slots = vec![VolumeSlot::default(); 168];
    let mut watched = Watched::new(AlertKind::UnusualVolume);
    let mut turns = Vec::new();
    for number in 0..weeks * 168 {
        let requests = odd(number).unwrap_or_else(|| season(number));
        let mut observation = Observation::new(hour(number + 1));
        observation.volume = Some(HourVolume {
            hour: hour(number),
            requests,
        });
        let slot = &mut slots[usize::from(slot_of(hour(number)))];
        let reading = observation.reading(watched.kind, &watched.rule, Some(slot));
        *slot = std::mem::take(slot).with(requests);
        watched.reads(reading);
        turns.extend(watched.turns.drain(..).map(|(_, fires)| (number, fires)));
    }
    turns
}

#[test]
fn a_week_like_all_others_is_not_unusual_though_its_days_are_25_times_its_nights() {
    assert_eq!(hours(12, |_| None), []);
}

#[test]
fn a_night_as_busy_as_a_day_is_unusual_and_so_is_a_day_as_calm_as_a_night() {
    // The ninth week's Tuesday: at two in the morning, and at noon.
    let (night, noon) = (8 * 168 + 26, 8 * 168 + 36);
    let busy_night = hours(10, |number| (number == night).then_some(1_000));
    assert_eq!(busy_night, [(night, true), (night + 1, false)]);
    let calm_noon = hours(10, |number| (number == noon).then_some(40));
    assert_eq!(calm_noon, [(noon, true), (noon + 1, false)]);
}

#[test]
fn nothing_is_unusual_before_the_fifth_week_and_one_odd_week_hides_no_other() {
    let night = |week: i64| week * 168 + 26;
    let early = hours(4, |number| (number == night(3)).then_some(5_000));
    assert_eq!(early, []);
    let twice = hours(10, |number| {
        [night(7), night(8)].contains(&number).then_some(1_000)
    });
    let expected = [night(7), night(8)].map(|at| [(at, true), (at + 1, false)]);
    assert_eq!(twice, expected.concat());
}

#[test]
fn what_grows_a_little_every_week_is_not_unusual() {
    let grown = |number: i64| {
        let weeks = u64::try_from(number / 168).unwrap();
        season(number) * (100 + 3 * weeks) / 100
    };
    assert_eq!(hours(20, |number| Some(grown(number))), []);
}
