//! What the portal lets be asked for.

use serde_json::{Value, json};

use crate::server::Server;
use crate::world::{PUBLIC_URL, World};

async fn refused(world: &World, path: &str, body: Value) -> (u16, Vec<String>) {
    let answer = world
        .call("POST", &format!("{path}/oauth/authorize"), Some(body))
        .await;
    assert!(answer.header("set-cookie").is_empty());
    (answer.status.as_u16(), answer.pointers())
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    for (body, pointer) in [
        (json!({"scopes": ["a b"]}), "/scopes/0"),
        (json!({"scopes": ["a", "\"", "b"]}), "/scopes/1"),
        (json!({"scopes": [""]}), "/scopes/0"),
        (json!({"scopes": many}), "/scopes"),
        (json!({"scopes": "a"}), "/scopes"),
        (json!({"returnUrl": "https://evil.example/"}), "/returnUrl"),
        (json!({"returnUrl": "http://app.example/"}), "/returnUrl"),
        (json!({"returnUrl": "javascript:alert(1)"}), "/returnUrl"),
        (json!({"returnUrl": "/relative"}), "/returnUrl"),
        (
            json!({"redirectUri": "https://app.example"}),
            "/redirectUri",
        ),
    ] {
        let (status, pointers) = refused(&world, &path, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(pointers, [pointer], "{body}");
    }
    let asked = world.asked_with(&path, json!({"scopes": ["other"]})).await;
    assert_eq!(asked.parameter("scope"), "other");
    let asked = world.asked_with(&path, json!({"scopes": []})).await;
    assert_eq!(asked.parameter("scope"), "");
}

#[tokio::test]
async fn an_integration_that_nobody_can_consent_to_says_why() {
    let (world, server) = (World::new().await, Server::new().await);
    for (config, word) in [
        (json!({}), "authConfig.issuer"),
        (
            json!({"tokenEndpoint": server.url("/token")}),
            "authorization endpoint",
        ),
        (
            json!({"issuer": server.issuer(), "grantType": "client_credentials"}),
            "obtains its tokens itself",
        ),
        (
            json!({"issuer": server.issuer(), "pushedAuthorization": "required"}),
            "pushed",
        ),
    ] {
        let path = world.integration(config.clone()).await;
        let authorize = format!("{path}/oauth/authorize");
        let answer = world.call("POST", &authorize, None).await;
        assert_eq!(answer.status, 409, "{config}: {}", answer.text);
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(word), "{detail}");
    }
    let path = world.integration_at(&server).await;
    world
        .change(&path, |integration| integration.credentials = None)
        .await;
    let answer = world
        .call("POST", &format!("{path}/oauth/authorize"), None)
        .await;
    assert_eq!(answer.status, 409);
    assert!(answer.json()["detail"].to_string().contains("clientId"));
}

#[tokio::test]
async fn nobody_else_s_integration_can_be_asked_for() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    for (method, tail) in [("GET", ""), ("POST", "/authorize"), ("POST", "/revoke")] {
        let uri = format!("{path}/oauth{tail}");
        let request = http::Request::builder().method(method).uri(&uri);
        let answer = world
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 401, "{uri}");
        let sources = world.clock.sources();
        let stranger =
            gatehouse::domain::OrganizationId::generate(sources.now(), sources.randomness.as_ref());
        let token = format!("Bearer {}", world.token_of(stranger));
        let request = http::Request::builder().method(method).uri(&uri);
        let request = request.header("authorization", token);
        let answer = world
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, 404, "{uri}: {}", answer.text);
    }
}

#[tokio::test]
async fn parameters_of_the_provider_s_own_are_added() {
    let (world, server) = (World::new().await, Server::new().await);
    let config = json!({"issuer": server.issuer(), "scopes": ["a", "b"], "scopeSeparator": ",",
        "authorizationParameters": {"prompt": "consent", "access_type": "offline"},
        "authorizationEndpoint": server.url("/authorize?tenant=x")});
    let path = world.integration(config).await;
    let asked = world.asked(&path).await;
    assert_eq!(asked.parameter("tenant"), "x");
    assert_eq!(asked.parameter("prompt"), "consent");
    assert_eq!(asked.parameter("access_type"), "offline");
    assert_eq!(asked.parameter("scope"), "a,b");
}

/// RFC 9126.
#[tokio::test]
async fn a_request_is_pushed_where_the_metadata_say_where() {
    let (world, server) = (World::new().await, Server::new().await);
    let endpoint = json!({"pushed_authorization_request_endpoint": server.url("/par")});
    server.metadata(endpoint);
    let uri = "urn:example:1";
    server.answer("/par", 201, &json!({"request_uri": uri, "expires_in": 60}));
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    let names: Vec<String> = asked
        .url
        .query_pairs()
        .map(|(name, _)| name.into())
        .collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    assert_eq!(asked.parameter("request_uri"), uri);
    let got = &server.got("/par")[0];
    assert_eq!(
        got.form["redirect_uri"],
        format!("{PUBLIC_URL}/oauth/callback")
    );
    assert_eq!(got.form["client_id"], "me+x");
    assert!(got.headers.contains_key("authorization"));
    let pairs = [
        ("code", "c"),
        ("state", &got.form["state"]),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&pairs, &asked.cookie).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.answer("/par", 400, &json!({"error": "invalid_request"}));
    let answer = world
        .call("POST", &format!("{path}/oauth/authorize"), None)
        .await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    server.answer("/par", 201, &json!({"expires_in": 60}));
    let answer = world
        .call("POST", &format!("{path}/oauth/authorize"), None)
        .await;
    assert_eq!(answer.status, 409, "{}", answer.text);
}

#[tokio::test]
async fn nothing_secret_is_in_the_table_in_clear() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    let state = gatehouse::store::Digest::of(asked.state().as_bytes());
    let now = world.clock.sources().now();
    let pending = world.store.take_consent(state, now).await.unwrap().unwrap();
    let shown = format!("{pending:?} {}", serde_json::to_value(&pending).unwrap());
    let (_, cookie) = asked.cookie.split_once('=').unwrap();
    assert!(!shown.contains(cookie) && !shown.contains(&asked.state()));
    assert_eq!(pending.asked_by, "me");
    assert!(pending.sealed.as_bytes().len() > 60);
}
