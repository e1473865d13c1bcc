use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// One call that a provider got.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    /// The fields of its form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        let pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.into_owned().collect()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }
}

type Answer = Arc<dyn Fn(usize) -> Response + Send + Sync>;

#[derive(Clone)]
struct Inside {
    got: Arc<Mutex<Vec<Got>>>,
    answer: Answer,
}

/// A provider on this machine, which remembers every call.
pub(super) struct Provider {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Provider {
    /// One that answers its calls, numbered from 1, like this.
    pub(super) async fn answering<R: IntoResponse>(
        answer: impl Fn(usize) -> R + Send + Sync + 'static,
    ) -> Self {
        let got = Arc::default();
        let inside = Inside {
            got: Arc::clone(&got),
            answer: Arc::new(move |number| answer(number).into_response()),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(take).with_state(inside);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, got }
    }

    /// One that gives a token at each call: `token-1`, `token-2` and so on, for an hour.
    pub(super) async fn of_tokens() -> Self {
        Self::answering(|number| {
            axum::Json(serde_json::json!({
                "access_token": format!("token-{number}"), "token_type": "Bearer",
                "expires_in": 3600,
            }))
        })
        .await
    }

    /// One that gives this answer.
    pub(super) async fn saying(status: u16, body: &Value) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.to_string();
        Self::answering(move |_| (status, body.clone())).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub(super) fn calls(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

async fn take(State(inside): State<Inside>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let number = {
        let mut got = inside.got.lock().unwrap();
        got.push(Got {
            uri,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        got.len()
    };
    // Others get the chance to come in the meantime.
    tokio::task::yield_now().await;
    (inside.answer)(number)
}
