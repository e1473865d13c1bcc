use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

/// One delivery, as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

type Deliveries = Arc<Mutex<Vec<Received>>>;

/// A destination that takes everything.
#[derive(Debug)]
pub(super) struct Receiver {
    url: String,
    deliveries: Deliveries,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let deliveries = Deliveries::default();
        let router = Router::new()
            .fallback(take)
            .with_state(Arc::clone(&deliveries));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, deliveries }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What has come, in the order in which it did.
    pub(super) fn received(&self) -> Vec<Received> {
        self.deliveries.lock().unwrap().clone()
    }

    /// How often each event has come, by the provider's event id.
    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for Received { body, .. } in self.received() {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let id = body["id"].as_str().unwrap().to_owned();
            *counts.entry(id).or_default() += 1;
        }
        counts
    }
}

async fn take(State(deliveries): State<Deliveries>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let received = Received { headers, body };
    deliveries.lock().unwrap().push(received);
    StatusCode::NO_CONTENT
}
