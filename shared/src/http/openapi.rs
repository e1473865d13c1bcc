use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FieldError;

/// How errors are told: a problem document (RFC 9457), as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemSchema {
    /// The kind of problem, as a URI.
    #[serde(rename = "type")]
    #[schema(example = "urn:gatehouse:problem:not_found")]
    pub type_uri: String,
    /// The kind of problem, for people.
    #[schema(example = "Not found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What is wrong this time.
    #[schema(example = "there is no such integration")]
    pub detail: String,
    /// This request, as a URI.
    #[schema(example = "urn:gatehouse:request:JKJaXmPLvHcESHA=")]
    pub instance: String,
    /// The kind of problem, for programs; docs/errors.md lists them.
    #[schema(example = "not_found")]
    pub code: String,
    /// The fields that are wrong, if it is about fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
}
