//! Which pages of other origins may read answers (CORS, the Fetch standard section 3.2).
//!
//! An origin is allowed by configuration, to the letter, and by default none is. Callers are known
//! by a token in a header and never by a cookie, so no answer allows credentials.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// Methods of the API, and of providers behind it.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// What a page may send besides what it always may.
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, \
    if-modified-since, if-none-match, if-unmodified-since, prefer, range, traceparent, tracestate";
/// What a page may read besides what it always may.
const ANSWER_HEADERS: &str = "etag, gatehouse-changes-cursor, gatehouse-request-id, link, location, \
    ratelimit, ratelimit-policy, retry-after, x-request-id";
/// For so many seconds a browser need not ask again.
const MAX_AGE: &str = "600";

/// The origins whose pages may call the API. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cors(Arc<BTreeSet<String>>);

impl Cors {
    /// These, each as a browser writes it: scheme, host, and port if it is not the scheme's own.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(origins.into_iter().collect()))
    }

    /// The answer to a browser that asks, ahead of a request, whether a page may make it; none, if
    /// it is no such question, or its origin is not allowed.
    ///
    /// A browser sends no token with the question. An `OPTIONS` that has one is meant for who
    /// stands behind the proxy.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let is_question = method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && !headers.contains_key(header::AUTHORIZATION);
        self.allowed(headers).filter(|_| is_question)?;
        let answer = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        Some((StatusCode::NO_CONTENT, answer).into_response())
    }

    /// Adds to an answer what a browser has to know of the request with `origin`.
    pub(super) fn add(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        vary_by_origin(answer);
        if let Some(origin) = origin {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static(ANSWER_HEADERS);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    /// The origin of a request, if its pages are allowed.
    pub(super) fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let text = origin.to_str().ok()?;
        self.0.contains(text).then_some(origin)
    }
}

fn vary_by_origin(answer: &mut HeaderMap) {
    const ORIGIN: HeaderName = header::ORIGIN;
    let mut names = answer.get_all(header::VARY).iter();
    let is_named = names.any(|names| {
        let names = names.to_str().unwrap_or_default().split(',');
        names
            .map(str::trim)
            .any(|name| name == "*" || name.eq_ignore_ascii_case(ORIGIN.as_str()))
    });
    if !is_named {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use http::Request;
    use tower::ServiceExt as _;

    use super::super::Edge;
    use super::super::tests::sources;
    use super::*;

    const OURS: &str = "https://app.example.com";

    async fn ask(cors: Cors, method: Method, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri("/a");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        // In place of the layer that knows no caller without a token.
        let handler = |headers: HeaderMap| async move {
            let is_known = headers.contains_key(header::AUTHORIZATION);
            let status = if is_known { 200 } else { 401 };
            let named = [(header::VARY, "accept")];
            (StatusCode::from_u16(status).unwrap(), named)
        };
        let router = Router::new().route("/a", any(handler));
        let edge = Edge::new(sources()).with_cors(cors);
        let request = request.body(Body::empty()).unwrap();
        edge.apply(router).oneshot(request).await.unwrap()
    }

    fn ours() -> Cors {
        Cors::new([OURS.to_owned()])
    }

    fn vary(answer: &Response) -> Vec<&str> {
        let names = answer.headers().get_all(header::VARY).iter();
        names.map(|names| names.to_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_browsers_question_is_answered_before_anybody_is_asked_for_a_token() {
        let question = [
            (header::ORIGIN, OURS),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "PATCH"),
            (
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "authorization,if-match",
            ),
        ];
        let answer = ask(ours(), Method::OPTIONS, &question).await;
        assert_eq!(answer.status(), 204);
        let headers = answer.headers();
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], OURS);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_METHODS], METHODS);
        let allowed = headers[header::ACCESS_CONTROL_ALLOW_HEADERS]
            .to_str()
            .unwrap();
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
        ] {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}");
        }
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert_eq!(vary(&answer), ["Origin"]);
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[tokio::test]
    async fn a_question_from_elsewhere_is_a_request_like_any_other() {
        let suffixed = format!("{OURS}.evil.example");
        for origin in [
            "https://evil.example",
            &suffixed,
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://APP.example.com",
            "null",
            "*",
            "",
        ] {
            let question = [
                (header::ORIGIN, origin),
                (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
            ];
            let answer = ask(ours(), Method::OPTIONS, &question).await;
            assert_eq!(answer.status(), 401, "{origin}");
            let headers = answer.headers();
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            assert_eq!(vary(&answer), ["accept", "Origin"]);
        }
        let twice = [
            (header::ORIGIN, OURS),
            (header::ORIGIN, "https://evil.example"),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        ];
        assert_eq!(ask(ours(), Method::OPTIONS, &twice).await.status(), 401);
    }

    #[tokio::test]
    async fn an_options_with_a_token_goes_on_to_its_handler() {
        let request = [
            (header::ORIGIN, OURS),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
            (header::AUTHORIZATION, "Bearer x"),
        ];
        assert_eq!(ask(ours(), Method::OPTIONS, &request).await.status(), 200);
    }

    #[tokio::test]
    async fn pages_of_an_allowed_origin_may_read_answers_and_refusals() {
        for authorization in [(header::AUTHORIZATION, "Bearer x"), (header::ACCEPT, "*/*")] {
            let answer = ask(
                ours(),
                Method::GET,
                &[(header::ORIGIN, OURS), authorization],
            )
            .await;
            let headers = answer.headers();
            assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], OURS);
            assert_eq!(
                headers[header::ACCESS_CONTROL_EXPOSE_HEADERS],
                ANSWER_HEADERS
            );
        }
    }

    #[tokio::test]
    async fn without_configuration_nothing_is_said_to_anybody() {
        let question = [
            (header::ORIGIN, OURS),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "GET"),
        ];
        let answer = ask(Cors::default(), Method::OPTIONS, &question).await;
        assert_eq!(answer.status(), 401);
        let headers = answer.headers();
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(vary(&answer), ["accept"]);
    }
}
