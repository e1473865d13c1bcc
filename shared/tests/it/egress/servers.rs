use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that counts the connections that were made to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers every request with these bytes, and closes the connection.
    pub(super) async fn raw(answer: impl Into<Vec<u8>>) -> Self {
        Self::raw_at("127.0.0.1:0", answer).await
    }

    /// The same, at an address of the caller's choice.
    pub(super) async fn raw_at(address: &str, answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { port, connections }
    }

    /// Takes connections and never answers.
    pub(super) async fn silent() -> Self {
        Self::stalling("").await
    }

    /// Begins its answers with these bytes and never ends them.
    pub(super) async fn stalling(beginning: &'static str) -> Self {
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(beginning.as_bytes()).await;
                open.push(stream);
            }
        });
        Self {
            port,
            connections: Arc::default(),
        }
    }

    /// Sends a body byte by byte, for ever, so that no single read takes long.
    pub(super) async fn dripping() -> Self {
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while stream.write_all(b"x").await.is_ok() {
                ticks.tick().await;
            }
        });
        Self {
            port,
            connections: Arc::default(),
        }
    }

    /// Serves a router.
    pub(super) async fn router(router: Router) -> Self {
        let (listener, port) = listen().await;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            port,
            connections: Arc::default(),
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(super) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A whole HTTP/1.1 answer.
pub(super) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
