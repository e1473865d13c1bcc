//! One-time links, for another browser than the one that asked.

use serde_json::json;

use crate::server::Server;
use crate::world::{PUBLIC_URL, World};

#[tokio::test]
async fn a_link_binds_the_consent_to_whoever_follows_it_first() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    assert!(
        asked
            .start
            .as_str()
            .starts_with(&format!("{PUBLIC_URL}/oauth/start/"))
    );
    let started = world.browse(asked.start.path(), "").await;
    assert_eq!(started.status, 303, "{}", started.text);
    assert_eq!(started.header("referrer-policy"), "no-referrer");
    assert_eq!(started.header("cache-control"), "no-store");
    assert_eq!(started.header("location"), asked.url.as_str());
    let again = world.browse(asked.start.path(), "").await;
    assert_eq!((again.status.as_u16(), again.header("location")), (400, ""));
    // The browser that asked is not the one any more.
    let pairs = [
        ("code", "c"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&pairs, &started.cookie()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_ne!(asked.cookie, started.cookie());
}

#[tokio::test]
async fn the_browser_that_asked_has_lost_it_to_the_one_that_followed_the_link() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    world.browse(asked.start.path(), "").await;
    let pairs = [
        ("code", "c"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&pairs, &asked.cookie).await;
    assert_eq!(answer.status, 403);
    assert!(server.got("/token").is_empty());
}

#[tokio::test]
async fn a_look_at_a_link_does_not_use_it_up() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    for uri in [
        asked.start.path().to_owned(),
        format!("/oauth/callback?code=c&state={}", asked.state()),
    ] {
        let request = http::Request::head(uri).body(axum::body::Body::empty());
        let answer = world.send(request.unwrap()).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET");
    }
    let started = world.browse(asked.start.path(), "").await;
    assert_eq!(started.status, 303);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_says_so() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let unknown = world.browse("/oauth/start/unknown", "").await;
    assert_eq!(unknown.status, 400);
    // The consent has been given already.
    let asked = world.asked(&path).await;
    let pairs = [
        ("code", "c"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    world.callback(&pairs, &asked.cookie).await;
    assert_eq!(world.browse(asked.start.path(), "").await.status, 400);
    // It is too old.
    let asked = world.asked(&path).await;
    world.clock.pass(601);
    assert_eq!(world.browse(asked.start.path(), "").await.status, 400);
    // The set-up has changed.
    let asked = world.asked(&path).await;
    let other = json!({"issuer": server.issuer(), "scopes": []});
    world.change(&path, |i| i.auth_config = Some(other)).await;
    assert_eq!(world.browse(asked.start.path(), "").await.status, 409);
}

/// A pushed request lasts a minute at some servers: it is pushed when the link is followed.
#[tokio::test]
async fn a_link_pushes_its_request_when_it_is_followed() {
    let (world, server) = (World::new().await, Server::new().await);
    server.metadata(json!({"pushed_authorization_request_endpoint": server.url("/par")}));
    server.answer("/par", 201, &json!({"request_uri": "urn:example:1"}));
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    world.clock.pass(300);
    let started = world.browse(asked.start.path(), "").await;
    assert_eq!(started.status, 303, "{}", started.text);
    let got = server.got("/par");
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].form["state"], got[1].form["state"]);
}
