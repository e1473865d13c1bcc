use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A call, as it reached the provider.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }
}

/// What the provider is to answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    after: Duration,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            after: Duration::ZERO,
        }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status)
            .with("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Only after so long.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Reply>,
    always: Reply,
    calls: Vec<Call>,
}

/// A provider on loopback that answers what it is told, and remembers how it was called.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    called: Arc<Notify>,
}

type Shared = (Arc<Mutex<Script>>, Arc<Notify>);

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script {
            next: VecDeque::new(),
            always: Reply::json(200, &serde_json::json!({"ok": true})),
            calls: Vec::new(),
        }));
        let called = Arc::new(Notify::new());
        let shared = (Arc::clone(&script), Arc::clone(&called));
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async { axum::serve(listener, router).await });
        Self {
            url,
            script,
            called,
        }
    }

    /// Waits for the next call.
    pub(crate) async fn called(&self) {
        self.called.notified().await;
    }

    /// The next answer.
    pub(crate) fn next(&self, reply: Reply) {
        self.script.lock().unwrap().next.push_back(reply);
    }

    /// Every answer that was not told otherwise.
    pub(crate) fn always(&self, reply: Reply) {
        self.script.lock().unwrap().always = reply;
    }

    /// How it was called since the last time that this was asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.lock().unwrap().calls)
    }
}

async fn answer(State((script, called)): State<Shared>, request: Request) -> Response {
    let (
        Parts {
            method,
            uri,
            headers,
            ..
        },
        body,
    ) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let reply = {
        let mut script = script.lock().unwrap();
        script.calls.push(Call {
            method,
            uri,
            headers,
            body,
            at: Instant::now(),
        });
        called.notify_one();
        let next = script.next.pop_front();
        next.unwrap_or_else(|| script.always.clone())
    };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
