use serde_json::{Value, json};

use crate::portal::Portal;

#[tokio::test]
async fn a_destination_is_made_with_a_secret_that_is_shown_once() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    let body = json!({"type": "http", "url": "https://example.com/in", "events": ["a.*"]});
    let made = portal.post(&path, &token, body).await;
    assert!(
        made.json()["signingSecret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    assert_eq!(made.json()["timeoutMs"], 10_000);
    let path = format!("{path}/{}", made.id());
    assert!(portal.get(&path, &token).await.json()["signingSecret"].is_null());
    let rotated = portal
        .post(&format!("{path}/secrets"), &token, json!({}))
        .await;
    assert_eq!(rotated.status, 201);
    assert_ne!(
        rotated.json()["signingSecret"],
        made.json()["signingSecret"]
    );
    assert_eq!(rotated.json()["secrets"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_queue_has_no_signing_secret() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/gatehouse-destination-a";
    let made = portal
        .post(&path, &token, json!({"type": "sqs", "queueUrl": queue}))
        .await;
    assert!(made.json()["signingSecret"].is_null());
    assert_eq!(made.json()["queueUrl"], queue);
    let rotated = portal
        .post(&format!("{path}/{}/secrets", made.id()), &token, json!({}))
        .await;
    assert_eq!(rotated.status, 409);
}

#[tokio::test]
async fn a_destination_that_must_not_be_called_is_not_made() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    for (body, pointer) in [
        (json!({"type": "http"}), "/url"),
        (
            json!({"type": "http", "url": "https://169.254.169.254/"}),
            "/url",
        ),
        (json!({"type": "http", "url": "http://a.b/"}), "/url"),
        (
            json!({"type": "http", "url": "https://[fd00:ec2::254]/"}),
            "/url",
        ),
        (
            json!({"type": "http", "url": "https://u:p@example.com/"}),
            "/url",
        ),
        (
            json!({"type": "http", "url": "https://a.b/", "timeoutMs": 999}),
            "/timeoutMs",
        ),
        (
            json!({"type": "http", "url": "https://a.b/", "filter": "a =="}),
            "/filter",
        ),
        (
            json!({"type": "http", "url": "https://a.b/", "transform": ""}),
            "/transform",
        ),
        (json!({"type": "sqs"}), "/queueUrl"),
        (json!({"type": "sqs", "url": "https://a.b/"}), "/url"),
        (json!({"type": "smtp"}), "/type"),
    ] {
        let answer = portal.post(&path, &token, body.clone()).await;
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
    }
    assert_eq!(portal.get(&path, &token).await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_destination_is_changed_and_deleted() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/destinations", portal.integration(&token).await);
    let body = json!({"type": "http", "url": "https://example.com/in"});
    let path = format!("{path}/{}", portal.post(&path, &token, body).await.id());
    let change = json!({"status": "disabled", "url": "https://example.com/other"});
    let changed = portal
        .call(("PATCH", &path), &token, &[("if-match", "\"1\"")], change)
        .await;
    assert_eq!(changed.json()["disabledReason"], "manual");
    assert_eq!(changed.json()["url"], "https://example.com/other");
    let change = json!({"status": "active"});
    let changed = portal
        .call(("PATCH", &path), &token, &[("if-match", "\"2\"")], change)
        .await;
    assert!(changed.json()["disabledReason"].is_null());
    let stale = [("if-match", "\"2\"")];
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
    let path = format!("{}/destinations", portal.integration(&token).await);
    let bare = json!({"type": "http", "url": "https://example.com/in"});
    let bare = portal.post(&path, &token, bare).await.json();
    let made = json!({
        "type": "http", "url": "https://example.com/in", "timeoutMs": 2000, "events": ["a.*"],
        "filter": "a", "transform": "a", "retryPolicy": {"maxAttempts": 1},
    });
    let path = format!("{path}/{}", portal.post(&path, &token, made).await.id());
    let fields = ["timeoutMs", "events", "filter", "transform", "retryPolicy"];
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
    for field in ["url", "status"] {
        let change = json!({field: null});
        let refused = portal
            .call(("PATCH", &path), &token, &[("if-match", "\"6\"")], change)
            .await;
        let pointer = format!("/{field}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
}
