use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Weekday;
use crate::domain::object::only_objects;
use crate::domain::{FieldError, Timestamp};

only_objects!(RotationPolicy, RotationWindow);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTES_OF_A_DAY: u32 = 24 * 60;
const MAX_DAYS: u16 = 3650;
const MAX_GRACE_SECONDS: u32 = 30 * 24 * 60 * 60;
/// What functions remember of an integration, and calls that are on their way, are older than this
/// never: so long, at least, the old credentials have to be valid.
pub(super) const MIN_GRACE_SECONDS: u32 = 120;

/// When an integration's credentials are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct RotationPolicy {
    /// So many days after they were stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub every_days: Option<u16>,
    /// So many days before they stop being valid, where it is known when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub before_expiry_days: Option<u16>,
    /// When replacing may begin; at any time, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<RotationWindow>,
    /// How long the old ones stay valid, instead of what the catalogue says. In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 120, maximum = 2_592_000)]
    pub grace_seconds: Option<u32>,
}

/// Hours of days of the week, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RotationWindow {
    /// The days on which it opens; all, if none is given.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// When it opens: `HH:MM`.
    pub from: String,
    /// When it closes: `HH:MM`. On the next day, if that is not later.
    pub to: String,
}

impl RotationPolicy {
    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), FieldError> {
        for (name, days) in [
            ("/everyDays", self.every_days),
            ("/beforeExpiryDays", self.before_expiry_days),
        ] {
            if days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
                return Err(FieldError::new(name, "must be from 1 to 3650"));
            }
        }
        let grace = MIN_GRACE_SECONDS..=MAX_GRACE_SECONDS;
        if self
            .grace_seconds
            .is_some_and(|given| !grace.contains(&given))
        {
            return Err(FieldError::new(
                "/graceSeconds",
                "must be from 120 to 2592000",
            ));
        }
        self.window.as_ref().map_or(Ok(()), RotationWindow::check)
    }

    /// When credentials that were stored at `created_at`, and stop being valid at `expires_at`,
    /// are to be replaced; none, if never by themselves.
    #[must_use]
    pub fn due_at(
        &self,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let by_age = self
            .every_days
            .map(|days| created_at.plus(DAY * days.into()));
        let by_end = self.before_expiry_days.zip(expires_at);
        let by_end = by_end.map(|(days, end)| end.minus(DAY * days.into()));
        by_age.into_iter().chain(by_end).min()
    }

    /// The first instant from `at` on at which replacing may begin.
    #[must_use]
    pub fn opens_at(&self, at: Timestamp) -> Timestamp {
        let window = self.window.as_ref();
        window.map_or(at, |window| window.opens_at(at))
    }

    /// How long the old credentials stay valid, where the catalogue says `declared`. In seconds,
    /// and never so short that somebody may use them without knowing of the new ones.
    #[must_use]
    pub fn grace(policy: Option<&Self>, declared: u32) -> u32 {
        let own = policy.and_then(|policy| policy.grace_seconds);
        own.unwrap_or(declared).max(MIN_GRACE_SECONDS)
    }
}

impl RotationWindow {
    fn check(&self) -> Result<(), FieldError> {
        for (name, text) in [("/window/from", &self.from), ("/window/to", &self.to)] {
            if minute(text).is_none() {
                return Err(FieldError::new(name, "expected `HH:MM`"));
            }
        }
        if self.days.len() > Weekday::ALL.len() {
            return Err(FieldError::new("/window/days", "expected at most 7 days"));
        }
        Ok(())
    }

    fn opens_at(&self, at: Timestamp) -> Timestamp {
        let (Some(from), Some(to)) = (minute(&self.from), minute(&self.to)) else {
            return at;
        };
        let length = if to > from {
            to - from
        } else {
            to + MINUTES_OF_A_DAY - from
        };
        let of_minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        let midnight = at.as_second().div_euclid(24 * 60 * 60) * 24 * 60 * 60;
        let Some(midnight) = Timestamp::from_second(midnight) else {
            return at;
        };
        // One that opened yesterday may be open still.
        let mut day = midnight.minus(DAY);
        for _ in 0..=8 {
            let opens = day.plus(of_minutes(from));
            let closes = opens.plus(of_minutes(length));
            let is_day = self.days.is_empty() || self.days.contains(&Weekday::of(day));
            if is_day && at < closes {
                return opens.max(at);
            }
            day = day.plus(DAY);
        }
        at
    }
}

/// The minute of the day of `HH:MM`.
fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let read = |text: &str, below: u32| {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number: &u32| *number < below);
        number.filter(|_| is_plain)
    };
    Some(read(hour, 24)? * 60 + read(minute, 60)?)
}
