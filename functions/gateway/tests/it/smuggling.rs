//! What a caller writes into headers, queries and paths stays a part of them: it ends no header, and
//! begins no second request. What the front makes of odd requests is in
//! `tests/it/local/abuse/smuggling.rs`.

use serde_json::json;

use crate::provider::Provider;
use crate::world::{KEY, World};

const SPLITS: [&str; 7] = [
    "a\r\nx-evil: 1",
    "a\nx-evil: 1",
    "a\rx-evil: 1",
    "a\0b",
    "a\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n",
    "\r\n",
    "a\u{7f}b",
];

#[tokio::test]
async fn what_becomes_a_header_ends_none() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    for split in SPLITS {
        for headers in [json!({"accept": split}), json!({split: "a"})] {
            let body = json!({"method": "GET", "endpoint": "/", "headers": headers});
            let answer = world.request(&integration, body).await;
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{split:?}");
        }
        let body = json!({"method": split, "endpoint": "/"});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{split:?}");
    }
    assert!(provider.calls().is_empty());
    assert!(world.log(&integration).await.is_empty());
}

#[tokio::test]
async fn what_becomes_a_query_stays_in_its_value() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    for (split, arrives) in [
        (SPLITS[0], "a%0D%0Ax-evil%3A%201"),
        (SPLITS[1], "a%0Ax-evil%3A%201"),
        (SPLITS[3], "a%00b"),
        ("b&evil=1#c", "b%26evil%3D1%23c"),
        (" HTTP/1.1", "%20HTTP%2F1.1"),
    ] {
        let body = json!({"method": "GET", "endpoint": "/q", "params": {"q": split}});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let calls = provider.calls();
        assert_eq!(calls.len(), 1, "{split:?}");
        assert_eq!(calls[0].uri.to_string(), format!("/q?q={arrives}"));
        assert_eq!(calls[0].header("x-evil"), "");
    }
}

/// Each path arrives to the byte, or is refused; none is another than the one that was judged.
#[tokio::test]
async fn an_odd_path_arrives_to_the_byte_or_not_at_all() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let base = format!("{}/v1", provider.url);
    let integration = world.integration(&base, json!({})).await;
    for (path, arrives) in [
        ("a;b=c", true),
        ("a;/b", true),
        ("a//b", false),
        ("a%20b", true),
        ("a%0d%0ab", false),
        ("a%00b", false),
        ("a%0ahost:%20evil", false),
        ("a/.%2e/%2e./b", false),
        ("%2e%2e%2f", false),
        ("%2e%2e%2fadmin", false),
        ("..;/admin", false),
        ("a/..%3b/admin", false),
        (".%00./admin", false),
        ("%c0%ae%c0%ae/admin", false),
        ("%ef%bc%8e%ef%bc%8e/admin", true),
        ("%u002e%u002e/admin", false),
        ("/evil.example/", false),
    ] {
        let target = format!("{integration}/proxy/{path}");
        let answer = world.call(("GET", &target), &[], "").await;
        let calls = provider.calls();
        let came: Vec<String> = calls.iter().map(|call| call.uri.to_string()).collect();
        if arrives {
            assert_eq!(came, [format!("/v1/{path}")], "{}", answer.text());
            assert_eq!(answer.status, 200, "{path}");
        } else {
            assert!(came.is_empty(), "{path}: {came:?}");
            assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{path}");
        }
    }
}

/// What is said of lengths and of the way is between a caller and us: the provider gets our own.
#[tokio::test]
async fn what_a_caller_says_of_the_way_goes_no_further() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let headers = [
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("connection", "close, x-kept"),
        ("x-kept", "1"),
        ("te", "trailers"),
        ("trailer", "x-evil"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("expect", "100-continue"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=evil.example"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "DELETE"),
        ("x-amzn-trace-id", "Root=evil"),
        ("x-amzn-request-context", "{}"),
        ("x-amz-security-token", "evil"),
        ("proxy-authorization", "Basic ZXZpbA=="),
    ];
    let path = format!("{integration}/proxy/a");
    let answer = world.call(("POST", &path), &headers, "five!").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = provider.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = &calls[0];
    assert_eq!(
        (call.body.as_ref(), call.header("content-length")),
        (&b"five!"[..], "5")
    );
    assert!(provider.url.ends_with(call.header("host")));
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    let ours = ["content-length", "host"];
    for (name, _) in headers.iter().filter(|(name, _)| !ours.contains(name)) {
        assert!(!call.headers.contains_key(*name), "{name}: {call:?}");
    }
}
