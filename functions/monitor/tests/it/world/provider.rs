use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use http::StatusCode;

/// A provider that the tests drive.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) url: String,
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What it was asked since the last time, with whose authorization.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn answer(State(provider): State<Provider>, request: Request) -> StatusCode {
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map_or("", |value| value.to_str().unwrap());
    let asked = format!("{} {} {authorization}", request.method(), request.uri());
    provider.asked.lock().unwrap().push(asked);
    StatusCode::from_u16(provider.status.load(Ordering::SeqCst)).unwrap()
}
