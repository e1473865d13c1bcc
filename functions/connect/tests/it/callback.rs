//! The answer that a browser brings.

use std::collections::BTreeMap;

use gatehouse::domain::IntegrationStatus;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::server::Server;
use crate::world::{Asked, PUBLIC_URL, World};

/// Whether nothing came of an answer: no token was asked for, and nothing is connected.
async fn assert_untouched(world: &World, server: &Server, path: &str) {
    assert!(server.got("/token").is_empty());
    assert_eq!(world.view(path).await["state"], "not_connected");
    assert_eq!(world.status(path).await, IntegrationStatus::Pending);
}

async fn bring(
    world: &World,
    server: &Server,
    asked: &Asked,
    cookie: &str,
) -> crate::world::Answer {
    let pairs = [
        ("code", "c"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    world.callback(&pairs, cookie).await
}

#[tokio::test]
async fn a_consent_becomes_a_grant_and_the_integration_active() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    let query: BTreeMap<String, String> = asked.url.query_pairs().into_owned().collect();
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "me+x");
    assert_eq!(
        query["redirect_uri"],
        format!("{PUBLIC_URL}/oauth/callback")
    );
    assert_eq!(query["scope"], "read write");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["state"].len(), 43);
    assert!(!query.contains_key("nonce"));
    let answer = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let got = server.got("/token");
    assert_eq!(got.len(), 1);
    let form = &got[0].form;
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "c");
    assert_eq!(form["redirect_uri"], query["redirect_uri"]);
    assert!(!form.contains_key("client_secret"));
    // RFC 6749 section 2.3.1: both parts are encoded before they are joined.
    assert_eq!(
        got[0].headers["authorization"],
        "Basic bWUlMkJ4OmNhbmFyeSUyNnNlY3JldA=="
    );
    let challenge = Sha256::digest(&form["code_verifier"]);
    let challenge =
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, challenge);
    assert_eq!(query["code_challenge"], challenge);
    let view = world.view(&path).await;
    assert_eq!(view["state"], "connected", "{view}");
    assert_eq!(view["scopesAsked"], json!(["read", "write"]));
    assert_eq!(view["scopesGranted"], json!(["read", "write"]));
    assert_eq!(world.status(&path).await, IntegrationStatus::Active);
}

#[tokio::test]
async fn the_cookie_is_of_one_host_for_a_short_time_and_not_for_scripts() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let authorize = format!("{path}/oauth/authorize");
    let answer = world.call("POST", &authorize, None).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-gatehouse-consent-"), "{cookie}");
    for attribute in [
        "Path=/",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Max-Age=600",
    ] {
        let found = cookie.split("; ").any(|part| part == attribute);
        assert!(found, "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let state = answer.json()["authorizationUrl"].to_string();
    assert!(!state.contains(&answer.cookie()));
    let local = World::reached_at("http://127.0.0.1:8080").await;
    let path = local.integration_at(&server).await;
    let authorize = format!("{path}/oauth/authorize");
    let answer = local.call("POST", &authorize, None).await;
    assert!(
        answer
            .header("set-cookie")
            .starts_with("gatehouse-consent-")
    );
}

#[tokio::test]
async fn another_browser_brings_nothing_and_uses_the_state_up() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let other = world.asked(&path).await;
    let tampered = |asked: &Asked| format!("{}x", asked.cookie);
    let renamed = |asked: &Asked| {
        let (name, _) = asked.cookie.split_once('=').unwrap();
        let (_, value) = other.cookie.split_once('=').unwrap();
        format!("{name}={value}")
    };
    for number in 0..5 {
        let asked = world.asked(&path).await;
        let cookie = match number {
            0 => String::new(),
            1 => other.cookie.clone(),
            2 => tampered(&asked),
            3 => renamed(&asked),
            _ => asked.cookie.replace("__Host-", ""),
        };
        let answer = bring(&world, &server, &asked, &cookie).await;
        assert_eq!(answer.status, 403, "{cookie}: {}", answer.text);
        // Its own browser comes too late then.
        let late = bring(&world, &server, &asked, &asked.cookie).await;
        assert_eq!(late.status, 400, "{}", late.text);
    }
    assert_untouched(&world, &server, &path).await;
    // Of several cookies, the right one counts.
    let both = format!("a=b; {}; c=d", other.cookie);
    let answer = bring(&world, &server, &other, &both).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_state_is_good_once_and_for_ten_minutes() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    world.clock.pass(601);
    let answer = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_untouched(&world, &server, &path).await;
    let unknown = [
        ("code", "c"),
        ("state", "unknown"),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&unknown, &asked.cookie).await;
    assert_eq!(answer.status, 400);
    assert_untouched(&world, &server, &path).await;
    let asked = world.asked(&path).await;
    let first = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let second = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(second.status, 400);
    assert_eq!(server.got("/token").len(), 1);
}

#[tokio::test]
async fn of_answers_at_the_same_time_one_counts() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    let one = || bring(&world, &server, &asked, &asked.cookie);
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    let good = [a, b, c, d].iter().filter(|a| a.status == 200).count();
    assert_eq!((good, server.got("/token").len()), (1, 1));
}

#[tokio::test]
async fn a_set_up_that_changes_meanwhile_takes_no_answer() {
    let (world, server) = (World::new().await, Server::new().await);
    let other = Server::new().await;
    for number in 0..4 {
        let path = world.integration_at(&server).await;
        let asked = world.asked(&path).await;
        world
            .change(&path, |integration| match number {
                0 => integration.base_url = "https://evil.example".parse().unwrap(),
                1 => integration.auth_config = Some(json!({"issuer": other.issuer()})),
                2 => integration.status = IntegrationStatus::Inactive,
                _ => integration.auth_method = gatehouse::domain::AuthMethod::ApiKey,
            })
            .await;
        let answer = bring(&world, &server, &asked, &asked.cookie).await;
        assert_eq!(answer.status, 409, "{number}: {}", answer.text);
    }
    assert!(server.got("/token").is_empty() && other.got("/token").is_empty());
}

#[tokio::test]
async fn what_the_token_endpoint_refuses_connects_nothing() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    for (status, body, expected) in [
        (400, json!({"error": "invalid_grant"}), 502),
        (200, json!({"error": "bad_verification_code"}), 502),
        (200, json!({"access_token": "a", "token_type": "mac"}), 502),
        (302, json!({}), 502),
        (503, json!({}), 503),
    ] {
        server.answer("/token", status, &body);
        let asked = world.asked(&path).await;
        let answer = bring(&world, &server, &asked, &asked.cookie).await;
        assert_eq!(answer.status, expected, "{body}");
    }
    assert_eq!(world.view(&path).await["state"], "not_connected");
    assert_eq!(world.status(&path).await, IntegrationStatus::Pending);
}

#[tokio::test]
async fn openid_without_an_id_token_connects_nothing() {
    let (world, server) = (World::new().await, Server::new().await);
    let config = json!({"issuer": server.issuer(), "scopes": ["openid"]});
    let path = world.integration(config).await;
    let asked = world.asked(&path).await;
    assert_eq!(asked.parameter("nonce").len(), 43);
    let answer = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert_eq!(server.got("/token").len(), 1);
    assert_eq!(world.view(&path).await["state"], "not_connected");
}

#[tokio::test]
async fn a_browser_is_sent_back_with_what_became_of_it() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let id = path.rsplit('/').next().unwrap();
    let body = json!({"returnUrl": "https://app.example/done?x=y"});
    let asked = world.asked_with(&path, body.clone()).await;
    let answer = bring(&world, &server, &asked, &asked.cookie).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let back = format!("https://app.example/done?x=y&integrationId={id}&status=connected");
    assert_eq!(answer.header("location"), back);
    let asked = world.asked_with(&path, body.clone()).await;
    let denied = [
        ("error", "access_denied"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&denied, &asked.cookie).await;
    let back = format!(
        "https://app.example/done?x=y&integrationId={id}&status=failed&reason=access_denied"
    );
    assert_eq!(answer.header("location"), back);
    // Whose browser it is not is sent nowhere.
    let asked = world.asked_with(&path, body).await;
    let answer = bring(&world, &server, &asked, "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (403, "")
    );
}
