use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap()
}

fn next(text: &str, after: &str) -> String {
    let next = schedule(text).next_after(at(after), 0).unwrap();
    next.to_string()
}

#[test]
fn a_rate_starts_after_each_period_from_its_own_phase() {
    let rate = schedule("rate(15 minutes)");
    let start = at("2026-01-31T09:30:00Z");
    let first = rate.next_after(start, 7 * 60 * 1000 + 1).unwrap();
    assert_eq!(first, at("2026-01-31T09:37:00.001Z"));
    assert_eq!(
        rate.next_after(first, 7 * 60 * 1000 + 1),
        Some(at("2026-01-31T09:52:00.001Z"))
    );
    let late = at("2026-01-31T09:51:59Z");
    assert_eq!(
        rate.next_after(late, 7 * 60 * 1000 + 1),
        Some(at("2026-01-31T09:52:00.001Z"))
    );
    let before_1970 = rate.next_after(at("1969-12-31T23:59:59Z"), 0);
    assert_eq!(before_1970, Some(Timestamp::UNIX_EPOCH));
}

#[test]
fn rates_have_units_and_bounds() {
    for (text, period) in [
        ("rate(1 minute)", MINUTE_MS),
        ("rate(1 minutes)", MINUTE_MS),
        (" rate( 90  minutes ) ", 90 * MINUTE_MS),
        ("rate(1 hour)", HOUR_MS),
        ("rate(36 hours)", 36 * HOUR_MS),
        ("rate(1 day)", DAY_MS),
        ("rate(366 days)", 366 * DAY_MS),
    ] {
        assert!(
            matches!(schedule(text).0, Form::Rate(found) if found == period),
            "{text}"
        );
    }
    for (text, error) in [
        ("rate(0 minutes)", ScheduleError::Range),
        ("rate(367 days)", ScheduleError::Range),
        ("rate(9223372036854775807 days)", ScheduleError::Range),
        ("rate(99999999999999999999 days)", ScheduleError::Range),
        ("rate(-1 minutes)", ScheduleError::Rate),
        ("rate(+1 minutes)", ScheduleError::Rate),
        ("rate(1.5 hours)", ScheduleError::Rate),
        ("rate(1 second)", ScheduleError::Rate),
        ("rate(1)", ScheduleError::Rate),
        ("rate(1 hour 5 minutes)", ScheduleError::Rate),
        ("rate()", ScheduleError::Rate),
        ("every hour", ScheduleError::Form),
        ("rate(1 hour", ScheduleError::Form),
        ("0 3 * * *", ScheduleError::Form),
        ("", ScheduleError::Form),
    ] {
        assert_eq!(Schedule::parse(text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn cron_comes_on_the_days_that_it_names() {
    for (text, after, expected) in [
        (
            "cron(0 3 * * *)",
            "2026-01-31T03:00:00Z",
            "2026-02-01T03:00:00.000Z",
        ),
        (
            "cron(0 3 * * *)",
            "2026-01-31T02:59:59.999Z",
            "2026-01-31T03:00:00.000Z",
        ),
        (
            "cron(*/15 * * * *)",
            "2026-12-31T23:45:00Z",
            "2027-01-01T00:00:00.000Z",
        ),
        (
            "cron(30 4 * * MON)",
            "2026-01-31T00:00:00Z",
            "2026-02-02T04:30:00.000Z",
        ),
        (
            "cron(30 4 * * 0)",
            "2026-01-31T00:00:00Z",
            "2026-02-01T04:30:00.000Z",
        ),
        (
            "cron(30 4 * * 7)",
            "2026-01-31T00:00:00Z",
            "2026-02-01T04:30:00.000Z",
        ),
    ] {
        assert_eq!(next(text, after), expected, "{text} {after}");
    }
}

#[test]
fn cron_knows_how_long_months_are() {
    for (text, after, expected) in [
        (
            "cron(0 0 29 2 *)",
            "2024-02-29T00:00:00Z",
            "2028-02-29T00:00:00.000Z",
        ),
        (
            "cron(0 0 29 2 *)",
            "2096-02-29T00:00:00Z",
            "2104-02-29T00:00:00.000Z",
        ),
        (
            "cron(0 0 31 * *)",
            "2026-03-31T00:00:00Z",
            "2026-05-31T00:00:00.000Z",
        ),
        (
            "cron(0 0 L * *)",
            "2026-02-01T00:00:00Z",
            "2026-02-28T00:00:00.000Z",
        ),
        // Either day, as everywhere with five fields.
        (
            "cron(0 0 15 * FRI)",
            "2026-02-10T00:00:00Z",
            "2026-02-13T00:00:00.000Z",
        ),
        (
            "cron(0 0 15 * FRI)",
            "2026-02-13T00:00:00Z",
            "2026-02-15T00:00:00.000Z",
        ),
    ] {
        assert_eq!(next(text, after), expected, "{text} {after}");
    }
}

#[test]
fn six_fields_mean_what_they_mean_to_eventbridge() {
    for (text, after, expected) in [
        (
            "cron(15 10 ? * 6L 2026-2027)",
            "2026-01-01T00:00:00Z",
            "2026-01-30T10:15:00.000Z",
        ),
        (
            "cron(0 18 ? * MON-FRI *)",
            "2026-01-31T00:00:00Z",
            "2026-02-02T18:00:00.000Z",
        ),
        (
            "cron(0 9 ? * 2#1 *)",
            "2026-01-31T00:00:00Z",
            "2026-02-02T09:00:00.000Z",
        ),
        (
            "cron(0 8 ? * 1 *)",
            "2026-01-31T00:00:00Z",
            "2026-02-01T08:00:00.000Z",
        ),
        (
            "cron(0 8 ? * SUN *)",
            "2026-01-31T00:00:00Z",
            "2026-02-01T08:00:00.000Z",
        ),
        (
            "cron(0/10 * 1 * ? *)",
            "2026-01-31T00:00:00Z",
            "2026-02-01T00:00:00.000Z",
        ),
        (
            "cron(0 9 3W * ? *)",
            "2026-01-04T00:00:00Z",
            "2026-02-03T09:00:00.000Z",
        ),
    ] {
        assert_eq!(next(text, after), expected, "{text} {after}");
    }
    let over = schedule("cron(0 0 1 1 ? 2027)");
    assert_eq!(over.next_after(at("2027-01-01T00:00:00Z"), 0), None);
}

#[test]
fn a_wrong_cron_expression_is_refused() {
    for text in [
        "cron(0 0 31 2 *)",
        "cron(0 0 31 4,6,9,11 *)",
        "cron(0 0 1 1 ? 1970)",
        "cron(0 0 30 2 ? *)",
    ] {
        assert_eq!(
            Schedule::parse(text).unwrap_err(),
            ScheduleError::Never,
            "{text}"
        );
    }
    for text in [
        "cron()",
        "cron(* * * *)",
        "cron(* * * * * * *)",
        "cron(60 * * * *)",
        "cron(* 24 * * *)",
        "cron(* * 0 * *)",
        "cron(* * 32 * *)",
        "cron(* * * 13 *)",
        "cron(* * * * 8)",
        "cron(* * ? * *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(, * * * *)",
        "cron(1,,2 * * * *)",
        "cron(*/0 * * * *)",
        "cron(5-1 * * * *)",
        "cron(* * * * +1)",
        "cron(@daily)",
        "cron(a b c d e)",
        "cron(ä * * * *)",
    ] {
        let error = Schedule::parse(text).unwrap_err();
        assert!(matches!(error, ScheduleError::Cron(_)), "{text}: {error}");
    }
    let long = format!("cron({} * * * *)", ["1"; 200].join(","));
    assert!(Schedule::parse(&long).is_err());
}

#[test]
fn what_has_the_same_schedule_is_spread() {
    let ids = (1..=10_000_u128).map(|n| IntegrationId::from(ulid::Ulid(n)));
    let entity: EntityName = "contacts".parse().unwrap();
    let seeds: Vec<_> = ids.map(|id| Schedule::seed(id, &entity)).collect();
    let after = at("2026-01-31T09:30:00Z");
    for (text, least) in [("rate(1 hour)", 3_000), ("cron(0 * * * *)", 60)] {
        let schedule = schedule(text);
        let starts = seeds
            .iter()
            .map(|seed| schedule.next_after(after, *seed).unwrap());
        let seconds: BTreeSet<_> = starts.map(Timestamp::as_second).collect();
        assert!(seconds.len() >= least, "{text}: {}", seconds.len());
    }
}

proptest! {
    #[test]
    fn starts_are_later_and_stay_where_they_are(
        seed: u64,
        after in 0..4_000_000_000_000_i64,
        form in prop::sample::select(vec!["rate(7 minutes)", "rate(5 days)", "cron(*/20 3 * * *)"]),
    ) {
        let schedule = schedule(form);
        let after = Timestamp::from_millisecond(after).unwrap();
        let next = schedule.next_after(after, seed).unwrap();
        prop_assert!(next > after);
        let just_before = Timestamp::from_millisecond(next.as_millisecond() - 1).unwrap();
        prop_assert_eq!(schedule.next_after(just_before, seed), Some(next));
        let between = Timestamp::from_millisecond(i64::midpoint(
            after.as_millisecond(), just_before.as_millisecond(),
        )).unwrap();
        prop_assert_eq!(schedule.next_after(between, seed), Some(next));
    }

    #[test]
    fn any_text_is_read_or_refused(fields in prop::collection::vec("[0-9*/,#?LWA-Z-]{1,6}", 4..8)) {
        if let Ok(schedule) = Schedule::parse(&format!("cron({})", fields.join(" "))) {
            let next = schedule.next_after(Timestamp::UNIX_EPOCH, 0);
            prop_assert!(next.is_some());
        }
    }
}
