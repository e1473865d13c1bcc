//! Serves HTTP/1.1 until it is told to stop.
//!
//! A client that is slow, or never sends the rest of its request, costs a connection for a bounded
//! time only. When it is told to stop, nothing new is accepted, requests that came whole are
//! answered if that does not take too long, and every other connection is dropped: nobody was
//! promised anything on it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long to wait after a connection could not be accepted, as when there are too many.
const PAUSE: Duration = Duration::from_millis(100);

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long the head of a request may take, counted from when one could begin: a connection
    /// without a request ends after it too.
    pub(crate) head: Duration,
    /// How long the body may take after the head.
    pub(crate) body: Duration,
    /// The longest body.
    pub(crate) body_bytes: usize,
    /// How long requests in hand may take once it is time to stop.
    pub(crate) in_hand: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            // What API Gateway takes in one request.
            body_bytes: 10 * 1024 * 1024,
            in_hand: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop` becomes true, and ends when no connection is left.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(converse(stream, peer, router, limits, stop));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told(&mut stop) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Returns when `stop` is true, or nobody is left who could make it so.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Answers the requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    // Whether the newest request of this connection has come whole.
    let whole = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| answer(router.clone(), peer, request, limits, &whole));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        ended = connection.as_mut() => return note(ended),
        () = told(&mut stop) => {}
    }
    if !whole.load(Ordering::SeqCst) {
        return;
    }
    connection.as_mut().graceful_shutdown();
    match tokio::time::timeout(limits.in_hand, connection).await {
        Ok(ended) => note(ended),
        Err(_) => tracing::warn!("a request in hand took too long and was dropped"),
    }
}

/// A connection that breaks is its client's affair.
fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Reads one request whole, and then has it answered.
async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
    limits: Limits,
    whole: &AtomicBool,
) -> Result<Response, Infallible> {
    whole.store(false, Ordering::SeqCst);
    let (mut parts, body) = request.into_parts();
    let body = Limited::new(body, limits.body_bytes).collect();
    let body = match tokio::time::timeout(limits.body, body).await {
        Ok(Ok(body)) => Collected::to_bytes(body),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(refusal(status, "Request Entity Too Large"));
        }
        Ok(Err(_)) => return Ok(refusal(StatusCode::BAD_REQUEST, "Bad Request")),
        Err(_) => return Ok(refusal(StatusCode::REQUEST_TIMEOUT, "Request Timeout")),
    };
    whole.store(true, Ordering::SeqCst);
    parts.extensions.insert(ConnectInfo(peer));
    router
        .oneshot(Request::from_parts(parts, Body::from(body)))
        .await
}

/// In API Gateway's words. The rest of the request is not waited for.
fn refusal(status: StatusCode, message: &str) -> Response {
    let body = axum::Json(serde_json::json!({ "message": message }));
    let mut response = (status, body).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::routing::any;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    /// What has not ended by then never does.
    const DEADLINE: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(10);
    const PATIENT: Limits = Limits {
        head: LONG,
        body: LONG,
        body_bytes: 8,
        in_hand: LONG,
    };

    struct Server {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        ended: JoinHandle<()>,
        /// A request that has come whole; it is answered once the sender in it is dropped.
        in_hand: mpsc::UnboundedReceiver<mpsc::Sender<()>>,
    }

    impl Server {
        async fn start(limits: Limits) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = watch::channel(false);
            let (arrived, in_hand) = mpsc::unbounded_channel();
            let router = Router::new().fallback(any(async move |body: String| {
                let (hold, mut released) = mpsc::channel::<()>(1);
                let _ = arrived.send(hold);
                released.recv().await;
                body
            }));
            Self {
                address,
                stop,
                ended: tokio::spawn(serve(listener, router, limits, stopped)),
                in_hand,
            }
        }

        /// Waits until it has ended.
        async fn end(&mut self) {
            let ended = tokio::time::timeout(DEADLINE, &mut self.ended).await;
            ended.unwrap().unwrap();
        }

        async fn send(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }
    }

    /// What comes until the server closes.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text)).await;
        // A reset is as good an end as any.
        let _ = read.unwrap();
        text
    }

    const WHOLE: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    const HALF: [&str; 4] = [
        "",
        "POST / HT",
        "POST / HTTP/1.1\r\nhost: a\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbo",
    ];

    #[tokio::test]
    async fn a_request_that_never_came_whole_holds_nothing_up() {
        let mut server = Server::start(PATIENT).await;
        let mut clients = Vec::new();
        for half in HALF {
            clients.push(server.send(half).await);
        }
        server.stop.send(true).unwrap();
        server.end().await;
        for mut client in clients {
            assert_eq!(rest(&mut client).await, "");
        }
    }

    #[tokio::test]
    async fn a_request_in_hand_is_answered_and_nothing_new_is_accepted() {
        let mut server = Server::start(PATIENT).await;
        let mut client = server.send(WHOLE).await;
        let hold = server.in_hand.recv().await.unwrap();
        server.stop.send(true).unwrap();
        while TcpStream::connect(server.address).await.is_ok() {}
        drop(hold);
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("body"), "{answer}");
        server.end().await;
    }

    #[tokio::test]
    async fn a_request_in_hand_is_dropped_when_it_takes_too_long() {
        let limits = Limits {
            in_hand: SHORT,
            ..PATIENT
        };
        let mut server = Server::start(limits).await;
        let mut client = server.send(WHOLE).await;
        let _hold = server.in_hand.recv().await.unwrap();
        server.stop.send(true).unwrap();
        server.end().await;
        assert_eq!(rest(&mut client).await, "");
    }

    #[tokio::test]
    async fn who_sends_too_slowly_is_disconnected() {
        let limits = Limits {
            head: SHORT,
            body: SHORT,
            ..PATIENT
        };
        let server = Server::start(limits).await;
        for half in HALF {
            let answer = rest(&mut server.send(half).await).await;
            let is_408 = answer.starts_with("HTTP/1.1 408");
            assert!(answer.is_empty() || is_408, "{half}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused_before_it_is_read() {
        let server = Server::start(PATIENT).await;
        let long = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n";
        let answer = rest(&mut server.send(&format!("{long}too long!")).await).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}
