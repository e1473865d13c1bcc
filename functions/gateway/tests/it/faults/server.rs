use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How a server goes on after what it has sent.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Close,
    Reset,
    Hang,
    /// Sends these bytes again and again, that often or for ever, with so long a pause.
    Repeat(Vec<u8>, usize, Duration),
    /// Answers the next request on the connection in the same way, once; then it closes.
    Again,
}

/// One way of answering a request.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    beginning: Vec<u8>,
    then: Then,
}

impl Fault {
    pub(super) fn new(beginning: impl Into<Vec<u8>>, then: Then) -> Self {
        Self {
            beginning: beginning.into(),
            then,
        }
    }

    pub(super) fn none() -> Self {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood";
        Self::new(answer, Then::Close)
    }
}

#[derive(Debug, Default)]
struct Inside {
    next: Mutex<VecDeque<Fault>>,
    always: Mutex<Option<Fault>>,
    requests: AtomicUsize,
    written: AtomicU64,
    ended: Notify,
}

/// A server that answers each connection's first request as it is told, and well otherwise.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    inside: Arc<Inside>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Inside::default());
        let shared = Arc::clone(&inside);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, inside }
    }

    /// How the next request is answered.
    pub(super) fn next(&self, fault: Fault) {
        self.inside.next.lock().unwrap().push_back(fault);
    }

    /// How all requests are answered.
    pub(super) fn always(&self, fault: Fault) {
        *self.inside.always.lock().unwrap() = Some(fault);
    }

    /// How many requests came since this was asked the last time.
    pub(super) fn requests(&self) -> usize {
        self.inside.requests.swap(0, Ordering::SeqCst)
    }

    /// How many bytes were written, once nobody takes more.
    pub(super) async fn written(&self) -> u64 {
        self.inside.ended.notified().await;
        self.inside.written.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, inside: Arc<Inside>) {
    if !took_request(&mut stream).await {
        return;
    }
    inside.requests.fetch_add(1, Ordering::SeqCst);
    let fault = inside.next.lock().unwrap().pop_front();
    let fault = fault.or_else(|| inside.always.lock().unwrap().clone());
    let fault = fault.unwrap_or_else(Fault::none);
    let _ = stream.write_all(&fault.beginning).await;
    match fault.then {
        Then::Close => close(stream).await,
        Then::Reset => stream.set_zero_linger().unwrap(),
        Then::Hang => pending().await,
        Then::Repeat(bytes, times, pause) => {
            for _ in 0..times {
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
                let bytes = u64::try_from(bytes.len()).unwrap();
                inside.written.fetch_add(bytes, Ordering::SeqCst);
                tokio::time::sleep(pause).await;
            }
        }
        Then::Again => {
            if took_request(&mut stream).await {
                inside.requests.fetch_add(1, Ordering::SeqCst);
            }
            close(stream).await;
        }
    }
    inside.ended.notify_one();
}

/// Reads a request with its body, which is short here.
async fn took_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return false,
            Ok(bytes) => request.extend_from_slice(&part[..bytes]),
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
        if body.len() >= length {
            return true;
        }
    }
}

/// What was not read would reset the connection, and with it what was written.
async fn close(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
}
