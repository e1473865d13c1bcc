use serde_json::{Value, json};

use crate::portal::Portal;

async fn create(portal: &Portal, token: &str, body: Value) -> crate::portal::Answer {
    let path = format!("{}/webhooks", portal.integration(token).await);
    portal.post(&path, token, body).await
}

#[tokio::test]
async fn the_scheme_is_the_providers_unless_another_is_named() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let of_provider = create(&portal, &token, json!({"secret": "s"})).await.json();
    assert_eq!(of_provider["scheme"], "stripe");
    assert_eq!(of_provider["verified"], true);
    let named = json!({"scheme": "github", "secret": "s"});
    assert_eq!(
        create(&portal, &token, named).await.json()["scheme"],
        "github"
    );
    let older =
        json!({"signatureMethod": "hmac-sha256", "signatureHeader": "X-Sig", "secret": "s"});
    let older = create(&portal, &token, older).await.json();
    assert_eq!(
        (&older["scheme"], &older["settings"]["header"]),
        (&json!("hmac-sha256"), &json!("X-Sig"))
    );
}

#[tokio::test]
async fn without_a_path_one_is_made_that_cannot_be_guessed() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = create(&portal, &token, json!({"secret": "s"})).await.json();
    let path = made["endpoint"].as_str().unwrap();
    assert_eq!(path.len(), "/webhooks/".len() + 27, "{path}");
    assert_eq!(made["url"], format!("https://gatehouse.example{path}"));
}

#[tokio::test]
async fn a_path_is_taken_once_in_the_whole_deployment() {
    let portal = Portal::new().await;
    let body = json!({"endpoint": "/webhooks/taken", "secret": "s"});
    create(&portal, &portal.organization(), body.clone())
        .await
        .id();
    let second = create(&portal, &portal.organization(), body).await;
    assert_eq!(
        (second.status.as_u16(), second.code().as_str()),
        (409, "path_taken")
    );
}

#[tokio::test]
async fn settings_are_read_from_an_object_only() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = json!({"secret": "s", "settings": [null]});
    let answer = create(&portal, &token, body).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/settings");
}

#[tokio::test]
async fn an_endpoint_that_could_not_verify_is_not_registered() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (body, pointer) in [
        (json!({}), "/secret"),
        (json!({"secret": ""}), "/secret"),
        (json!({"secret": "canary".repeat(700)}), "/secret"),
        (
            json!({"scheme": "none", "secret": "canary".repeat(700)}),
            "/secret",
        ),
        (
            json!({"scheme": "standard-webhooks", "secret": "whsec_~canary"}),
            "/secret",
        ),
        (json!({"scheme": "sendgrid", "secret": "canary"}), "/secret"),
        (json!({"scheme": "nobody", "secret": "s"}), "/scheme"),
        (
            json!({"scheme": "hmac-sha256", "secret": "s"}),
            "/settings/header",
        ),
        (
            json!({"secret": "s", "settings": {"header": "x"}}),
            "/settings/header",
        ),
        (
            json!({"secret": "s", "endpoint": "/elsewhere"}),
            "/endpoint",
        ),
        (
            json!({"secret": "s", "allowedNetworks": ["10.0.0.0/33"]}),
            "/allowedNetworks/0",
        ),
        (
            json!({"secret": "s", "toleranceSeconds": 0}),
            "/toleranceSeconds",
        ),
        (
            json!({"scheme": "github", "secret": "s", "toleranceSeconds": 60}),
            "/toleranceSeconds",
        ),
        (
            json!({"secret": "s", "retryPolicy": {"multiplier": 0.5}}),
            "/retryPolicy/multiplier",
        ),
        (json!({"secret": "s", "events": ["a b"]}), "/events/0"),
    ] {
        let answer = create(&portal, &token, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid"),
            "{body}"
        );
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            pointer,
            "{body}: {}",
            answer.text
        );
        assert!(!answer.text.contains("canary"));
    }
}

#[tokio::test]
async fn an_endpoint_says_whether_bodies_are_authenticated() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (scheme, secret, expected) in [
        ("stripe", "s", true),
        ("telegram", "s", false),
        ("static-basic", "name:password", false),
    ] {
        let body = json!({"scheme": scheme, "secret": secret});
        let made = create(&portal, &token, body).await.json();
        assert_eq!(made["verified"], true, "{scheme}");
        assert_eq!(made["bodyAuthenticated"], expected, "{scheme}");
    }
    let body = json!({"scheme": "static-basic", "secret": "no-colon"});
    let refused = create(&portal, &token, body).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/secret");
}

#[tokio::test]
async fn an_integration_of_a_provider_without_an_api_calls_as_it_says_itself() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = json!({
        "name": "On call", "type": "enterprise", "provider": "pagerduty",
        "baseUrl": "https://api.pagerduty.com", "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "Authorization", "valueTemplate": "Token token={apiKey}"},
        "credentials": {"apiKey": "canary"},
        "apiProfile": {"hosts": ["api.eu.pagerduty.com"]},
    });
    let made = portal.post("/portal/integrations", &token, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/portal/integrations/{}/webhooks", made.id());
    let endpoint = portal.post(&path, &token, json!({"secret": "s"})).await;
    assert_eq!(endpoint.json()["scheme"], "pagerduty");
}

#[tokio::test]
async fn scheme_none_is_shown_as_such_everywhere() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let integration = portal.integration(&token).await;
    let path = format!("{integration}/webhooks");
    let made = portal.post(&path, &token, json!({"scheme": "none"})).await;
    assert_eq!(made.json()["verified"], false);
    assert_eq!(made.json()["bodyAuthenticated"], false);
    let read = portal.get(&format!("{path}/{}", made.id()), &token).await;
    assert_eq!(read.json()["verified"], false);
    assert_eq!(
        portal.get(&path, &token).await.json()["items"][0]["verified"],
        false
    );
    let status = portal
        .get(&format!("{integration}/status"), &token)
        .await
        .json();
    assert_eq!(status["endpoints"][0]["verified"], false);
}

#[tokio::test]
async fn a_new_secret_takes_over_with_an_overlap() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/webhooks", portal.integration(&token).await);
    let made = portal.post(&path, &token, json!({"secret": "old"})).await;
    let path = format!("{path}/{}", made.id());
    let body = json!({"secret": "new", "overlapSeconds": 3600});
    let added = portal.post(&format!("{path}/secrets"), &token, body).await;
    assert_eq!(added.status, 201);
    let long = portal
        .post(
            &format!("{path}/secrets"),
            &token,
            json!({"secret": "n".repeat(4097)}),
        )
        .await;
    assert_eq!(long.json()["errors"][0]["pointer"], "/secret");
    let secrets = portal.get(&path, &token).await.json()["secrets"].clone();
    let secrets = secrets.as_array().unwrap();
    assert_eq!(secrets.len(), 2);
    assert_eq!(secrets[0]["id"], added.json()["id"]);
    assert!(secrets[0]["expiresAt"].is_null() && secrets[1]["expiresAt"].is_string());
    for (secret, status) in [(&secrets[1], 204), (&secrets[1], 404), (&secrets[0], 409)] {
        let secret = format!("{path}/secrets/{}", secret["id"].as_str().unwrap());
        assert_eq!(portal.delete(&secret, &token).await.status, status);
    }
}

#[tokio::test]
async fn an_endpoint_is_changed_and_deleted() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/webhooks", portal.integration(&token).await);
    let made = portal.post(&path, &token, json!({"secret": "s"})).await;
    let path = format!("{path}/{}", made.id());
    let change = json!({"status": "disabled", "events": ["invoice.*"], "allowedNetworks": ["203.0.113.0/24"]});
    let changed = portal
        .call(("PATCH", &path), &token, &[("if-match", "\"1\"")], change)
        .await;
    assert_eq!(changed.status, 200);
    let read = portal.get(&path, &token).await.json();
    assert_eq!(
        (&read["status"], &read["events"]),
        (&json!("disabled"), &json!(["invoice.*"]))
    );
    assert_eq!(read["allowedNetworks"], json!(["203.0.113.0/24"]));
    let stale = [("if-match", "\"1\"")];
    let kept = portal
        .call(("DELETE", &path), &token, &stale, Value::Null)
        .await;
    assert_eq!(kept.code(), "precondition_failed");
    assert_eq!(portal.delete(&path, &token).await.status, 204);
    assert_eq!(portal.get(&path, &token).await.status, 404);
}

#[tokio::test]
async fn what_a_change_says_is_null_is_as_if_it_had_never_been_said() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/webhooks", portal.integration(&token).await);
    let made = json!({
        "secret": "s", "events": ["a.*"], "toleranceSeconds": 60, "retryPolicy": {"maxAttempts": 1},
        "allowedNetworks": ["203.0.113.0/24"],
    });
    let bare = json!({"secret": "s"});
    let bare = portal.post(&path, &token, bare).await.json();
    let made = portal.post(&path, &token, made).await;
    let path = format!("{path}/{}", made.id());
    let fields = [
        "events",
        "toleranceSeconds",
        "retryPolicy",
        "allowedNetworks",
        "settings",
    ];
    for (version, field) in (1..).zip(fields) {
        let version = format!("\"{version}\"");
        let changed = portal
            .call(
                ("PATCH", &path),
                &token,
                &[("if-match", &version)],
                json!({field: null}),
            )
            .await;
        assert_eq!(changed.status, 200, "{field}: {}", changed.text);
        assert_eq!(changed.json()[field], bare[field], "{field}");
    }
}

#[tokio::test]
async fn what_an_endpoint_needs_cannot_be_cleared() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/webhooks", portal.integration(&token).await);
    let made = json!({"scheme": "hmac-sha256", "secret": "s", "settings": {"header": "X-Sig"}});
    let path = format!("{path}/{}", portal.post(&path, &token, made).await.id());
    for (field, pointer) in [("settings", "/settings/header"), ("status", "/status")] {
        let change = json!({field: null});
        let refused = portal
            .call(("PATCH", &path), &token, &[("if-match", "\"1\"")], change)
            .await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
}
