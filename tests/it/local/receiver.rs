use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;

type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// A destination that takes everything and counts it by the provider's event id.
#[derive(Debug)]
pub(super) struct Receiver {
    url: String,
    counts: Counts,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let counts = Counts::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&counts));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, counts }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How often each event has come.
    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        self.counts.lock().unwrap().clone()
    }
}

async fn take(State(counts): State<Counts>, body: Bytes) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let id = body["id"].as_str().unwrap().to_owned();
    *counts.lock().unwrap().entry(id).or_default() += 1;
    StatusCode::NO_CONTENT
}
