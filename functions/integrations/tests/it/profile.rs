//! What an integration says of its provider itself, and its other settings.

use serde_json::{Value, json};

use crate::portal::{Portal, integration, with};

const PATH: &str = "/portal/integrations";

/// An integration of a provider that nobody knows.
fn custom() -> Value {
    let body = with(integration(), "provider", Value::Null);
    with(body, "baseUrl", json!("https://api.example.com/v1"))
}

fn profile() -> Value {
    json!({
        "hosts": ["files.example.com"],
        "verification": {"path": "/me", "success": "ok"},
        "pagination": {"kind": "cursor", "next": "next", "parameter": "after"},
        "rateLimitHeaders": [{"remaining": "x-left", "windowSeconds": 60}],
        "entities": {"users": {"listPath": "/users", "items": "data", "id": "id"}},
        "rotation": {"strategy": "operator_supplied", "remindAfterDays": 30},
    })
}

#[tokio::test]
async fn a_custom_integration_says_itself_how_its_provider_is_called() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = with(custom(), "apiProfile", profile());
    let body = with(body, "tlsConfig", json!({"minVersion": "1.2"}));
    let body = with(body, "gatewayConfig", json!({"cache": {"ttlSeconds": 5}}));
    let made = portal.post(PATH, &token, body).await;
    let path = format!("{PATH}/{}", made.id());
    let read = portal.get(&path, &token).await.json();
    assert_eq!(read, made.json());
    assert_eq!(read["apiProfile"]["verification"]["success"], "ok");
    assert_eq!(read["apiProfile"]["pagination"], profile()["pagination"]);
    assert_eq!(read["tlsConfig"]["minVersion"], "1.2");
    assert_eq!(read["gatewayConfig"], json!({"cache": {"ttlSeconds": 5}}));
    let version = [("if-match", made.headers["etag"].to_str().unwrap())];
    let change = json!({"apiProfile": {"idempotencyHeader": "Once"}});
    let changed = portal
        .call(("PATCH", &path), &token, &version, change)
        .await;
    assert_eq!(changed.json()["apiProfile"]["idempotencyHeader"], "Once");
    assert_eq!(changed.json()["apiProfile"]["entities"], json!({}));
    assert_eq!(changed.json()["tlsConfig"]["minVersion"], "1.2");
}

/// Each change of [`custom`] is refused.
async fn assert_refused(wrong: Vec<(&str, Value, &str)>) {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (field, change, pointer) in wrong {
        let body = with(custom(), field, change.clone());
        let answer = portal.post(PATH, &token, body).await;
        assert_eq!(answer.status, 400, "{field} {change}: {answer:?}");
        let text = format!("\"pointer\":\"{pointer}\"");
        assert!(
            answer.text.contains(&text),
            "{field} {change}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_wrong_profile_is_pointed_at() {
    let deep = (0..40).fold(json!({}), |inner, _| json!({"a": inner}));
    let probe = |rest: Value| json!({"verification": with(rest, "path", json!("/"))});
    assert_refused(vec![
        ("apiProfile", json!("x"), "/apiProfile"),
        ("apiProfile", json!({"colour": 1}), "/apiProfile/colour"),
        (
            "apiProfile",
            json!({"hosts": ["127.0.0.1"]}),
            "/apiProfile/hosts/0",
        ),
        (
            "apiProfile",
            json!({"verification": {"path": "me"}}),
            "/apiProfile/verification/path",
        ),
        (
            "apiProfile",
            probe(json!({"method": "POST", "body": deep})),
            "/apiProfile",
        ),
        (
            "apiProfile",
            probe(json!({"success": "a =="})),
            "/apiProfile/verification/success",
        ),
    ])
    .await;
}

#[tokio::test]
async fn wrong_settings_are_pointed_at() {
    assert_refused(vec![
        (
            "tlsConfig",
            json!({"minVersion": "1.1"}),
            "/tlsConfig/minVersion",
        ),
        ("tlsConfig", json!({"pins": ["x"]}), "/tlsConfig/pins/0"),
        ("gatewayConfig", json!([]), "/gatewayConfig"),
        (
            "rateLimits",
            json!({"requestsPerMinute": 0}),
            "/rateLimits/requestsPerMinute",
        ),
        ("variables", json!({"a": "b"}), "/variables"),
        ("baseUrl", Value::Null, "/baseUrl"),
        ("baseUrl", json!("https://api.example.com/?a=b"), "/baseUrl"),
        (
            "credentialsExpireAt",
            json!("2020-01-01T00:00:00Z"),
            "/credentialsExpireAt",
        ),
        ("credentialsExpireAt", json!("soon"), "/credentialsExpireAt"),
    ])
    .await;
}

#[tokio::test]
async fn a_way_to_authenticate_is_said_completely() {
    let jwt = |url: &str| {
        let exchange = json!({"kind": "exchange", "tokenUrl": url});
        json!({"algorithm": "RS256", "claims": {}, "use": exchange})
    };
    let header = |value: Value| json!({"keyLocation": "header", "keyHeader": value});
    let template = with(header(json!("A")), "valueTemplate", json!("{other}"));
    assert_refused(vec![
        ("authConfig", header(json!(7)), "/authConfig"),
        ("authConfig", header(json!("Host")), "/authConfig/keyHeader"),
        ("authConfig", template, "/credentials/other"),
    ])
    .await;
    let portal = Portal::new().await;
    let token = portal.organization();
    for (method, config, pointer) in [
        ("custom", Value::Null, "/authConfig"),
        ("custom", json!({"kind": "magic"}), "/authConfig/kind"),
        ("jwt", Value::Null, "/authConfig"),
        (
            "jwt",
            jwt("https://evil.example/token"),
            "/authConfig/use/tokenUrl",
        ),
        (
            "jwt",
            jwt("https://169.254.169.254/token"),
            "/authConfig/use/tokenUrl",
        ),
        (
            "jwt",
            jwt("https://api.example.com/token"),
            "/credentials/privateKey",
        ),
        ("basic_auth", Value::Null, "/credentials/password"),
    ] {
        let body = with(
            with(custom(), "authMethod", json!(method)),
            "authConfig",
            config,
        );
        let answer = portal.post(PATH, &token, body).await;
        let text = format!("\"pointer\":\"{pointer}\"");
        assert!(
            answer.text.contains(&text),
            "{method} {pointer}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn what_stands_in_a_setting_is_not_quoted() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (field, change) in [
        ("authConfig", json!({"keyLocation": "canary"})),
        (
            "authConfig",
            json!({"keyLocation": "header", "keyHeader": ["canary"]}),
        ),
        ("tlsConfig", json!({"minVersion": "canary"})),
        ("apiProfile", json!({"rotation": {"strategy": "canary"}})),
    ] {
        let body = with(custom(), field, change);
        let body = with(body, "credentials", json!({"apiKey": "k"}));
        let answer = portal.post(PATH, &token, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_synchronized_is_checked_wherever_it_is_sent() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let config = |schedule: &str| {
        let contacts = json!({"schedule": schedule, "mapping": {"token": "secretToken"}});
        json!({"entities": {"contacts": contacts}})
    };
    let body = with(custom(), "syncConfig", config("rate(1 hour)"));
    let made = portal.post(PATH, &token, body).await;
    assert_eq!(
        made.json()["syncConfig"],
        config("rate(1 hour)"),
        "{made:?}"
    );
    let path = format!("{PATH}/{}", made.id());
    let wrong = json!({"syncConfig": config("cron(0 0 31 2 *)")});
    let pointer = "/syncConfig/entities/contacts/schedule";
    let etag = made.headers["etag"].to_str().unwrap();
    let current: u64 = etag.trim_matches('"').parse().unwrap();
    let refused = portal
        .call(
            ("PATCH", &path),
            &token,
            &[("if-match", etag)],
            wrong.clone(),
        )
        .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    let operations = json!([
        {"op": "update", "id": made.id(), "version": current, "body": wrong},
        {"op": "create", "body": with(custom(), "syncConfig", json!({"a": 1}))},
    ]);
    let bulk = json!({"operations": operations});
    let bulk = portal.post(&format!("{PATH}:bulk"), &token, bulk).await;
    for n in 0..2 {
        assert_eq!(bulk.json()["results"][n]["status"], 400, "{bulk:?}");
    }
    let kept = portal.get(&path, &token).await;
    assert_eq!(kept.json(), made.json());
    assert_eq!(kept.headers["etag"], made.headers["etag"]);
}

#[tokio::test]
async fn credentials_end_when_they_are_said_to() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let end = "2090-01-01T00:00:00.000Z";
    let body = with(custom(), "credentialsExpireAt", json!(end));
    let made = portal.post(PATH, &token, body).await;
    assert_eq!(made.json()["credentials"]["expiresAt"], end);
    let path = format!("{PATH}/{}", made.id());
    let mut seen = made;
    let later = "2091-01-01T00:00:00.000Z";
    for (change, expected) in [
        (json!({"credentialsExpireAt": later}), json!(later)),
        (json!({"name": "Other"}), json!(later)),
        (json!({"credentials": {"apiKey": "new"}}), Value::Null),
    ] {
        let version = [("if-match", seen.headers["etag"].to_str().unwrap())];
        let changed = portal
            .call(("PATCH", &path), &token, &version, change)
            .await;
        assert_eq!(changed.json()["credentials"]["expiresAt"], expected);
        seen = changed;
    }
    let oauth = with(custom(), "authMethod", json!("oauth2"));
    let oauth = with(
        with(oauth, "credentials", Value::Null),
        "authConfig",
        Value::Null,
    );
    let body = with(oauth, "credentialsExpireAt", json!(end));
    let answer = portal.post(PATH, &token, body).await;
    assert!(
        answer.text.contains("/credentialsExpireAt"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_not_taken() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let jwt = json!({"algorithm": "ES256", "claims": {}, "use": {"kind": "bearer"}});
    let hmac = json!({"kind": "hmac", "algorithm": "sha256", "signed": "{body}", "encoding": "hex",
                      "keyForm": "hex", "headers": {"X-Sign": "{signature}"}});
    let azure = json!({"kind": "azure_shared_key"});
    let certificate = json!({"kind": "client_certificate"});
    for (method, config, credentials, pointer, message) in [
        (
            "jwt",
            jwt,
            json!({"privateKey": "canary"}),
            "privateKey",
            "expected a P-256 private key as PEM, without a passphrase",
        ),
        (
            "custom",
            hmac,
            json!({"secret": "canary"}),
            "secret",
            "expected hexadecimal digits",
        ),
        (
            "custom",
            azure,
            json!({"accountName": "a", "accountKey": "canary!"}),
            "accountKey",
            "expected base64",
        ),
        (
            "custom",
            certificate,
            json!({"clientCertificate": "canary", "clientKey": "canary"}),
            "clientCertificate",
            "expected one or more certificates as PEM, the client's own first",
        ),
        (
            "api_key",
            Value::Null,
            json!({"apiKey": "k", "clientCertificate": "canary"}),
            "clientKey",
            "is required",
        ),
    ] {
        let body = with(custom(), "authMethod", json!(method));
        let body = with(with(body, "authConfig", config), "credentials", credentials);
        let answer = portal.post(PATH, &token, body).await;
        assert!(!answer.text.contains("canary"), "{answer:?}");
        let told = json!([{"pointer": format!("/credentials/{pointer}"), "message": message}]);
        assert_eq!(answer.json()["errors"], told, "{answer:?}");
    }
}
