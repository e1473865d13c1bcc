//! The replacing of credentials, and when they end.

mod data_keys;
mod emergencies;
mod ends;
mod policy;
mod requests;

use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration};

/// A key of SendGrid's form. It is nobody's.
const KEY: &str = "SG.abcdefghijklmnopqrstuv.0123456789012345678901234567890123456789abc";

/// Calls by which new keys are made, with the rights that the integration needs.
fn calls() -> Value {
    json!({"strategy": "provider_api", "keys": {
        "create": {"method": "POST", "path": "/v3/api_keys",
            "body": {"name": "gatehouse {rotation}", "scopes": ["mail.send"]}},
        "created": {"apiKey": "api_key", "apiKeyId": "api_key_id"}, "keyId": "apiKeyId",
        "revoke": [{"method": "DELETE", "path": "/v3/api_keys/{apiKeyId}"}]}})
}

/// An integration whose provider makes new keys: its path.
async fn sendgrid(portal: &Portal, token: &str) -> String {
    let body = json!({
        "apiProfile": {"rotation": calls()},
        "name": "Mail", "type": "communication", "provider": "sendgrid", "authMethod": "api_key",
        "credentials": {"apiKey": KEY, "apiKeyId": "abcdefghijklmnopqrstuv"},
    });
    let made = portal.post("/portal/integrations", token, body).await;
    format!("/portal/integrations/{}", made.id())
}

/// An integration whose new credentials a person hands in: its path.
async fn stripe(portal: &Portal, token: &str) -> String {
    let made = portal
        .post("/portal/integrations", token, integration())
        .await;
    format!("/portal/integrations/{}", made.id())
}

async fn rotate(portal: &Portal, token: &str, path: &str, body: Value) -> Answer {
    let path = format!("{path}/credentials/rotate");
    portal.post(&path, token, body).await
}

/// The id of a rotation that was begun.
fn begun(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}
