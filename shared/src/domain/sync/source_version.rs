use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// What a provider says of how new a record is: an instant or a number, as it writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceVersion(pub String);

/// The longest version that is taken, in bytes: it is kept with each record, and with jobs.
const MAX_BYTES: usize = 256;

impl SourceVersion {
    /// Reads one from JSON: a text of 1 to 256 bytes, or a number.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) if (1..=MAX_BYTES).contains(&text.len()) => {
                Some(Self(text.clone()))
            }
            serde_json::Value::Number(number) => Some(Self(number.to_string())),
            _ => None,
        }
    }

    /// Which of two is newer. None, if they cannot be compared: they are neither two instants nor
    /// two numbers.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.0 == other.0 {
            return Some(Ordering::Equal);
        }
        if let (Ok(this), Ok(that)) = (self.0.parse::<i128>(), other.0.parse::<i128>()) {
            return Some(this.cmp(&that));
        }
        if let (Ok(this), Ok(that)) = (self.0.parse::<f64>(), other.0.parse::<f64>()) {
            return this.partial_cmp(&that);
        }
        let (this, that) = (self.instant()?, other.instant()?);
        Some(this.cmp(&that))
    }

    /// The instant that it is, if it is one of RFC 3339.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(this: &str, that: &str) -> Option<Ordering> {
        SourceVersion(this.to_owned()).compare(&SourceVersion(that.to_owned()))
    }

    #[test]
    fn what_is_too_long_is_no_version() {
        let of = |bytes: usize| SourceVersion::of(&"9".repeat(bytes).into());
        assert!(of(256).is_some());
        assert!(of(257).is_none());
        assert!(of(0).is_none());
    }

    #[test]
    fn numbers_and_instants_are_compared_as_what_they_are() {
        assert_eq!(compare("9", "10"), Some(Ordering::Less));
        assert_eq!(compare("1.5", "1.25"), Some(Ordering::Greater));
        let (utc, offset) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00");
        assert_eq!(compare(utc, offset), Some(Ordering::Greater));
        assert_eq!(compare("x", "x"), Some(Ordering::Equal));
        assert_eq!(compare("x", "y"), None);
        assert_eq!(compare("1", "2026-01-01T00:00:00Z"), None);
    }
}
