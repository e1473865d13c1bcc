use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use http::StatusCode;
use tokio::net::TcpListener;

/// A destination that counts what it takes, and keeps none of it.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<AtomicU64>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            received: Arc::default(),
        };
        let router = Router::new()
            .fallback(take)
            .with_state(Arc::clone(&receiver.received));
        tokio::spawn(async { axum::serve(listener, router).await });
        receiver
    }

    /// How many deliveries have come.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }
}

async fn take(State(received): State<Arc<AtomicU64>>) -> StatusCode {
    received.fetch_add(1, Ordering::SeqCst);
    StatusCode::NO_CONTENT
}
