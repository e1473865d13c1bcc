use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

/// What a destination was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// A destination that answers what it is told, and 204 after that.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) url: url::Url,
    state: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<(u16, Option<String>)>,
    always: Option<u16>,
    received: Vec<Received>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let state = Arc::<Mutex<Script>>::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&state));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// The next answer, with a `Retry-After` if that is given.
    pub(crate) fn answer(&self, status: u16, retry_after: Option<&str>) {
        let answer = (status, retry_after.map(str::to_owned));
        self.state.lock().unwrap().answers.push_back(answer);
    }

    /// Every answer from now on.
    pub(crate) fn always(&self, status: u16) {
        self.state.lock().unwrap().always = Some(status);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }
}

async fn take(
    State(state): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut script = state.lock().unwrap();
    script.received.push(Received { headers, body });
    let always = script.always.unwrap_or(204);
    let (status, retry_after) = script.answers.pop_front().unwrap_or((always, None));
    let mut response = (StatusCode::from_u16(status).unwrap(), "an answer").into_response();
    if let Some(retry_after) = retry_after {
        response
            .headers_mut()
            .insert("retry-after", retry_after.parse().unwrap());
    }
    response
}
