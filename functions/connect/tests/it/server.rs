use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// One call that a server got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: BTreeMap<String, String>,
}

#[derive(Default)]
struct Inside {
    answers: BTreeMap<String, (u16, String)>,
    got: Vec<Got>,
}

/// An authorization server on this machine that answers as it is told, and remembers every call.
#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    inside: Arc<Mutex<Inside>>,
}

impl Server {
    /// One whose answers name their issuer (RFC 9207).
    pub(crate) async fn new() -> Self {
        let server = Self::silent().await;
        server.metadata(json!({"authorization_response_iss_parameter_supported": true}));
        server
    }

    /// One that publishes no metadata.
    pub(crate) async fn silent() -> Self {
        let inside = Arc::<Mutex<Inside>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(take).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = Self { port, inside };
        let token = json!({"access_token": "canary-at", "token_type": "Bearer", "expires_in": 3600,
                           "refresh_token": "canary-rt", "scope": "read write"});
        server.json("/token", &token);
        server
    }

    /// What is published besides the endpoints, or in their place.
    pub(crate) fn metadata(&self, more: Value) {
        let mut document = json!({
            "issuer": self.issuer(),
            "authorization_endpoint": self.url("/authorize"),
            "token_endpoint": self.url("/token"),
            "jwks_uri": self.url("/jwks"),
        });
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        self.json("/.well-known/openid-configuration", &document);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn issuer(&self) -> String {
        self.url("")
    }

    pub(crate) fn json(&self, path: &str, body: &Value) {
        self.answer(path, 200, body);
    }

    pub(crate) fn answer(&self, path: &str, status: u16, body: &Value) {
        let mut inside = self.inside.lock().unwrap();
        let answer = (status, body.to_string());
        inside.answers.insert(path.to_owned(), answer);
    }

    /// The calls of a path.
    pub(crate) fn got(&self, path: &str) -> Vec<Got> {
        let inside = self.inside.lock().unwrap();
        let got = inside.got.iter().filter(|got| got.path == path);
        got.cloned().collect()
    }
}

async fn take(
    State(inside): State<Arc<Mutex<Inside>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let answer = {
        let mut inside = inside.lock().unwrap();
        inside.got.push(Got {
            path: uri.path().to_owned(),
            headers,
            form,
        });
        inside.answers.get(uri.path()).cloned()
    };
    match answer {
        Some((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
