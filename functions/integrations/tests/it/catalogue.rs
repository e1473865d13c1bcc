//! Integrations of providers that the catalogue knows.

use serde_json::{Value, json};

use crate::portal::{Answer, Portal, with};

const PATH: &str = "/portal/integrations";

fn okta() -> Value {
    json!({
        "name": "People", "type": "identity_provider", "provider": "okta",
        "variables": {"subdomain": "acme"}, "authMethod": "api_key",
        "credentials": {"apiKey": "canary_of_the_credential"},
    })
}

fn twilio(credentials: Value) -> Value {
    json!({
        "name": "Texts", "type": "communication", "provider": "twilio", "authMethod": "basic_auth",
        "variables": {"accountSid": "AC00000000000000000000000000000000"},
        "credentials": credentials,
    })
}

fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid"),
        "{answer:?}"
    );
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

async fn patch(portal: &Portal, token: &str, made: &Answer, change: Value) -> Answer {
    let path = format!("{PATH}/{}", made.json()["id"].as_str().unwrap());
    let version = [("if-match", made.headers["etag"].to_str().unwrap())];
    portal.call(("PATCH", &path), token, &version, change).await
}

#[tokio::test]
async fn the_catalogue_says_what_the_body_does_not() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = portal.post(PATH, &token, okta()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["baseUrl"], "https://acme.okta.com/");
    assert_eq!(
        made["variables"],
        json!({"subdomain": "acme", "domain": "okta.com"})
    );
    assert_eq!(made["authConfig"]["valueTemplate"], "SSWS {apiKey}");
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(portal.get(&path, &token).await.json(), made);
}

#[tokio::test]
async fn variables_are_read_from_a_base_url() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = with(okta(), "variables", Value::Null);
    let body = with(body, "baseUrl", json!("https://acme.oktapreview.com"));
    let made = portal.post(PATH, &token, body).await.json();
    assert_eq!(
        made["variables"],
        json!({"subdomain": "acme", "domain": "oktapreview.com"})
    );
    let slack = json!({
        "name": "Chat", "type": "communication", "provider": "slack", "authMethod": "api_key",
        "baseUrl": "https://slack.com/api/", "credentials": {"apiKey": "xoxb-1-a"},
    });
    assert_eq!(portal.post(PATH, &token, slack).await.status, 201);
}

#[tokio::test]
async fn variables_stand_in_the_configuration_too() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = json!({
        "name": "Files", "type": "cloud_storage", "provider": "aws-s3", "authMethod": "custom",
        "variables": {"region": "eu-west-1"},
        "credentials": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "k".repeat(40)},
    });
    let made = portal.post(PATH, &token, body).await;
    assert_eq!(made.json()["authConfig"]["region"], "eu-west-1");
    let again = json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "k".repeat(40)});
    let change = json!({"variables": {"region": "us-east-1"}, "credentials": again});
    let changed = patch(&portal, &token, &made, change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["authConfig"]["region"], "us-east-1");
    assert_eq!(
        changed.json()["baseUrl"],
        "https://s3.us-east-1.amazonaws.com/"
    );
}

#[tokio::test]
async fn the_way_to_authenticate_is_the_one_whose_fields_are_there() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let key = json!({"apiKeySid": format!("SK{}", "0".repeat(32)), "apiKeySecret": "s"});
    let made = portal.post(PATH, &token, twilio(key)).await;
    assert_eq!(made.json()["authConfig"]["usernameTemplate"], "{apiKeySid}");
    let change = json!({"credentials": {"authToken": "0".repeat(32)}});
    let changed = patch(&portal, &token, &made, change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let sid = "AC00000000000000000000000000000000";
    assert_eq!(changed.json()["authConfig"]["usernameTemplate"], sid);
    assert_eq!(changed.json()["baseUrl"], "https://api.twilio.com/");
}

/// Each change of [`okta`] is refused, and nothing is made.
async fn assert_refused(wrong: Vec<(&str, Value, &str)>) {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (field, change, pointer) in wrong {
        let body = with(okta(), field, change.clone());
        let answer = portal.post(PATH, &token, body).await;
        let found = pointers(&answer);
        assert!(
            found.contains(&pointer.to_owned()),
            "{field} {change}: {found:?}"
        );
        assert!(!answer.text.contains("canary") && !answer.text.contains("too short"));
    }
    assert_eq!(portal.get(PATH, &token).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_variable_has_the_form_that_the_provider_gives_it() {
    let subdomain = "/variables/subdomain";
    let two = |name: &str, value: &str| json!({"subdomain": "acme", name: value});
    assert_refused(vec![
        ("variables", Value::Null, subdomain),
        ("variables", json!({"subdomain": ""}), subdomain),
        ("variables", json!({"subdomain": "a.b"}), subdomain),
        ("variables", json!({"subdomain": "a/../b"}), subdomain),
        (
            "variables",
            json!({"subdomain": "evil.example#"}),
            subdomain,
        ),
        ("variables", json!({"subdomain": 7}), subdomain),
        (
            "variables",
            two("domain", "evil.example"),
            "/variables/domain",
        ),
        ("variables", two("a/b", "x"), "/variables/a~1b"),
    ])
    .await;
}

#[tokio::test]
async fn a_base_url_is_one_of_the_providers() {
    assert_refused(vec![
        ("baseUrl", json!("https://evil.example"), "/baseUrl"),
        (
            "baseUrl",
            json!("https://acme.okta.com.evil.example"),
            "/baseUrl",
        ),
        ("baseUrl", json!("https://acme.okta.com:8443"), "/baseUrl"),
        (
            "baseUrl",
            json!("https://me:canary@acme.okta.com"),
            "/baseUrl",
        ),
        ("baseUrl", json!("http://acme.okta.com"), "/baseUrl"),
        ("baseUrl", json!("https://acme.okta.com/api/v1"), "/baseUrl"),
        ("baseUrl", json!("https://acme.okta.com/?a=b"), "/baseUrl"),
        ("baseUrl", json!("https://8.8.8.8"), "/baseUrl"),
        ("baseUrl", json!("http://127.0.0.1:8080"), "/baseUrl"),
        (
            "baseUrl",
            json!("https://other.okta.com"),
            "/variables/subdomain",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_the_provider_does_not_know_is_pointed_at() {
    let credential = |name: &str, value: &str| json!({"apiKey": "k".repeat(30), name: value});
    assert_refused(vec![
        ("authMethod", json!("basic_auth"), "/authMethod"),
        (
            "authConfig",
            json!({"keyLocation": "header"}),
            "/authConfig/keyHeader",
        ),
        (
            "credentials",
            json!({"apiKey": "too short"}),
            "/credentials/apiKey",
        ),
        ("credentials", json!({}), "/credentials/apiKey"),
        (
            "credentials",
            credential("other", "canary"),
            "/credentials/other",
        ),
        ("credentials", credential("a b", "canary"), "/credentials"),
        ("credentials", Value::Null, "/credentials"),
        (
            "apiProfile",
            json!({"hosts": ["evil.example"]}),
            "/apiProfile/hosts",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_field_of_the_wrong_form_is_told_with_where_to_find_it() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = with(okta(), "credentials", json!({"apiKey": "canary!"}));
    let answer = portal.post(PATH, &token, body).await;
    let message = answer.json()["errors"][0]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("Security, API, Tokens"), "{message}");
    assert!(!answer.text.contains("canary"));
}

#[tokio::test]
async fn an_address_that_the_configuration_allows_stands_in_for_the_provider() {
    let portal = Portal::with_egress("127.0.0.0/8").await;
    let token = portal.organization();
    let body = with(okta(), "baseUrl", json!("http://127.0.0.1:8080"));
    let made = portal.post(PATH, &token, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["baseUrl"], "http://127.0.0.1:8080/");
    for other in ["http://10.0.0.1", "https://8.8.8.8", "https://evil.example"] {
        let body = with(okta(), "baseUrl", json!(other));
        let answer = portal.post(PATH, &token, body).await;
        assert!(
            pointers(&answer).contains(&"/baseUrl".to_owned()),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_change_is_held_to_the_same() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = portal.post(PATH, &token, okta()).await;
    for (change, pointer) in [
        (json!({"baseUrl": "https://evil.example"}), "/baseUrl"),
        (json!({"variables": {}}), "/variables/subdomain"),
        (
            json!({"variables": {"subdomain": "a_b"}}),
            "/variables/subdomain",
        ),
        (json!({"authMethod": "jwt"}), "/authMethod"),
        (
            json!({"credentials": {"apiKey": "x"}}),
            "/credentials/apiKey",
        ),
        (
            json!({"apiProfile": {"hosts": ["a.example"]}}),
            "/apiProfile/hosts",
        ),
        (
            json!({"authConfig": {"keyLocation": "header", "keyHeader": "X", "valueTemplate": "{apiKey}{other}"}}),
            "/credentials",
        ),
    ] {
        let answer = patch(&portal, &token, &made, change.clone()).await;
        assert!(pointers(&answer).contains(&pointer.to_owned()), "{change}");
    }
    let change = json!({"name": "Renamed", "variables": {"subdomain": "other"},
                        "credentials": {"apiKey": "k".repeat(30)}});
    let changed = patch(&portal, &token, &made, change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["baseUrl"], "https://other.okta.com/");
    assert_eq!(changed.json()["authConfig"], made.json()["authConfig"]);
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_checked_again() {
    let portal = Portal::with_egress("127.0.0.0/8").await;
    let token = portal.organization();
    let body = with(okta(), "baseUrl", json!("http://127.0.0.1:8080"));
    let made = portal.post(PATH, &token, body).await;
    for change in [
        json!({"name": "Other"}),
        json!({"credentials": {"apiKey": "k".repeat(40)}}),
    ] {
        let path = format!("{PATH}/{}", made.json()["id"].as_str().unwrap());
        let seen = portal.get(&path, &token).await;
        let changed = patch(&portal, &token, &seen, change).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(changed.json()["baseUrl"], made.json()["baseUrl"]);
        assert_eq!(changed.json()["variables"], made.json()["variables"]);
    }
}

#[tokio::test]
async fn an_answer_does_not_grow_with_what_is_wrong() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let names = (0..20_000).map(|n| (format!("v{n}"), json!("x")));
    let body = with(okta(), "variables", Value::Object(names.collect()));
    let answer = portal.post(PATH, &token, body).await;
    assert_eq!(pointers(&answer).len(), 50);
}
