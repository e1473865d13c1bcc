//! Somebody consents, calls are made with what that gives, and it is taken back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::running::Running;
use super::secrets::search_files;

const SECRET: &str = "canary-of-the-client";

/// An authorization server with an API. Each of its refresh tokens is good once.
#[derive(Default)]
struct Provider {
    /// The number of the newest access token, and of the refresh token that came with it.
    newest: AtomicUsize,
    /// The number of the first access token that the API still takes.
    taken_from: AtomicUsize,
    forms: Mutex<Vec<String>>,
}

impl Provider {
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/token", post(token))
            .route("/contacts", get(contacts))
            .with_state(Arc::clone(self));
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }

    fn forms(&self) -> Vec<String> {
        self.forms.lock().unwrap().clone()
    }
}

async fn token(State(provider): State<Arc<Provider>>, form: String) -> (StatusCode, Json<Value>) {
    let newest = provider.newest.load(Ordering::SeqCst);
    let is_good = form.contains("code=the-code")
        || form.contains(&format!("refresh_token=canary-refresh-{newest}&"))
        || form.ends_with(&format!("refresh_token=canary-refresh-{newest}"));
    provider.forms.lock().unwrap().push(form);
    if !is_good {
        let refusal = json!({"error": "invalid_grant"});
        return (StatusCode::BAD_REQUEST, Json(refusal));
    }
    let number = provider.newest.fetch_add(1, Ordering::SeqCst) + 1;
    let tokens = json!({
        "access_token": format!("canary-access-{number}"), "token_type": "Bearer",
        "refresh_token": format!("canary-refresh-{number}"), "expires_in": 3600,
    });
    (StatusCode::OK, Json(tokens))
}

async fn contacts(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> StatusCode {
    let shown = headers.get("authorization");
    let shown = shown.and_then(|value| value.to_str().ok());
    let number = shown.and_then(|value| value.strip_prefix("Bearer canary-access-"));
    let number: Option<usize> = number.and_then(|number| number.parse().ok());
    match number {
        Some(number) if number >= provider.taken_from.load(Ordering::SeqCst) => {
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// What a call of the API through the gateway comes to: the provider's status, or our problem.
async fn call(system: &Running, path: &str) -> Result<u64, String> {
    let request = json!({"method": "GET", "endpoint": "/contacts"});
    let answer = system.respond(&format!("{path}/requests"), &request).await;
    let answer: Value = answer.json().await.unwrap();
    match answer["status"].as_u64() {
        Some(status) if answer["code"].is_null() => Ok(status),
        _ => Err(answer["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()),
    }
}

/// Calls until it comes to that.
async fn until(system: &Running, path: &str, wanted: &Result<u64, String>) {
    let called = tokio::time::timeout(Duration::from_secs(30), async {
        while call(system, path).await != *wanted {}
    });
    called.await.unwrap();
}

/// Whether the audit trail has an entry of that. A page ends after so many entries that are others.
async fn is_recorded(system: &Running, action: &str) -> bool {
    let mut cursor = String::new();
    loop {
        let path = format!("/portal/audit?action={action}{cursor}");
        let page = system.get(&path).await;
        if !page["items"].as_array().unwrap().is_empty() {
            return true;
        }
        match &page["nextCursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return false,
        }
    }
}

/// What the browser comes back with that has been asked to consent: its cookie, and the URL.
async fn asked(system: &Running, path: &str) -> (String, String) {
    let response = system
        .respond(&format!("{path}/oauth/authorize"), &json!({}))
        .await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let asked: Value = response.json().await.unwrap();
    let url: reqwest::Url = asked["authorizationUrl"].as_str().unwrap().parse().unwrap();
    let parameter = |wanted: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(name, _)| name == wanted)
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(parameter("code_challenge_method"), "S256");
    let back = parameter("redirect_uri");
    (
        cookie,
        format!("{back}?code=the-code&state={}", parameter("state")),
    )
}

#[tokio::test]
async fn a_consent_gives_calls_that_outlive_a_token_until_it_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let provider = Arc::new(Provider::default());
    let url = provider.start().await;
    let made = json!({
        "name": "CRM", "type": "enterprise", "baseUrl": url, "authMethod": "oauth2",
        "authConfig": {
            "authorizationEndpoint": format!("{url}/authorize"),
            "tokenEndpoint": format!("{url}/token"), "clientAuthentication": "post",
        },
        "credentials": {"clientId": "gatehouse", "clientSecret": SECRET},
    });
    let made = system.post("/portal/integrations", &made).await;
    let path = format!("/portal/integrations/{}", made["id"].as_str().unwrap());
    assert_eq!(call(&system, &path).await, Err("consent_needed".to_owned()));

    let (cookie, back) = asked(&system, &path).await;
    for (cookie, status) in [("", 403), (&cookie, 400)] {
        // Another browser brings the answer: it counts for nobody any more.
        assert_eq!(system.browse(&back, cookie).await.status(), status);
    }
    assert_eq!(provider.forms(), Vec::<String>::new());
    let (cookie, back) = asked(&system, &path).await;
    assert_eq!(system.browse(&back, &cookie).await.status(), 200);
    assert_eq!(provider.forms().len(), 1);
    // What an integration is may be remembered for a few seconds.
    until(&system, &path, &Ok(204)).await;

    // The provider ends the access token before its time: it is renewed, once, though not within the
    // first seconds of it.
    provider.taken_from.store(2, Ordering::SeqCst);
    until(&system, &path, &Ok(204)).await;
    assert_eq!(call(&system, &path).await, Ok(204));
    assert_eq!(provider.forms().len(), 2);
    let grant = system.get(&format!("{path}/oauth")).await;
    assert_eq!(grant["state"], "connected", "{grant}");
    assert!(grant["lastRefreshedAt"].is_string(), "{grant}");

    system
        .post(&format!("{path}/oauth/revoke"), &json!({}))
        .await;
    until(&system, &path, &Err("consent_needed".to_owned())).await;
    for action in [
        "grant.authorize",
        "grant.connect",
        "grant.refresh",
        "grant.revoke",
        "credential.use",
    ] {
        assert!(is_recorded(&system, action).await, "{action}");
    }
    let verified = system.post("/portal/audit/verify", &json!({})).await;
    assert_eq!(verified["whole"], true, "{verified}");
    drop(system);
    search_files(folder.path(), &[SECRET, "canary-access", "canary-refresh"]);
}
