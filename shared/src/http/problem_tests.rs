//! What every kind of problem has to be.

use std::collections::HashSet;

use axum::response::IntoResponse as _;
use http::header;
use http_body_util::BodyExt as _;

use super::problem::{ApiError, Code, code_of, one_of_each};
use crate::domain::Error;

#[test]
fn every_kind_has_a_code_of_its_own_and_a_row_in_the_documentation() {
    let documentation = include_str!("../../../docs/errors.md");
    let mut seen = HashSet::new();
    for error in one_of_each("cause") {
        let Code {
            code,
            status,
            title,
        } = code_of(&error);
        assert!(seen.insert(code), "{code} is used twice");
        let row = format!("| `{code}` | {} | {title} |", status.as_u16());
        assert!(documentation.contains(&row), "docs/errors.md lacks: {row}");
    }
    // The table of what an `upstream.code` may be has no statuses.
    let has_status = |line: &&str| {
        let status = line.split(" | ").nth(1).unwrap_or_default();
        line.starts_with("| `") && status.parse::<u16>().is_ok()
    };
    let rows = documentation.lines().filter(has_status);
    assert_eq!(rows.count(), seen.len(), "docs/errors.md has other rows");
}

#[test]
fn one_of_each_leaves_none_out() {
    let source = include_str!("../domain/error.rs");
    let (_, variants) = source.split_once("pub enum Error {").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let variants = variants.matches("#[error(").count();
    let listed: HashSet<_> = one_of_each("cause")
        .iter()
        .map(std::mem::discriminant)
        .collect();
    assert_eq!(listed.len(), variants);
}

#[test]
fn only_a_retryable_error_says_when_to_come_back() {
    for error in one_of_each("cause") {
        let (retryable, is_defect) = (error.is_retryable(), matches!(error, Error::Internal(_)));
        let response = ApiError::from(error).into_response();
        let says_when = response.headers().contains_key(header::RETRY_AFTER);
        assert_eq!(says_when, retryable && !is_defect, "{response:?}");
    }
    let retry_after = std::time::Duration::from_millis(1001);
    let response = ApiError::from(Error::RateLimited { retry_after }).into_response();
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
}

#[tokio::test]
async fn no_cause_is_told_to_the_caller() {
    for error in one_of_each("canary") {
        let response = ApiError::from(error).into_response();
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let headers = format!("{:?}", response.headers());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            !body.contains("canary") && !headers.contains("canary"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn fields_are_listed_with_their_pointers() {
    let response = ApiError::from(Error::field("/name", "is required")).render(Some("req_1"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "type": "urn:gatehouse:problem:invalid",
            "title": "Invalid fields",
            "status": 400,
            "detail": "some fields are not valid",
            "instance": "urn:gatehouse:request:req_1",
            "code": "invalid",
            "errors": [{"pointer": "/name", "message": "is required"}],
        })
    );
}
