//! Whether an endpoint that usually receives webhooks has stopped to.
//!
//! By its own history and no number of hours: for each hour that has passed in silence it is asked how
//! often that hour of the week (of the day, while there is less than two weeks of history) had webhooks
//! before. If it were as before, how likely would all those hours be silent? An endpoint that is silent
//! each night and at weekends expects nothing then; one that gets something every minute is missed
//! within hours; one that gets something now and then, hardly ever.

use std::collections::BTreeMap;

use super::{CheckKind, CheckState, Checked, Width};
use crate::domain::Timestamp;

/// How far back the history is looked at, in hours: four weeks.
pub const HOURS_OF_HISTORY: u32 = 28 * 24;
const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;
const HOUR: i64 = 60 * 60;
/// With less history than that nothing is said.
const LEAST_HOURS: i64 = 3 * DAY;
const LEAST_ACTIVE: usize = 12;
/// With less than that, an hour of the day is like that of any other day.
const WEEKLY_FROM: i64 = 2 * WEEK;
/// A silence that is less likely than that is none of chance.
const UNLIKELY: f64 = 1e-4;

/// What is to be said of an endpoint that received `by_hour` webhooks in the hours that begin so (those
/// with none may be missing), at `now`. None, if there is not enough of it.
#[must_use]
pub fn silence_checked(by_hour: &BTreeMap<Timestamp, u64>, now: Timestamp) -> Option<Checked> {
    let active: Vec<i64> = by_hour
        .iter()
        .filter(|(_, received)| **received > 0)
        .map(|(start, _)| hour_of(*start))
        .collect();
    let (first, last) = (*active.first()?, *active.last()?);
    let hours = last.saturating_sub(first).saturating_add(1);
    if hours < LEAST_HOURS || active.len() < LEAST_ACTIVE {
        return None;
    }
    let period = if hours < WEEKLY_FROM { DAY } else { WEEK };
    let this_hour = hour_of(Width::Hour.start_of(now));
    let mut likely = 1.0;
    for silent in last.saturating_add(1)..this_hour {
        likely *= 1.0 - activity(&active, (first, last), period, silent);
    }
    let silent = this_hour.saturating_sub(last).saturating_sub(1).max(0);
    Some(if likely < UNLIKELY {
        Checked::new(
            CheckKind::Webhooks,
            CheckState::Failed,
            "webhooks_silent",
            format!(
                "there were no webhooks for {silent} hours; by its history there would have been"
            ),
        )
    } else {
        let message = "webhooks come in as they used to";
        Checked::new(
            CheckKind::Webhooks,
            CheckState::Passed,
            "webhooks_usual",
            message,
        )
    })
}

/// How likely an hour has webhooks, by the hours before that are like it. That these had them each time is
/// no certainty (Krichevsky and Trofimov's estimate); if none had any, none are expected.
fn activity(active: &[i64], (first, last): (i64, i64), period: i64, hour: i64) -> f64 {
    let (mut seen, mut had) = (0.0, 0.0);
    let mut like = hour.saturating_sub(period);
    while like >= first {
        if like <= last {
            seen += 1.0;
            had += f64::from(u8::from(active.binary_search(&like).is_ok()));
        }
        like = like.saturating_sub(period);
    }
    if had == 0.0 {
        0.0
    } else {
        (had + 0.5) / (seen + 1.0)
    }
}

fn hour_of(start: Timestamp) -> i64 {
    start.as_second().div_euclid(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, midnight.
    const MONDAY: i64 = 1_795_996_800 / HOUR;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * HOUR).unwrap()
    }

    /// The history of so many hours from a Monday on, of an endpoint that receives in the hours (of
    /// the week) that `receives` names; judged so many hours after that, within the hour.
    fn judged(hours: i64, silent: i64, receives: impl Fn(i64) -> bool) -> Option<CheckState> {
        let by_hour = (0..hours)
            .filter(|hour| receives(hour % WEEK))
            .map(|hour| (at(MONDAY + hour), 3))
            .collect();
        let now = at(MONDAY + hours + silent).plus(std::time::Duration::from_secs(600));
        silence_checked(&by_hour, now).map(|checked| checked.state)
    }

    #[test]
    fn one_that_always_receives_is_missed_within_hours() {
        let always = |_| true;
        assert_eq!(judged(4 * WEEK, 0, always), Some(CheckState::Passed));
        assert_eq!(judged(4 * WEEK, 2, always), Some(CheckState::Passed));
        assert_eq!(judged(4 * WEEK, 5, always), Some(CheckState::Failed));
        // With days of history it takes a little longer.
        assert_eq!(judged(4 * DAY, 3, always), Some(CheckState::Passed));
        assert_eq!(judged(4 * DAY, 8, always), Some(CheckState::Failed));
    }

    #[test]
    fn nights_and_weekends_are_no_silence() {
        let office = |hour: i64| hour < 5 * DAY && (8..18).contains(&(hour % DAY));
        let friday_evening = 3 * WEEK + 4 * DAY + 18;
        for hours in [1, 14, 38, 60, 61] {
            let state = judged(friday_evening, hours, office);
            assert_eq!(state, Some(CheckState::Passed), "{hours}");
        }
        // Monday, after six hours at work.
        let monday = judged(friday_evening, 62 + 7, office);
        assert_eq!(monday, Some(CheckState::Failed));
    }

    #[test]
    fn one_that_seldom_receives_is_seldom_missed() {
        let daily = |hour: i64| hour % DAY == 9;
        assert_eq!(judged(4 * WEEK, 3 * DAY, daily), Some(CheckState::Passed));
        assert_eq!(judged(4 * WEEK, 7 * DAY, daily), Some(CheckState::Failed));
    }

    #[test]
    fn nothing_is_said_without_a_history() {
        assert_eq!(silence_checked(&BTreeMap::new(), at(MONDAY)), None);
        assert_eq!(judged(2 * DAY, 20, |_| true), None);
        assert_eq!(judged(4 * WEEK, 20, |hour| hour == 1), None);
        // What is told of hours in which there was nothing is no history either.
        let none = (0..100).map(|hour| (at(MONDAY + hour), 0)).collect();
        assert_eq!(silence_checked(&none, at(MONDAY + 200)), None);
    }
}
