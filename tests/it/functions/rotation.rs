//! Secrets Manager's own rotation, by the real function.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::{Json, Router};
use e2e::Function;
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

/// Secrets Manager: in this process, or at the emulator that `GATEHOUSE_TEST_AWS` names.
struct SecretsManager {
    url: String,
    client: reqwest::Client,
    is_emulator: bool,
}

/// What tells the emulator whom a request is for.
fn scope(service: &str) -> String {
    let credential = format!("Credential=none/20260101/us-east-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none")
}

impl SecretsManager {
    fn of(deployment: &Deployment) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests have no configuration of their own"
        )]
        let given = std::env::var("GATEHOUSE_TEST_AWS");
        Self {
            is_emulator: given.is_ok(),
            url: given.unwrap_or_else(|_| deployment.stack.endpoint().to_owned()),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// What it says to a call.
    async fn call(&self, operation: &str, body: Value) -> Value {
        let request = self.client.post(&self.url);
        let request = request.header("authorization", scope("secretsmanager"));
        let request = request.header("x-amz-target", format!("secretsmanager.{operation}"));
        let response = request.json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{operation}");
        response.json().await.unwrap()
    }

    /// Where it is found together with all other services, which are at `others`.
    async fn beside(&self, others: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (client, own, others) = (self.client.clone(), self.url.clone(), others.to_owned());
        let forward = async move |request: Request| {
            let (parts, body) = request.into_parts();
            let target = parts.headers.get("x-amz-target");
            let is_own =
                target.is_some_and(|target| target.as_bytes().starts_with(b"secretsmanager"));
            let place = format!("{}{}", if is_own { own } else { others }, parts.uri);
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let forwarded = client.request(parts.method, place).headers(parts.headers);
            let answer = forwarded.body(body).send().await.unwrap();
            let mut response = Response::new(Body::empty());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = Body::from(answer.bytes().await.unwrap());
            response
        };
        let router = Router::new().fallback(forward);
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }

    /// Has the emulator know a function, and not invoke it: the test does that.
    async fn know_function(&self) {
        if !self.is_emulator {
            return;
        }
        let post = |path: &str| self.client.post(format!("{}{path}", self.url));
        let config = json!({"lambda": {"use_docker": false}});
        let configured = post("/moto-api/config").json(&config).send();
        assert!(configured.await.unwrap().status().is_success());
        let role = "Action=CreateRole&Version=2010-05-08&RoleName=rotation&AssumeRolePolicyDocument=%7B%7D";
        let request = post("/").header("authorization", scope("iam"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let made = request.body(role).send().await.unwrap();
        assert!(made.status().is_success(), "{:?}", made.text().await);
        let function = json!({"FunctionName": "gatehouse-rotation", "Runtime": "provided.al2023",
            "Role": "arn:aws:iam::123456789012:role/rotation", "Handler": "bootstrap",
            "Code": {"ZipFile": ""}});
        let request = post("/2015-03-31/functions").header("authorization", scope("lambda"));
        let made = request.json(&function).send().await.unwrap();
        assert!(made.status().is_success(), "{:?}", made.text().await);
    }
}

/// An integration of the provider's, with its first credentials.
async fn set_up(
    deployment: &Deployment,
    secrets_manager: &SecretsManager,
    url: &str,
) -> (OrganizationId, IntegrationId) {
    let environment: Environment = deployment.variables("rotation").into_iter().collect();
    let aws = deployment.stack.sdk_config();
    let sources = system_sources();
    let (now, randomness) = (sources.now(), sources.randomness.as_ref());
    let organization = OrganizationId::generate(now, randomness);
    let id = IntegrationId::generate(now, randomness);
    let there = aws.to_builder().endpoint_url(&secrets_manager.url).build();
    let credentials = connect::credentials(&environment, &there).unwrap();
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
    let secrets_manager = SecretsManager::of(&deployment);
    secrets_manager.know_function().await;
    let (organization, integration) = set_up(&deployment, &secrets_manager, &url).await;
    let prefix = &deployment.variables("rotation")["GATEHOUSE_SECRET_PREFIX"];
    let secret = format!("{prefix}/{organization}/{integration}");
    let rotate = json!({"SecretId": secret, "ClientRequestToken": TOKEN,
        "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:gatehouse-rotation",
        "RotationRules": {"AutomaticallyAfterDays": 30}});
    secrets_manager.call("RotateSecret", rotate).await;
    let mut settings = deployment.settings("rotation", deployment.variables("rotation"));
    let there = secrets_manager.beside(deployment.stack.endpoint()).await;
    let variables = &mut settings.environment;
    variables.insert("AWS_ENDPOINT_URL".to_owned(), there);
    let function = Function::start(&settings).await.unwrap();
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
    let described = secrets_manager.call("DescribeSecret", described).await;
    let stages = |version: &str| {
        let of_version = &described["VersionIdsToStages"][version];
        serde_json::from_value::<BTreeSet<String>>(of_version.clone()).unwrap()
    };
    assert_eq!(stages(FIRST), ["AWSPREVIOUS".to_owned()].into());
    let both = ["AWSCURRENT", "AWSPENDING"].map(str::to_owned);
    assert_eq!(stages(TOKEN), both.into());
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
