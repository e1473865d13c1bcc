use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::portal::{Portal, integration, with};

fn pointers(body: &Value) -> Vec<&str> {
    let errors = body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn wrong_fields_are_pointed_at_and_nothing_is_made() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let deep = (0..40).fold(json!({}), |inner, _| json!({"a": inner}));
    for (field, change, pointer) in [
        ("name", json!(""), "/name"),
        ("name", json!("a\nb"), "/name"),
        ("name", json!("x".repeat(201)), "/name"),
        ("name", json!(7), "/name"),
        ("type", json!("pets"), "/type"),
        ("baseUrl", json!("http://api.stripe.com"), "/baseUrl"),
        ("baseUrl", json!("https://169.254.169.254"), "/baseUrl"),
        (
            "baseUrl",
            json!("https://user:pass@api.stripe.com"),
            "/baseUrl",
        ),
        ("baseUrl", json!("nonsense"), "/baseUrl"),
        ("provider", json!("../x"), "/provider"),
        ("authMethod", json!("password"), "/authMethod"),
        (
            "authConfig",
            json!({"keyLocation": "cookie"}),
            "/authConfig/keyLocation",
        ),
        (
            "authConfig",
            json!({"keyLocation": "query"}),
            "/authConfig/keyParam",
        ),
        ("webhookConfig", deep, "/webhookConfig"),
        ("webhookConfig", json!({"a": {"": 1}}), "/webhookConfig"),
        ("webhookConfig", json!({"a": 1e-200}), "/webhookConfig"),
        ("syncConfig", json!([]), "/syncConfig"),
        ("syncConfig", json!({"a": 1}), "/syncConfig/a"),
        (
            "syncConfig",
            json!({"entities": {"contacts": {"schedule": "hourly"}}}),
            "/syncConfig/entities/contacts/schedule",
        ),
        ("credentials", json!({}), "/credentials/apiKey"),
        ("credentials", json!({"apiKey": ""}), "/credentials/apiKey"),
        ("credentials", json!({"apiKey": 7}), "/credentials/apiKey"),
        ("credentials", Value::Null, "/credentials"),
        ("colour", json!("red"), "/colour"),
    ] {
        let body = with(integration(), field, change);
        let answer = portal.post("/portal/integrations", &token, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid"),
            "{field}"
        );
        let body = answer.json();
        assert!(pointers(&body).contains(&pointer), "{field}: {body}");
        assert!(!answer.text.contains("canary"));
    }
    let list = portal.get("/portal/integrations", &token).await;
    assert_eq!(list.json(), json!({"items": []}));
}

#[tokio::test]
async fn what_cannot_be_read_is_said_to_be_so() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let send = |content_type: &'static str, body: Vec<u8>| {
        let request = Request::post("/portal/integrations")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type);
        portal.send(request.body(Body::from(body)).unwrap())
    };
    let json = "application/json";
    for (content_type, body, status, code) in [
        (json, b"{".to_vec(), 400, "malformed"),
        (json, Vec::new(), 400, "malformed"),
        (json, b"\xff\xfe".to_vec(), 400, "malformed"),
        (json, b"[]".to_vec(), 400, "invalid"),
        (json, vec![b'['; 200_000], 400, "invalid"),
        (json, vec![b' '; 1_100_000], 413, "too_large"),
        ("text/plain", b"{}".to_vec(), 415, "unsupported_media_type"),
    ] {
        let answer = send(content_type, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code)
        );
    }
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for field in [
        "apiProfile",
        "tlsConfig",
        "gatewayConfig",
        "rateLimits",
        "authConfig",
    ] {
        for list in [json!([]), json!([1])] {
            let body = with(integration(), field, list.clone());
            let answer = portal.post("/portal/integrations", &token, body).await;
            assert_eq!(answer.status, 400, "{field} {list}: {answer:?}");
            let error = &answer.json()["errors"][0];
            assert_eq!(error["pointer"], format!("/{field}"));
            assert_eq!(error["message"], "expected an object");
        }
    }
}

#[tokio::test]
async fn a_list_takes_no_parameter_that_it_does_not_know() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let integration = portal.integration(&token).await;
    for path in [
        "/portal/integrations?page=2".to_owned(),
        "/portal/providers?page=2".to_owned(),
        format!("{integration}/webhooks?page=2"),
        format!("{integration}/destinations?page=2"),
        format!("{integration}/webhooks/logs?limit=5&page=2"),
    ] {
        let answer = portal.get(&path, &token).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{path}"
        );
        let detail = &answer.json()["detail"];
        assert_eq!(detail, "there is no query parameter `page`");
    }
}
