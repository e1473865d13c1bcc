//! When runs start.

mod cron;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use super::EntityName;
use crate::domain::{IntegrationId, Timestamp};

use cron::CronSchedule;

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// When runs start, in UTC: `rate(15 minutes)` or `cron(0 3 * * *)`.
#[derive(Clone, Debug)]
pub struct Schedule(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Each time so many milliseconds have passed.
    Rate(i64),
    Cron(Box<CronSchedule>),
}

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither of the two forms.
    #[error("expected `rate(15 minutes)` or `cron(0 3 * * *)`")]
    Form,
    /// Not a number and a unit.
    #[error("expected a number and `minutes`, `hours` or `days` in `rate(…)`")]
    Rate,
    /// Too often, or too seldom.
    #[error("a rate must be from 1 minute to 366 days")]
    Range,
    /// Not one that is understood.
    #[error("not a cron expression: {0}")]
    Cron(&'static str),
    /// It never comes, such as on 31 February.
    #[error("the cron expression names an instant that never comes")]
    Never,
}

impl Schedule {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// If it is neither form, or never comes.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let inner = |name: &str| {
            let rest = text.trim().strip_prefix(name)?;
            rest.strip_prefix('(')?.strip_suffix(')')
        };
        if let Some(rate) = inner("rate") {
            return rate_of(rate).map(|period| Self(Form::Rate(period)));
        }
        match inner("cron") {
            Some(cron) => Ok(Self(Form::Cron(Box::new(CronSchedule::parse(cron)?)))),
            None => Err(ScheduleError::Form),
        }
    }

    /// The first start after `after`; `None`, if the schedule has come to its end.
    ///
    /// `seed` spreads what has the same schedule: a rate's starts are a whole number of periods
    /// after an instant that follows from it, and those of `cron` are so much later in their minute.
    /// The same seed has the same starts at any time, so that none moves because one was late.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, seed: u64) -> Option<Timestamp> {
        match &self.0 {
            Form::Rate(period) => {
                let phase = spread(seed, *period);
                let since_start = (after.as_millisecond().checked_sub(phase)?).rem_euclid(*period);
                let next = after.as_millisecond().checked_add(period - since_start)?;
                Timestamp::from_millisecond(next)
            }
            Form::Cron(cron) => {
                let delay = spread(seed, MINUTE_MS);
                let after = after.as_millisecond().checked_sub(delay)?;
                let next = cron.next_after(Timestamp::from_millisecond(after)?)?;
                Timestamp::from_millisecond(next.as_millisecond().checked_add(delay)?)
            }
        }
    }

    /// The seed of an entity of an integration, for [`Schedule::next_after`].
    #[must_use]
    pub fn seed(integration: IntegrationId, entity: &EntityName) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(integration.to_string());
        hasher.update("\0");
        hasher.update(entity.as_str());
        let digest: [u8; 32] = hasher.finalize().into();
        let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*first)
    }
}

/// Where in `period` what has that seed starts.
fn spread(seed: u64, period: i64) -> i64 {
    let period = u64::try_from(period).unwrap_or(1).max(1);
    i64::try_from(seed % period).unwrap_or(0)
}

fn rate_of(text: &str) -> Result<i64, ScheduleError> {
    let mut words = text.split_ascii_whitespace();
    let (Some(count), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(ScheduleError::Rate);
    };
    let unit = match unit {
        "minute" | "minutes" => MINUTE_MS,
        "hour" | "hours" => HOUR_MS,
        "day" | "days" => DAY_MS,
        _ => return Err(ScheduleError::Rate),
    };
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScheduleError::Rate);
    }
    let count: i64 = count.parse().map_err(|_| ScheduleError::Range)?;
    let period = count.checked_mul(unit).ok_or(ScheduleError::Range)?;
    if (MINUTE_MS..=366 * DAY_MS).contains(&period) {
        Ok(period)
    } else {
        Err(ScheduleError::Range)
    }
}
