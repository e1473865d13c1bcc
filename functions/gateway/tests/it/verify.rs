use serde_json::json;

use crate::provider::{Provider, Reply};
use crate::world::{KEY, World};

#[tokio::test]
async fn the_verification_call_says_whether_the_credentials_are_good() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let profile = json!({"apiProfile": {"verification": {"path": "/me?x=1"}}});
    let integration = world.integration(&provider.url, profile).await;
    let path = format!("{integration}/test");
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["details"]["call"], "GET /me");
    assert_eq!(answer["details"]["verifiesCredentials"], true);
    let call = provider.calls().remove(0);
    assert_eq!(call.uri, "/me?x=1");
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    provider.next(Reply::new(401));
    let answer = world.call(("POST", &path), &[], "").await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["success"], false);
    assert_eq!(answer["details"]["status"], 401);
    assert_eq!(
        answer["details"]["problem"]["code"],
        "upstream_authentication"
    );
}

#[tokio::test]
async fn a_candidate_is_tested_and_nothing_of_it_is_kept() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let profile = json!({"apiProfile": {"verification": {"path": "/me"}}, "status": "pending"});
    let integration = world.integration(&provider.url, profile).await;
    let path = format!("{integration}/test");
    let candidate = json!({"credentials": {"apiKey": "canary-of-the-candidate"}});
    let answer = world.post(&path, &[], candidate).await.json();
    assert_eq!(answer["success"], true, "{answer}");
    let call = provider.calls().remove(0);
    assert_eq!(
        call.header("authorization"),
        "Bearer canary-of-the-candidate"
    );
    let stored = world.stack.contents().await.unwrap();
    assert!(!stored.contains("canary-of-the-candidate"));
    // Those in use are still the others.
    let answer = world.call(("POST", &path), &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = provider.calls().remove(0);
    assert_eq!(call.header("authorization"), format!("Bearer {KEY}"));
    for broken in [
        json!({"credentials": {}}),
        json!({"credentials": {"apiKey": ""}}),
        json!({"credentials": {"other": "x"}}),
        json!({"credential": {}}),
    ] {
        let answer = world.post(&path, &[], broken.clone()).await;
        assert!(
            answer.status.is_client_error(),
            "{broken}: {}",
            answer.text()
        );
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn a_provider_that_reports_errors_with_200_is_not_believed() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let verification = json!({"path": "/auth.test", "success": "ok"});
    let profile = json!({"apiProfile": {"verification": verification}});
    let integration = world.integration(&provider.url, profile).await;
    let path = format!("{integration}/test");
    provider.next(Reply::json(
        200,
        &json!({"ok": false, "error": "invalid_auth"}),
    ));
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], false, "{answer}");
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], true, "{answer}");
}

#[tokio::test]
async fn without_a_call_that_verifies_it_is_only_said_that_the_provider_answers() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let path = format!("{integration}/test");
    provider.next(Reply::new(404));
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(answer["details"]["verifiesCredentials"], false);
    assert_eq!(answer["details"]["call"], "GET /");
    provider.next(Reply::new(403));
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], false, "{answer}");
}

#[tokio::test]
async fn the_provider_is_asked_each_time_whatever_is_cached_or_barred() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let fields = json!({
        "apiProfile": {"verification": {"path": "/me"}},
        "gatewayConfig": {"cache": {"ttlSeconds": 60}, "retry": {"maxAttempts": 1}},
    });
    let integration = world.integration(&provider.url, fields).await;
    let get = json!({"method": "GET", "endpoint": "/me"});
    assert_eq!(world.request(&integration, get.clone()).await.status, 200);
    let path = format!("{integration}/test");
    provider.always(Reply::new(401));
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], false, "{answer}");
    // That bad credentials were tried is no failure of the provider's.
    provider.always(Reply::new(500));
    for _ in 0..10 {
        let answer = world.call(("POST", &path), &[], "").await.json();
        assert_eq!(answer["success"], false, "{answer}");
    }
    let post = json!({"method": "POST", "endpoint": "/"});
    for _ in 0..10 {
        let answer = world.request(&integration, post.clone()).await;
        assert_eq!(answer.problem().1, "upstream_network");
    }
    let answer = world.request(&integration, post.clone()).await;
    assert_eq!(answer.problem().1, "provider_barred");
    provider.always(Reply::new(200));
    let answer = world.call(("POST", &path), &[], "").await.json();
    assert_eq!(answer["success"], true, "{answer}");
    let answer = world.request(&integration, post).await;
    assert_eq!(answer.problem().1, "provider_barred");
}
