//! The JSON protocols of AWS, as far as they are the same for the three services.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An error as AWS would answer it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: String,
    /// What SQS's older query protocol called it; SDKs tell typed errors by this.
    query_code: Option<&'static str>,
    message: String,
}

pub(crate) type ApiResult = Result<Value, ApiError>;

impl ApiError {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: code.into(),
            query_code: None,
            message: message.into(),
        }
    }

    pub(crate) fn not_found(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            ..Self::new(code, message)
        }
    }

    pub(crate) fn with_query_code(self, query_code: &'static str) -> Self {
        Self {
            query_code: Some(query_code),
            ..self
        }
    }

    /// The code without the name of its model.
    pub(crate) fn code(&self) -> &str {
        self.code
            .rsplit_once('#')
            .map_or(&self.code, |(_, code)| code)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::new("InternalFailure", message)
        }
    }

    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("`{operation}` is not offered here"),
        )
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the database failed");
        Self::internal("the database failed")
    }
}

/// Reads a request's body.
pub(crate) fn parse<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body)
        .map_err(|error| ApiError::new("ValidationException", error.to_string()))
}

/// Writes an answer in the JSON version that the caller speaks.
pub(crate) fn respond(result: ApiResult, content_type: HeaderValue) -> Response {
    match result {
        Ok(body) => {
            let body = if body.is_null() {
                "{}".to_owned()
            } else {
                body.to_string()
            };
            (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Err(error) => {
            let body = json!({"__type": error.code, "message": error.message}).to_string();
            let mut response =
                (error.status, [(header::CONTENT_TYPE, content_type)], body).into_response();
            let query_code = error.query_code.map(|code| format!("{code};Sender"));
            if let Some(value) = query_code.and_then(|code| HeaderValue::from_str(&code).ok()) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static("x-amzn-query-error"), value);
            }
            response
        }
    }
}
