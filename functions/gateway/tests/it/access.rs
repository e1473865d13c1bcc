//! Who may reach what. The routes are those of the OpenAPI document, so that one that is added is
//! tested.

use axum::body::Body;
use gatehouse::domain::OrganizationId;
use http::Request;
use serde_json::{Value, json};

use crate::provider::Provider;
use crate::world::World;

/// Every operation: method and path.
fn operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(gateway::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(operations.len() >= 8, "{operations:?}");
    operations
}

fn body(path: &str) -> Value {
    if path.ends_with("/requests") {
        json!({"method": "GET", "endpoint": "/"})
    } else if path.ends_with(":batch") {
        json!({"requests": [{"method": "GET", "endpoint": "/"}]})
    } else if path.ends_with(":lookup") {
        json!({"attribute": "mail", "value": "a@example.com"})
    } else {
        json!({"credentials": {"apiKey": "k"}})
    }
}

async fn call(world: &World, (method, path): (&str, &str), token: &str) -> crate::world::Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request = request.header("content-type", "application/json");
    let body = Body::from(body(path).to_string());
    world.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn nobody_without_a_good_token_gets_anywhere() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let id = integration.rsplit('/').next().unwrap();
    let unsigned = {
        let good = world.token();
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap())
    };
    for (method, path) in operations() {
        let path = path.replace("{integrationId}", id);
        for token in ["", "nonsense", &unsigned] {
            let answer = call(&world, (&method, &path), token).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn an_integration_of_another_organization_does_not_exist() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let made = world
        .request(&integration, json!({"method": "GET", "endpoint": "/"}))
        .await;
    let made = made.json();
    provider.calls();
    let ids = [
        ("{integrationId}", integration.rsplit('/').next().unwrap()),
        ("{requestId}", made["id"].as_str().unwrap()),
        ("{path}", "a"),
    ];
    let (now, randomness) = (world.sources.now(), world.sources.randomness.as_ref());
    let theirs = world.token_of(OrganizationId::generate(now, randomness), "me");
    let before = world.contents().await;
    for (method, path) in operations() {
        let path = ids
            .iter()
            .fold(path, |path, (name, id)| path.replace(name, id));
        let answer = call(&world, (&method, &path), &theirs).await;
        assert_eq!(
            answer.problem(),
            (404, "not_found".to_owned()),
            "{method} {path}"
        );
    }
    assert!(provider.calls().is_empty());
    let after = world.contents().await;
    assert_eq!(after, before, "something was changed");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let world = World::new().await;
    let path = "/portal/integrations/int_01K72Z5QSW0123456789ABCDEF";
    let answer = world
        .call(("GET", &format!("{path}/nothing")), &[], "")
        .await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    let answer = world
        .call(("PUT", &format!("{path}/requests")), &[], "")
        .await;
    assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()));
    assert!(answer.headers.contains_key("allow"));
}
