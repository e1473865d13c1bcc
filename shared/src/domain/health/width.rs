use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How much time a roll-up is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// One minute.
    Minute,
    /// Five.
    FiveMinutes,
    /// Sixty.
    Hour,
}

impl Width {
    /// Every width, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::FiveMinutes, Self::Hour];

    /// The time that it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::FiveMinutes => 5 * 60,
            Self::Hour => 60 * 60,
        })
    }

    /// For how long a roll-up of it is kept, after it was computed.
    #[must_use]
    pub fn kept_for(self) -> Duration {
        match self {
            // An hour more than a window of 24 hours looks back.
            Self::Minute => DAY + Self::Hour.duration(),
            Self::FiveMinutes => 7 * DAY,
            Self::Hour => 90 * DAY,
        }
    }

    /// When the roll-up begins that an instant is of.
    #[must_use]
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        let seconds = i64::try_from(self.duration().as_secs()).unwrap_or(i64::MAX);
        let start = at.as_second().div_euclid(seconds).saturating_mul(seconds);
        Timestamp::from_second(start).unwrap_or(at)
    }

    /// When the first roll-up begins that begins at `at` or later.
    #[must_use]
    pub fn next_start(self, at: Timestamp) -> Timestamp {
        let start = self.start_of(at);
        if start == at {
            at
        } else {
            start.plus(self.duration())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_is_of_one_roll_up_of_each_width() {
        let at: Timestamp = "2026-11-26T10:17:42.123Z".parse().unwrap();
        let starts = Width::ALL.map(|width| width.start_of(at).to_string());
        assert_eq!(
            starts,
            [
                "2026-11-26T10:17:00.000Z",
                "2026-11-26T10:15:00.000Z",
                "2026-11-26T10:00:00.000Z"
            ]
        );
        let hour = Width::Hour.next_start(at);
        assert_eq!(hour.to_string(), "2026-11-26T11:00:00.000Z");
        assert_eq!(Width::Hour.next_start(hour), hour);
        assert_eq!(Width::Hour.start_of(hour), hour);
    }
}
