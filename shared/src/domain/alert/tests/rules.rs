//! What holds of every rule: hysteresis, repetition, limits.

use super::*;

fn readings() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0_f64, 1..80)
}

fn rule(fire_after: u16, resolve_after: u16) -> AlertRule {
    AlertRule {
        threshold: 0.6,
        resolve_threshold: 0.4,
        fire_after,
        resolve_after,
        ..AlertKind::ErrorRate.defaults()
    }
}

/// Each value as the reading of its minute.
fn run(rule: &AlertRule, values: &[f64]) -> Watched {
    let mut watched = Watched::new(AlertKind::ErrorRate);
    watched.rule = rule.clone();
    for value in values {
        let at = minute(watched.minutes);
        watched.reads(Some(Reading { at, value: *value }));
    }
    watched
}

proptest! {
    #[test]
    fn inside_the_band_nothing_turns(
        before in readings(),
        inside in prop::collection::vec(0.4..0.6_f64, 1..80),
        (fire_after, resolve_after) in (1..5_u16, 1..5_u16),
    ) {
        let rule = rule(fire_after, resolve_after);
        let mut watched = run(&rule, &before);
        let turns = watched.turns.len();
        for value in inside {
            let at = minute(watched.minutes);
            watched.reads(Some(Reading { at, value }));
        }
        prop_assert_eq!(watched.turns.len(), turns);
    }

    #[test]
    fn it_turns_only_after_as_many_in_a_row_as_the_rule_says(
        values in readings(),
        (fire_after, resolve_after) in (1..5_u16, 1..5_u16),
    ) {
        let watched = run(&rule(fire_after, resolve_after), &values);
        for (place, (at, fires)) in watched.turns.iter().enumerate() {
            // By turns, beginning with a fire.
            prop_assert_eq!(*fires, place % 2 == 0);
            let end = usize::try_from(*at).unwrap();
            let after = usize::from(if *fires { fire_after } else { resolve_after });
            let row = &values[end + 1 - after..=end];
            let holds = |value: &f64| if *fires { *value >= 0.6 } else { *value < 0.4 };
            prop_assert!(row.iter().all(holds), "{row:?}");
        }
    }

    #[test]
    fn the_same_observation_again_changes_nothing(
        values in readings(),
        (fire_after, resolve_after) in (1..5_u16, 1..5_u16),
        times in 1..4_usize,
    ) {
        let rule = rule(fire_after, resolve_after);
        let kind = AlertKind::ErrorRate;
        let once = run(&rule, &values);
        let mut state = RuleState::default();
        let mut turns = 0;
        for (number, value) in values.iter().enumerate() {
            let at = minute(i64::try_from(number).unwrap());
            for _ in 0..=times {
                let reading = Reading { at, value: *value };
                let fresh = AlertId::from(id(u128::try_from(number).unwrap()));
                let evaluation = state.evaluate((kind, &rule), Some(reading), fresh);
                turns += usize::from(evaluation.turn.is_some());
                state = evaluation.state;
            }
        }
        prop_assert_eq!(state, once.state);
        prop_assert_eq!(turns, once.turns.len());
    }

    #[test]
    fn a_calm_rule_has_nothing_to_write(values in prop::collection::vec(0.0..0.6_f64, 1..80)) {
        prop_assert_eq!(run(&rule(1, 1), &values).state, RuleState::default());
    }

    #[test]
    fn what_is_told_in_one_window_is_told_at_once(
        seconds in 0..100_000_i64,
        later in 0..1_000_i64,
        group_seconds in 1..=AlertSetup::MAX_GROUP_SECONDS,
    ) {
        let setup = AlertSetup { group_seconds, ..AlertSetup::default() };
        let at = |second| Timestamp::from_second(BEGINNING + second).unwrap();
        let (first, second) = (at(seconds), at(seconds + later));
        let told = setup.told_at(first);
        prop_assert!(told > first);
        prop_assert!(told.since(first) <= Duration::from_secs(group_seconds.into()));
        prop_assert_eq!(setup.told_at(second) == told, second < told);
    }
}

#[test]
fn a_rule_that_is_switched_off_ends_its_alert() {
    let mut watched = run(&rule(1, 1), &[0.9]);
    watched.rule.enabled = false;
    watched.reads(None);
    watched.reads(Some(Reading {
        at: minute(9),
        value: 0.9,
    }));
    assert_eq!(watched.turns, [(0, true), (1, false)]);
}

#[test]
fn what_a_person_has_resolved_fires_again_only_after_as_many() {
    let mut watched = run(&rule(2, 2), &[0.9, 0.9]);
    watched.state = watched.state.settled();
    for number in 2..4 {
        let at = minute(number);
        watched.reads(Some(Reading { at, value: 0.9 }));
    }
    assert_eq!(watched.turns, [(1, true), (3, true)]);
}

#[test]
fn an_integration_has_it_otherwise_than_its_organization_and_that_otherwise_than_the_default() {
    let kind = AlertKind::ErrorRate;
    let change = |threshold, fire_after| AlertRuleChange {
        threshold,
        fire_after,
        ..AlertRuleChange::default()
    };
    let organization = AlertRuleChanges::from([(kind, change(Some(0.5), Some(7)))]);
    let integration = AlertRuleChanges::from([(kind, change(Some(0.3), None))]);
    let rule = effective_rule(kind, &organization, &integration);
    assert_eq!((rule.threshold, rule.fire_after), (0.3, 7));
    assert_eq!(rule.resolve_after, kind.defaults().resolve_after);
    let other = effective_rule(AlertKind::Slow, &organization, &integration);
    assert_eq!(other, AlertKind::Slow.defaults());
    // Each right by itself, and crossed together.
    let organization = AlertRuleChanges::from([(
        kind,
        AlertRuleChange {
            resolve_threshold: Some(0.4),
            ..change(Some(0.5), None)
        },
    )]);
    let rule = effective_rule(kind, &organization, &integration);
    assert_eq!((rule.threshold, rule.resolve_threshold), (0.3, 0.3));
}

#[test]
fn every_default_is_right_and_every_wrong_number_is_named() {
    for kind in AlertKind::ALL {
        assert_eq!(kind.defaults().wrong_fields(kind, ""), [], "{kind}");
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let kind = AlertKind::ErrorRate;
    let good = kind.defaults();
    let with = |change: fn(&mut AlertRule)| {
        let mut rule = good.clone();
        change(&mut rule);
        let errors = rule.wrong_fields(kind, "/r");
        errors
            .into_iter()
            .map(|error| error.pointer)
            .collect::<Vec<_>>()
    };
    assert_eq!(with(|rule| rule.threshold = 1.1), ["/r/threshold"]);
    assert_eq!(with(|rule| rule.threshold = f64::NAN), ["/r/threshold"]);
    assert_eq!(with(|rule| rule.threshold = 0.0), ["/r/threshold"]);
    assert_eq!(
        with(|rule| rule.resolve_threshold = 0.2),
        ["/r/resolveThreshold"]
    );
    assert_eq!(with(|rule| rule.fire_after = 0), ["/r/fireAfter"]);
    assert_eq!(with(|rule| rule.resolve_after = 1_441), ["/r/resolveAfter"]);
    assert_eq!(with(|rule| rule.min_requests = 1_000_000_000), [""; 0]);
    assert_eq!(
        with(|rule| rule.min_requests = 1_000_000_001),
        ["/r/minRequests"]
    );
    let days = AlertKind::CredentialExpiring;
    let mut rule = days.defaults();
    rule.resolve_threshold = 13.0;
    assert_eq!(
        rule.wrong_fields(days, "/r")[0].pointer,
        "/r/resolveThreshold"
    );
}

#[test]
fn changes_and_matchers_are_read_from_objects_only() {
    assert!(serde_json::from_str::<AlertRuleChange>("{}").is_ok());
    assert!(serde_json::from_str::<AlertMatcher>("{}").is_ok());
    for list in ["[]", "[null, null]", "[[], []]"] {
        assert!(serde_json::from_str::<AlertRuleChange>(list).is_err());
        assert!(serde_json::from_str::<AlertMatcher>(list).is_err());
    }
}

fn silence(effect: SilenceEffect, from: i64, until: i64, repeats: Option<Recurrence>) -> Silence {
    Silence {
        id: SilenceId::from(id(1)),
        effect,
        matcher: AlertMatcher::default(),
        from: hour(from),
        until: hour(until),
        repeats,
        reason: "works".to_owned(),
        created_by: "me".to_owned(),
        created_at: hour(0),
        version: 1,
    }
}

#[test]
fn a_silence_lasts_from_its_beginning_to_its_end_and_comes_again_if_it_says_so() {
    let once = silence(SilenceEffect::Mute, 10, 12, None);
    assert_eq!(once.ends_at(minute(599)), None);
    assert_eq!(once.ends_at(hour(10)), Some(hour(12)));
    assert_eq!(once.ends_at(hour(12)), None);
    assert!(once.is_over(hour(12)) && !once.is_over(hour(11)));
    let weekly = silence(SilenceEffect::Mute, 10, 12, Some(Recurrence::Weekly));
    let in_three_weeks = 3 * 168;
    assert_eq!(
        weekly.ends_at(hour(in_three_weeks + 11)),
        Some(hour(in_three_weeks + 12))
    );
    assert_eq!(weekly.ends_at(hour(in_three_weeks + 12)), None);
    assert_eq!(weekly.ends_at(hour(34)), None);
    assert!(!weekly.is_over(hour(in_three_weeks)));
    let daily = silence(SilenceEffect::Mute, 10, 12, Some(Recurrence::Daily));
    assert_eq!(daily.ends_at(hour(34)), Some(hour(36)));
}

#[test]
fn the_times_of_a_silence_are_checked() {
    let wrong = |from, until, repeats| {
        let errors = silence(SilenceEffect::Mute, from, until, repeats).wrong_fields();
        errors
            .into_iter()
            .map(|error| error.pointer)
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong(1, 2, None), Vec::<String>::new());
    assert_eq!(wrong(2, 2, None), ["/until"]);
    assert_eq!(wrong(0, 367 * 24, None), ["/until"]);
    assert_eq!(wrong(0, 24, Some(Recurrence::Daily)), ["/until"]);
}

#[test]
fn of_several_silences_the_last_end_counts_and_each_only_for_what_it_means() {
    let mut other = silence(SilenceEffect::Mute, 0, 99, None);
    other.matcher.kinds = [AlertKind::Slow].into();
    let setup = AlertSetup {
        silences: vec![
            silence(SilenceEffect::Mute, 0, 2, None),
            silence(SilenceEffect::Mute, 0, 4, None),
            silence(SilenceEffect::Maintenance, 0, 50, None),
            other,
        ],
        ..AlertSetup::default()
    };
    let integration = IntegrationId::from(id(1));
    let until = |kind, now| {
        let alert = (integration, kind, AlertSeverity::Warning);
        setup.silenced_until(SilenceEffect::Mute, alert, now)
    };
    assert_eq!(until(AlertKind::ErrorRate, hour(1)), Some(hour(4)));
    assert_eq!(until(AlertKind::ErrorRate, hour(4)), None);
    assert_eq!(until(AlertKind::Slow, hour(4)), Some(hour(99)));
}

#[test]
fn a_matcher_leaves_out_what_it_does_not_name() {
    let (one, other) = (IntegrationId::from(id(1)), IntegrationId::from(id(2)));
    let matcher = AlertMatcher {
        integrations: [one].into(),
        kinds: [AlertKind::Slow].into(),
        min_severity: Some(AlertSeverity::Warning),
    };
    assert!(matcher.matches(one, AlertKind::Slow, AlertSeverity::Critical));
    assert!(!matcher.matches(other, AlertKind::Slow, AlertSeverity::Critical));
    assert!(!matcher.matches(one, AlertKind::ErrorRate, AlertSeverity::Critical));
    assert!(!matcher.matches(one, AlertKind::Slow, AlertSeverity::Info));
}
