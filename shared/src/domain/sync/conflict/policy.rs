use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wildmatch::WildMatch;

use super::FieldPath;
use crate::domain::object::only_objects;
use crate::domain::{Expression, FieldError};

/// So many rules may a policy have: each field in conflict is held against each of them.
pub(super) const MAX_RULES: usize = 100;

only_objects!(ConflictPolicy, ConflictRule);

/// Who wins where both sides changed the same field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct ConflictPolicy {
    /// What is done where no rule fits.
    pub strategy: Strategy,
    /// The first that fits decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ConflictRule>,
}

impl ConflictPolicy {
    /// The policy that does `strategy` with every conflict.
    #[must_use]
    pub fn of(strategy: Strategy) -> Self {
        Self {
            strategy,
            rules: Vec::new(),
        }
    }

    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, as a pointer below `pointer`, which is the policy's own.
    pub fn check(&self, pointer: &str) -> Result<(), FieldError> {
        if self.rules.len() > MAX_RULES {
            return Err(FieldError::new(
                format!("{pointer}/rules"),
                "expected at most 100 rules",
            ));
        }
        Ok(())
    }
}

/// What is done with a conflict for which there is no rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The source's value is taken.
    #[default]
    SourceWins,
    /// The destination's value stays, and goes to the source.
    DestinationWins,
    /// The changes of both are put together; a person decides where that cannot be done.
    Merge,
    /// A person decides.
    Manual,
}

impl Strategy {
    /// What a rule for every field would have to do instead.
    #[must_use]
    pub fn action(self) -> RuleAction {
        match self {
            Self::SourceWins => RuleAction::Overwrite,
            Self::DestinationWins => RuleAction::Preserve,
            Self::Merge => RuleAction::Merge,
            Self::Manual => RuleAction::Flag,
        }
    }
}

/// What is done with a conflict of certain fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct ConflictRule {
    /// For which fields.
    pub field: FieldPattern,
    /// What has to hold besides, in JMESPath over `{field, source, destination, base, later}`. If
    /// that fails, a person decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expression>,
    /// What is done.
    pub action: RuleAction,
}

/// What is done with a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// The source's value is taken.
    Overwrite,
    /// The destination's value stays, and goes to the source.
    Preserve,
    /// The changes of both are put together; a person decides where that cannot be done.
    Merge,
    /// A person decides.
    Flag,
}

/// A pattern over the paths of fields: `*` stands for any characters, dots among them, `?` for one.
/// A pattern of nothing but `*` fits the record as a whole, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 256)]
pub struct FieldPattern(String);

/// Why a text is not a pattern over fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to 256 bytes without control characters, such as `name`, `address.city` or \
     `address.*`"
)]
pub struct FieldPatternError;

impl FieldPattern {
    /// The longest text, in bytes.
    pub(super) const MAX_LENGTH: usize = 256;

    /// Whether the field at `path` fits.
    #[must_use]
    pub fn matches(&self, path: &FieldPath) -> bool {
        if path.is_whole() {
            return self.0 == "*";
        }
        WildMatch::new(&self.0).matches(&path.to_string())
    }

    /// Whether it names something in the object at `path`, before its first wildcard.
    pub(super) fn is_below(&self, path: &FieldPath) -> bool {
        let Some(rest) = self.0.strip_prefix(&path.to_string()) else {
            return false;
        };
        // A path has no wildcard that is not escaped, so what precedes is none of the pattern's.
        !path.is_whole() && rest.starts_with('.')
    }
}

impl FromStr for FieldPattern {
    type Err = FieldPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = 1..=Self::MAX_LENGTH;
        let fits = length.contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(FieldPatternError)
    }
}

impl TryFrom<String> for FieldPattern {
    type Error = FieldPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FieldPattern> for String {
    fn from(pattern: FieldPattern) -> Self {
        pattern.0
    }
}
