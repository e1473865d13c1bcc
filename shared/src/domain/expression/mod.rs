//! Expressions that users write, in JMESPath.
//!
//! They are bounded three times, because each bound leaves room for what the next one stops:
//! - A text is measured before it is parsed ([`height`]), since the parser recurses.
//! - What it calls and how often it can repeat its input is checked when it is read ([`bounds`]),
//!   so that who writes an expression that can never work is told at once.
//! - An evaluation pays for each step from a budget ([`meter`]), since some documents make much of
//!   an expression that is harmless on others.

mod bounds;
mod calls;
mod document;
mod error;
mod evaluate;
mod functions;
mod height;
mod meter;
mod paths;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jmespath::Rcvar;
use jmespath::ast::Ast;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

pub use error::ExpressionError;

use bounds::Bounds;
use evaluate::Evaluation;
use height::{MAX_HEIGHT, height};
use meter::{BUDGET, json_within};

/// So much of what the parser says is passed on: it quotes what it did not expect.
const MAX_REASON: usize = 200;

/// A JMESPath expression (<https://jmespath.org/specification.html>) over a JSON document.
///
/// It is parsed once and cheap to clone. Its evaluation always ends, within bounds of time and
/// memory that do not depend on who wrote it.
#[derive(Clone, ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 4096)]
pub struct Expression(Arc<Source>);

struct Source {
    text: String,
    /// The parsed expression, or why it is not evaluated.
    parsed: Result<Ast, ExpressionError>,
}

impl Expression {
    /// The longest text, in bytes.
    pub(super) const MAX_LENGTH: usize = 4096;

    /// An expression that has been accepted before, perhaps by older rules. If today's refuse it,
    /// it has no result; but what it is part of can be read, changed and deleted.
    #[must_use]
    pub fn stored(text: String) -> Self {
        let parsed = parse(&text);
        Self(Arc::new(Source { text, parsed }))
    }

    /// The document that a body is, for expressions to be evaluated over. None, if it is none: if it is not
    /// JSON, and does not begin as an object or a list does.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::Evaluation`] if it begins so and cannot be read, such as with half of a surrogate
    /// pair in a string, or if it could take too much memory: nobody can tell what it says.
    pub fn document(body: &[u8]) -> Result<Option<Value>, ExpressionError> {
        document::parse(body)
    }

    /// The result for `document`; `null` where the fields that it names are absent.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::Evaluation`] if it fails on this document, [`ExpressionError::TooLarge`]
    /// if its result is, and what is wrong with the expression itself, if it is a stored one that
    /// is not accepted any more.
    pub fn evaluate(&self, document: &Value) -> Result<Value, ExpressionError> {
        document::plain(&*self.search(document)?)
    }

    /// The JSON of the result for `document`, if it is no longer than `max_bytes`. A result may
    /// have the same part many times, so that it is much longer than the document.
    ///
    /// # Errors
    ///
    /// As [`Expression::evaluate`].
    pub fn evaluate_within(
        &self,
        document: &Value,
        max_bytes: usize,
    ) -> Result<Vec<u8>, ExpressionError> {
        json_within(&*self.search(document)?, max_bytes)
    }

    /// Whether the result for `document` is true in JMESPath's sense: not `null`, `false`, or empty.
    ///
    /// # Errors
    ///
    /// As [`Expression::evaluate`].
    pub fn matches(&self, document: &Value) -> Result<bool, ExpressionError> {
        Ok(self.search(document)?.is_truthy())
    }

    /// Whether it [matches](Self::matches) for certain. For what may be taken as not matching if
    /// nobody can tell, such as the shape of an error; never for what would be lost by that.
    #[must_use]
    pub fn accepts(&self, document: &Value) -> bool {
        self.matches(document).unwrap_or(false)
    }

    fn search(&self, document: &Value) -> Result<Rcvar, ExpressionError> {
        let ast = self.0.parsed.as_ref().map_err(Clone::clone)?;
        let document = document::shared(document)?;
        Evaluation::new(BUDGET).value(ast, &document)
    }
}

/// Reads what has been an `Option<Expression>` when it was stored: see [`Expression::stored`].
///
/// # Errors
///
/// If it is not a text.
pub(super) fn stored<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Expression>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(Expression::stored))
}

fn parse(text: &str) -> Result<Ast, ExpressionError> {
    if text.is_empty() || text.len() > Expression::MAX_LENGTH {
        return Err(ExpressionError::Length);
    }
    if height(text) > MAX_HEIGHT {
        return Err(ExpressionError::TooDeep);
    }
    let ast = jmespath::parse(text).map_err(|error| {
        let reason = error.reason.to_string();
        let line = reason.lines().next().unwrap_or_default();
        ExpressionError::Syntax {
            reason: line.chars().take(MAX_REASON).collect(),
            column: error.column,
        }
    })?;
    Bounds::of(&ast)?;
    Ok(ast)
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Arc::new(Source {
            parsed: Ok(parse(text)?),
            text: text.to_owned(),
        })))
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}
