use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

use crate::world::{Answer, NOW, SECRET, World, signature};

const BODY: &[u8] = br#"{"id": "evt_1", "type": "invoice.paid"}"#;

/// A problem document without what differs from one request to the next.
fn problem(answer: &Answer) -> (u16, Value) {
    let kind = answer.headers.get("content-type");
    let kind = kind.map(http::HeaderValue::as_bytes);
    assert_eq!(kind, Some(&b"application/problem+json"[..]), "{answer:?}");
    let mut body: Value = serde_json::from_str(&answer.text).unwrap();
    assert!(body.as_object_mut().unwrap().remove("instance").is_some());
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn whatever_is_wrong_with_a_signature_is_told_in_the_same_words() {
    let world = World::new().await;
    let good = signature(SECRET, NOW, BODY);
    let joined = format!("{good},{good}");
    let changed = signature(SECRET, NOW, br#"{"id":"evt_1","type":"invoice.paid"}"#);
    let others = signature("whsec_other", NOW, BODY);
    let (old, early) = (
        signature(SECRET, NOW - 301, BODY),
        signature(SECRET, NOW + 301, BODY),
    );
    let name = "stripe-signature";
    let cases: [&[(&str, &str)]; 10] = [
        &[],
        &[(name, "")],
        &[(name, "nonsense")],
        &[(name, &good.replace("v1=", "v0="))],
        &[(name, &changed)],
        &[(name, &others)],
        &[(name, &old)],
        &[(name, &early)],
        &[(name, &good), (name, &good)],
        &[(name, &joined)],
    ];
    let mut answers = Vec::new();
    for headers in cases {
        answers.push(problem(
            &world.post("/webhooks/stripe", headers, BODY).await,
        ));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0].1["code"], "signature_refused");
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert!(world.enqueued().await.is_empty());
}

/// What is logged, one line an event.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What this thread logs, until the guard is dropped.
    fn start() -> (Self, DefaultGuard) {
        // Wherever no thread has asked for lines when one could first be logged, none would come
        // later: somebody always does.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines of the function itself.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let ours = text.lines().filter(|line| !line.contains("dynoxide"));
        ours.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn however_much_is_refused_little_is_logged() {
    let world = World::new().await;
    let (log, _guard) = Log::start();
    for _ in 0..50 {
        let forged = [("stripe-signature", "t=1,v1=00")];
        world.post("/webhooks/stripe", &forged, BODY).await;
        world.post("/webhooks/nobody", &[], BODY).await;
    }
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}

#[tokio::test]
async fn an_endpoint_without_a_valid_secret_accepts_nothing() {
    let world = World::new().await;
    world
        .endpoint("/webhooks/bare", "stripe", |endpoint| {
            endpoint.secrets.clear()
        })
        .await;
    let good = signature("", NOW, BODY);
    let answer = world
        .post("/webhooks/bare", &[("stripe-signature", &good)], BODY)
        .await;
    assert_eq!(answer.status, 401);
    assert!(world.enqueued().await.is_empty());
}

#[tokio::test]
async fn unknown_paths_methods_and_sizes_have_their_own_answers() {
    let world = World::new().await;
    for path in [
        "/webhooks/nobody",
        "/webhooks/stripe/",
        "/webhooks/%73tripe",
        "/webhooks/",
        "/",
    ] {
        let (status, body) = problem(&world.post(path, &[], BODY).await);
        assert_eq!(
            (status, &body["code"]),
            (404, &"not_found".into()),
            "{path}"
        );
    }
    let get = Request::get("/webhooks/stripe")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(get).await;
    assert_eq!(problem(&answer).0, 405);
    assert_eq!(answer.headers["allow"], "POST");
    let large = vec![b'x'; 6 * 1024 * 1024 + 1];
    let good = signature(SECRET, NOW, &large);
    let answer = world
        .post("/webhooks/stripe", &[("stripe-signature", &good)], &large)
        .await;
    let (status, body) = problem(&answer);
    assert_eq!((status, &body["code"]), (413, &"too_large".into()));
    assert!(world.enqueued().await.is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_fit_a_message_is_refused_with_the_limit() {
    let world = World::new().await;
    let mut n = 1_u64;
    let body: Vec<u8> = (0..1_000_000)
        .map(|_| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (n >> 56) as u8
        })
        .collect();
    let good = signature(SECRET, NOW, &body);
    let (log, _guard) = Log::start();
    let answer = world
        .post("/webhooks/stripe", &[("stripe-signature", &good)], &body)
        .await;
    assert!(log.lines()[0].contains("too_large"), "{:?}", log.lines());
    let (status, problem) = problem(&answer);
    assert_eq!(status, 413);
    assert_eq!(
        problem["detail"],
        "the event is larger than 1048576 bytes once it is compressed and sealed"
    );
    assert_eq!(problem["code"], "event_too_large");
    assert!(world.enqueued().await.is_empty());
}

#[tokio::test]
async fn only_the_networks_that_are_allowed_and_not_blocked_may_call() {
    let world = World::new().await;
    for (path, allowed) in [("near", Some("203.0.113.0/24")), ("anywhere", None)] {
        world
            .endpoint(&format!("/webhooks/{path}"), "stripe", |endpoint| {
                let allowed = allowed.map(|network| network.parse().unwrap());
                endpoint.allowed_networks = allowed.into_iter().collect();
                endpoint.blocked_networks = vec!["203.0.113.128/25".parse().unwrap()];
            })
            .await;
    }
    for (path, source, status) in [
        ("near", Some("203.0.113.7"), 200),
        ("near", Some("203.0.113.200"), 403),
        ("near", Some("198.51.100.7"), 403),
        ("near", None, 403),
        ("anywhere", Some("198.51.100.7"), 200),
        ("anywhere", Some("203.0.113.200"), 403),
        ("anywhere", None, 403),
    ] {
        let mut request = Request::post(format!("/webhooks/{path}"))
            .header("stripe-signature", signature(SECRET, NOW, BODY))
            .header("x-forwarded-for", "203.0.113.7")
            .body(Body::from(BODY))
            .unwrap();
        if let Some(source) = source {
            let mut context = ApiGatewayV2httpRequestContext::default();
            context.http.source_ip = Some(source.to_owned());
            request
                .extensions_mut()
                .insert(RequestContext::ApiGatewayV2(context));
        }
        assert_eq!(
            world.send(request).await.status,
            status,
            "{path} {source:?}"
        );
    }
}

#[tokio::test]
async fn only_scheme_none_takes_what_nobody_has_signed() {
    let world = World::new().await;
    world
        .endpoint("/webhooks/open", "none", |endpoint| {
            endpoint.secrets.clear()
        })
        .await;
    assert_eq!(world.post("/webhooks/open", &[], BODY).await.status, 200);
    assert!(world.enqueued().await[0].verified_with.is_none());
}
