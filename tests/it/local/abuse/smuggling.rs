//! Requests that two servers may read in two ways, and what callers say of themselves. What becomes of
//! them on the way to a provider is in `functions/gateway/tests/it/smuggling.rs`.

use serde_json::Value;

use super::super::running::Running;
use super::{Answer, all_that_comes, estate, exchange, head, integration, post};

/// A request that makes something, if anybody reads it as one.
fn hidden(system: &Running) -> String {
    let body = integration("");
    String::from_utf8(post(system, "/portal/integrations", "", body.as_bytes())).unwrap()
}

/// Requests whose length can be told in two ways, each with the hidden one where only the wrong way
/// finds it.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn in_two_ways(system: &Running) -> Vec<(&'static str, String)> {
    let hidden = hidden(system);
    let length = hidden.len();
    let request = |lengths: &str, body: &str| {
        format!(
            "POST /webhooks/nobody HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n{lengths}\r\n\r\n{body}"
        )
    };
    let chunked = "transfer-encoding: chunked";
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let close = "GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let ended = format!("{chunk}{close}");
    vec![
        (
            "both lengths",
            request(&format!("content-length: 4\r\n{chunked}"), &ended),
        ),
        (
            "both, turned round",
            request(&format!("{chunked}\r\ncontent-length: 4"), &ended),
        ),
        (
            "chunks of no kind",
            request("transfer-encoding: xchunked", &hidden),
        ),
        (
            "chunks that are not last",
            request("transfer-encoding: chunked, identity", &chunk),
        ),
        (
            "a space before the colon",
            request("transfer-encoding : chunked", &chunk),
        ),
        (
            "a tab in the name",
            request("transfer\t-encoding: chunked", &chunk),
        ),
        (
            "a folded line",
            request("x-a: b\r\n transfer-encoding: chunked", &hidden),
        ),
        (
            "two lengths",
            request(
                &format!("content-length: 0\r\ncontent-length: {length}"),
                &hidden,
            ),
        ),
        (
            "a list of lengths",
            request(&format!("content-length: 0, {length}"), &hidden),
        ),
        (
            "a length with a sign",
            request("content-length: +0", &hidden),
        ),
        ("a negative length", request("content-length: -1", &hidden)),
        (
            "a length in another base",
            request("content-length: 0x0", &hidden),
        ),
        (
            "a NUL in a value",
            request("x-a: b\0\r\ncontent-length: 0", &hidden),
        ),
        ("a CR alone", request("x-a: b\rcontent-length: 0", &hidden)),
        (
            "chunks in HTTP/1.0",
            request(chunked, &chunk).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        (
            "a chunk of no size",
            request(chunked, &format!("\r\n{hidden}")),
        ),
        (
            "a chunk with a sign",
            request(chunked, &format!("-1\r\n{hidden}")),
        ),
        (
            "a chunk that is too large",
            request(chunked, &format!("fffffffffffffffff\r\n{hidden}")),
        ),
        (
            "a chunk without its end",
            request(chunked, &format!("1\r\nab{hidden}")),
        ),
    ]
}

#[tokio::test]
async fn a_request_within_a_request_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let before = estate(&system).await;
    for (name, bytes) in in_two_ways(&system) {
        let answers = all_that_comes(&system, bytes.as_bytes()).await;
        let made = answers.matches("HTTP/1.1 201").count();
        assert_eq!(made, 0, "{name}: {answers}");
        let status = answers.split(' ').nth(1).unwrap_or_default();
        // Refused, or read in the one way that there is, and then there is no such endpoint.
        assert!(["400", "404"].contains(&status), "{name}: {answers}");
    }
    assert_eq!(estate(&system).await, before);
    // It does make something where it is a request of its own.
    assert_eq!(
        exchange(&system, hidden(&system).as_bytes()).await.status,
        201
    );
}

async fn get(system: &Running, target: &str) -> Answer {
    let head = head(system);
    let bytes = format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n");
    exchange(system, bytes.as_bytes()).await
}

#[tokio::test]
async fn a_path_has_one_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let made = exchange(&system, hidden(&system).as_bytes()).await;
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let id = made["id"].as_str().unwrap();
    let path = format!("/portal/integrations/{id}");
    assert_eq!(get(&system, &path).await.status, 200);
    for target in [
        format!("/portal//integrations/{id}"),
        format!("//portal/integrations/{id}"),
        format!("/portal/integrations/{id}/"),
        format!("/portal/integrations/{id}%00"),
        format!("/portal/integrations/{id};a=b"),
        format!("/portal/integrations/{id}%20"),
        format!("/portal/integrations/{id}%2f"),
        format!("/portal/integrations%2f{id}"),
        format!("/portal%2fintegrations/{id}"),
        format!("/PORTAL/integrations/{id}"),
        format!("/%70ortal/integrations/{id}"),
        format!("/portal/./integrations/{id}"),
        format!("/portal/integrations/../integrations/{id}"),
        format!("/portal/integrations/%2e%2e/integrations/{id}"),
        format!("/webhooks/../portal/integrations/{id}"),
        format!("/webhooks/%2e%2e%2fportal%2fintegrations%2f{id}"),
        "*".to_owned(),
    ] {
        let answer = get(&system, &target).await;
        assert!([400, 404].contains(&answer.status), "{target}: {answer:?}");
        assert!(
            !answer.body.contains("made by abuse"),
            "{target}: {answer:?}"
        );
    }
    // A target with an origin is the path behind it, and the origin is nobody's.
    let whole = get(&system, &format!("http://evil.example{path}")).await;
    assert_eq!(whole.status, 200);
    assert!(!format!("{whole:?}").contains("evil"), "{whole:?}");
}

/// What API Gateway says of a caller comes beside the request. In a header, anybody can say it.
#[tokio::test]
async fn what_a_header_says_of_the_caller_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let spoofed = "x-forwarded-for: 203.0.113.9\r\nforwarded: for=203.0.113.9\r\n\
        x-forwarded-host: evil.example\r\nx-forwarded-proto: gopher\r\nx-real-ip: 203.0.113.9\r\n\
        x-original-url: /portal/access/keys\r\nx-rewrite-url: /portal/access/keys\r\n\
        x-http-method-override: DELETE\r\nx-amzn-trace-id: Root=evil\r\nx-request-id: evil\r\n\
        x-amzn-requestid: evil\r\nx-amz-apigateway-request-id: evil\r\n\
        x-amzn-request-context: {\"requestId\":\"evil\"}\r\nx-organization-id: org_evil\r\n\
        x-amzn-oidc-identity: evil\r\nx-amzn-oidc-data: evil\r\n";
    let body = integration("");
    let bytes = post(&system, "/portal/integrations", spoofed, body.as_bytes());
    let made = exchange(&system, &bytes).await;
    assert_eq!(made.status, 201, "{made:?}");
    let shown = format!("{made:?}");
    assert!(
        !shown.contains("evil") && !shown.contains("203.0.113.9"),
        "{shown}"
    );
    assert!(made.head.contains("x-request-id: "), "{shown}");
    let trail = system.get("/portal/audit?limit=100").await.to_string();
    assert!(trail.contains("127.0.0.1"), "{trail}");
    assert!(
        !trail.contains("evil") && !trail.contains("203.0.113.9"),
        "{trail}"
    );
    // Without a token, none of it opens anything.
    let nobody = format!(
        "GET /portal/integrations HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{spoofed}\r\n"
    );
    assert_eq!(exchange(&system, nobody.as_bytes()).await.status, 401);
}
