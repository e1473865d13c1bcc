//! Integrations that are directories.

use serde_json::{Value, json};

use crate::portal::{Portal, with};

fn directory() -> Value {
    json!({
        "name": "People", "type": "identity_provider", "provider": "active-directory",
        "baseUrl": "ldaps://dc1.corp.example.com", "authMethod": "basic_auth",
        "credentials": {"username": "svc@corp.example.com", "password": "canary-password"},
    })
}

#[tokio::test]
async fn a_directory_is_an_ldaps_address_with_an_account() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = portal
        .post("/portal/integrations", &token, directory())
        .await;
    made.id();
    assert_eq!(made.json()["baseUrl"], "ldaps://dc1.corp.example.com");
    assert!(!made.text.contains("canary"), "{}", made.text);
}

#[tokio::test]
async fn another_address_method_or_account_is_refused() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (field, value, pointer) in [
        ("baseUrl", json!("https://dc1.corp.example.com"), "/baseUrl"),
        ("baseUrl", json!("ldap://dc1.corp.example.com"), "/baseUrl"),
        ("baseUrl", json!("ldaps://127.0.0.1"), "/baseUrl"),
        ("baseUrl", json!("ldaps://0x7f.1"), "/baseUrl"),
        (
            "baseUrl",
            json!("ldaps://dc1.corp.example.com/dc=a"),
            "/baseUrl",
        ),
        ("authMethod", json!("api_key"), "/authMethod"),
        ("provider", json!("another-one"), "/baseUrl"),
        (
            "credentials",
            json!({"username": "a", "password": ""}),
            "/credentials/password",
        ),
    ] {
        let body = with(directory(), field, value.clone());
        let refused = portal.post("/portal/integrations", &token, body).await;
        assert_eq!(refused.status, 400, "{field} {value}: {refused:?}");
        let errors = refused.json()["errors"].clone();
        let mut errors = errors.as_array().unwrap().iter();
        assert!(
            errors.any(|error| error["pointer"] == pointer),
            "{refused:?}"
        );
    }
    let list = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(list, json!({"items": []}));
}
