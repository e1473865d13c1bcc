//! Endpoints that wait for a secret, and whether endpoints take what they should.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use gatehouse::domain::{EndpointId, IntegrationId, OrganizationId};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal};

async fn create(portal: &Portal, token: &str, body: Value) -> (String, Answer) {
    let path = format!("{}/webhooks", portal.integration(token).await);
    let answer = portal.post(&path, token, body).await;
    (path, answer)
}

/// The path of an endpoint that was made.
async fn endpoint(portal: &Portal, token: &str, body: Value) -> String {
    let (path, answer) = create(portal, token, body).await;
    format!("{path}/{}", answer.id())
}

fn captured(signature: &str, body: &str) -> Value {
    json!({"headers": {"X-Hub-Signature-256": signature, "X-GitHub-Event": ["push"]}, "body": body})
}

/// HMAC-SHA256 of `{}` with the key `canary-of-the-endpoint`, by openssl.
const SIGNATURE: &str = "sha256=a4d97122245046c0ea5cda6ce412066fafe269d3804089926f0a584f9e5b0345";

#[tokio::test]
async fn a_captured_request_is_explained_without_the_secret() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let body = json!({"scheme": "github", "secret": "canary-of-the-endpoint"});
    let path = format!("{}/verify", endpoint(&portal, &token, body).await);
    let explain = async |request: Value| {
        let answer = portal.post(&path, &token, request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.text.contains("canary"), "{answer:?}");
        answer.json()
    };
    let good = explain(captured(SIGNATURE, "{}")).await;
    assert_eq!(good, json!({"accepted": true, "events": 1, "findings": []}));
    let altered = explain(captured(SIGNATURE, "{}\n")).await;
    assert_eq!(
        (&altered["accepted"], &altered["reason"]),
        (&json!(false), &json!("bad_signature"))
    );
    assert_eq!(altered["findings"][0]["code"], "body_altered");
    let wrong = explain(captured("sha256=00", "{}")).await;
    assert_eq!(wrong["findings"][0]["code"], "nothing_fits");
    let missing = explain(json!({"headers": {}, "bodyBase64": "e30="})).await;
    assert_eq!(
        missing["findings"][0]["headers"],
        json!(["x-hub-signature-256"])
    );
    for (request, pointer) in [
        (
            json!({"headers": {}, "body": "a", "bodyBase64": "YQ=="}),
            "/bodyBase64",
        ),
        (json!({"headers": {}, "bodyBase64": "~"}), "/bodyBase64"),
        (json!({"headers": {"a b": "c"}}), "/headers/a b"),
        (json!({"headers": {}, "method": "a b"}), "/method"),
    ] {
        let answer = portal.post(&path, &token, request).await;
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{answer:?}");
    }
    let stranger = portal.organization();
    let refused = portal
        .post(&path, &stranger, captured(SIGNATURE, "{}"))
        .await;
    assert_eq!(refused.status, 404);
}

#[derive(Default)]
struct Caught(Mutex<Vec<(HeaderMap, Bytes)>>);

/// What the public path would answer to what is signed by `canary-of-the-endpoint`.
async fn public_path(
    State(caught): State<Arc<Caught>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = "evt_01KAZ0000000000000000000AB";
    let is_signed = headers.contains_key("x-hub-signature-256");
    caught.0.lock().unwrap().push((headers, body));
    match is_signed {
        true => [("gatehouse-event-id", id)].into_response(),
        false => http::StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::test]
async fn a_test_calls_the_public_url_and_tells_of_each_stage() {
    let caught = Arc::new(Caught::default());
    let app = Router::new()
        .fallback(public_path)
        .with_state(Arc::clone(&caught));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let portal = Portal::at(&url, "127.0.0.0/8").await;
    let token = portal.organization();
    let stages = |report: &Value| -> Vec<(String, bool)> {
        let stages = report["stages"].as_array().unwrap().iter();
        let stage = |one: &Value| (one["stage"].as_str().unwrap().to_owned(), one["ok"] == true);
        stages.map(stage).collect()
    };
    let test = async |body: Value| {
        let path = format!("{}/test", endpoint(&portal, &token, body).await);
        let answer = portal.post(&path, &token, Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.text.contains("canary"), "{answer:?}");
        answer.json()
    };
    let secret = "canary-of-the-endpoint";
    let report = test(json!({"scheme": "github", "secret": secret})).await;
    assert_eq!(report["success"], true, "{report}");
    assert_eq!(report["eventId"], "evt_01KAZ0000000000000000000AB");
    let expected = ["signed", "sent", "verified", "queued"];
    assert_eq!(
        stages(&report),
        expected.map(|stage| (stage.to_owned(), true))
    );
    let (headers, body) = caught.0.lock().unwrap().remove(0);
    assert!(
        headers["x-github-delivery"]
            .to_str()
            .unwrap()
            .starts_with("test_")
    );
    assert!(!body.is_empty());
    let refused = test(json!({"scheme": "jira", "secret": secret})).await;
    assert_eq!(refused["success"], false);
    assert_eq!(
        stages(&refused).last().unwrap(),
        &("verified".to_owned(), false)
    );
    let paypal = json!({"scheme": "paypal", "settings": {"webhookId": "1"}});
    let unsigned = test(paypal).await;
    assert_eq!(stages(&unsigned), [("signed".to_owned(), false)]);
    let told = unsigned["stages"][0]["message"].as_str().unwrap();
    assert!(told.contains("only the provider has the key"), "{told}");
    assert_eq!(caught.0.lock().unwrap().len(), 1, "nothing more was sent");
    // Code signs as declarations do; what is called here takes GitHub's signatures alone.
    let coded = test(json!({"scheme": "box", "secret": secret})).await;
    assert_eq!(
        stages(&coded)[..2],
        expected.map(|stage| (stage.to_owned(), true))[..2]
    );
    let (headers, _) = caught.0.lock().unwrap().remove(1);
    assert!(headers.contains_key("box-signature-primary"));
}

#[tokio::test]
async fn an_endpoint_waits_for_the_secret_that_its_provider_brings() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let (path, made) = create(&portal, &token, json!({"scheme": "notion"})).await;
    let path = format!("{path}/{}", made.id());
    assert_eq!(made.json()["status"], "awaiting_secret");
    let change = async |status: &str, version: &str| {
        let headers = [("if-match", version)];
        let body = json!({ "status": status });
        portal.call(("PATCH", &path), &token, &headers, body).await
    };
    assert_eq!(change("active", "\"1\"").await.status, 400);
    assert_eq!(change("disabled", "\"1\"").await.status, 200);
    assert_eq!(change("awaiting_secret", "\"2\"").await.status, 200);
    let secret = json!({"secret": "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"});
    let added = portal
        .post(&format!("{path}/secrets"), &token, secret)
        .await;
    assert_eq!(added.status, 201, "{added:?}");
    let read = portal.call(("GET", &path), &token, &[], Value::Null).await;
    assert_eq!(read.json()["status"], "active");
    assert_eq!(change("awaiting_secret", "\"4\"").await.status, 400);
    let reveal = format!(
        "{path}/secrets/{}/reveal",
        added.json()["id"].as_str().unwrap()
    );
    assert_eq!(
        portal.post(&reveal, &token, Value::Null).await.status,
        409,
        "a person entered it"
    );
    let slack = endpoint(&portal, &token, json!({"scheme": "slack", "secret": "s"})).await;
    let headers = [("if-match", "\"1\"")];
    let body = json!({"status": "awaiting_secret"});
    let refused = portal.call(("PATCH", &slack), &token, &headers, body).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_secret_that_was_brought_is_shown_once() {
    let portal = Portal::new().await;
    let sources = system_sources();
    let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
    let token = portal.token(organization);
    let secret = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
    let body = json!({"scheme": "notion", "secret": secret});
    let (path, made) = create(&portal, &token, body).await;
    let made = made.json();
    // As `webhooks` stores one that a provider has brought.
    let id: EndpointId = made["id"].as_str().unwrap().parse().unwrap();
    let integration: IntegrationId = made["integrationId"].as_str().unwrap().parse().unwrap();
    let stored = portal.store.endpoint(organization, integration, id).await;
    let mut stored = stored.unwrap().unwrap();
    stored.item.secrets[0].unseen = true;
    let version = stored.version;
    portal
        .store
        .update_endpoint(&stored.item, version)
        .await
        .unwrap();
    let secret_id = stored.item.secrets[0].id;
    let reveal = format!("{path}/{id}/secrets/{secret_id}/reveal");
    let stranger = portal.organization();
    assert_eq!(
        portal.post(&reveal, &stranger, Value::Null).await.status,
        404
    );
    let shown = portal.post(&reveal, &token, Value::Null).await;
    assert_eq!(
        (shown.status.as_u16(), &shown.json()["secret"]),
        (200, &json!(secret))
    );
    assert_eq!(shown.headers["cache-control"], "no-store");
    assert_eq!(portal.post(&reveal, &token, Value::Null).await.status, 409);
}

#[tokio::test]
async fn what_a_coded_scheme_needs_is_asked_for() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for (body, pointer) in [
        (json!({"scheme": "aws-sns"}), "/settings/topicArn"),
        (
            json!({"scheme": "aws-sns", "settings": {"topicArn": "a"}, "secret": "s"}),
            "/secret",
        ),
        (
            json!({"scheme": "slack", "secret": "s", "settings": {"topicArn": "a"}}),
            "/settings/topicArn",
        ),
        (
            json!({"scheme": "google-pubsub", "settings": {"audience": "a"}}),
            "/settings/serviceAccount",
        ),
        (
            json!({"scheme": "adyen", "secret": "not hexadecimal"}),
            "/secret",
        ),
        (json!({"scheme": "plaid", "secret": "{}"}), "/secret"),
        (
            json!({"scheme": "contentful", "secret": "short"}),
            "/secret",
        ),
        (
            json!({"scheme": "meta", "secret": "s"}),
            "/settings/verifyToken",
        ),
        (
            json!({"scheme": "microsoft-graph-encrypted", "secret": "no key"}),
            "/secret",
        ),
        (
            json!({"scheme": "salesforce-outbound", "settings": {"organizationId": "00D5f000001abcDEAQ"}}),
            "/allowedNetworks",
        ),
    ] {
        let (_, answer) = create(&portal, &token, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{answer:?}");
    }
}
