//! The edge and the extractors, as a function's router has them.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRef;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use lambda_http::request::RequestContext;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{
    ApiError, Authentication, BodyLimit, ClientAddress, Edge, IfMatch, Json, PathId, Query,
};
use crate::access::tests::{ISSUER, Site, nowhere, verifier};
use crate::access::{ApiKeys, Caller, DevelopmentIssuer};
use crate::domain::{Clock, Error, IntegrationId, Randomness, Sources, Timestamp};

const ID: &str = "int_01K72Z5QSW0123456789ABCDEF";
const ORGANIZATION: &str = "org_01K72Z5QSW0123456789ABCDEF";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_760_000_000).unwrap()
    }
}

impl Randomness for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

pub(super) fn sources() -> Sources {
    Sources {
        clock: Arc::new(Fixed),
        randomness: Arc::new(Fixed),
    }
}

#[derive(Clone)]
struct State(Authentication);

impl FromRef<State> for Authentication {
    fn from_ref(state: &State) -> Self {
        state.0.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paged {
    limit: Option<u16>,
}

async fn panics() -> StatusCode {
    panic!("canary")
}

/// What a service that is no router of ours says.
async fn bare() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "PUT")])
}

async fn fails() -> Result<StatusCode, ApiError> {
    let inner = io::Error::other("the inner cause");
    Err(Error::Unavailable(Box::new(io::Error::other(inner))).into())
}

fn router(keys: Option<Value>) -> Router {
    let documents = keys.map(|keys| ("/jwks", keys));
    let site = Site::serving(documents.into_iter().collect());
    let state = State(Authentication {
        verifier: Arc::new(verifier(site)),
        api_keys: ApiKeys::new(nowhere()),
        sources: sources(),
    });
    let router = Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/fails", get(fails))
        .route("/panics", get(panics))
        .route("/bare", get(bare))
        .route(
            "/caller",
            get(|caller: Caller| async move { caller.subject }),
        )
        .route(
            "/ids/{id}",
            get(|PathId(id): PathId<IntegrationId>| async move { id.to_string() }),
        )
        .route(
            "/paged",
            get(|Query(paged): Query<Paged>| async move { format!("{:?}", paged.limit) }),
        )
        .route(
            "/version",
            get(|IfMatch(version): IfMatch| async move { version.to_string() }),
        )
        .route(
            "/address",
            get(|ClientAddress(address): ClientAddress| async move { format!("{address:?}") }),
        )
        .route(
            "/json",
            post(|Json(named): Json<Named>| async move { named.name }),
        )
        .route(
            "/small",
            post(|Json(named): Json<Named>| async move { named.name })
                .layer(Extension(BodyLimit(20))),
        )
        .with_state(state);
    Edge::new(sources()).apply(router)
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn problem(&self) -> Value {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn get_with(path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router(None), request.body(Body::empty()).unwrap()).await
}

async fn post_json(path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post(path);
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    send(router(None), request.body(body.into()).unwrap()).await
}

fn context(json: Value) -> RequestContext {
    serde_json::from_value(json).unwrap()
}

fn http_api() -> RequestContext {
    context(json!({
        "requestId": "JKJaXmPLvHcESHA=",
        "http": {"method": "GET", "sourceIp": "::ffff:192.0.2.7"},
    }))
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes what a thread logs to where that thread's test finds it.
struct OwnLog;

impl io::Write for OwnLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `work`, and what this thread logs meanwhile.
///
/// One subscriber for the whole process: with one per test, another test that passes a log line
/// first, without a subscriber, would switch the line off for all of them.
async fn logged(work: impl Future<Output = Answer>) -> (Answer, Vec<Value>) {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let subscriber = tracing_subscriber::fmt().json().with_writer(|| OwnLog);
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        tracing::callsite::rebuild_interest_cache();
    });
    LOG.take();
    let answer = work.await;
    let text = String::from_utf8(LOG.take()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (answer, lines.collect())
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_security_headers() {
    for path in ["/ok", "/fails", "/panics", "/nothing"] {
        let answer = get_with(path, &[]).await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_") && id.len() == 30, "{id}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(
            answer
                .headers
                .contains_key(header::STRICT_TRANSPORT_SECURITY)
        );
        if path != "/ok" {
            let instance = format!("urn:gatehouse:request:{id}");
            assert_eq!(answer.problem()["instance"], instance);
        }
    }
}

#[tokio::test]
async fn a_request_is_called_what_api_gateway_calls_it() {
    let rest_api = context(json!({
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "httpMethod": "GET", "stage": "prod", "identity": {"sourceIp": "192.0.2.8"},
    }));
    for (context, id) in [
        (http_api(), "JKJaXmPLvHcESHA="),
        (rest_api, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
    ] {
        let request = Request::get("/fails").extension(context);
        // What a caller claims is not believed.
        let request = request.header("x-request-id", "mine").body(Body::empty());
        let answer = send(router(None), request.unwrap()).await;
        assert_eq!(answer.headers["x-request-id"], id);
        assert_eq!(
            answer.problem()["instance"],
            format!("urn:gatehouse:request:{id}")
        );
    }
}

#[tokio::test]
async fn an_address_comes_from_api_gateway_and_never_from_a_header() {
    let load_balancer = context(json!({"elb": {"targetGroupArn": "arn"}}));
    for (context, expected) in [
        (Some(http_api()), "Some(192.0.2.7)"),
        (Some(load_balancer), "None"),
        (None, "None"),
    ] {
        let mut request = Request::get("/address")
            .header("x-forwarded-for", "203.0.113.1")
            .header("forwarded", "for=203.0.113.1")
            .body(Body::empty())
            .unwrap();
        if let Some(context) = context {
            request.extensions_mut().insert(context);
        }
        assert_eq!(send(router(None), request).await.body, expected);
    }
}

#[tokio::test]
async fn what_no_route_answers_is_a_problem_too() {
    let answer = get_with("/nothing", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.problem()["code"], "not_found");
    let answer = post_json("/ok", None, "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    assert_eq!(answer.problem()["code"], "method_not_allowed");
    let answer = get_with("/bare", &[]).await;
    assert_eq!(answer.headers[header::ALLOW], "PUT");
    assert_eq!(answer.problem()["code"], "method_not_allowed");
    let head = Request::head("/nothing").body(Body::empty()).unwrap();
    let answer = send(router(None), head).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::NOT_FOUND, "")
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_tells_nothing() {
    let answer = get_with("/panics", &[]).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.problem()["code"], "internal");
    assert!(!answer.body.contains("canary"));
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_causes() {
    let (answer, lines) = logged(get_with("/fails?canary=1", &[("x-canary", "canary")])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.body.contains("cause"));
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(line["level"], "ERROR");
    let fields = &line["fields"];
    assert_eq!(fields["code"], "unavailable");
    assert_eq!(
        fields["request.id"],
        answer.headers["x-request-id"].to_str().unwrap()
    );
    let cause = fields["cause"].as_str().unwrap();
    assert!(cause.contains("the inner cause"), "{cause}");
    assert!(!line.to_string().contains("canary"), "{line}");
}

#[tokio::test]
async fn a_refusal_is_logged_once_without_the_token() {
    let (answer, lines) = logged(get_with("/caller", &[("authorization", "Bearer canary")])).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(line["level"], "INFO");
    let cause = line["fields"]["cause"].as_str().unwrap();
    assert!(
        cause.ends_with("the token is not accepted: form"),
        "{cause}"
    );
    assert!(!line.to_string().contains("canary"), "{line}");
}

#[tokio::test]
async fn a_caller_is_known_by_a_token_and_told_how_to_bring_one() {
    let issuer = DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap();
    let organization = ORGANIZATION.parse().unwrap();
    let minute = Duration::from_secs(60);
    let token = issuer.token(organization, "me", "gatehouse", Fixed.now(), minute);
    let foreign = issuer.token(organization, "me", "other", Fixed.now(), minute);
    let keys = Some(issuer.jwks());
    for (keys, token, status, challenge) in [
        (&keys, Some(&token), 200, None),
        (&keys, None, 401, Some("Bearer")),
        (
            &keys,
            Some(&foreign),
            401,
            Some("Bearer error=\"invalid_token\""),
        ),
        (&None, Some(&token), 503, None),
    ] {
        let mut request = Request::get("/caller");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = send(router(keys.clone()), request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        let given = answer.headers.get(header::WWW_AUTHENTICATE);
        assert_eq!(given.map(|value| value.to_str().unwrap()), challenge);
        if status == 200 {
            assert_eq!(answer.body, "me");
        }
    }
}

#[tokio::test]
async fn a_text_that_is_no_id_is_as_unknown_as_an_id_that_is_not_there() {
    assert_eq!(get_with(&format!("/ids/{ID}"), &[]).await.body, ID);
    for text in ["x", ORGANIZATION, "%FF", "int_%00", "..%2F.."] {
        let answer = get_with(&format!("/ids/{text}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{text}");
        assert_eq!(answer.problem()["code"], "not_found");
    }
}

#[tokio::test]
async fn a_query_parameter_that_cannot_be_read_is_named_and_not_quoted() {
    assert_eq!(get_with("/paged?limit=5", &[]).await.body, "Some(5)");
    let answer = get_with("/paged?limit=canary", &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.problem()["detail"],
        "the query parameter `limit` is not valid"
    );
}

#[tokio::test]
async fn a_query_parameter_that_is_not_known_is_named() {
    for (query, detail) in [
        ("limitt=5", "there is no query parameter `limitt`"),
        (
            "limit=5&page_size=1",
            "there is no query parameter `page_size`",
        ),
        ("a%20b=5", "there is a query parameter that is not known"),
    ] {
        let answer = get_with(&format!("/paged?{query}"), &[]).await;
        assert_eq!(answer.problem()["code"], "malformed", "{query}");
        assert_eq!(answer.problem()["detail"], detail);
    }
}

#[tokio::test]
async fn an_update_needs_exactly_one_if_match() {
    let tag = ("if-match", "\"7\"");
    assert_eq!(get_with("/version", &[tag]).await.body, "7");
    let answer = get_with("/version", &[]).await;
    assert_eq!(answer.problem()["code"], "precondition_required");
    let answer = get_with("/version", &[tag, tag]).await;
    assert_eq!(answer.problem()["code"], "precondition_failed");
}

#[tokio::test]
async fn a_body_is_json_of_the_expected_form_and_size() {
    let json = Some("application/json");
    let named = r#"{"name":"a"}"#;
    for (path, content_type, body, expected) in [
        ("/json", json, named.to_owned(), "a"),
        (
            "/json",
            Some("Application/JSON; charset=utf-8"),
            named.to_owned(),
            "a",
        ),
        ("/small", json, named.to_owned(), "a"),
        (
            "/small",
            json,
            format!("{named}{}", " ".repeat(9)),
            "too_large",
        ),
        ("/json", json, " ".repeat(1024 * 1024 + 1), "too_large"),
        ("/json", None, named.to_owned(), "unsupported_media_type"),
        (
            "/json",
            Some("text/json"),
            named.to_owned(),
            "unsupported_media_type",
        ),
        ("/json", json, "{".to_owned(), "malformed"),
        ("/json", json, String::new(), "malformed"),
        ("/json", json, r#"{"name":"a","x":1}"#.to_owned(), "invalid"),
    ] {
        let answer = post_json(path, content_type, body).await;
        let found = if answer.status == StatusCode::OK {
            answer.body
        } else {
            answer.problem()["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(found, expected, "{path} {content_type:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_called_too_large() {
    let parts = vec![Ok("{\"na"), Err(io::Error::other("reset"))];
    let body = Body::from_stream(futures::stream::iter(parts));
    let answer = post_json("/json", Some("application/json"), body).await;
    assert_eq!(answer.problem()["code"], "malformed");
}
