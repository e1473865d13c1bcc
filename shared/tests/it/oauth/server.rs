use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

/// What a path is answered with: status, content type, body.
type Answer = (u16, String, Vec<u8>);

#[derive(Default)]
struct Inside {
    answers: BTreeMap<String, Answer>,
    got: Vec<(String, HeaderMap)>,
}

/// A web server on this machine whose pages can be changed.
#[derive(Clone)]
pub(super) struct Server {
    port: u16,
    inside: Arc<Mutex<Inside>>,
}

impl Server {
    pub(super) async fn new() -> Self {
        let inside = Arc::<Mutex<Inside>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(take).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, inside }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn json(&self, path: &str, body: &Value) {
        self.answer(path, 200, "application/json", body.to_string().into_bytes());
    }

    pub(super) fn answer(&self, path: &str, status: u16, kind: &str, body: Vec<u8>) {
        let answer = (status, kind.to_owned(), body);
        let mut inside = self.inside.lock().unwrap();
        inside.answers.insert(path.to_owned(), answer);
    }

    /// The paths that were asked for, with the headers.
    pub(super) fn got(&self) -> Vec<(String, HeaderMap)> {
        self.inside.lock().unwrap().got.clone()
    }

    pub(super) fn calls(&self, path: &str) -> usize {
        self.got().iter().filter(|(got, _)| got == path).count()
    }
}

async fn take(State(inside): State<Arc<Mutex<Inside>>>, uri: Uri, headers: HeaderMap) -> Response {
    let answer = {
        let mut inside = inside.lock().unwrap();
        inside.got.push((uri.path().to_owned(), headers));
        inside.answers.get(uri.path()).cloned()
    };
    // Others get the chance to come in the meantime.
    tokio::task::yield_now().await;
    match answer {
        Some((status, kind, body)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
