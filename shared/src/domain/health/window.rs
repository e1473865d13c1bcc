use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Width;

/// How far back metrics look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Window {
    /// 15 minutes.
    #[serde(rename = "15m")]
    QuarterHour,
    /// An hour.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// A day.
    #[serde(rename = "24h")]
    Day,
    /// Seven days.
    #[serde(rename = "7d")]
    Week,
    /// Thirty.
    #[serde(rename = "30d")]
    Month,
}

/// A text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `15m`, `1h`, `24h`, `7d` or `30d`")]
pub struct WindowError;

impl Window {
    /// The time that it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        const HOUR: u32 = 60 * 60;
        Duration::from_secs(u64::from(match self {
            Self::QuarterHour => 15 * 60,
            Self::Hour => HOUR,
            Self::Day => 24 * HOUR,
            Self::Week => 7 * 24 * HOUR,
            Self::Month => 30 * 24 * HOUR,
        }))
    }

    /// The roll-ups that it is made of, and its series has.
    #[must_use]
    pub fn width(self) -> Width {
        match self {
            Self::QuarterHour | Self::Hour => Width::Minute,
            Self::Day => Width::FiveMinutes,
            Self::Week | Self::Month => Width::Hour,
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        match text {
            "15m" => Ok(Self::QuarterHour),
            "1h" => Ok(Self::Hour),
            "24h" => Ok(Self::Day),
            "7d" => Ok(Self::Week),
            "30d" => Ok(Self::Month),
            _ => Err(WindowError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_as_it_is_written() {
        for text in ["15m", "1h", "24h", "7d", "30d"] {
            let window: Window = text.parse().unwrap();
            assert_eq!(serde_json::to_value(window).unwrap(), text);
            assert!(window.width().duration() * 15 <= window.duration());
            assert!(window.width().kept_for() >= window.duration(), "{text}");
        }
        for text in ["", "1H", "60m", "31d", "1h "] {
            assert_eq!(text.parse::<Window>(), Err(WindowError), "{text}");
        }
    }
}
