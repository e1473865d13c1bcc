use std::fmt;
use std::io;
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

/// A JMESPath expression (<https://jmespath.org/specification.html>) over an event's JSON body.
///
/// Its evaluation always ends: the language has neither loops nor recursion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 4096)]
pub struct Expression(String);

/// Why a text is not an expression, or why an expression has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Empty, or too long.
    #[error("expected 1 to {} characters", Expression::MAX_LENGTH)]
    Length,
    /// Not JMESPath.
    #[error("not a JMESPath expression: {reason} at column {column}")]
    Syntax {
        /// What the parser says, in one line.
        reason: String,
        /// Where, counted from zero.
        column: usize,
    },
    /// It fails on this document, such as a function called on the wrong type.
    #[error("the expression fails on this document")]
    Evaluation,
    /// Its result is too large.
    #[error("the expression's result is too large")]
    TooLarge,
}

impl Expression {
    const MAX_LENGTH: usize = 4096;

    /// The result for `document`; `null` where the fields that it names are absent.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::Evaluation`] if it fails on this document.
    pub fn evaluate(
        &self,
        document: &serde_json::Value,
    ) -> Result<serde_json::Value, ExpressionError> {
        let result = self.search(document)?;
        serde_json::to_value(&*result).map_err(|_| ExpressionError::Evaluation)
    }

    /// The JSON of the result for `document`, if it is no longer than `max_bytes`. A result may
    /// have the same part many times, so a short expression can have a huge one.
    ///
    /// # Errors
    ///
    /// If it fails on this document, or its result is longer.
    pub fn evaluate_within(
        &self,
        document: &serde_json::Value,
        max_bytes: usize,
    ) -> Result<Vec<u8>, ExpressionError> {
        let result = self.search(document)?;
        let mut json = Bounded {
            bytes: Vec::new(),
            max_bytes,
        };
        let written = serde_json::to_writer(&mut json, &*result);
        written.map_err(|error| match error.classify() {
            serde_json::error::Category::Io => ExpressionError::TooLarge,
            _ => ExpressionError::Evaluation,
        })?;
        Ok(json.bytes)
    }

    /// Whether the result for `document` is true in JMESPath's sense: not `null`, `false`, or empty.
    #[must_use]
    pub fn accepts(&self, document: &serde_json::Value) -> bool {
        self.search(document).is_ok_and(|result| result.is_truthy())
    }

    fn search(&self, document: &serde_json::Value) -> Result<jmespath::Rcvar, ExpressionError> {
        jmespath::compile(&self.0)
            .and_then(|expression| expression.search(document))
            .map_err(|_| ExpressionError::Evaluation)
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(ExpressionError::Length);
        }
        match jmespath::compile(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(ExpressionError::Syntax {
                reason: error
                    .reason
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                column: error.column,
            }),
        }
    }
}

impl TryFrom<String> for Expression {
    type Error = ExpressionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.0
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn filters_and_transforms_are_jmespath() {
        let document = json!({"data": {"amount": 120, "status": "paid"}});
        let filter: Expression = "data.status == 'paid' && data.amount >= `100`"
            .parse()
            .unwrap();
        assert!(filter.accepts(&document));
        assert!(!filter.accepts(&json!({"data": {"status": "open"}})));
        assert!(!filter.accepts(&json!(null)));
        let transform: Expression = "{total: data.amount}".parse().unwrap();
        assert_eq!(
            transform.evaluate(&document).unwrap(),
            json!({"total": 120})
        );
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said() {
        assert_eq!("".parse::<Expression>(), Err(ExpressionError::Length));
        assert_eq!(
            "a".repeat(4097).parse::<Expression>(),
            Err(ExpressionError::Length)
        );
        let error = "data.[".parse::<Expression>().unwrap_err();
        assert!(matches!(error, ExpressionError::Syntax { .. }), "{error}");
        let fails: Expression = "length(`1`)".parse().unwrap();
        assert_eq!(fails.evaluate(&json!({})), Err(ExpressionError::Evaluation));
    }

    #[test]
    fn a_result_that_repeats_itself_is_cut_off() {
        let bomb = vec!["[@, @, @, @]"; 200].join(" | ");
        let bomb: Expression = bomb.parse().unwrap();
        let error = bomb.evaluate_within(&json!(1), 1_000_000).unwrap_err();
        assert_eq!(error, ExpressionError::TooLarge);
        let twice: Expression = "[@, @]".parse().unwrap();
        assert_eq!(twice.evaluate_within(&json!(1), 5).unwrap(), b"[1,1]");
        assert_eq!(
            twice.evaluate_within(&json!(1), 4),
            Err(ExpressionError::TooLarge)
        );
    }
}
