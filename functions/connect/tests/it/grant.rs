//! What the portal shows of a grant, and its end.

use gatehouse::domain::IntegrationStatus;
use serde_json::{Value, json};

use crate::server::Server;
use crate::world::World;

async fn revoke(world: &World, path: &str) -> Value {
    let answer = world
        .call("POST", &format!("{path}/oauth/revoke"), None)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.text.contains("canary"));
    answer.json()
}

#[tokio::test]
async fn a_grant_is_shown_with_its_scopes_and_times_and_without_its_tokens() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let view = world.view(&path).await;
    assert_eq!(view["state"], "not_connected");
    assert_eq!(view["scopesAsked"], json!(["read", "write"]));
    let token = json!({"access_token": "canary", "refresh_token": "canary", "expires_in": 3600,
                       "token_type": "Bearer", "scope": "read"});
    server.json("/token", &token);
    world.connected(&server, &path).await;
    let view = world.view(&path).await;
    assert_eq!(view["state"], "connected");
    assert_eq!(view["grantType"], "authorization_code");
    assert_eq!(view["scopesGranted"], json!(["read"]));
    assert!(view["expiresAt"].is_string() && view["obtainedAt"].is_string());
    assert!(view["lastRefreshedAt"].is_null());
    assert!(!view.to_string().contains("canary"));
}

#[tokio::test]
async fn a_grant_that_cannot_be_renewed_expires() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let token = json!({"access_token": "canary", "expires_in": 3600});
    server.json("/token", &token);
    world.connected(&server, &path).await;
    assert_eq!(world.view(&path).await["state"], "expiring");
    world.clock.pass(3601);
    let view = world.view(&path).await;
    assert_eq!(view["state"], "needs_consent");
    assert!(view["reason"].to_string().contains("no refresh token"));
}

#[tokio::test]
async fn a_grant_of_another_set_up_needs_a_new_consent_under_the_same_id() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    world.connected(&server, &path).await;
    world
        .change(&path, |i| {
            i.base_url = "https://other.example".parse().unwrap()
        })
        .await;
    let view = world.view(&path).await;
    assert_eq!(view["state"], "needs_consent", "{view}");
    world.connected(&server, &path).await;
    assert_eq!(world.view(&path).await["state"], "connected");
}

#[tokio::test]
async fn a_revoked_grant_is_ended_at_the_provider_and_forgotten_here() {
    let (world, server) = (World::new().await, Server::new().await);
    server.metadata(json!({"revocation_endpoint": server.url("/revoke")}));
    server.json("/revoke", &json!({}));
    let path = world.integration_at(&server).await;
    world.connected(&server, &path).await;
    let revoked = revoke(&world, &path).await;
    assert_eq!(revoked["provider"], "revoked");
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(revoked["integrationStatus"], "pending");
    let got = server.got("/revoke");
    let tokens: Vec<&str> = got.iter().map(|got| got.form["token"].as_str()).collect();
    assert_eq!(tokens, ["canary-rt", "canary-at"]);
    assert_eq!(got[0].form["token_type_hint"], "refresh_token");
    assert!(got[0].headers.contains_key("authorization"));
    assert_eq!(world.view(&path).await["state"], "revoked");
    assert_eq!(world.status(&path).await, IntegrationStatus::Pending);
    // Once more does no harm, and tells the provider nothing.
    assert_eq!(revoke(&world, &path).await["provider"], "nothing");
    assert_eq!(server.got("/revoke").len(), 2);
    world.connected(&server, &path).await;
    assert_eq!(world.view(&path).await["state"], "connected");
    assert_eq!(world.status(&path).await, IntegrationStatus::Active);
}

/// Whoever may change an integration could have its tokens sent to himself.
#[tokio::test]
async fn tokens_are_not_revoked_at_a_server_that_was_named_since() {
    let (world, server, other) = (World::new().await, Server::new().await, Server::new().await);
    other.metadata(json!({"revocation_endpoint": other.url("/revoke")}));
    server.metadata(json!({"revocation_endpoint": server.url("/revoke")}));
    for (name, url) in [
        ("revocationEndpoint", other.url("/revoke")),
        ("issuer", other.issuer()),
    ] {
        let path = world.integration_at(&server).await;
        world.connected(&server, &path).await;
        world
            .change(&path, |i| {
                i.auth_config.as_mut().unwrap()[name] = json!(url);
            })
            .await;
        let view = world.view(&path).await;
        assert_eq!(view["state"], "needs_consent", "{name} {view}");
        assert_eq!(revoke(&world, &path).await["provider"], "failed", "{name}");
        assert_eq!(other.got("/revoke").len(), 0, "{name}");
        assert_eq!(world.view(&path).await["state"], "revoked", "{name}");
        assert_eq!(revoke(&world, &path).await["provider"], "nothing", "{name}");
    }
    assert_eq!(server.got("/revoke").len(), 0);
}

#[tokio::test]
async fn a_provider_that_cannot_or_does_not_revoke_keeps_nothing_alive_here() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    world.connected(&server, &path).await;
    assert_eq!(revoke(&world, &path).await["provider"], "not_offered");
    let failing = Server::new().await;
    failing.metadata(json!({"revocation_endpoint": failing.url("/revoke")}));
    failing.answer("/revoke", 503, &json!({}));
    let path = world.integration_at(&failing).await;
    world.connected(&failing, &path).await;
    assert_eq!(revoke(&world, &path).await["provider"], "failed");
    assert_eq!(world.view(&path).await["state"], "revoked");
}

#[tokio::test]
async fn an_integration_without_oauth_has_no_grant() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    world
        .change(&path, |i| {
            i.auth_method = gatehouse::domain::AuthMethod::ApiKey;
            i.auth_config = None;
        })
        .await;
    let answer = world.call("GET", &format!("{path}/oauth"), None).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
}
