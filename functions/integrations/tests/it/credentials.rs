//! Credentials that are stored and the integration that names them: never one without the other.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration, with};

/// So often are two calls sent at once, in the hope that they meet.
const ROUNDS: usize = 10;
/// The integration, its endpoints, its destinations, its credentials, and the integration again.
const CALLS_OF_A_DELETION: u64 = 5;

struct Secret {
    value: Value,
    stages: BTreeMap<String, String>,
    is_deleted: bool,
}

fn client(portal: &Portal) -> Client {
    Client::new(&portal.stack.sdk_config())
}

/// The name of an integration's secret.
fn name(integration: &Value) -> String {
    let text = |field: &str| integration[field].as_str().unwrap();
    format!("gatehouse/dev/{}/{}", text("organizationId"), text("id"))
}

/// What Secrets Manager holds for an integration, in the version that it names.
async fn secret(portal: &Portal, integration: &Value) -> Option<Secret> {
    let (client, name) = (client(portal), name(integration));
    let described = client.describe_secret().secret_id(&name).send().await;
    let described = described.ok()?;
    let versions = described.version_ids_to_stages.unwrap_or_default();
    let labels = versions.into_iter().flat_map(|(version, stages)| {
        let labelled = stages.into_iter();
        labelled.map(move |stage| (stage, version.clone()))
    });
    let mut secret = Secret {
        value: Value::Null,
        stages: labels.collect(),
        is_deleted: described.deleted_date.is_some(),
    };
    if let Some(version) = integration["credentials"]["version"].as_str() {
        let got = client.get_secret_value().secret_id(&name);
        let got = got.version_id(version).send().await;
        let text = got.ok().and_then(|got| got.secret_string);
        secret.value = text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    }
    Some(secret)
}

/// A change of the credentials that rests on the version that `seen` shows.
async fn change(portal: &Portal, token: &str, path: &str, seen: &Answer, key: &str) -> Answer {
    let version = [("if-match", seen.headers["etag"].to_str().unwrap())];
    let body = match seen.json()["authMethod"].as_str() {
        Some("oauth2") => json!({"credentials": {"clientId": key, "clientSecret": key}}),
        _ => json!({"credentials": {"apiKey": key}}),
    };
    portal.call(("PATCH", path), token, &version, body).await
}

#[tokio::test]
async fn the_integration_names_the_version_in_force_and_the_labels_follow() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let mut seen = portal.get(&path, &token).await;
    for key in ["sk_second", "sk_third"] {
        let changed = change(&portal, &token, &path, &seen, key).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let held = secret(&portal, &changed.json()).await.unwrap();
        assert_eq!(held.value["apiKey"], key);
        let version = |integration: &Value| {
            let version = integration["credentials"]["version"].as_str();
            version.unwrap().to_owned()
        };
        assert_eq!(held.stages["AWSCURRENT"], version(&changed.json()));
        assert_eq!(held.stages["AWSPREVIOUS"], version(&seen.json()));
        seen = changed;
    }
}

#[tokio::test]
async fn a_change_that_loses_its_race_leaves_the_winners_credentials() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for _ in 0..ROUNDS {
        let path = portal.integration(&token).await;
        let seen = portal.get(&path, &token).await;
        let (left, right) = tokio::join!(
            change(&portal, &token, &path, &seen, "sk_left"),
            change(&portal, &token, &path, &seen, "sk_right"),
        );
        let winner = match (left.status.as_u16(), right.status.as_u16()) {
            (200, 412) => "sk_left",
            (412, 200) => "sk_right",
            other => panic!("both or none: {other:?}"),
        };
        let integration = portal.get(&path, &token).await.json();
        let held = secret(&portal, &integration).await.unwrap();
        assert_eq!(held.value["apiKey"], winner);
        assert_eq!(
            integration["credentials"]["version"],
            held.stages["AWSCURRENT"].as_str()
        );
    }
}

#[tokio::test]
async fn credentials_that_meet_a_deletion_are_deleted_with_the_integration() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for round in 0..CALLS_OF_A_DELETION {
        // There is no secret before the change, so that it makes one.
        let body = with(integration(), "authMethod", json!("oauth2"));
        let body = with(body, "provider", Value::Null);
        let body = with(body, "authConfig", Value::Null);
        let body = with(body, "credentials", Value::Null);
        let id = portal.post("/portal/integrations", &token, body).await.id();
        let path = format!("/portal/integrations/{id}");
        let seen = portal.get(&path, &token).await;
        portal.stack.reset_calls();
        let (deleted, changed) = tokio::join!(portal.delete(&path, &token), async {
            // In each round the change meets another step of the deletion.
            while portal.stack.calls().values().sum::<u64>() < round {
                tokio::task::yield_now().await;
            }
            change(&portal, &token, &path, &seen, "orphan").await
        });
        assert_eq!(deleted.status, 200, "{deleted:?}");
        assert!(
            [200, 404, 409, 412].contains(&changed.status.as_u16()),
            "{changed:?}"
        );
        assert_eq!(portal.get(&path, &token).await.status, 404);
        let left = secret(&portal, &seen.json()).await;
        assert!(left.is_none_or(|secret| secret.is_deleted));
    }
}

#[tokio::test]
async fn an_integration_whose_credentials_cannot_be_stored_is_not_made() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let too_large = json!({"apiKey": format!("sk_{}", "x".repeat(70_000))});
    let body = with(integration(), "credentials", too_large);
    let refused = portal.post("/portal/integrations", &token, body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (413, "too_large")
    );
    let listed = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(listed["items"], json!([]));
}

/// An integration that authenticates by OAuth 2.0.
fn oauth_client(config: Value, credentials: Value) -> Value {
    let body = with(integration(), "authMethod", json!("oauth2"));
    let body = with(body, "provider", Value::Null);
    let body = with(body, "baseUrl", json!("https://api.example.com"));
    with(with(body, "authConfig", config), "credentials", credentials)
}

#[tokio::test]
async fn an_oauth_client_is_checked_as_far_as_that_goes_without_a_call() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let issuer = "https://login.example.com";
    let signs = json!({"issuer": issuer, "clientAuthentication": "private_key_jwt",
                       "assertion": {"algorithm": "ES256"}});
    for (config, credentials, pointer) in [
        (
            json!({"issuer": issuer}),
            json!({"clientId": "a"}),
            "/credentials/clientSecret",
        ),
        (
            signs.clone(),
            json!({"clientId": "a"}),
            "/credentials/privateKey",
        ),
        (
            signs,
            json!({"clientId": "a", "privateKey": "canary"}),
            "/credentials/privateKey",
        ),
        (
            json!({"issuer": issuer, "grantType": "password"}),
            json!({"clientId": "a", "clientSecret": "b"}),
            "/authConfig/grantType",
        ),
        (
            json!({"issuer": issuer, "tokenParameters": {"api_key": "canary"}}),
            json!({"clientId": "a", "clientSecret": "b"}),
            "/authConfig/tokenParameters/api_key",
        ),
        (
            json!({"issuer": "https://10.0.0.1"}),
            json!({"clientId": "a", "clientSecret": "b"}),
            "/authConfig/issuer",
        ),
    ] {
        let body = oauth_client(config, credentials);
        let refused = portal.post("/portal/integrations", &token, body).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{refused:?}"
        );
        assert!(!refused.text.contains("canary"));
    }
}

#[tokio::test]
async fn an_oauth_client_waits_for_consent_if_somebody_has_to_give_it() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let issuer = "https://login.example.com";
    for (config, status) in [
        (json!({"issuer": issuer}), "pending"),
        (json!({}), "pending"),
        (
            json!({"issuer": issuer, "grantType": "client_credentials"}),
            "active",
        ),
    ] {
        let body = oauth_client(config, json!({"clientId": "a", "clientSecret": "b"}));
        let answer = portal.post("/portal/integrations", &token, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.json()["status"], status);
    }
}
