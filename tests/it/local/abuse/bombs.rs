//! Requests that are small to send and large to handle. What expressions can do is bounded in
//! `functions/integrations/tests/it/expressions.rs`, what a provider answers in
//! `functions/gateway/tests/it/faults/answers.rs`, slow clients in `infra/local/src/serve.rs`.

use std::io::Write as _;

use futures::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::super::running::Running;
use super::super::set_up::{SECRET, SetUp};
use super::{estate, exchange, head, integration, peak_mib, post};
use crate::receiver::Receiver;
use crate::stripe;

/// How much more memory all of it may ever take, in MiB. The bombs below are sent at the same time.
const GROWTH_MIB: u64 = 256;
const INTEGRATIONS: &str = "/portal/integrations";
const MIB: usize = 1024 * 1024;

/// What it is, the bytes, and what is answered: the status and the problem's code.
type Bomb = (&'static str, Vec<u8>, (u16, &'static str));

fn nested(open: &str, close: &str) -> String {
    let (open, close) = (open.repeat(100_000), close.repeat(100_000));
    integration(&format!(r#", "webhookConfig": {{"a": {open}1{close}}}"#))
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let best = flate2::Compression::best();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), best);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Bodies of JSON.
fn bodies(system: &Running) -> Vec<Bomb> {
    let wide: Vec<String> = (0..60_000).map(|n| format!(r#""a{n}": {n}"#)).collect();
    let wide = wide.join(",");
    let digits = "7".repeat(1_000_000);
    let of = |name, body: String, expected| {
        let bytes = post(system, INTEGRATIONS, "", body.as_bytes());
        (name, bytes, expected)
    };
    let mut packed_request = integration("").into_bytes();
    packed_request.resize(MIB, b' ');
    let packed_request = packed(&packed_request);
    let gzip = "content-encoding: gzip\r\n";
    let malformed = (400, "malformed");
    let invalid = (400, "invalid");
    vec![
        of("arrays in arrays", nested("[", "]"), malformed),
        of("objects in objects", nested(r#"{"a":"#, "}"), malformed),
        of("arrays without an end", "[".repeat(MIB), invalid),
        of(
            "many members",
            integration(&format!(r#", "webhookConfig": {{{wide}}}"#)),
            invalid,
        ),
        of(
            "a number of a million digits",
            integration(&format!(r#", "webhookConfig": {{"a": {digits}}}"#)),
            malformed,
        ),
        of(
            "an exponent of a million digits",
            integration(&format!(r#", "webhookConfig": {{"a": 1e{digits}}}"#)),
            malformed,
        ),
        of("a member twice", integration(r#", "name": "b""#), invalid),
        of("too much", " ".repeat(MIB + 1), (413, "too_large")),
        of(
            "more than the front takes",
            " ".repeat(10 * MIB + 1),
            (413, ""),
        ),
        (
            "a packed body",
            post(system, INTEGRATIONS, gzip, &packed_request),
            malformed,
        ),
    ]
}

/// Heads, and what comes by other ways.
fn others(system: &Running) -> Vec<Bomb> {
    let body = integration("");
    let with = |more: String| post(system, INTEGRATIONS, &more, body.as_bytes());
    let head = head(system);
    let query = "a".repeat(8 * 1024);
    let filter = format!(
        r#"{{"type": "http", "url": "https://example.com/", "filter": "a{}"}}"#,
        "|a".repeat(400_000)
    );
    let large = vec![b'x'; 6 * MIB + 1];
    let signed = stripe::signature(SECRET, &large);
    let webhook = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: a\r\nconnection: close\r\nstripe-signature: {signed}\r\n\
         content-length: {}\r\n\r\n",
        large.len()
    );
    let destinations = format!("{INTEGRATIONS}/int_01K72Z5QSW0123456789ABCDEF/destinations");
    vec![
        ("101 headers", with("x-a: b\r\n".repeat(96)), (431, "")),
        (
            "16 KiB of headers and a byte",
            with(format!("x-a: {}\r\n", "b".repeat(16 * 1024))),
            (431, "headers_too_large"),
        ),
        (
            "a URL of 8 KiB and a byte",
            format!("GET /portal/incidents?{query} HTTP/1.1\r\n{head}\r\n\r\n").into_bytes(),
            (414, "url_too_long"),
        ),
        (
            "a head without an end",
            format!("GET / HTTP/1.1\r\nx-a: {}", "b".repeat(MIB)).into_bytes(),
            (431, ""),
        ),
        (
            "a filter of 800 KB",
            post(system, &destinations, "", filter.as_bytes()),
            (400, "invalid"),
        ),
        (
            "a webhook of 6 MiB and a byte",
            [webhook.as_bytes(), &large].concat(),
            (413, "too_large"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_with_its_problem_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let receiver = Receiver::start().await;
    let set_up = SetUp::new(&system, &receiver).await;
    let before = (estate(&system).await, peak_mib(&system));
    let bombs: Vec<Bomb> = bodies(&system).into_iter().chain(others(&system)).collect();
    let all = bombs.iter().chain(&bombs).chain(&bombs);
    join_all(all.map(|(name, bytes, (status, code))| {
        let system = &system;
        async move {
            let answer = exchange(system, bytes).await;
            let found = (answer.status, answer.code());
            assert_eq!(found, (*status, (*code).to_owned()), "{name}: {answer:?}");
        }
    }))
    .await;
    assert_eq!(estate(&system).await, before.0, "something was kept");
    let events = system.get(&set_up.path("/webhooks/logs")).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 0, "{events}");
    let growth = peak_mib(&system) - before.1;
    assert!(growth < GROWTH_MIB, "{growth} MiB more");
}

/// What a provider has signed is an event, whatever it is. Nobody unpacks it, and who reads it as JSON
/// does not go deep.
#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_that_was_signed_is_delivered_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let receiver = Receiver::start().await;
    let set_up = SetUp::new(&system, &receiver).await;
    let before = peak_mib(&system);
    let deep = |id: &str, open: &str, close: &str| {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        format!(r#"{{"id": "{id}", "type": "invoice.paid", "data": {open}1{close}}}"#)
    };
    let bodies = [
        packed(&vec![0; 64 * MIB]),
        deep("evt_lists", "[", "]").into_bytes(),
        deep("evt_objects", r#"{"id":"#, "}").into_bytes(),
        format!(r#"{{"id": "evt_1", "n": {}}}"#, "7".repeat(500_000)).into_bytes(),
        format!(r#"{{"id": "evt_2", "n": 1e{}}}"#, "7".repeat(500_000)).into_bytes(),
    ];
    for body in &bodies {
        let signed = stripe::signature(SECRET, body);
        let more = format!("stripe-signature: {signed}\r\ncontent-encoding: gzip\r\n");
        let answer = exchange(&system, &post(&system, "/webhooks/stripe", &more, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let arrived = async {
        while receiver.received().len() < bodies.len() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::DEADLINE, arrived)
        .await
        .unwrap();
    for body in &bodies {
        let received = receiver.received();
        let same = received.iter().filter(|received| received.body == body);
        assert_eq!(same.count(), 1, "{}", super::start_of(body));
    }
    let events = system.get(&set_up.path("/webhooks/logs")).await;
    assert_eq!(events["items"].as_array().unwrap().len(), bodies.len());
    let growth = peak_mib(&system) - before;
    assert!(growth < GROWTH_MIB, "{growth} MiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_ends_a_request_keeps_nobody_else_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let address = system.base_url.strip_prefix("http://").unwrap().to_owned();
    let half_head = "POST /webhooks/stripe HTTP/1.1\r\nhost: a\r\nx-a: b".to_owned();
    let half_body = format!("{half_head}\r\ncontent-length: 1000\r\n\r\n{{");
    let half_chunk = format!("{half_head}\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n{{");
    let mut held = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let begun = [&half_head, &half_body, &half_chunk][n % 3];
        stream.write_all(begun.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let body = integration("");
    let made = exchange(&system, &post(&system, INTEGRATIONS, "", body.as_bytes())).await;
    assert_eq!(made.status, 201, "{made:?}");
    drop(held);
}
