//! When credentials end: what they say themselves, and what is told of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration, with};

const PATH: &str = "/portal/integrations";
const END: &str = "2030-01-01T00:00:00.000Z";

/// A token that says that it ends at `END`.
fn token() -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "RS256"}));
    let claims = part(json!({"exp": 1_893_456_000, "sub": "canary"}));
    format!("{header}.{claims}.c2lnbmF0dXJl")
}

fn body(credentials: Value) -> Value {
    let body = with(integration(), "provider", Value::Null);
    with(body, "credentials", credentials)
}

async fn change(portal: &Portal, token: &str, path: &str, body: Value) -> Answer {
    let seen = portal.get(path, token).await;
    let version = [("if-match", seen.headers["etag"].to_str().unwrap())];
    portal.call(("PATCH", path), token, &version, body).await
}

#[tokio::test]
async fn an_end_that_credentials_say_themselves_is_shown() {
    let portal = Portal::new().await;
    let caller = portal.organization();
    let made = portal
        .post(PATH, &caller, body(json!({"apiKey": token()})))
        .await;
    let path = format!("{PATH}/{}", made.id());
    let shown = portal.get(&path, &caller).await;
    let credentials = shown.json()["credentials"].clone();
    assert_eq!(credentials["fieldsExpireAt"], json!({"apiKey": END}));
    assert_eq!(credentials["expiresAt"], END);
    assert!(!shown.text.contains("canary") && !shown.text.contains("c2lnbmF0dXJl"));

    // Of two ends the first counts, and what the credentials say does not go away.
    for (told, expected) in [
        (json!("2031-01-01T00:00:00Z"), END),
        (json!("2029-01-01T00:00:00Z"), "2029-01-01T00:00:00.000Z"),
        (Value::Null, END),
    ] {
        let changed = json!({"credentialsExpireAt": told});
        let changed = change(&portal, &caller, &path, changed).await;
        assert_eq!(
            changed.json()["credentials"]["expiresAt"],
            expected,
            "{told}"
        );
    }

    // Other credentials have another end, or none.
    let changed = json!({"credentials": {"apiKey": "sk_other"}});
    let changed = change(&portal, &caller, &path, changed).await.json();
    assert_eq!(changed["credentials"]["expiresAt"], Value::Null);
    assert_eq!(changed["credentials"]["fieldsExpireAt"], Value::Null);
}
