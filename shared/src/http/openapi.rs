use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, ToSchema};

use super::UpstreamView;
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
    /// What the provider said, if it is about a call to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamView>,
}

/// Declares the operations of a function's description, one a line, and `struct Document` that
/// holds them.
#[macro_export]
macro_rules! operations {
    ($($name:ident: $method:ident $path:literal, tag = $tag:literal, summary = $summary:literal
        $(, params($($param:tt)*))? $(, body = $body:ty $(as $media:literal)?)?
        , $status:literal $(=> $response:ty)?;)+) => {
        use $crate::http::{AccessTokenScheme, ProblemSchema};

        $(
            #[utoipa::path(
                $method, path = $path, tag = $tag, summary = $summary, operation_id = stringify!($name),
                $(params($($param)*),)?
                $(request_body(content = $body $(, content_type = $media)?),)?
                responses(
                    (status = $status, description = "Done" $(, body = $response)?),
                    (status = "default", description = "A problem; docs/errors.md lists them", body = ProblemSchema, content_type = "application/problem+json"),
                ),
            )]
            #[expect(dead_code, reason = "read by the macro above only")]
            fn $name() {}
        )+

        #[derive(utoipa::OpenApi)]
        #[openapi(
            info(title = "Gatehouse", version = "1", description = "Third-party integrations that run serverless in your own AWS account."),
            paths($($name),+),
            components(schemas(ProblemSchema)),
            modifiers(&AccessTokenScheme),
            security(("accessToken" = [])),
        )]
        struct Document;
    };
}

/// Adds the security scheme `accessToken` to a description: `modifiers(&AccessTokenScheme)`, then
/// `security(("accessToken" = []))`.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenScheme;

impl Modify for AccessTokenScheme {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("accessToken", SecurityScheme::Http(bearer));
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::Value;

    use super::*;
    use crate::http::ApiError;
    use crate::http::problem::one_of_each;

    #[derive(utoipa::OpenApi)]
    #[openapi(
        components(schemas(ProblemSchema)),
        modifiers(&AccessTokenScheme),
        security(("accessToken" = []))
    )]
    struct Document;

    #[tokio::test]
    async fn the_schema_has_the_members_of_the_problems_that_are_sent() {
        let document = serde_json::to_value(<Document as utoipa::OpenApi>::openapi()).unwrap();
        let schema = &document["components"]["schemas"]["Problem"];
        let names =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        for error in one_of_each("cause") {
            let response = ApiError::from(error).render(Some("req_1"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let sent = names(&body);
            let known = names(&schema["properties"]);
            assert!(sent.iter().all(|name| known.contains(name)), "{body}");
            for required in schema["required"].as_array().unwrap() {
                assert!(!body[required.as_str().unwrap()].is_null(), "{required}");
            }
        }
    }

    #[test]
    fn the_scheme_is_a_bearer_token() {
        let document = serde_json::to_value(<Document as utoipa::OpenApi>::openapi()).unwrap();
        let scheme = &document["components"]["securitySchemes"]["accessToken"];
        assert_eq!(scheme["type"], "http");
        assert_eq!(scheme["scheme"], "bearer");
    }
}
