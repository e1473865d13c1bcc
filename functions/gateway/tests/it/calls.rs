//! What reaches the provider, and what comes back.

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::world::{KEY, World};

#[tokio::test]
async fn a_call_is_made_with_the_credential_and_answered_with_what_the_provider_says() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world
        .integration(&format!("{}/v1", provider.url), json!({}))
        .await;
    let reply = Reply::json(201, &json!({"id": 12_345_678_901_234_567_890_u64}));
    provider.next(reply.with("x-kind", "a").with("x-kind", "b"));
    let body = json!({
        "method": "POST", "endpoint": "/charges", "params": {"expand": ["a", "b"], "n": 1},
        "headers": {"Accept-Language": "de"}, "body": {"amount": 4200},
    });
    let answer = world.request(&integration, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["status"], 201);
    assert_eq!(answer["headers"]["x-kind"], "a, b");
    assert_eq!(answer["body"]["id"], 12_345_678_901_234_567_890_u64);
    assert_eq!(
        (&answer["attempts"], &answer["cache"]),
        (&json!(1), &json!("none"))
    );
    let calls = provider.calls();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(call.method, "POST");
    assert_eq!(call.uri, "/v1/charges?expand=a&expand=b&n=1");
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(call.header("accept-language"), "de");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.body, r#"{"amount":4200}"#);
    let log = world.log(&integration).await;
    assert_eq!(log.len(), 1);
    for (field, value) in [
        ("id", &answer["id"]),
        ("caller", &json!("me")),
        ("method", &json!("POST")),
        ("path", &json!("/charges")),
        ("queryNames", &json!(["expand", "n"])),
        ("status", &json!("succeeded")),
        ("responseStatus", &json!(201)),
        ("attempts", &json!(1)),
        ("requestBytes", &json!(15)),
    ] {
        assert_eq!(&log[0][field], value, "{field}");
    }
}

#[tokio::test]
async fn what_a_caller_may_not_send_does_not_reach_the_provider() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let headers = json!({
        "Authorization": "Bearer of-the-caller", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4",
        "Host": "other.example", "X-Unknown": "1", "Accept-Encoding": "gzip",
    });
    let body = json!({"method": "GET", "endpoint": "/", "headers": headers});
    assert_eq!(world.request(&integration, body).await.status, 200);
    let call = provider.calls().remove(0);
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(call.header("accept-encoding"), "identity");
    assert!(provider.url.ends_with(call.header("host")));
    for name in ["cookie", "x-forwarded-for", "x-unknown"] {
        assert_eq!(call.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn an_endpoint_that_leads_out_of_the_base_url_is_refused_and_nothing_is_sent() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let other = Provider::start().await;
    let base = format!("{}/v1", provider.url);
    let integration = world.integration(&base, json!({})).await;
    let host = other.url.strip_prefix("http://").unwrap();
    for endpoint in [
        "/../admin".to_owned(),
        "/a/../../admin".to_owned(),
        "/%2e%2e/admin".to_owned(),
        "/%252e%252e/admin".to_owned(),
        "/..%2fadmin".to_owned(),
        "/..\\admin".to_owned(),
        format!("//{host}/"),
        format!("\\\\{host}/"),
        format!("@{host}/"),
        format!("http://{host}/v1/"),
        format!("http://{host}"),
        format!("{}/v2/a", provider.url),
        format!("{}/v10", provider.url),
        "javascript:alert(1)".to_owned(),
        "/a#b".to_owned(),
        "/a\r\nX: y".to_owned(),
    ] {
        let body = json!({"method": "GET", "endpoint": endpoint});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{endpoint}");
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            "/endpoint",
            "{endpoint}"
        );
    }
    assert!(provider.calls().is_empty() && other.calls().is_empty());
    assert!(world.log(&integration).await.is_empty());
}

#[tokio::test]
async fn the_credential_does_not_follow_a_redirect_out_of_the_origin() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let other = Provider::start().await;
    let integration = world.integration(&provider.url, json!({})).await;
    for status in [301, 302, 303, 307, 308] {
        provider.next(Reply::new(status).with("location", format!("{}/x", other.url)));
        let body = json!({"method": "GET", "endpoint": "/a"});
        let answer = world.request(&integration, body).await;
        assert!(
            answer.status.is_client_error() || answer.status == 200,
            "{}",
            answer.text()
        );
        assert!(other.calls().is_empty(), "{status}");
    }
    provider.calls();
    provider.next(Reply::new(307).with("location", "/b"));
    let body = json!({"method": "GET", "endpoint": "/a"});
    assert_eq!(world.request(&integration, body).await.status, 200);
    let calls = provider.calls();
    assert_eq!(calls[1].uri, "/b");
    assert_eq!(calls[1].header("authorization"), format!("Bearer {KEY}"));
}

#[tokio::test]
async fn a_providers_echo_of_the_credential_is_blotted_out() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let echo = json!({"headers": {"Authorization": format!("Bearer {KEY}")}, "plain": KEY});
    for reply in [
        Reply::json(200, &echo).with("x-echo", KEY),
        Reply::json(400, &json!({"message": format!("bad key {KEY}")})),
        Reply::new(200).with("content-type", "text/plain").body(KEY),
    ] {
        provider.next(reply);
        let body = json!({"method": "GET", "endpoint": "/echo"});
        let answer = world.request(&integration, body).await;
        let shown = format!("{:?} {}", answer.headers, answer.text());
        assert!(!shown.contains("canary"), "{shown}");
    }
    let stored = world.stack.contents().await.unwrap();
    assert!(!stored.contains(KEY), "{stored}");
}

#[tokio::test]
async fn no_half_of_the_credential_is_left_where_a_message_is_shortened() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let (half, _) = KEY.split_at(KEY.len() / 2);
    let at = |place: usize| format!("{}{KEY}", "x".repeat(place - half.len()));
    for reply in [
        Reply::json(400, &json!({"message": at(1024), "code": at(128)})),
        Reply::json(400, &json!({"message": "m"})).with("x-request-id", at(128)),
        Reply::new(400).body(format!(
            "<e><Code>{0}</Code><Message>{0}</Message></e>",
            at(128)
        )),
    ] {
        provider.next(reply);
        let body = json!({"method": "GET", "endpoint": "/echo"});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let shown = format!("{:?} {}", answer.headers, answer.text());
        assert!(!shown.contains(half), "{shown}");
    }
    let stored = world.stack.contents().await.unwrap();
    assert!(!stored.contains(half), "{stored}");
}

#[tokio::test]
async fn an_integration_that_is_not_in_use_makes_no_call() {
    let (world, provider) = (World::new().await, Provider::start().await);
    for status in ["inactive", "pending"] {
        let integration = world
            .integration(&provider.url, json!({"status": status}))
            .await;
        let body = json!({"method": "GET", "endpoint": "/"});
        let answer = world.request(&integration, body).await;
        assert_eq!(answer.problem(), (409, "conflict".to_owned()), "{status}");
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_by_field() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    for (body, pointer) in [
        (json!({"endpoint": "/"}), "/method"),
        (json!({"method": "GET"}), "/endpoint"),
        (json!({"method": "TRACE", "endpoint": "/"}), "/method"),
        (json!({"method": "G T", "endpoint": "/"}), "/method"),
        (
            json!({"method": "GET", "endpoint": "/", "timeout": 1}),
            "/timeout",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "timeout": 30_000}),
            "/timeout",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "headers": {"a b": "c"}}),
            "/headers",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "headers": {"a": "b\r\nc: d"}}),
            "/headers",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "params": {"a": {}}}),
            "/params/a",
        ),
        (
            json!({"method": "POST", "endpoint": "/", "body": "%", "bodyEncoding": "base64"}),
            "/body",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "idempotencyKey": ""}),
            "/idempotencyKey",
        ),
        (
            json!({"method": "GET", "endpoint": "/", "colour": 1}),
            "/colour",
        ),
    ] {
        let answer = world.request(&integration, body.clone()).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn a_route_with_a_schema_takes_only_what_fits_it() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let schema = json!({
        "type": "object", "required": ["amount"],
        "properties": {"amount": {"type": "integer", "minimum": 1}},
    });
    let routes = json!([{"method": "POST", "path": "/charges", "requestSchema": schema}]);
    let fields = json!({"gatewayConfig": {"routes": routes}});
    let integration = world.integration(&provider.url, fields).await;
    let charge = |body: Value| json!({"method": "POST", "endpoint": "/charges", "body": body});
    for body in [
        json!({}),
        json!({"amount": 0}),
        json!({"amount": "1"}),
        json!([]),
    ] {
        let answer = world.request(&integration, charge(body.clone())).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{body}");
        let pointer = answer.json()["errors"][0]["pointer"].clone();
        assert!(pointer.as_str().unwrap().starts_with("/body"), "{pointer}");
    }
    assert!(provider.calls().is_empty());
    let answer = world
        .request(&integration, charge(json!({"amount": 1})))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_binary_answer_comes_in_base64_and_one_that_is_too_large_not_at_all() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"maxResponseBytes": 2048}});
    let integration = world.integration(&provider.url, fields).await;
    let get = json!({"method": "GET", "endpoint": "/file"});
    provider.next(Reply::new(200).body([0xff, 0]));
    let answer = world.request(&integration, get.clone()).await.json();
    assert_eq!(
        (&answer["body"], &answer["bodyEncoding"]),
        (&json!("/wA="), &json!("base64"))
    );
    provider.next(Reply::new(200).body(vec![b'a'; 2049]));
    let answer = world.request(&integration, get).await;
    assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
    assert_eq!(answer.json()["upstream"]["code"], "answer_too_large");
}

#[tokio::test]
async fn request_and_response_are_transformed() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {
        "request": {"body": "{total: amount}", "headers": {"set": {"x-app": "ours"}}},
        "response": {"body": "data[].id", "headers": {"remove": ["x-internal"]}},
    }});
    let integration = world.integration(&provider.url, fields).await;
    let reply = Reply::json(200, &json!({"data": [{"id": 1, "note": "x"}, {"id": 2}]}));
    provider.next(reply.with("x-internal", "1"));
    let body = json!({"method": "POST", "endpoint": "/", "body": {"amount": 5, "other": 1}});
    let answer = world.request(&integration, body).await.json();
    assert_eq!(answer["body"], json!([1, 2]));
    assert_eq!(answer["headers"]["x-internal"], Value::Null);
    let call = provider.calls().remove(0);
    assert_eq!(call.body, r#"{"total":5}"#);
    assert_eq!(call.header("x-app"), "ours");
}
