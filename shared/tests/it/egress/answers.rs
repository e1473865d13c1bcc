use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get as route;
use gatehouse::egress::{Egress, EgressError};
use http::{HeaderValue, header};

use super::servers::{Server, listen, ok};
use super::{Answers, get, request, to_loopback};

#[tokio::test]
async fn more_than_the_limit_is_not_read() {
    let server = Server::raw(ok(&"x".repeat(100_000))).await;
    let mut request = request(&server.url("/"));
    request.max_response_bytes = 1_000;
    let response = Egress::new(to_loopback()).send(request).await.unwrap();
    assert_eq!(response.body.len(), 1_000);
    assert!(response.truncated);
}

#[tokio::test]
async fn the_deadline_is_for_the_whole_answer() {
    for server in [
        Server::silent().await,
        Server::stalling("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await,
        Server::dripping().await,
    ] {
        let mut request = request(&server.url("/"));
        request.timeout = Duration::from_millis(100);
        let egress = Egress::new(to_loopback());
        let sent = tokio::time::timeout(Duration::from_secs(3), egress.send(request)).await;
        let error = sent.unwrap().unwrap_err();
        assert!(matches!(error, EgressError::Timeout), "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn headers_beyond_the_limit_are_an_error() {
    let (long, many) = ("x".repeat(70_000), "x: y\r\n".repeat(200));
    for headers in [format!("x: {long}\r\n"), many] {
        let server = Server::raw(format!(
            "HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n"
        ))
        .await;
        let error = get(&Egress::new(to_loopback()), &server.url("/"))
            .await
            .unwrap_err();
        let refused = matches!(error, EgressError::TooLarge | EgressError::Protocol(_));
        assert!(refused, "{error}");
    }
}

#[tokio::test]
async fn headers_of_the_connection_are_not_the_callers() {
    let echo = |headers: HeaderMap| async move { format!("{headers:?}") };
    let server = Server::router(Router::new().route("/", route(echo))).await;
    let mut request = request(&server.url("/"));
    request
        .headers
        .insert(header::HOST, HeaderValue::from_static("evil.example"));
    for (name, value) in [
        ("x-own", "kept"),
        ("transfer-encoding", "evil"),
        ("connection", "x-evil"),
        ("x-evil", "evil"),
        ("content-length", "666"),
    ] {
        let value = HeaderValue::from_static(value);
        request.headers.insert(name, value);
    }
    let response = Egress::new(to_loopback()).send(request).await.unwrap();
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    assert!(
        !body.contains("evil") && !body.contains("666") && body.contains("kept"),
        "{body}"
    );
    assert!(body.contains("Gatehouse/"), "{body}");
    for absent in ["accept-encoding", "referer", "cookie"] {
        assert!(!body.contains(absent), "{body}");
    }
}

#[tokio::test]
async fn no_error_shows_the_url() {
    let server = Server::raw("not http").await;
    let error = get(&Egress::new(to_loopback()), &server.url("/canary?canary"))
        .await
        .unwrap_err();
    let chain = gatehouse::lambda::telemetry::chain(&error);
    assert!(
        !chain.contains("canary") && !format!("{error:?}").contains("canary"),
        "{chain}"
    );
}

#[tokio::test]
async fn no_error_shows_the_address_that_was_called() {
    let (listener, port) = listen().await;
    drop(listener);
    let egress = Egress::with_resolver(to_loopback(), Answers::new(&[&["127.0.0.1"]]));
    let error = get(&egress, &format!("http://closed.example:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Connect(_)), "{error}");
    let text = format!("{error:?} {}", gatehouse::lambda::telemetry::chain(&error));
    assert!(
        text.contains("refused")
            && !text.contains("127.0.0.1")
            && !text.contains(&port.to_string()),
        "{text}"
    );
}
