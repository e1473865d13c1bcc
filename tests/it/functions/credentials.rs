//! Credentials are replaced by the real functions while calls go out with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use e2e::Function;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::deployment::Deployment;
use super::samples::{Answer, sample};

/// The key that the provider knows first, and its id.
const FIRST: (&str, &str) = (
    "abcdefghijklmnopqrstuv",
    "SG.abcdefghijklmnopqrstuv.0123456789012345678901234567890123456789abc",
);
/// What no step lasts longer than, in runs of the schedule.
const RUNS: usize = 20;

/// A provider of SendGrid's form: its keys by their ids, and how often it was called with each.
#[derive(Clone, Default)]
struct Provider {
    keys: Arc<Mutex<BTreeMap<String, Key>>>,
}

#[derive(Clone)]
struct Key {
    value: String,
    name: String,
    calls: usize,
}

impl Provider {
    /// It, and where it is.
    async fn start() -> (Self, String) {
        let provider = Self::default();
        provider.add(FIRST.0, FIRST.1, "by hand");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v3/scopes", get(scopes))
            .route("/v3/api_keys", get(list).post(create))
            .route("/v3/api_keys/{id}", delete(remove))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        (provider, url)
    }

    fn add(&self, id: &str, value: &str, name: &str) {
        let key = Key {
            value: value.to_owned(),
            name: name.to_owned(),
            calls: 0,
        };
        self.keys.lock().unwrap().insert(id.to_owned(), key);
    }

    /// Whether the caller has a key that is good; counts the call.
    fn knows(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let given = headers.get("authorization").and_then(|v| v.to_str().ok());
        let mut keys = self.keys.lock().unwrap();
        let mut good = keys.values_mut();
        match good.find(|key| given == Some(&format!("Bearer {}", key.value))) {
            Some(key) => {
                key.calls += 1;
                Ok(())
            }
            None => Err(StatusCode::UNAUTHORIZED),
        }
    }

    fn ids(&self) -> Vec<String> {
        self.keys.lock().unwrap().keys().cloned().collect()
    }

    /// The values of the keys that were made since.
    fn made(&self) -> Vec<String> {
        let keys = self.keys.lock().unwrap();
        let made = keys.iter().filter(|(id, _)| *id != FIRST.0);
        made.map(|(_, key)| key.value.clone()).collect()
    }

    /// How often it was called with a key.
    fn calls(&self, id: &str) -> usize {
        self.keys.lock().unwrap().get(id).map_or(0, |key| key.calls)
    }
}

async fn scopes(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    match provider.knows(&headers) {
        Ok(()) => axum::Json(json!({"scopes": ["mail.send"]})).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn list(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    if let Err(refused) = provider.knows(&headers) {
        return refused.into_response();
    }
    let keys = provider.keys.lock().unwrap();
    let keys = keys
        .iter()
        .map(|(id, key)| json!({"api_key_id": id, "name": key.name}));
    axum::Json(json!({"result": keys.collect::<Vec<_>>()})).into_response()
}

async fn create(State(provider): State<Provider>, headers: HeaderMap, body: String) -> Response {
    if let Err(refused) = provider.knows(&headers) {
        return refused.into_response();
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let number = provider.ids().len();
    let id = format!("canaryidcanaryidcan{number:03}");
    let value = format!("SG.{id}.canary-of-a-key-that-was-made-canary-{number:06}");
    provider.add(&id, &value, body["name"].as_str().unwrap());
    let made = json!({"api_key": value, "api_key_id": id, "name": body["name"]});
    (StatusCode::CREATED, axum::Json(made)).into_response()
}

async fn remove(
    State(provider): State<Provider>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = provider.knows(&headers) {
        return refused.into_response();
    }
    match provider.keys.lock().unwrap().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An integration of the provider's, and the functions.
struct SetUp {
    deployment: Deployment,
    integrations: Function,
    gateway: Function,
    rotation: Function,
    integration: String,
    token: String,
    /// All that was answered.
    answers: Mutex<Vec<Answer>>,
}

impl SetUp {
    async fn new(url: &str) -> Self {
        let deployment = Deployment::new().await;
        let (integrations, gateway, rotation) = tokio::join!(
            deployment.start("integrations"),
            deployment.start("gateway"),
            deployment.start("rotation"),
        );
        let token = deployment.issuer.token();
        let fillings = [("{token}", token.as_str())];
        let mut create = sample("integrations/create-integration", &fillings);
        create["body"] = json!(
            json!({
                "name": "Mail", "type": "communication", "provider": "sendgrid", "baseUrl": url,
                "authMethod": "api_key", "credentials": {"apiKeyId": FIRST.0, "apiKey": FIRST.1},
                "apiProfile": {"rotation": {"strategy": "provider_api", "keys": {
                    "create": {"method": "POST", "path": "/v3/api_keys", "body": {
                        "name": "{rotation}", "scopes": ["mail.send"]}},
                    "created": {"apiKey": "api_key", "apiKeyId": "api_key_id"}, "keyId": "apiKeyId",
                    "list": {"call": {"method": "GET", "path": "/v3/api_keys"},
                        "items": "result", "id": "api_key_id", "label": "name"},
                    "revoke": [{"method": "DELETE", "path": "/v3/api_keys/{apiKeyId}"}]}}},
            })
            .to_string()
        );
        let made = Answer::of(&integrations, &create).await;
        Self {
            integration: made.made("id"),
            deployment,
            integrations,
            gateway,
            rotation,
            token,
            answers: Mutex::default(),
        }
    }

    async fn answer(&self, function: &Function, event: &Value) -> Answer {
        let answer = Answer::of(function, event).await;
        self.answers.lock().unwrap().push(answer.clone());
        answer
    }

    fn fillings(&self) -> [(&str, &str); 2] {
        [
            ("{integrationId}", &self.integration),
            ("{token}", &self.token),
        ]
    }

    /// Asks for a rotation; where it stands.
    async fn rotate(&self, emergency: bool) -> String {
        let emergency = emergency.to_string();
        let mut fillings = self.fillings().to_vec();
        fillings.push(("{emergency}", &emergency));
        let event = sample("integrations/rotate-credentials", &fillings);
        let answer = self.answer(&self.integrations, &event).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["state"].as_str().unwrap().to_owned()
    }

    /// A call of the provider through `gateway`; its status there.
    async fn call(&self, gateway: &Function, number: usize) -> Value {
        let number = number.to_string();
        let mut fillings = self.fillings().to_vec();
        fillings.push(("{idempotencyKey}", &number));
        let mut event = sample("gateway/create-request", &fillings);
        event["body"] = json!(json!({"method": "GET", "endpoint": "/v3/scopes"}).to_string());
        let answer = self.answer(gateway, &event).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["status"].clone()
    }

    /// Runs the schedule until the rotation stands at `state`.
    async fn run_to(&self, state: &str) {
        let mut last = String::new();
        for _ in 0..RUNS {
            let event = sample("rotation/scheduled", &[]);
            self.rotation.invoke(&event).await.unwrap();
            last = self.state().await;
            if last == state {
                return;
            }
        }
        panic!("the rotation stands at {last}, and not at {state}");
    }

    async fn state(&self) -> String {
        let mut event = sample("integrations/read-status", &self.fillings());
        let path = format!("/portal/integrations/{}/rotations", self.integration);
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        event["pathParameters"]["proxy"] = json!(path.trim_start_matches("/portal/"));
        let answer = self.answer(&self.integrations, &event).await;
        let text = answer.json()["items"][0]["state"].clone();
        text.as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_key_is_replaced_and_no_call_fails_meanwhile() {
    let (provider, url) = Provider::start().await;
    let set_up = SetUp::new(&url).await;
    assert_eq!(set_up.rotate(false).await, "create");
    let traffic = async {
        let mut statuses = Vec::new();
        for number in 0..40 {
            statuses.push(set_up.call(&set_up.gateway, number).await);
        }
        statuses
    };
    let (statuses, ()) = tokio::join!(traffic, set_up.run_to("grace"));
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    // The old key is good as long as it has grace: somebody may know of no other.
    let ids = provider.ids();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&FIRST.0.to_owned()));
    // Who comes to it now uses the new one.
    let made = provider.ids().into_iter().find(|id| id != FIRST.0).unwrap();
    let before = provider.calls(&made);
    let other = set_up.deployment.start("gateway").await;
    assert_eq!(set_up.call(&other, 100).await, 200);
    assert_eq!(provider.calls(&made), before + 1);
    // An emergency takes the grace away: the old key is deleted, and nothing else.
    assert_eq!(set_up.rotate(true).await, "grace");
    let values = provider.made();
    set_up.run_to("done").await;
    assert_eq!(provider.ids(), [made]);
    assert_eq!(set_up.call(&other, 101).await, 200);
    let outputs = [
        set_up.gateway.stop().unwrap(),
        set_up.integrations.stop().unwrap(),
        set_up.rotation.stop().unwrap(),
        other.stop().unwrap(),
    ];
    let stored = set_up.deployment.stack.contents().await.unwrap();
    let shown = format!("{:?} {outputs:?} {stored}", set_up.answers);
    assert_eq!(values.len(), 1);
    for canary in values.iter().map(String::as_str).chain([FIRST.1]) {
        assert!(!shown.contains(canary), "{canary} is shown");
    }
}
