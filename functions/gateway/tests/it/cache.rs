use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::world::World;

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a"})
}

async fn cache_of(world: &World, integration: &str, body: Value) -> (Value, Value) {
    let answer = world.request(integration, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    (answer["cache"].clone(), answer["body"].clone())
}

#[tokio::test]
async fn a_fresh_answer_is_given_without_asking_the_provider() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    provider.always(Reply::json(200, &json!({"n": 1})));
    assert_eq!(
        cache_of(&world, &integration, get()).await,
        (json!("miss"), json!({"n": 1}))
    );
    provider.always(Reply::json(200, &json!({"n": 2})));
    assert_eq!(
        cache_of(&world, &integration, get()).await,
        (json!("hit"), json!({"n": 1}))
    );
    // Another function has it too.
    let other = world.another_function();
    assert_eq!(cache_of(&other, &integration, get()).await.0, "hit");
    assert_eq!(provider.calls().len(), 1);
    let log = world.log(&integration).await;
    assert_eq!(log[0]["cache"], "hit");
    assert_eq!(
        (&log[0]["attempts"], &log[0]["status"]),
        (&json!(0), &json!("succeeded"))
    );
    for other in [
        json!({"method": "GET", "endpoint": "/a?x=1"}),
        json!({"method": "POST", "endpoint": "/a"}),
    ] {
        let (cache, body) = cache_of(&world, &integration, other).await;
        assert_ne!(cache, "hit");
        assert_eq!(body, json!({"n": 2}));
    }
}

#[tokio::test]
async fn what_selects_another_answer_keeps_answers_apart() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let config = json!({"cache": {"ttlSeconds": 60}, "allowedHeaders": ["x-account"]});
    let integration = world
        .integration(&provider.url, json!({"gatewayConfig": config}))
        .await;
    let acting_for = |account: &str| json!({"method": "GET", "endpoint": "/a", "headers": {"X-Account": account}});
    let asking = |text: &str| json!({"method": "GET", "endpoint": "/a", "body": {"query": text}});
    for request in [
        get(),
        acting_for("a"),
        acting_for("b"),
        asking("a"),
        asking("b"),
    ] {
        let id = json!({"for": request.to_string().len(), "n": provider.calls().len()});
        provider.always(Reply::json(200, &id));
        let first = cache_of(&world, &integration, request.clone()).await;
        assert_eq!(first, (json!("miss"), id.clone()), "{request}");
        let second = cache_of(&world, &integration, request.clone()).await;
        assert_eq!(second, (json!("hit"), id), "{request}");
    }
    // What only negotiates does not.
    let mut traced = get();
    traced["headers"] = json!({"X-Request-Id": "1"});
    assert_eq!(cache_of(&world, &integration, traced).await.0, "hit");
}

#[tokio::test]
async fn an_integration_that_is_set_up_anew_does_not_use_what_it_kept() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    cache_of(&world, &integration, get()).await;
    assert_eq!(cache_of(&world, &integration, get()).await.0, "hit");
    let config = json!({"cache": {"ttlSeconds": 60}, "allowedHeaders": ["x-account"]});
    world
        .change(&integration, |integration| {
            integration.gateway_config = Some(config);
        })
        .await;
    let other = world.another_function();
    assert_eq!(cache_of(&other, &integration, get()).await.0, "miss");
    assert_eq!(cache_of(&other, &integration, get()).await.0, "hit");
}

#[tokio::test]
async fn an_old_answer_is_asked_about_and_given_again() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {}}});
    let integration = world.integration(&provider.url, fields).await;
    let reply = Reply::json(200, &json!({"n": 1})).with("cache-control", "max-age=0");
    provider.next(reply.with("etag", "\"v1\""));
    assert_eq!(cache_of(&world, &integration, get()).await.0, "miss");
    provider.next(Reply::new(304).with("etag", "\"v1\""));
    let revalidated = cache_of(&world, &integration, get()).await;
    assert_eq!(revalidated, (json!("revalidated"), json!({"n": 1})));
    let calls = provider.calls();
    assert_eq!(calls[1].header("if-none-match"), "\"v1\"");
}

#[tokio::test]
async fn what_may_not_be_kept_is_not() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    for reply in [
        Reply::json(200, &json!({})).with("cache-control", "no-store"),
        Reply::json(500, &json!({})),
        // Masking finds something in it.
        Reply::json(200, &json!({"mail": "a.person@example.com"})),
    ] {
        provider.always(reply);
        for _ in 0..2 {
            world.request(&integration, get()).await;
        }
        assert!(provider.calls().len() >= 2);
    }
}

#[tokio::test]
async fn a_change_makes_what_was_kept_of_its_url_old() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    let put = json!({"method": "PUT", "endpoint": "/a", "body": {}});
    for (status, expected) in [(200, "miss"), (400, "hit")] {
        cache_of(&world, &integration, get()).await;
        assert_eq!(cache_of(&world, &integration, get()).await.0, "hit");
        provider.next(Reply::json(status, &json!({})));
        world.request(&integration, put.clone()).await;
        assert_eq!(
            cache_of(&world, &integration, get()).await.0,
            expected,
            "{status}"
        );
    }
}

#[tokio::test]
async fn purging_makes_all_of_an_integrations_answers_void() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    cache_of(&world, &integration, get()).await;
    assert_eq!(cache_of(&world, &integration, get()).await.0, "hit");
    let purged = world
        .call(("DELETE", &format!("{integration}/cache")), &[], "")
        .await;
    assert_eq!(purged.status, 204, "{}", purged.text());
    assert_eq!(cache_of(&world, &integration, get()).await.0, "miss");
}

#[tokio::test]
async fn what_is_cached_cannot_be_read_in_the_table() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({"gatewayConfig": {"cache": {"ttlSeconds": 60}}});
    let integration = world.integration(&provider.url, fields).await;
    provider.always(Reply::json(200, &json!({"note": "canary-of-the-body"})));
    cache_of(&world, &integration, get()).await;
    assert_eq!(cache_of(&world, &integration, get()).await.0, "hit");
    let stored = world.stack.contents().await.unwrap();
    assert!(!stored.contains("canary-of-the-body"), "{stored}");
}
