use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A destination that counts what it takes, and keeps none of it.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    taken: Arc<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    received: AtomicU64,
    /// Who waits for an event, by its id.
    awaited: Mutex<HashMap<String, oneshot::Sender<()>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            taken: Arc::default(),
        };
        let router = Router::new()
            .fallback(take)
            .with_state(Arc::clone(&receiver.taken));
        tokio::spawn(async { axum::serve(listener, router).await });
        receiver
    }

    /// How many deliveries have come.
    pub(crate) fn received(&self) -> u64 {
        self.taken.received.load(Ordering::SeqCst)
    }

    /// Hears of the first delivery of an event. To be called before it is sent.
    pub(crate) fn arrival(&self, id: &str) -> oneshot::Receiver<()> {
        let (sender, arrival) = oneshot::channel();
        let mut awaited = self.taken.awaited.lock().unwrap();
        awaited.insert(id.to_owned(), sender);
        arrival
    }
}

async fn take(State(taken): State<Arc<Taken>>, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    taken.received.fetch_add(1, Ordering::SeqCst);
    let id = event["id"].as_str().unwrap();
    if let Some(waiting) = taken.awaited.lock().unwrap().remove(id) {
        // Whoever waited may have given up.
        waiting.send(()).ok();
    }
    StatusCode::NO_CONTENT
}
