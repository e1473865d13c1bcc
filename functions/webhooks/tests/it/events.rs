//! The samples of `events/webhooks`, as Lambda hands them over.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::world::{NOW, SECRET, World, signature};

fn sample(name: &str) -> String {
    let file = format!(
        "{}/../../events/webhooks/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn payload_version_2_0_is_taken() {
    let world = World::new().await;
    let text = sample("http-api-v2");
    let body: Value = serde_json::from_str(&text).unwrap();
    let body = body["body"].as_str().unwrap();
    let text = text.replace("{signature}", &signature(SECRET, NOW, body.as_bytes()));
    let request = lambda_http::request::from_str(&text).unwrap();
    let answer = world
        .send(request.map(|body| Body::from(body.to_vec())))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["x-request-id"], "JKJaXmPLvHcESHA=");
    assert_eq!(world.enqueued().await[0].body, body);
}

#[tokio::test]
async fn payload_version_1_0_in_base64_is_taken_byte_for_byte() {
    let world = World::new().await;
    let body = b"{\"id\": \"evt_1\", \"note\": \"caf\xe9\"}";
    let text = sample("rest-api-v1-base64")
        .replace("{signature}", &signature(SECRET, NOW, body))
        .replace("{body}", &STANDARD.encode(body));
    let request = lambda_http::request::from_str(&text).unwrap();
    let answer = world
        .send(request.map(|body| Body::from(body.to_vec())))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.enqueued().await[0].body, body.as_slice());
}
