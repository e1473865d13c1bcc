use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::object::only_objects;
use super::super::{Expression, ExpressionError, FieldError};
use super::HeaderRules;

only_objects!(Transform);

/// How a request or an answer is changed on its way.
///
/// The expression sees the JSON body, and its result is the new body: so it renames, picks and
/// filters. Nothing is made of an empty body. A body that is not JSON is refused, since what a
/// filter should hold back would pass; a transform of headers alone takes any body. Answers are
/// changed if they are a success; errors have another form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct Transform {
    /// The new body, by JMESPath over the JSON body. Numbers have 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Expression>,
    /// Headers that are set and removed.
    #[serde(skip_serializing_if = "HeaderRules::is_empty")]
    pub headers: HeaderRules,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformSide {
    /// To the provider.
    Request,
    /// To the caller.
    Response,
}

impl std::fmt::Display for TransformSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// Why a body was not transformed. Nothing of it is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The body is not JSON.
    #[error("the {0} transform needs a JSON body")]
    NotJson(TransformSide),
    /// The expression has no result, or one that is too large.
    #[error("the {0} transform failed: {1}")]
    Expression(TransformSide, #[source] ExpressionError),
}

/// What no longer holds for another body.
const OF_THE_OLD_BODY: [&str; 6] = [
    "content-digest",
    "content-md5",
    "digest",
    "repr-digest",
    "accept-ranges",
    "content-range",
];

impl Transform {
    /// A result is no longer than what Lambda takes.
    const MAX_RESULT: usize = 6 * 1024 * 1024;

    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place: `pointer` and the rest.
    pub fn check(&self, pointer: &str) -> Result<(), FieldError> {
        self.headers.check(&format!("{pointer}/headers"))
    }

    /// The new body; `None` if it stays as it is.
    ///
    /// # Errors
    ///
    /// If the body is not JSON, or the expression fails on it.
    pub fn body(
        &self,
        side: TransformSide,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, TransformError> {
        let Some(expression) = self.body.as_ref().filter(|_| !body.is_empty()) else {
            return Ok(None);
        };
        let document: Value =
            serde_json::from_slice(body).map_err(|_| TransformError::NotJson(side))?;
        expression
            .evaluate_within(&document, Self::MAX_RESULT)
            .map(Some)
            .map_err(|error| TransformError::Expression(side, error))
    }

    /// Changes the headers; `has_new_body` says whether what they say of the body still holds.
    pub fn headers(&self, headers: &mut HeaderMap, has_new_body: bool) {
        if has_new_body {
            for name in OF_THE_OLD_BODY {
                headers.remove(name);
            }
            headers.remove(header::CONTENT_LENGTH);
        }
        self.headers.apply(headers);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn transform(value: Value) -> Transform {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_expressions_result_is_the_new_body() {
        let picks = transform(json!({"body": "data[?active].{id: id, name: attributes.name}"}));
        let body = br#"{"data":[{"id":1,"active":true,"attributes":{"name":"a","ssn":"x"}},
            {"id":2,"active":false}]}"#;
        let new = picks.body(TransformSide::Response, body).unwrap().unwrap();
        let new: Value = serde_json::from_slice(&new).unwrap();
        assert_eq!(new, json!([{"id": 1, "name": "a"}]));
    }

    #[test]
    fn an_empty_body_and_one_without_expression_stay() {
        let picks = transform(json!({"body": "a"}));
        assert_eq!(picks.body(TransformSide::Response, b""), Ok(None));
        let headers = transform(json!({"headers": {"set": {"x-a": "1"}}}));
        assert_eq!(headers.body(TransformSide::Request, b"\xff"), Ok(None));
    }

    #[test]
    fn a_failure_says_which_transform_and_why_and_quotes_nothing() {
        let fails = transform(json!({"body": "length(a)"}));
        for (body, message) in [
            ("canary", "the request transform needs a JSON body"),
            (
                r#"{"a":7,"b":"canary"}"#,
                "the request transform failed: the expression fails on this document: \
                 argument 1 of `length` is of the type number, not array or object or string",
            ),
        ] {
            let error = fails
                .body(TransformSide::Request, body.as_bytes())
                .unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn headers_of_the_old_body_go_with_it() {
        let sets =
            transform(json!({"body": "a", "headers": {"set": {"x-a": "1"}, "remove": ["etag"]}}));
        let mut headers = HeaderMap::new();
        for name in ["digest", "content-length", "etag", "link"] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let mut same = headers.clone();
        sets.headers(&mut same, false);
        assert_eq!(same.len(), 4);
        sets.headers(&mut headers, true);
        let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["link", "x-a"]);
    }

    #[test]
    fn a_wrong_rule_is_named() {
        let wrong = transform(json!({"headers": {"set": {"host": "x"}}}));
        let error = wrong.check("/gatewayConfig/request").unwrap_err();
        assert_eq!(error.pointer, "/gatewayConfig/request/headers/set/host");
    }
}
