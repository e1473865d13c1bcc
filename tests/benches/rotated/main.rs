//! Calls through the gateway, a hundred a second, while the key that they are made with is replaced and
//! deleted at the provider: how many fail. `scripts/bench` runs it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

#[path = "../../it/binaries.rs"]
mod binaries;
#[path = "../figures/clock.rs"]
mod clock;
#[path = "../../it/local/running.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod running;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::clock::now;
use self::running::Running;

const EACH_SECOND: u32 = 100;
/// Calls go on for so long after the old key is gone.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// Longer than a rotation takes that has the shortest grace, by a schedule of one minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// The keys by their ids, and their secrets: an id that is a secret would be told to nobody.
const FIRST: (&str, &str) = ("key_1", "alpha-5f0c9d72e1");
const SECOND: (&str, &str) = ("key_2", "omega-31b8a6470d");

/// The provider's keys by their ids, with their secrets and the calls that were made with each.
#[derive(Clone, Default)]
struct Provider {
    keys: Arc<Mutex<BTreeMap<&'static str, (&'static str, u64)>>>,
}

impl Provider {
    async fn start(&self) -> String {
        self.keys.lock().unwrap().insert(FIRST.0, (FIRST.1, 0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }
}

async fn answer(State(provider): State<Provider>, request: Request) -> Response<Body> {
    let given = request.headers().get("x-key");
    let given = given
        .and_then(|given| given.to_str().ok())
        .unwrap_or_default();
    let mut keys = provider.keys.lock().unwrap();
    let mut all = keys.values_mut();
    let Some((_, calls)) = all.find(|(secret, _)| *secret == given) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match *request.method() {
        Method::POST => {
            let (id, secret) = SECOND;
            keys.insert(id, (secret, 0));
            let made = Json(json!({"id": id, "secret": secret}));
            (StatusCode::CREATED, made).into_response()
        }
        Method::DELETE => {
            let id = request.uri().path().rsplit('/').next().unwrap_or_default();
            let was_there = keys.remove(id).is_some();
            println!("- the key `{id}` is deleted: {was_there}");
            StatusCode::NO_CONTENT.into_response()
        }
        _ => {
            *calls += 1;
            Json(json!({"me": true})).into_response()
        }
    }
}

/// Makes calls until it is told to stop; how many there were of each status.
async fn traffic(
    url: String,
    token: String,
    mut stop: tokio::sync::oneshot::Receiver<()>,
) -> BTreeMap<u16, u64> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut ticks = interval(Duration::from_secs(1) / EACH_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calls = JoinSet::new();
    let mut statuses = BTreeMap::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            _ = ticks.tick() => {
                let call = client.get(&url).bearer_auth(&token).send();
                calls.spawn(async { call.await.map_or(0, |answer| answer.status().as_u16()) });
            }
            Some(ended) = calls.join_next() => *statuses.entry(ended.unwrap()).or_default() += 1,
        }
    }
    while let Some(ended) = calls.join_next().await {
        *statuses.entry(ended.unwrap()).or_default() += 1;
    }
    statuses
}

/// Waits until the rotation stands there.
async fn reached(system: &Running, path: &str, state: &str) {
    let began = now();
    loop {
        let rotation: Value = system.get(path).await;
        if rotation["state"] == state {
            println!(
                "- the rotation is in `{state}` after {} s",
                began.elapsed().as_secs()
            );
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{rotation}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let provider = Provider::default();
    let url = provider.start().await;
    let integration = json!({
        "name": "A provider", "type": "enterprise", "baseUrl": url, "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "X-Key"},
        "credentials": {"apiKey": FIRST.1, "apiKeyId": FIRST.0},
        "apiProfile": {"verification": {"path": "/me"}, "rotation": {
            "strategy": "provider_api", "graceSeconds": 120, "keys": {
                "create": {"method": "POST", "path": "/keys", "body": {"name": "{rotation}"}},
                "created": {"apiKey": "secret", "apiKeyId": "id"}, "keyId": "apiKeyId",
                "revoke": [{"method": "DELETE", "path": "/keys/{apiKeyId}"}]}}},
    });
    let made = system.post("/portal/integrations", &integration).await;
    let path = format!("/portal/integrations/{}", made["id"].as_str().unwrap());
    let proxied = format!("{}{path}/proxy/data", system.base_url);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let began = now();
    let calls = tokio::spawn(traffic(proxied, system.token.clone(), stopped));
    let rotation = system
        .post(&format!("{path}/credentials/rotate"), &json!({}))
        .await;
    let rotation = format!("{path}/rotations/{}", rotation["id"].as_str().unwrap());
    reached(&system, &rotation, "grace").await;
    reached(&system, &rotation, "done").await;
    tokio::time::sleep(AFTERWARDS).await;
    stop.send(()).unwrap();
    let statuses = calls.await.unwrap();
    let seconds = began.elapsed().as_secs();
    let all: u64 = statuses.values().sum();
    println!("- {all} calls in {seconds} s, by status: {statuses:?}");
    println!(
        "- calls with the key in use: {:?}",
        provider.keys.lock().unwrap()
    );
}
