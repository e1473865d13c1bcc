//! Secrets Manager's own rotation, by the real function.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::{Json, Router};
use gatehouse::config::Environment;
use gatehouse::domain::{Integration, IntegrationId, OrganizationId};
use gatehouse::flows::connect;
use gatehouse::lambda::system_sources;
use gatehouse::vault::CredentialSet;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::deployment::Deployment;
use super::samples::sample;

const FIRST: &str = "00000000-0000-0000-0000-000000000001";
const TOKEN: &str = "6f8c1b1e-0d57-4a0e-9a4e-0d6a3c2b1f00";

/// The keys that the provider takes: their ids and secrets.
type Keys = Arc<Mutex<Vec<(String, String)>>>;

async fn provider() -> (String, Keys) {
    let keys = Keys::default();
    keys.lock()
        .unwrap()
        .push(("key1".to_owned(), "canary-first".to_owned()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&keys));
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, keys)
}

async fn answer(State(keys): State<Keys>, request: Request) -> Response<Body> {
    let secret = request.headers()["x-key"].to_str().unwrap().to_owned();
    let mut keys = keys.lock().unwrap();
    let is_known = keys.iter().any(|(_, known)| *known == secret);
    let (status, body) = match (request.method().as_str(), is_known) {
        (_, false) => (StatusCode::UNAUTHORIZED, json!({})),
        ("POST", _) => {
            keys.push(("key2".to_owned(), "canary-second".to_owned()));
            let made = json!({"id": "key2", "secret": "canary-second"});
            (StatusCode::CREATED, made)
        }
        _ => (StatusCode::OK, json!({"me": true})),
    };
    let mut response = axum::response::IntoResponse::into_response(Json(body));
    *response.status_mut() = status;
    response
}

/// What Secrets Manager says to a call that the SDK is not needed for.
async fn secrets_manager(deployment: &Deployment, operation: &str, body: Value) -> Value {
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(deployment.stack.endpoint());
    let request = request.header("x-amz-target", format!("secretsmanager.{operation}"));
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200, "{operation}");
    response.json().await.unwrap()
}

/// An integration of the provider's, with its first credentials.
async fn set_up(deployment: &Deployment, url: &str) -> (OrganizationId, IntegrationId) {
    let environment: Environment = deployment.variables("rotation").into_iter().collect();
    let aws = deployment.stack.sdk_config();
    let sources = system_sources();
    let (now, randomness) = (sources.now(), sources.randomness.as_ref());
    let organization = OrganizationId::generate(now, randomness);
    let id = IntegrationId::generate(now, randomness);
    let credentials = connect::credentials(&environment, &aws).unwrap();
    let field = |name: &str, value: &str| (name.to_owned(), value.into());
    let values = CredentialSet::from([field("apiKey", "canary-first"), field("apiKeyId", "key1")]);
    let staged = credentials.stage(organization, id, &values, FIRST);
    staged.await.unwrap();
    let integration: Integration = serde_json::from_value(json!({
        "id": id, "organizationId": organization, "name": "a provider", "type": "enterprise",
        "baseUrl": url, "status": "active", "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "X-Key"},
        "credentials": {"version": FIRST, "fields": ["apiKey", "apiKeyId"], "createdAt": now},
        "apiProfile": {"verification": {"path": "/me"}, "rotation": {
            "strategy": "provider_api", "keys": {
                "create": {"method": "POST", "path": "/keys", "body": {"name": "{rotation}"}},
                "created": {"apiKey": "secret", "apiKeyId": "id"}, "keyId": "apiKeyId",
                "revoke": [{"method": "DELETE", "path": "/keys/{apiKeyId}"}]}}},
        "createdAt": now, "updatedAt": now,
    }))
    .unwrap();
    let store = connect::store(&environment, &aws).unwrap();
    store.create_integration(&integration).await.unwrap();
    (organization, id)
}

#[tokio::test]
async fn secrets_manager_has_the_function_rotate_a_secret() {
    let deployment = Deployment::new().await;
    let (url, keys) = provider().await;
    let (organization, integration) = set_up(&deployment, &url).await;
    let prefix = &deployment.variables("rotation")["GATEHOUSE_SECRET_PREFIX"];
    let secret = format!("{prefix}/{organization}/{integration}");
    let rotate = json!({"SecretId": secret, "ClientRequestToken": TOKEN,
        "RotationLambdaARN": "arn:aws:lambda:us-east-1:000000000000:function:gatehouse-rotation"});
    secrets_manager(&deployment, "RotateSecret", rotate).await;
    let function = deployment.start("rotation").await;
    let sampled = "gatehouse/dev/org_01K72Z5QSW0123456789ABCDEF/int_01K72Z5QSW0123456789ABCDEF";
    let fillings = [(sampled, secret.as_str())];
    let step = |name: &str| sample(&format!("rotation/{name}-secret"), &fillings);
    // Out of order, nothing is done.
    assert!(function.invoke(&step("finish")).await.is_err());
    assert_eq!(keys.lock().unwrap().len(), 1);
    for name in ["create", "create", "set", "test", "finish", "finish"] {
        let answer = function.invoke(&step(name)).await.unwrap();
        assert_eq!(answer, Value::Null, "{name}");
    }
    assert_eq!(keys.lock().unwrap().len(), 2, "one key was made");
    let described = json!({"SecretId": secret});
    let described = secrets_manager(&deployment, "DescribeSecret", described).await;
    let stages = &described["VersionIdsToStages"];
    assert_eq!(stages[FIRST], json!(["AWSPREVIOUS"]));
    assert_eq!(stages[TOKEN], json!(["AWSCURRENT", "AWSPENDING"]));
    // The schedule goes on with it; the grace has not passed.
    let report = function
        .invoke(&sample("rotation/scheduled", &[]))
        .await
        .unwrap();
    assert_eq!(report["rotations"]["failed"], 0, "{report}");
    let contents = deployment.stack.contents().await.unwrap();
    let output = format!("{:?}", function.stop().unwrap());
    assert!(!contents.contains("canary-") && !output.contains("canary-"));
}
