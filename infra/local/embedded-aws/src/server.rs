//! One listener for all four services: the operation's name says which one is meant.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::api::{ApiError, respond};
use crate::calls::Calls;
use crate::capacity::Meter;
use crate::kms::Kms;
use crate::permissions::Permissions;
use crate::secrets::SecretsManager;
use crate::sqs::Sqs;
use crate::time::TimeSource;

/// More than any of the services takes: DynamoDB's 16 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) sqs: Sqs,
    pub(crate) secrets: SecretsManager,
    pub(crate) kms: Kms,
    /// Where dynoxide listens.
    pub(crate) dynamodb: String,
    pub(crate) client: reqwest::Client,
    pub(crate) calls: Calls,
    pub(crate) meter: Meter,
    pub(crate) permissions: Permissions,
    pub(crate) time: TimeSource,
}

pub(crate) fn router(services: Services) -> Router {
    Router::new()
        .fallback(dispatch)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(services)
}

async fn dispatch(State(services): State<Services>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let Some((service, operation)) = target.and_then(|target| target.split_once('.')) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = services.time.now();
    if let Err(denied) = permitted(&services, &headers, (service, operation), &body).await {
        let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
        return respond(Err(denied), content_type);
    }
    let version_1_1 = HeaderValue::from_static("application/x-amz-json-1.1");
    match service {
        "DynamoDB_20120810" => {
            services.calls.count("DynamoDB", operation);
            services.calls.count_items(operation, &body);
            if services.calls.refuses(&body) {
                let error = ApiError::new("AccessDeniedException", "refused, as was asked for");
                return respond(
                    Err(error),
                    HeaderValue::from_static("application/x-amz-json-1.0"),
                );
            }
            forward(&services, &headers, operation, body).await
        }
        "AmazonSQS" => {
            services.calls.count("SQS", operation);
            let result = match json(&body) {
                Ok(_) if services.calls.refuses(&body) => {
                    let refused = "refused, as was asked for";
                    Err(ApiError::new("AccessDeniedException", refused))
                }
                Ok(body) => services.sqs.call(operation, body).await,
                Err(error) => Err(error),
            };
            respond(
                result,
                HeaderValue::from_static("application/x-amz-json-1.0"),
            )
        }
        "secretsmanager" => {
            services.calls.count("SecretsManager", operation);
            let result = match json(&body) {
                Ok(body) => services.secrets.call(operation, body, now).await,
                Err(error) => Err(error),
            };
            respond(result, version_1_1)
        }
        "TrentService" => {
            services.calls.count("KMS", operation);
            let result = match json(&body) {
                Ok(body) => services.kms.call(operation, body, now).await,
                Err(error) => Err(error),
            };
            respond(result, version_1_1)
        }
        _ => respond(Err(ApiError::unknown_operation(operation)), version_1_1),
    }
}

/// Refuses a function what its role does not allow.
async fn permitted(
    services: &Services,
    headers: &HeaderMap,
    call: (&str, &str),
    body: &Bytes,
) -> Result<(), ApiError> {
    let permissions = &services.permissions;
    match permissions.caller(headers) {
        Some(function) => permissions.check(function, call, body, &services.kms).await,
        None => Ok(()),
    }
}

fn json(body: &Bytes) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|_| ApiError::new("SerializationException", "the body is not JSON"))
}

/// Hands a DynamoDB call on to dynoxide, whose server cannot be part of ours.
async fn forward(
    services: &Services,
    headers: &HeaderMap,
    operation: &str,
    body: Bytes,
) -> Response {
    let body = services.meter.asking(&body).unwrap_or(body);
    let mut request = services.client.post(&services.dynamodb).body(body);
    for name in [
        "content-type",
        "x-amz-target",
        "authorization",
        "x-amz-date",
    ] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "dynoxide did not answer");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(body) = response.bytes().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    services.meter.add(operation, &body);
    let mut answer = (status, body).into_response();
    for name in [
        header::CONTENT_TYPE.as_str(),
        "x-amz-crc32",
        "x-amzn-requestid",
    ] {
        if let Some(value) = headers.get(name)
            && let Ok(name) = http::HeaderName::from_bytes(name.as_bytes())
        {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}
