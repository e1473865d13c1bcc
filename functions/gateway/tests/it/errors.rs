//! What a provider's error becomes, and what is tried again.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::provider::{Provider, Reply};
use crate::world::World;

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a"})
}

fn post() -> Value {
    json!({"method": "POST", "endpoint": "/a", "body": {}})
}

#[tokio::test]
async fn each_category_has_its_problem_and_what_the_provider_said() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"apiProfile": {
        "errors": {"code": "error.code", "message": "error.message", "requestIdHeader": "x-id"},
    }});
    let integration = world.integration(&provider.url, fields).await;
    for (status, problem, category) in [
        (401, (502, "upstream_authentication"), "authentication"),
        (403, (502, "upstream_authentication"), "authentication"),
        (400, (422, "upstream_data"), "data"),
        (422, (422, "upstream_data"), "data"),
        (402, (422, "upstream_business"), "business"),
        (409, (422, "upstream_business"), "business"),
        (500, (502, "upstream_network"), "network"),
    ] {
        let error = json!({"error": {"code": "c1", "message": "not this way"}});
        provider.always(Reply::json(status, &error).with("x-id", "r1"));
        let answer = world.request(&integration, post()).await;
        assert_eq!(
            answer.problem(),
            (problem.0, problem.1.to_owned()),
            "{status}"
        );
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["category"], category, "{status}");
        assert_eq!(upstream["status"], status);
        assert_eq!(upstream["code"], "c1");
        assert_eq!(upstream["message"], "not this way");
        assert_eq!(upstream["providerRequestId"], "r1");
        let log = world.log(&integration).await;
        assert_eq!(log[0]["id"], upstream["request"]);
        assert_eq!(log[0]["status"], "failed");
        assert_eq!(log[0]["upstreamCode"], "c1");
        assert_eq!(
            provider.calls().len(),
            1,
            "{status}: a POST is not repeated"
        );
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_tried_again_and_only_that() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let plain = world.integration(&provider.url, json!({})).await;
    let with_key = json!({"apiProfile": {"idempotencyHeader": "Idempotency-Key"}});
    let with_key = world.integration(&provider.url, with_key).await;
    let route = json!({"routes": [{"path": "/a", "idempotent": true}]});
    let declared = world
        .integration(&provider.url, json!({"gatewayConfig": route}))
        .await;
    for (integration, body, calls) in [
        (&plain, get(), 2),
        (&plain, json!({"method": "PUT", "endpoint": "/a"}), 2),
        (&plain, json!({"method": "DELETE", "endpoint": "/a"}), 2),
        (&plain, post(), 1),
        (&plain, json!({"method": "PATCH", "endpoint": "/a"}), 1),
        (&with_key, post(), 2),
        (&declared, post(), 2),
    ] {
        provider.next(Reply::new(503));
        let answer = world.request(integration, body.clone()).await;
        assert_eq!(answer.status == 200, calls == 2, "{body}");
        assert_eq!(provider.calls().len(), calls, "{body}");
        // What the provider was not asked for is not left for the next.
        provider.next(Reply::new(200));
        world.request(integration, get()).await;
        provider.calls();
    }
}

#[tokio::test]
async fn a_repeated_post_has_the_same_key_for_the_provider() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"apiProfile": {"idempotencyHeader": "X-Request-Key"}});
    let integration = world.integration(&provider.url, fields).await;
    let path = format!("{integration}/requests");
    provider.next(Reply::new(503));
    let key = [("idempotency-key", "order-1")];
    let answer = world.post(&path, &key, post()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = provider.calls();
    let keys: Vec<_> = calls
        .iter()
        .map(|call| call.header("x-request-key"))
        .collect();
    assert_eq!(keys, ["order-1", "order-1"]);
    // The caller's own repetition is answered from memory.
    let again = world.post(&path, &key, post()).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.json()["id"], answer.json()["id"]);
    assert!(provider.calls().is_empty());
    provider.next(Reply::new(503));
    world.request(&integration, post()).await;
    let calls = provider.calls();
    let generated = calls[0].header("x-request-key");
    assert!(generated.starts_with("req_"), "{generated}");
    assert_eq!(calls[1].header("x-request-key"), generated);
}

#[tokio::test]
async fn a_key_of_ours_does_not_let_the_caller_repeat_a_post() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"apiProfile": {"idempotencyHeader": "X-Request-Key"}});
    let integration = world.integration(&provider.url, fields).await;
    let path = format!("{integration}/requests");
    provider.always(Reply::new(503));
    for (headers, unknown) in [
        ([("x-other", "order-1")], true),
        ([("idempotency-key", "order-1")], false),
    ] {
        let answer = world.post(&path, &headers, post()).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        assert_eq!(answer.json()["upstream"]["outcomeUnknown"], unknown);
        assert_eq!(answer.headers.contains_key("retry-after"), !unknown);
        assert_eq!(provider.calls().len(), 3);
    }
}

#[tokio::test]
async fn a_post_that_may_have_had_an_effect_is_not_made_twice_for_one_key() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let path = format!("{integration}/requests");
    let key = [("idempotency-key", "order-1")];
    provider.next(Reply::new(500));
    let first = world.post(&path, &key, post()).await;
    assert_eq!(first.problem(), (502, "upstream_network".to_owned()));
    assert_eq!(first.json()["upstream"]["outcomeUnknown"], true);
    assert!(!first.headers.contains_key("retry-after"));
    let again = world.post(&path, &key, post()).await;
    assert_eq!(again.problem(), first.problem());
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test]
async fn what_was_never_sent_can_be_made_again_with_the_same_key() {
    let world = World::new().await;
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let integration = world.integration(&url, json!({})).await;
    let path = format!("{integration}/requests");
    let key = [("idempotency-key", "order-1")];
    for _ in 0..2 {
        let answer = world.post(&path, &key, post()).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], "connection_failed");
        assert_eq!(upstream["outcomeUnknown"], false);
        assert!(answer.headers.contains_key("retry-after"));
        assert!(!answer.headers.contains_key("idempotency-replayed"));
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up_in_time() {
    let world = World::new().await;
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let integration = world.integration(&url, json!({})).await;
    let body = json!({"method": "GET", "endpoint": "/", "timeout": 300});
    let answer = world.request(&integration, body).await;
    assert_eq!(answer.problem(), (504, "upstream_timeout".to_owned()));
    let log = world.log(&integration).await;
    assert_eq!(log[0]["error"], "upstream_timeout");
    let took = log[0]["durationMs"].as_u64().unwrap();
    assert!((300..5_000).contains(&took), "{took}");
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let twice = json!({
        "gatewayConfig": {"retry": {"maxAttempts": 2}}, "apiProfile": {"retry": {"statuses": [500]}},
    });
    let integration = world.integration(&provider.url, twice).await;
    provider.always(Reply::new(500));
    let mut barred = None;
    for _ in 0..20 {
        let answer = world.request(&integration, get()).await;
        if answer.problem().1 == "provider_barred" {
            barred = Some(answer);
            break;
        }
    }
    let barred = barred.unwrap();
    assert_eq!(barred.status, 503);
    assert!(barred.headers.contains_key("retry-after"));
    // Calls are counted, not attempts.
    assert_eq!(provider.calls().len(), 20);
    // Other functions know it too.
    let other = world.another_function();
    let answer = other.request(&integration, get()).await;
    assert_eq!(answer.problem().1, "provider_barred");
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn a_provider_that_says_429_is_left_alone_until_it_said() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    provider.next(Reply::new(429).with("retry-after", "30"));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.problem(), (429, "upstream_rate_limit".to_owned()));
    assert_eq!(answer.headers["retry-after"], "30");
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
    let other = world.another_function();
    let answer = other.request(&integration, get()).await;
    assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test]
async fn a_call_is_not_made_again_with_a_token_that_was_refused_already() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let login = json!({"kind": "login", "path": "/session", "token": "token"});
    let fields = json!({"authMethod": "custom", "authConfig": login});
    let integration = world.integration(&provider.url, fields).await;
    provider.always(Reply::new(401));
    for token in ["token-1", "token-2"] {
        provider.next(Reply::json(200, &json!({"token": token})));
        provider.next(Reply::new(401));
    }
    for expected in [vec!["/session", "/a", "/session", "/a"], vec!["/a"]] {
        let answer = world.request(&integration, get()).await;
        assert_eq!(answer.problem().1, "upstream_authentication");
        let calls = provider.calls();
        let paths: Vec<_> = calls.iter().map(|call| call.uri.path()).collect();
        assert_eq!(paths, expected);
    }
}
