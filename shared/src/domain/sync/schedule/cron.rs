//! `cron(…)`: five fields, or the six of EventBridge.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::ScheduleError;
use crate::domain::Timestamp;

/// No expression that people write is longer.
const MAX_LENGTH: usize = 200;

/// A cron expression that comes at least once.
#[derive(Clone, Debug)]
pub(super) struct CronSchedule(Cron);

impl CronSchedule {
    /// Reads `minute hour day month weekday`, or the same with a year, as EventBridge writes it: one
    /// of both days is `?`, and Sunday is 1.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let cron = match fields.as_slice() {
            _ if text.len() > MAX_LENGTH => return Err(ScheduleError::Cron("it is too long")),
            [_, _, day, _, weekday] => {
                check(&fields)?;
                if *day == "?" || *weekday == "?" {
                    let reason = "`?` is for the form with six fields";
                    return Err(ScheduleError::Cron(reason));
                }
                let five = CronParser::builder()
                    .seconds(Seconds::Disallowed)
                    .year(Year::Disallowed);
                five.build().parse(&fields.join(" "))
            }
            [_, _, day, _, weekday, _] => {
                check(&fields)?;
                if (*day == "?") == (*weekday == "?") {
                    let reason = "with six fields, one of day and weekday is `?`";
                    return Err(ScheduleError::Cron(reason));
                }
                let six = CronParser::builder()
                    .seconds(Seconds::Required)
                    .year(Year::Required)
                    .alternative_weekdays(true);
                six.build().parse(&format!("0 {}", fields.join(" ")))
            }
            _ => {
                let reason = "expected five fields, or six with a year";
                return Err(ScheduleError::Cron(reason));
            }
        };
        let reason = "a field has a value that is not one of its own";
        let schedule = Self(cron.map_err(|_| ScheduleError::Cron(reason))?);
        let comes = schedule.next_after(Timestamp::UNIX_EPOCH).is_some();
        comes.then_some(schedule).ok_or(ScheduleError::Never)
    }

    /// The first instant after `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // Whole seconds: a fraction would be carried into the result.
        let start = DateTime::<Utc>::from_timestamp(after.as_second(), 0)?;
        let next = self.0.find_next_occurrence(&start, false).ok()?;
        Timestamp::from_second(next.timestamp())
    }
}

/// Refuses what the parser takes in silence: an empty item, which can make a field that nothing
/// fits, so that a search goes on for millennia; and signs of its own.
fn check(fields: &[&str]) -> Result<(), ScheduleError> {
    for field in fields {
        if field.split(',').any(str::is_empty) {
            return Err(ScheduleError::Cron("a list has an empty item"));
        }
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"*/,-?#".contains(&byte);
        if !field.bytes().all(is_known) {
            return Err(ScheduleError::Cron("a field has a sign that means nothing"));
        }
    }
    Ok(())
}
