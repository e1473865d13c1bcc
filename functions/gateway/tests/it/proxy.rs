use serde_json::json;

use crate::provider::{Provider, Reply};
use crate::world::{KEY, World};

#[tokio::test]
async fn status_headers_and_body_pass_through_as_they_are() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world
        .integration(&format!("{}/api", provider.url), json!({}))
        .await;
    let reply = Reply::new(404)
        .with("content-type", "application/x-odd")
        .with("etag", "\"1\"")
        .with("set-cookie", "session=1")
        .with("connection", "close")
        .body([0xff, 0, b'a']);
    provider.next(reply);
    let path = format!("{integration}/proxy/v1/%C3%A4%20b?x=%20&y=1&x=2");
    let headers = [
        ("content-type", "text/csv"),
        ("accept", "application/x-odd"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
    ];
    let answer = world.call(("PUT", &path), &headers, "a;b\n").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.bytes, [0xff, 0, b'a']);
    assert_eq!(answer.headers["content-type"], "application/x-odd");
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert!(
        answer.headers["gatehouse-request-id"]
            .to_str()
            .unwrap()
            .starts_with("req_")
    );
    for name in ["set-cookie", "connection"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    let call = provider.calls().remove(0);
    assert_eq!(call.method, "PUT");
    assert_eq!(call.uri, "/api/v1/%C3%A4%20b?x=%20&y=1&x=2");
    assert_eq!(call.body, "a;b\n");
    assert_eq!(call.header("content-type"), "text/csv");
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    for name in ["cookie", "x-forwarded-for"] {
        assert_eq!(call.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn every_method_passes_but_those_that_are_not_for_providers() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let path = format!("{integration}/proxy/a");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        provider.next(Reply::new(204));
        let answer = world.call((method, &path), &[], "").await;
        assert_eq!(answer.status, 204, "{method}");
        assert_eq!(provider.calls()[0].method, method);
    }
    for method in ["TRACE", "CONNECT", "PURGE"] {
        let answer = world.call((method, &path), &[], "").await;
        assert_eq!(answer.status, 400, "{method}");
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn a_path_that_leads_out_is_refused() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world
        .integration(&format!("{}/v1", provider.url), json!({}))
        .await;
    for path in [
        "../admin",
        "a/../../admin",
        "%2e%2e/admin",
        "..%2fadmin",
        "..%5cadmin",
        "%252e%252e/a",
    ] {
        let answer = world
            .call(("GET", &format!("{integration}/proxy/{path}")), &[], "")
            .await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{path}");
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn what_the_gateway_itself_refuses_is_a_problem() {
    let world = World::new().await;
    let missing = "/portal/integrations/int_01K72Z5QSW0123456789ABCDEF/proxy/a";
    let answer = world.call(("GET", missing), &[], "").await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_provider_does_not_speak_for_our_origin() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let hostile = [
        ("content-type", "text/html"),
        ("set-cookie", "session=1; Path=/"),
        ("strict-transport-security", "max-age=0"),
        ("content-security-policy", "default-src *"),
        ("x-frame-options", "ALLOWALL"),
        ("referrer-policy", "unsafe-url"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("cross-origin-opener-policy", "unsafe-none"),
        ("cache-control", "public, max-age=31536000"),
        ("permissions-policy", "camera=*"),
        ("service-worker-allowed", "/"),
        ("clear-site-data", "\"*\""),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("x-request-id", "theirs"),
        ("ratelimit", "\"theirs\";r=0;t=3600"),
        ("refresh", "0; url=https://evil.example"),
        ("x-of-theirs", "kept"),
    ];
    let reply = hostile
        .iter()
        .fold(Reply::new(200), |reply, (name, value)| {
            reply.with(name, *value)
        });
    provider.next(reply);
    // Every answer is held against what ours have to carry.
    let answer = world
        .call(("GET", &format!("{integration}/proxy/a")), &[], "")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-of-theirs"], "kept");
    for (name, value) in &hostile[1..hostile.len() - 1] {
        let values = answer.headers.get_all(*name).iter();
        assert!(values.into_iter().all(|ours| ours != value), "{name}");
    }
}
