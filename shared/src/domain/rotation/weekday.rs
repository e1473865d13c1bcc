use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Timestamp;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A day of the week, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// Every day of the week.
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];

    /// The day of an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        // 1970 began on a Thursday.
        let days = at.as_second().div_euclid(DAY_SECONDS).saturating_add(3);
        let index = usize::try_from(days.rem_euclid(7)).unwrap_or(0);
        Self::ALL.get(index).copied().unwrap_or(Self::Mon)
    }
}
