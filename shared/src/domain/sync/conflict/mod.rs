//! How changes of both sides are settled.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Expression;
use crate::domain::object::only_objects;

only_objects!(ConflictPolicy, ConflictRule);

/// How changes of both sides are settled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct ConflictPolicy {
    /// Where no rule fits.
    pub strategy: Strategy,
    /// The first that fits decides.
    pub rules: Vec<ConflictRule>,
}

/// Which side wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The provider's value is taken.
    #[default]
    SourceWins,
    /// Our value is kept, and sent to the provider.
    DestinationWins,
    /// Both are merged.
    Merge,
    /// A person decides.
    Manual,
}

/// What is done with some fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct ConflictRule {
    /// The field's name; `*` stands for any characters.
    pub field: String,
    /// What has to hold of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expression>,
    /// What is done.
    pub action: RuleAction,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// The provider's value is taken.
    Overwrite,
    /// Our value is kept.
    Preserve,
    /// Both are merged.
    Merge,
    /// A person decides.
    Flag,
}
