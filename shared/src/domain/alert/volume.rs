use serde::{Deserialize, Serialize};

use super::observation::number;
use crate::domain::Timestamp;

/// Hours in a week.
const SLOTS: i64 = 168;
/// How many weeks are remembered.
const WEEKS: usize = 8;
/// Before so many weeks nothing is unusual.
const WARM_UP: usize = 4;
/// What makes the median absolute deviation comparable with a standard deviation, where numbers are
/// spread normally.
const MAD_SCALE: f64 = 1.4826;
/// Nothing is counted as finer spread than this share of the median, nor than so many calls: an hour that
/// is the same every week is not unusual for one call more.
const LEAST_SHARE: f64 = 0.1;
const LEAST_CALLS: f64 = 5.0;

/// How many calls an integration had in one hour of the week, in the last weeks: newest last.
///
/// What is usual is the median, and how far numbers usually are from it their median deviation: of eight
/// weeks three may be as odd as they like and change neither much.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSlot {
    /// One number for each week.
    pub weeks: Vec<u64>,
}

/// The hour of the week, from 0 to 167, that an instant is in. Where the week begins does not matter.
#[must_use]
pub fn slot_of(hour: Timestamp) -> u8 {
    let hours = hour.as_second().div_euclid(3_600);
    u8::try_from(hours.rem_euclid(SLOTS)).unwrap_or_default()
}

impl VolumeSlot {
    /// The same, with the number of one more week.
    #[must_use]
    pub fn with(mut self, requests: u64) -> Self {
        self.weeks.push(requests);
        let spare = self.weeks.len().saturating_sub(WEEKS);
        self.weeks.drain(..spare);
        self
    }

    /// How far a number is from the usual one, in robust standard deviations, either way; nothing, before
    /// the slot is warm.
    #[must_use]
    pub fn score(&self, requests: u64) -> Option<f64> {
        if self.weeks.len() < WARM_UP {
            return None;
        }
        let values: Vec<f64> = self.weeks.iter().map(|count| number(*count)).collect();
        let usual = median(values.clone())?;
        let deviations = values.iter().map(|value| (value - usual).abs()).collect();
        let spread = median(deviations)? * MAD_SCALE;
        let scale = spread.max(usual * LEAST_SHARE).max(LEAST_CALLS);
        Some((number(requests) - usual).abs() / scale)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(middle.checked_sub(1)?).copied()?;
    Some(f64::midpoint(lower, upper))
}
