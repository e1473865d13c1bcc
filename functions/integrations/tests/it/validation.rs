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
        ("syncConfig", json!([]), "/syncConfig"),
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
