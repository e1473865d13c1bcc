//! Servers that fail, each in its own way.

use std::future::{Future, pending};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use gatehouse::egress::{Egress, EgressError, Resolve};
use rustls::version;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::authority::{Authority, TlsServer, config};
use super::servers::{Server, listen, ok};
use super::{Answers, get, request, to_loopback};

/// How a server goes on after what it has sent.
#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    Reset,
    Hang,
    /// Repeats these bytes for ever.
    Repeat(&'static str),
}

/// A server that answers the first request on each connection by halves.
async fn faulty(beginning: &'static str, then: Then) -> String {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(fail(stream, beginning, then));
        }
    });
    format!("http://127.0.0.1:{port}/")
}

async fn fail(mut stream: TcpStream, beginning: &str, then: Then) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(beginning.as_bytes()).await;
    match then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Reset => stream.set_zero_linger().unwrap(),
        Then::Hang => pending().await,
        Then::Repeat(bytes) => while stream.write_all(bytes.as_bytes()).await.is_ok() {},
    }
}

async fn error_of(beginning: &'static str, then: Then) -> EgressError {
    let mut request = request(&faulty(beginning, then).await);
    request.timeout = match then {
        Then::Hang => Duration::from_millis(200),
        _ => Duration::from_secs(10),
    };
    let sent = Egress::new(to_loopback()).send(request).await;
    sent.unwrap_err()
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
const CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
const BROKEN_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfive\r\nhello\r\n";
const TWO_LENGTHS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nhalf";
const BAD_LENGTH: &str = "HTTP/1.1 200 OK\r\ncontent-length: -4\r\n\r\nhalf";

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";

#[tokio::test]
async fn what_fails_is_told_apart_and_counts_as_sent() {
    for (beginning, then, code) in [
        ("", Then::Close, "connection_broken"),
        ("", Then::Reset, "connection_broken"),
        ("HTTP/1.1 200 OK\r\nconte", Then::Close, "connection_broken"),
        ("HTTP/1.1 200 OK\r\nconte", Then::Reset, "connection_broken"),
        (HEAD, Then::Reset, "connection_broken"),
        (HALF, Then::Reset, "connection_broken"),
        (HEAD, Then::Close, "answer_truncated"),
        (HALF, Then::Close, "answer_truncated"),
        (CHUNK, Then::Close, "answer_truncated"),
        ("", Then::Hang, "timeout"),
        ("HTTP/1.1 200 OK\r\nconte", Then::Hang, "timeout"),
        (HEAD, Then::Hang, "timeout"),
        (HALF, Then::Hang, "timeout"),
        (CHUNK, Then::Hang, "timeout"),
        ("SSH-2.0-OpenSSH_9.2\r\n", Then::Close, "not_http"),
        ("\u{16}\u{3}\u{1}\0\u{2}\0\0", Then::Close, "not_http"),
        ("HTTP/9.9 what\r\n\r\n", Then::Close, "not_http"),
        (SWITCHED, Then::Hang, "not_http"),
        (BROKEN_CHUNK, Then::Close, "not_http"),
        (TWO_LENGTHS, Then::Close, "not_http"),
        (BAD_LENGTH, Then::Close, "not_http"),
    ] {
        let error = error_of(beginning, then).await;
        assert_eq!(error.code(), code, "{beginning:?} {then:?}: {error:?}");
        assert!(error.is_transient() && error.is_retryable());
        assert!(error.may_have_been_sent(), "{beginning:?} {then:?}");
        let text = format!("{error:?} {}", gatehouse::lambda::telemetry::chain(&error));
        assert!(!text.contains("127.0.0.1"), "{text}");
    }
}

#[tokio::test]
async fn headers_without_end_are_not_waited_for() {
    let endless = "HTTP/1.1 200 OK\r\n";
    let error = error_of(
        endless,
        Then::Repeat("x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
    )
    .await;
    assert!(
        matches!(error, EgressError::Protocol(_) | EgressError::TooLarge),
        "{error:?}"
    );
    let error = error_of(endless, Then::Repeat("interminable")).await;
    assert!(matches!(error, EgressError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    for (head, bytes) in [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", "x"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n",
            "x",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "5\r\nxxxxx\r\n",
        ),
    ] {
        let mut request = request(&faulty(head, Then::Repeat(bytes)).await);
        request.max_response_bytes = 100_000;
        let response = Egress::new(to_loopback()).send(request).await;
        let response = response.unwrap_or_else(|error| panic!("{head}: {error:?}"));
        assert!(response.truncated && response.body.len() == 100_000);
        assert!(response.body.iter().all(|byte| *byte == b'x'), "{head}");
    }
}

/// 100,000 zeros as gzip has them.
const BOMB: &str = "H4sIAAAAAAAC/+3BMQEAAADCoPVPbQ0PoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIBXA32VEdSghgEA";

#[tokio::test]
async fn a_bomb_stays_packed() {
    let bomb = base64::engine::general_purpose::STANDARD.decode(BOMB);
    let bomb = bomb.unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let server = Server::raw([head.into_bytes(), bomb.clone()].concat()).await;
    let response = get(&Egress::new(to_loopback()), &server.url("/")).await;
    let response = response.unwrap();
    assert_eq!(response.body, bomb);
    assert_eq!(response.headers["content-encoding"], "gzip");
}

/// What follows a body could pass for the answer to the next request, maybe another caller's.
#[tokio::test]
async fn what_follows_a_body_is_the_answer_to_nothing() {
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf\
        HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let url = faulty(evil, Then::Hang).await;
    let egress = Egress::new(to_loopback());
    for _ in 0..3 {
        assert_eq!(get(&egress, &url).await.unwrap().body, "half");
    }
}

/// Without a length, only TLS can tell the end of a body from a connection that somebody cut.
#[tokio::test]
async fn a_body_that_tls_does_not_end_is_truncated() {
    let root = Authority::new("root");
    let config = config(&[&version::TLS13], &root.leaf("server.example"), None);
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf".to_owned();
    let server = TlsServer::answering(config, Some(answer)).await;
    let egress = Egress::with_resolver(root.trusted(), Answers::new(&[&["127.0.0.1"]]));
    let error = get(&egress, &server.url()).await.unwrap_err();
    assert!(matches!(error, EgressError::Truncated), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_has_sent_nothing() {
    let (closed, port) = listen().await;
    drop(closed);
    let resets = faulty("", Then::Reset).await.replace("http:", "https:");
    let closes = faulty("", Then::Close).await.replace("http:", "https:");
    for url in [format!("http://127.0.0.1:{port}/"), resets, closes] {
        let error = get(&Egress::new(to_loopback()), &url).await.unwrap_err();
        assert!(matches!(error, EgressError::Connect(_)), "{url}: {error:?}");
        assert!(!error.may_have_been_sent() && error.is_transient());
    }
}

/// A name server that takes its time.
struct Silent;

impl Resolve for Silent {
    fn resolve(
        &self,
        _: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(pending())
    }
}

#[tokio::test]
async fn a_connection_that_takes_too_long_has_sent_nothing() {
    let unresolved = Egress::with_resolver(to_loopback(), Arc::new(Silent));
    let server = Server::silent().await;
    let without_tls = format!("https://127.0.0.1:{}/", server.port);
    let egress = Egress::new(to_loopback());
    let (first, second) = tokio::join!(
        get(&unresolved, "https://server.example/"),
        get(&egress, &without_tls)
    );
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(error, EgressError::ConnectTimeout), "{error:?}");
        assert!(!error.may_have_been_sent() && error.is_transient());
    }
}

#[tokio::test]
async fn a_deadline_that_is_shorter_than_connecting_is_kept() {
    let egress = Egress::with_resolver(to_loopback(), Arc::new(Silent));
    let mut request = request("https://server.example/");
    request.timeout = Duration::from_millis(100);
    let error = egress.send(request).await.unwrap_err();
    assert!(matches!(error, EgressError::Timeout), "{error:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_has_sent_nothing() {
    let server = Server::raw(ok("x")).await;
    let egress = Egress::with_resolver(to_loopback(), Answers::new(&[&[]]));
    let url = format!("https://server.example:{}/", server.port);
    let error = get(&egress, &url).await.unwrap_err();
    assert!(matches!(error, EgressError::Resolve), "{error:?}");
    assert!(!error.may_have_been_sent() && error.is_transient());
    assert_eq!(server.connections(), 0);
}
