use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in UTC with exactly millisecond precision.
///
/// Written as RFC 3339 with three fraction digits, always, so that text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// From milliseconds since the Unix epoch; `None` outside the years −9999 to 9999.
    #[must_use]
    pub fn from_millisecond(millisecond: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(millisecond)
            .ok()
            .map(Self)
    }

    /// From seconds since the Unix epoch; `None` outside the years −9999 to 9999.
    #[must_use]
    pub fn from_second(second: i64) -> Option<Self> {
        jiff::Timestamp::from_second(second).ok().map(Self)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.0.as_millisecond().div_euclid(1000)
    }

    /// This instant and `duration` later; the last representable instant where that overflows.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.0.saturating_add(duration).map_or(self, Self::from)
    }

    /// This instant and `duration` earlier; the first representable instant where that overflows.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        self.0.saturating_sub(duration).map_or(self, Self::from)
    }

    /// Time since `earlier`; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or_default()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(value: jiff::Timestamp) -> Self {
        Self::from_millisecond(value.as_millisecond()).unwrap_or(Self(value))
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(value: Timestamp) -> Self {
        value.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// A text is no instant. It is not quoted: who sent it may have mistaken another field for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an instant as RFC 3339 writes it, such as 2026-01-31T09:30:00Z")]
pub struct TimestampError;

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = text.parse::<jiff::Timestamp>();
        instant.map(Self::from).map_err(|_| TimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("UTC, RFC 3339, milliseconds"))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_fraction_digits_are_always_written() {
        let whole = Timestamp::from_second(1_760_000_000).unwrap();
        assert_eq!(whole.to_string(), "2025-10-09T08:53:20.000Z");
    }

    #[test]
    fn finer_precision_is_cut_off_on_the_way_in() {
        let parsed: Timestamp = "2025-10-09T08:53:20.123456789Z".parse().unwrap();
        assert_eq!(parsed.to_string(), "2025-10-09T08:53:20.123Z");
        assert_eq!(
            parsed,
            Timestamp::from_millisecond(1_760_000_000_123).unwrap()
        );
    }

    #[test]
    fn a_text_that_is_no_instant_is_not_quoted() {
        let error = serde_json::from_str::<Timestamp>(r#""a canary""#).unwrap_err();
        assert!(
            error.to_string().starts_with("expected an instant"),
            "{error}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn an_offset_is_turned_into_utc() {
        let parsed: Timestamp = "2025-10-09T10:53:20+02:00".parse().unwrap();
        assert_eq!(parsed, Timestamp::from_second(1_760_000_000).unwrap());
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_second(253_402_207_200).unwrap();
        assert!(end.plus(Duration::from_secs(u64::MAX)) >= end);
        assert_eq!(Timestamp::UNIX_EPOCH.since(end), Duration::ZERO);
    }
}
