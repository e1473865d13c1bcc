//! Answers that are odd, large or packed.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use super::server::{Fault, Server, Then};
use super::{get, opens, post};
use crate::world::{KEY, World};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
/// What may lie between the server and the gateway: the buffers of both ends.
const BUFFERS: u64 = 24 * 1024 * 1024;
const AT_ONCE: Duration = Duration::ZERO;

fn odd() -> Vec<(&'static str, String, u16, &'static str)> {
    let good = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
    vec![
        (
            "HTTP/1.0",
            "HTTP/1.0 200 OK\r\n\r\ngood".to_owned(),
            200,
            "good",
        ),
        (
            "no length",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ngood".to_owned(),
            200,
            "good",
        ),
        (
            "100",
            format!("HTTP/1.1 100 Continue\r\n\r\n{good}"),
            200,
            "good",
        ),
        (
            "103",
            format!("HTTP/1.1 103 Early Hints\r\nlink: </s>\r\n\r\n{good}"),
            200,
            "good",
        ),
        (
            "304",
            "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n".to_owned(),
            304,
            "",
        ),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 204, ""),
        (
            "trailers",
            format!("{CHUNKED}4;x=y\r\ngood\r\n0\r\nx-trailer: 1\r\n\r\n"),
            200,
            "good",
        ),
    ]
}

#[tokio::test]
async fn what_is_odd_but_whole_is_an_answer() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    for (name, answer, status, body) in odd() {
        for request in [get(), post()] {
            server.next(Fault::new(answer.clone(), Then::Close));
            let answer = world.request(&integration, request).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            let answer = answer.json();
            assert_eq!(answer["status"], status, "{name}: {answer}");
            let said = answer["body"].as_str().unwrap_or_default();
            assert_eq!(said, body, "{name}: {answer}");
            assert_eq!(
                (answer["attempts"].as_u64(), server.requests()),
                (Some(1), 1),
                "{name}"
            );
        }
        server.next(Fault::new(answer.clone(), Then::Close));
        let path = format!("{integration}/proxy/a");
        let answer = world.call(("GET", &path), &[], "").await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.text()),
            (status, body),
            "{name}"
        );
        server.requests();
    }
}

#[tokio::test]
async fn headers_are_taken_up_to_a_limit() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let with = |length: usize| {
        let long = "y".repeat(length);
        let answer = format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\ncontent-length: 0\r\n\r\n");
        Fault::new(answer, Then::Close)
    };
    server.next(with(60_000));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json()["headers"]["x-long"].as_str().unwrap().len(),
        60_000
    );
    server.requests();
    for (request, unknown) in [(get(), false), (post(), true)] {
        server.next(with(70_000));
        let answer = world.request(&integration, request).await;
        assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], "headers_too_large");
        assert_eq!(upstream["outcomeUnknown"], unknown);
        assert_eq!(server.requests(), 1, "another try would be answered alike");
    }
    assert!(!opens(&world, &server, with(70_000), get()).await);
}

/// It is an answer, and of no use: the provider works, and has done what it was asked to.
#[tokio::test]
async fn of_a_body_that_is_too_large_no_more_is_read_than_is_taken() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let block = vec![b'x'; 64 * 1024];
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&block);
    chunk.extend_from_slice(b"\r\n");
    let hundred_mb = "HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n";
    let until_close = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let mut written = 0;
    for (head, bytes, times) in [
        (hundred_mb, &block, 1_600),
        (CHUNKED, &chunk, usize::MAX),
        (until_close, &block, usize::MAX),
    ] {
        for request in [get(), post()] {
            let fault = Fault::new(head, Then::Repeat(bytes.clone(), times, AT_ONCE));
            server.next(fault);
            let answer = world.request(&integration, request).await;
            assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
            let upstream = &answer.json()["upstream"];
            assert_eq!(upstream["code"], "answer_too_large");
            assert_eq!(upstream["status"], 200, "what was asked for has been done");
            assert_eq!(upstream["outcomeUnknown"], false);
            assert_eq!(server.requests(), 1);
            let log = world.log(&integration).await.remove(0);
            assert_eq!(log["upstreamCode"], "answer_too_large");
            assert_eq!(log["responseStatus"], 200);
            let before = std::mem::replace(&mut written, server.written().await);
            assert!(written - before < BUFFERS, "{head}: {}", written - before);
        }
    }
    let path = format!("{integration}/proxy/a");
    let endless = Then::Repeat(chunk, usize::MAX, AT_ONCE);
    server.next(Fault::new(CHUNKED, endless));
    let answer = world.call(("GET", &path), &[], "").await;
    assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.json()["body"], "good");
}

/// A length beyond the limit is no answer either, though less than that has come yet.
#[tokio::test]
async fn a_length_beyond_the_limit_is_not_waited_for() {
    let (world, server) = (World::new().await, Server::start().await);
    let fields = json!({"gatewayConfig": {"maxResponseBytes": 2048}});
    let integration = world.integration(&server.url, fields).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let answer = format!("{head}{}", "x".repeat(2049));
    server.next(Fault::new(answer, Then::Hang));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
    // A `HEAD` says how long the body would be, and has none.
    server.next(Fault::new(head, Then::Close));
    let request = json!({"method": "HEAD", "endpoint": "/a"});
    let answer = world.request(&integration, request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(coding: &str, body: &[u8]) -> Fault {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {coding}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    Fault::new([head.as_bytes(), body].concat(), Then::Close)
}

#[tokio::test]
async fn an_echo_in_a_packed_answer_is_blotted_out() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let echo = json!({"key": KEY, "n": 1}).to_string();
    for (coding, body) in [
        ("gzip", gzip(echo.as_bytes())),
        ("deflate", deflate(echo.as_bytes())),
    ] {
        server.next(packed(coding, &body));
        let answer = world.request(&integration, get()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["body"], json!({"key": "[redacted]", "n": 1}));
        server.next(packed(coding, &body));
        let path = format!("{integration}/proxy/a");
        let answer = world.call(("GET", &path), &[], "").await;
        assert_eq!(answer.json(), json!({"key": "[redacted]", "n": 1}));
        assert!(!answer.headers.contains_key("content-encoding"));
    }
}

#[tokio::test]
async fn what_cannot_be_looked_into_is_not_passed_on() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let echo = gzip(KEY.as_bytes());
    for (coding, body) in [
        ("br", &b"\x0b\x02\x80hello\x03"[..]),
        ("gzip, gzip", &gzip(&echo)),
        ("gzip", &echo[..echo.len() - 9]),
        ("gzip", KEY.as_bytes()),
    ] {
        server.next(packed(coding, body));
        let answer = world.request(&integration, post()).await;
        assert_eq!(
            answer.problem(),
            (422, "upstream_data".to_owned()),
            "{coding}"
        );
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], "answer_compressed", "{coding}");
        assert_eq!(upstream["status"], 200, "{coding}");
        server.next(packed(coding, body));
        let path = format!("{integration}/proxy/a");
        let answer = world.call(("GET", &path), &[], "").await;
        assert_eq!(
            answer.problem(),
            (422, "upstream_data".to_owned()),
            "{coding}"
        );
        assert!(!answer.text().contains(KEY));
    }
}

#[tokio::test]
async fn a_bomb_is_an_answer_that_is_too_large() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    server.next(packed("gzip", &bomb));
    let answer = world.request(&integration, get()).await;
    assert_eq!(answer.problem(), (422, "upstream_data".to_owned()));
    assert_eq!(answer.json()["upstream"]["code"], "answer_too_large");
    assert!(!opens(&world, &server, packed("gzip", &bomb), get()).await);
}
