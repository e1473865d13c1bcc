use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A pattern over event types: `*` stands for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 128)]
pub struct EventPattern(String);

/// Why a text is not an event pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 128 printable characters without spaces; `*` and `?` are wildcards")]
pub struct PatternError;

impl EventPattern {
    /// Whether `event_type` fits. An event without a type fits only a bare `*`.
    #[must_use]
    pub fn matches(&self, event_type: Option<&str>) -> bool {
        match event_type {
            Some(event_type) => wildmatch::WildMatch::new(&self.0).matches(event_type),
            None => self.0 == "*",
        }
    }

    /// Whether it is about changes of records: it begins with `record.`.
    #[must_use]
    pub fn names_records(&self) -> bool {
        self.0.starts_with("record.")
    }

    /// Whether any of `patterns` fits; none at all fit everything.
    #[must_use]
    pub fn any_matches(patterns: &[Self], event_type: Option<&str>) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(event_type))
    }
}

impl FromStr for EventPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(PatternError)
    }
}

impl TryFrom<String> for EventPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, event_type: Option<&str>) -> bool {
        pattern.parse::<EventPattern>().unwrap().matches(event_type)
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(matches("invoice.*", Some("invoice.paid")));
        assert!(matches("*", Some("anything at all")));
        assert!(matches("*.paid", Some("invoice.paid")));
        assert!(!matches("invoice.*", Some("customer.created")));
        assert!(!matches("invoice", Some("invoice.paid")));
    }

    #[test]
    fn an_event_without_a_type_fits_only_the_bare_star() {
        assert!(matches("*", None));
        assert!(!matches("*.*", None));
        assert!(EventPattern::any_matches(&[], None));
    }
}
