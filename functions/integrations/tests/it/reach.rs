//! Credentials go to no host that they were not given for.

use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration, with};

const PATH: &str = "/portal/integrations";

fn custom() -> Value {
    let body = with(integration(), "provider", Value::Null);
    let body = with(body, "baseUrl", json!("https://api.example.com/v1"));
    let hosts = json!({"hosts": ["login.example.com", "*.files.example.com"]});
    with(body, "apiProfile", hosts)
}

fn exchange(token_url: &str) -> Value {
    json!({"algorithm": "HS256", "claims": {},
           "use": {"kind": "exchange", "tokenUrl": token_url}})
}

async fn patch(portal: &Portal, token: &str, path: &str, change: Value) -> Answer {
    let seen = portal.get(path, token).await;
    let version = [("if-match", seen.headers["etag"].to_str().unwrap())];
    portal.call(("PATCH", path), token, &version, change).await
}

/// Whether a change is refused, for want of credentials and nothing else.
fn wants_credentials(answer: &Answer) -> bool {
    if answer.status == 200 {
        return false;
    }
    let errors = answer.json()["errors"].clone();
    let errors = errors.as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer:?}");
    assert_eq!(errors[0]["pointer"], "/credentials", "{answer:?}");
    true
}

/// Makes each change on an integration of its own: alone, and with credentials.
async fn assert_wanted(body: &Value, credentials: &Value, changes: Vec<(Value, bool)>) {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (change, is_wanted) in changes {
        let id = portal.post(PATH, &token, body.clone()).await.id();
        let path = format!("{PATH}/{id}");
        let changed = patch(&portal, &token, &path, change.clone()).await;
        assert_eq!(wants_credentials(&changed), is_wanted, "{change}");
        let change = with(change, "credentials", credentials.clone());
        let changed = patch(&portal, &token, &path, change).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
}

#[tokio::test]
async fn another_origin_or_host_is_given_its_credentials_anew() {
    let hosts = |hosts: Value| json!({"apiProfile": {"hosts": hosts}});
    let changes = vec![
        (json!({"baseUrl": "https://evil.example"}), true),
        (json!({"baseUrl": "https://api.example.com:8443/v1"}), true),
        (json!({"baseUrl": "https://login.example.com/v1"}), true),
        (json!({"baseUrl": "https://api.example.com/v2"}), false),
        (hosts(json!(["evil.example"])), true),
        (hosts(json!(["login.example.com", "b.example.com"])), true),
        (hosts(json!(["*.example.com"])), true),
        (hosts(json!(["login.example.com"])), false),
        (hosts(json!(["a.files.example.com"])), false),
        (json!({"apiProfile": null}), false),
    ];
    assert_wanted(&custom(), &json!({"apiKey": "other"}), changes).await;
}

#[tokio::test]
async fn another_origin_of_tokens_is_given_its_credentials_anew() {
    let secret = json!({"privateKey": "s".repeat(32)});
    let body = with(custom(), "authMethod", json!("jwt"));
    let body = with(body, "credentials", secret.clone());
    let url = "https://login.example.com/token";
    let body = with(body, "authConfig", exchange(url));
    let to = |url: &str| json!({"authConfig": exchange(url)});
    let bearer = json!({"algorithm": "HS256", "claims": {}, "use": {"kind": "bearer"}});
    let changes = vec![
        (to("https://a.files.example.com/token"), true),
        (to("https://login.example.com:8443/token"), true),
        (to("https://login.example.com/other"), false),
        (to("https://api.example.com/token"), false),
        (json!({"authConfig": bearer}), false),
    ];
    assert_wanted(&body, &secret, changes).await;
}

#[tokio::test]
async fn another_authorization_server_is_given_its_credentials_anew() {
    let credentials = json!({"clientId": "me", "clientSecret": "s".repeat(32)});
    let issuer = "https://login.example.com";
    let body = with(custom(), "authMethod", json!("oauth2"));
    let body = with(body, "credentials", credentials.clone());
    let body = with(body, "authConfig", json!({"issuer": issuer}));
    let to = |config: Value| json!({"authConfig": config});
    let changes = vec![
        (to(json!({"issuer": "https://evil.example"})), true),
        (
            to(json!({"issuer": "https://login.example.com:8443"})),
            true,
        ),
        (
            to(json!({"tokenEndpoint": "https://a.files.example.com/token"})),
            true,
        ),
        (
            to(json!({"issuer": issuer, "tokenEndpoint": "https://evil.example/token"})),
            true,
        ),
        (
            to(json!({"issuer": issuer, "revocationEndpoint": "https://evil.example/"})),
            true,
        ),
        (
            to(json!({"issuer": issuer, "authorizationEndpoint": "https://evil.example/"})),
            true,
        ),
        (
            to(
                json!({"issuer": issuer, "pushedAuthorizationRequestEndpoint": "https://evil.example/"}),
            ),
            true,
        ),
        (
            to(json!({"issuer": issuer, "scopes": ["a"], "accessToken": {"header": "X-Key"}})),
            false,
        ),
        (
            to(json!({"tokenEndpoint": "https://login.example.com/token"})),
            false,
        ),
        (
            to(json!({"tokenEndpoint": "https://api.example.com/token"})),
            false,
        ),
    ];
    assert_wanted(&body, &credentials, changes).await;
    // Nothing was named to send them to.
    let body = with(body, "authConfig", json!({}));
    let changes = vec![(to(json!({"issuer": issuer})), true)];
    assert_wanted(&body, &credentials, changes).await;
}

#[tokio::test]
async fn another_account_of_a_known_provider_is_given_its_credentials_anew() {
    let body = json!({
        "name": "People", "type": "identity_provider", "provider": "okta",
        "variables": {"subdomain": "acme"}, "authMethod": "api_key",
        "credentials": {"apiKey": "canary_of_the_credential"},
    });
    let to = |subdomain: &str| json!({"variables": {"subdomain": subdomain}});
    let changes = vec![
        (to("other"), true),
        (json!({"baseUrl": "https://other.okta.com"}), true),
        (to("acme"), false),
    ];
    assert_wanted(&body, &json!({"apiKey": "k".repeat(30)}), changes).await;
}

/// What a key is known by is shown: whoever may change an integration could have any field shown that he
/// has no more use for.
#[tokio::test]
async fn another_field_is_shown_only_if_it_is_given_anew() {
    let rotation = |name: &str| {
        json!({"verification": {"method": "GET", "path": "/x"},
            "rotation": {"strategy": "provider_api", "keys": {
                "create": {"method": "POST", "path": format!("/leak/{{{name}}}")},
                "created": {name: "t"}, "keyId": name,
                "revoke": [{"method": "DELETE", "path": format!("/leak/{{{name}}}")}]}}})
    };
    let headers = |headers: Value| json!({"kind": "headers", "headers": headers});
    let body = with(custom(), "authMethod", json!("custom"));
    let both = headers(json!({"X-Id": "{appId}", "X-Token": "{token}"}));
    let own = with(body.clone(), "authConfig", both);
    let id_only = headers(json!({"X-Id": "{appId}"}));
    let credentials = json!({"appId": "me", "token": "canary", "tokenId": "7"});
    let own = with(own, "credentials", credentials.clone());
    let change = |name: &str| json!({"authConfig": id_only, "apiProfile": rotation(name)});
    let changes = vec![
        (change("token"), true),
        (change("tokenId"), true),
        (change("newId"), false),
    ];
    assert_wanted(&own, &credentials, changes).await;
    // What is shown already is shown no more than before.
    let known = with(own, "apiProfile", rotation("tokenId"));
    let changes = vec![(change("tokenId"), false), (change("token"), true)];
    assert_wanted(&known, &credentials, changes).await;
    let jwt = |field: &str| json!({"algorithm": "HS256", "keyField": field, "claims": {}, "use": {"kind": "bearer"}});
    let keys = json!({"signingKey": "s".repeat(32), "other": "o".repeat(32)});
    let body = with(custom(), "authMethod", json!("jwt"));
    let body = with(body, "authConfig", jwt("signingKey"));
    let body = with(body, "credentials", keys.clone());
    let change = json!({"authConfig": jwt("other"), "apiProfile": rotation("signingKey")});
    assert_wanted(&body, &keys, vec![(change, true)]).await;
}

#[tokio::test]
async fn a_bulk_update_is_held_to_the_same() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let id = portal.post(PATH, &token, custom()).await.id();
    let change = json!({"baseUrl": "https://evil.example"});
    let update = json!({"op": "update", "id": id, "version": 2, "body": change});
    let answer = portal
        .post(
            &format!("{PATH}:bulk"),
            &token,
            json!({"operations": [update]}),
        )
        .await;
    let result = &answer.json()["results"][0];
    assert_eq!(result["status"], 400, "{result}");
    let pointer = &result["problem"]["errors"][0]["pointer"];
    assert_eq!(pointer, "/operations/0/body/credentials");
}
