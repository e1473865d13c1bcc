//! Calls to providers through the real gateway.

use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use e2e::Function;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::deployment::Deployment;
use super::samples::{Answer, sample};
use super::world::API_KEY;

/// A provider that answers with what it was authorized by, or not at all once it is told so.
struct Provider {
    url: String,
    called: Arc<Notify>,
    silent: Arc<std::sync::atomic::AtomicBool>,
}

type Shared = (Arc<Notify>, Arc<std::sync::atomic::AtomicBool>);

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (called, silent) = (Arc::new(Notify::new()), Arc::default());
        let shared: Shared = (Arc::clone(&called), Arc::clone(&silent));
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async { axum::serve(listener, router).await });
        Self {
            url,
            called,
            silent,
        }
    }
}

async fn answer(State((called, silent)): State<Shared>, headers: HeaderMap) -> String {
    called.notify_one();
    if silent.load(std::sync::atomic::Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let key = headers.get("authorization").unwrap();
    format!("authorized by {}", key.to_str().unwrap())
}

/// An integration of the provider's, and who may use it.
struct SetUp {
    deployment: Deployment,
    integrations: Function,
    gateway: Function,
    integration: String,
    token: String,
}

impl SetUp {
    async fn new(provider: &Provider) -> Self {
        let deployment = Deployment::new().await;
        let (integrations, gateway) = tokio::join!(
            deployment.start("integrations"),
            deployment.start("gateway")
        );
        let token = deployment.issuer.token();
        let fillings = [
            ("{apiKey}", API_KEY),
            ("{token}", token.as_str()),
            ("https://api.stripe.com", &provider.url),
        ];
        let create = sample("integrations/create-integration", &fillings);
        let made = Answer::of(&integrations, &create).await;
        Self {
            integration: made.made("id"),
            deployment,
            integrations,
            gateway,
            token,
        }
    }

    fn event(&self, name: &str) -> Value {
        self.sample(&format!("gateway/{name}"))
    }

    fn sample(&self, name: &str) -> Value {
        let fillings = [
            ("{integrationId}", self.integration.as_str()),
            ("{token}", &self.token),
            ("{idempotencyKey}", "order-1"),
            ("{apiKey}", "canary-of-the-candidate"),
        ];
        sample(name, &fillings)
    }
}

#[tokio::test]
async fn a_call_goes_out_with_the_credential_and_comes_back_without_it() {
    let provider = Provider::start().await;
    let set_up = SetUp::new(&provider).await;
    let mut answers = Vec::new();
    for name in [
        "create-request",
        "proxy",
        "test-credentials",
        "list-requests",
    ] {
        let answer = Answer::of(&set_up.gateway, &set_up.event(name)).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        answers.push(answer);
    }
    let made = answers[0].json();
    assert_eq!(made["status"], 200);
    assert!(made["body"].as_str().unwrap().starts_with("authorized by "));
    assert!(answers[1].body.starts_with("authorized by "));
    assert_eq!(answers[2].json()["success"], true);
    let log = answers[3].json();
    assert!(
        log["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["id"] == made["id"])
    );
    let status = set_up.sample("integrations/read-status");
    let status = Answer::of(&set_up.integrations, &status).await.json();
    assert!(status["credentials"]["lastUsedAt"].is_string(), "{status}");
    let output = set_up.gateway.stop().unwrap();
    let stored = set_up.deployment.stack.contents().await.unwrap();
    let shown = format!("{answers:?} {output:?} {stored}");
    for canary in [API_KEY, "canary-of-the-candidate", set_up.token.as_str()] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

#[tokio::test]
async fn a_call_whose_function_is_killed_is_in_the_log_and_not_made_again() {
    let provider = Provider::start().await;
    let set_up = SetUp::new(&provider).await;
    provider
        .silent
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let event = set_up.event("create-request");
    let call = set_up.gateway.invoke(&event);
    let kill = async {
        provider.called.notified().await;
        let id = set_up.gateway.process_id().to_string();
        let killed = Command::new("kill").args(["-9", &id]).status().unwrap();
        assert!(killed.success());
    };
    let (ended, ()) = tokio::join!(call, kill);
    assert!(ended.is_err(), "{ended:?}");
    let another = set_up.deployment.start("gateway").await;
    let log = Answer::of(&another, &set_up.event("list-requests"))
        .await
        .json();
    assert_eq!(log["items"][0]["status"], "started", "{log}");
    provider
        .silent
        .store(false, std::sync::atomic::Ordering::SeqCst);
    let again = Answer::of(&another, &event).await;
    assert_eq!(again.problem(), (409, "idempotency_key_in_use".to_owned()));
}

#[tokio::test]
async fn integrations_are_changed_in_bulk_each_with_its_own_result() {
    let provider = Provider::start().await;
    let set_up = SetUp::new(&provider).await;
    let mut event = set_up.sample("integrations/change-in-bulk");
    // A key of the provider's form: the catalogue looks at it.
    let body = event["body"].as_str().unwrap();
    event["body"] = body
        .replace("canary-of-the-candidate", "sk_test_canary")
        .into();
    let answer = Answer::of(&set_up.integrations, &event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json();
    let status = |index: usize| results["results"][index]["status"].clone();
    assert_eq!(
        (status(0), status(1)),
        (201.into(), 200.into()),
        "{results}"
    );
    assert!(!answer.body.contains("sk_test_canary"));
    let gone = Answer::of(&set_up.gateway, &set_up.event("create-request")).await;
    assert_eq!(gone.problem(), (404, "not_found".to_owned()));
}
