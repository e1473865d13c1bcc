//! What is no logout token. Real ones come from a real provider.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::server::Server;
use crate::world::World;

async fn post(world: &World, uri: &str, kind: &str, body: &str) -> (u16, String) {
    let request = Request::post(uri).header("content-type", kind);
    let answer = world
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    (answer.status.as_u16(), answer.text)
}

/// Anybody may send something, and reading credentials costs more than anybody may cause.
#[tokio::test]
async fn what_is_surely_no_logout_token_has_no_credentials_read() {
    const READS: &str = "SecretsManager.GetSecretValue";
    const SIGNED: &str = "logout_token=eyJhbGciOiJSUzI1NiJ9.e30.AAAA";
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let id = path.rsplit('/').next().unwrap();
    let uri = format!("/oauth/backchannel-logout/{}/{id}", world.organization);
    let form = "application/x-www-form-urlencoded";
    for token in ["a", "a.b.c", "e30.e30.AAAA", "eyJhbGciOiJub25lIn0.e30."] {
        let (status, text) = post(&world, &uri, form, &format!("logout_token={token}")).await;
        assert_eq!(status, 400, "{token} {text}");
    }
    assert_eq!(world.stack.calls().get(READS), None);
    post(&world, &uri, form, SIGNED).await;
    assert_eq!(world.stack.calls().get(READS), Some(&1));
    let endpoints = json!({"authorizationEndpoint": server.url("/authorize"),
                           "tokenEndpoint": server.url("/token")});
    world
        .change(&path, |i| i.auth_config = Some(endpoints))
        .await;
    let (status, text) = post(&world, &uri, form, SIGNED).await;
    assert_eq!(status, 400, "{text}");
    assert_eq!(world.stack.calls().get(READS), Some(&1));
}

#[tokio::test]
async fn what_is_no_logout_token_ends_nothing() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    world.connected(&server, &path).await;
    let id = path.rsplit('/').next().unwrap();
    let organization = world.organization;
    let uri = format!("/oauth/backchannel-logout/{organization}/{id}");
    let form = "application/x-www-form-urlencoded";
    for (uri, kind, body) in [
        (uri.as_str(), form, ""),
        (&uri, form, "logout_token="),
        (&uri, form, "logout_token=a.b.c"),
        (&uri, form, "logout_token=a&logout_token=b"),
        (&uri, "application/json", r#"{"logout_token":"a.b.c"}"#),
        (
            &format!("/oauth/backchannel-logout/{organization}/int_x"),
            form,
            "logout_token=a.b.c",
        ),
        (
            &format!("/oauth/backchannel-logout/org_x/{id}"),
            form,
            "logout_token=a.b.c",
        ),
        (
            "/oauth/backchannel-logout/org_01ARZ3NDEKTSV4RRFFQ69G5FAV/int_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            form,
            "logout_token=a.b.c",
        ),
    ] {
        let (status, text) = post(&world, uri, kind, body).await;
        assert_eq!(status, 400, "{uri} {body}: {text}");
        assert_eq!(text, r#"{"error":"invalid_request"}"#);
    }
    let (status, _) = post(&world, &uri, form, &"x".repeat(40_000)).await;
    assert_eq!(status, 413);
    assert_eq!(world.view(&path).await["state"], "connected");
}
