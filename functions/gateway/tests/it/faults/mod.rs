//! Providers that fail, each in its own way: what is said, logged, repeated and counted, and that
//! the gateway goes on.

mod answers;
mod server;

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{KEY, World};

use server::{Fault, Server, Then};

fn get() -> Value {
    json!({"method": "GET", "endpoint": "/a"})
}

fn post() -> Value {
    json!({"method": "POST", "endpoint": "/a", "body": {"n": 1}})
}

/// A provider's failure to answer.
struct Case {
    name: &'static str,
    fault: Fault,
    code: &'static str,
    problem: (u16, &'static str),
}

fn case(name: &'static str, beginning: &str, then: Then, code: &'static str) -> Case {
    let problem = match code {
        "timeout" => (504, "upstream_timeout"),
        _ => (502, "upstream_network"),
    };
    Case {
        name,
        fault: Fault::new(beginning, then),
        code,
        problem,
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";

/// Those that are over at once.
fn quick() -> Vec<Case> {
    let broken_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfive\r\nhello\r\n";
    let two_lengths = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nhalf";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    vec![
        case("an empty reply", "", Then::Close, "connection_broken"),
        case("a reset", "", Then::Reset, "connection_broken"),
        case(
            "half a head",
            "HTTP/1.1 200 OK\r\ncont",
            Then::Close,
            "connection_broken",
        ),
        case(
            "a reset in the head",
            "HTTP/1.1 200 OK\r\ncont",
            Then::Reset,
            "connection_broken",
        ),
        case(
            "a reset before the body",
            HEAD,
            Then::Reset,
            "connection_broken",
        ),
        case(
            "a reset in the body",
            HALF,
            Then::Reset,
            "connection_broken",
        ),
        case("a short body", HALF, Then::Close, "answer_truncated"),
        case("no last chunk", CHUNKS, Then::Close, "answer_truncated"),
        case(
            "a chunk without length",
            broken_chunk,
            Then::Close,
            "not_http",
        ),
        case("two lengths", two_lengths, Then::Close, "not_http"),
        case(
            "no HTTP",
            "SSH-2.0-OpenSSH_9.2\r\n",
            Then::Close,
            "not_http",
        ),
        case("another protocol", switched, Then::Close, "not_http"),
    ]
}

/// Those that use up the time.
fn slow() -> Vec<Case> {
    let drip = Then::Repeat(b"x".to_vec(), usize::MAX, Duration::from_secs(1));
    vec![
        case("no answer", "", Then::Hang, "timeout"),
        case(
            "no end of the head",
            "HTTP/1.1 200 OK\r\nx: ",
            Then::Hang,
            "timeout",
        ),
        case("no body", HEAD, Then::Hang, "timeout"),
        case("half a body", HALF, Then::Hang, "timeout"),
        case("a byte a second", HEAD, drip, "timeout"),
    ]
}

/// What a call that failed in that way is answered, and what its log says.
async fn fails(world: &World, integration: &str, body: &Value, case: &Case) -> Value {
    let answer = world.request(integration, body.clone()).await;
    let (status, problem) = case.problem;
    let name = case.name;
    assert_eq!(answer.problem(), (status, problem.to_owned()), "{name}");
    let said = answer.json();
    assert_eq!(said["upstream"]["code"], case.code, "{name}: {said}");
    assert!(!answer.text().contains(KEY), "{name}");
    let unknown = body["method"] == "POST";
    assert_eq!(said["upstream"]["outcomeUnknown"], unknown, "{name}");
    assert_eq!(
        answer.headers.contains_key("retry-after"),
        !unknown,
        "{name}"
    );
    let log = world.log(integration).await.remove(0);
    assert_eq!(log["id"], said["upstream"]["request"], "{name}");
    assert_eq!(
        (&log["status"], &log["error"]),
        (&json!("failed"), &json!(problem)),
        "{name}"
    );
    assert_eq!(log["upstreamCode"], case.code, "{name}");
    assert!(
        log["responseStatus"].is_null(),
        "{name}: there was no whole answer"
    );
    log
}

#[tokio::test]
async fn what_breaks_off_is_repeated_if_it_may_be() {
    let (world, server) = (World::new().await, Server::start().await);
    for case in quick() {
        let integration = world.integration(&server.url, json!({})).await;
        let name = case.name;
        // Once: the second attempt succeeds.
        server.next(case.fault.clone());
        let answer = world.request(&integration, get()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(
            (&answer["body"], &answer["attempts"]),
            (&json!("good"), &json!(2)),
            "{name}"
        );
        assert_eq!(world.log(&integration).await[0]["attempts"], 2, "{name}");
        assert_eq!(server.requests(), 2, "{name}");
        // A `POST` may have had its effect.
        server.next(case.fault.clone());
        let log = fails(&world, &integration, &post(), &case).await;
        assert_eq!(
            (log["attempts"].as_u64(), server.requests()),
            (Some(1), 1),
            "{name}"
        );
        // Always: three attempts, and no more.
        for _ in 0..3 {
            server.next(case.fault.clone());
        }
        let log = fails(&world, &integration, &get(), &case).await;
        assert_eq!(
            (log["attempts"].as_u64(), server.requests()),
            (Some(3), 3),
            "{name}"
        );
        // The gateway goes on.
        let answer = world.request(&integration, post()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(server.requests(), 1, "{name}");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let (world, server) = (World::new().await, Server::start().await);
    for case in slow() {
        let integration = world.integration(&server.url, json!({})).await;
        for mut body in [get(), post()] {
            body["timeout"] = json!(300);
            server.next(case.fault.clone());
            let log = fails(&world, &integration, &body, &case).await;
            assert_eq!(log["attempts"], 1, "{}", case.name);
            assert_eq!(server.requests(), 1, "{}", case.name);
        }
        let answer = world.request(&integration, post()).await;
        assert_eq!(answer.status, 200, "{}: {}", case.name, answer.text());
        server.requests();
    }
}

/// Whether ten calls with this body have opened the breaker, of an integration that gives its calls
/// two seconds.
async fn opens(world: &World, server: &Server, fault: Fault, body: Value) -> bool {
    let once = json!({"gatewayConfig": {"retry": {"maxAttempts": 1}, "timeoutMs": 2_000}});
    let integration = world.integration(&server.url, once).await;
    server.always(fault);
    let calls = (0..10).map(|_| world.request(&integration, body.clone()));
    for answer in join_all(calls).await {
        assert_ne!(answer.problem().1, "provider_barred");
    }
    server.always(Fault::none());
    let answer = world.request(&integration, get()).await;
    if answer.status == 200 {
        return false;
    }
    assert_eq!(answer.problem(), (503, "provider_barred".to_owned()));
    true
}

#[tokio::test]
async fn ten_that_break_off_open_the_breaker() {
    let (world, server) = (World::new().await, Server::start().await);
    for case in quick() {
        for body in [get(), post()] {
            let opened = opens(&world, &server, case.fault.clone(), body).await;
            assert!(opened, "{}", case.name);
        }
    }
}

#[tokio::test]
async fn ten_that_took_too_long_open_the_breaker_if_they_had_time_enough() {
    let (world, server) = (World::new().await, Server::start().await);
    for (timeout, expected) in [(2_000, true), (300, false)] {
        let case = slow().remove(3);
        let mut body = get();
        body["timeout"] = json!(timeout);
        let opened = opens(&world, &server, case.fault, body).await;
        assert_eq!(opened, expected, "{timeout}");
    }
}

/// The connection was good for one answer. What is sent on it next may have been read.
#[tokio::test]
async fn a_post_on_a_connection_that_ends_is_not_made_twice() {
    let (world, server) = (World::new().await, Server::start().await);
    let integration = world.integration(&server.url, json!({})).await;
    let once = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst";
    server.next(Fault::new(once, Then::Again));
    assert_eq!(
        world.request(&integration, post()).await.json()["body"],
        "first"
    );
    assert_eq!(server.requests(), 1);
    let answer = world.request(&integration, post()).await;
    assert_eq!(answer.problem(), (502, "upstream_network".to_owned()));
    assert_eq!(answer.json()["upstream"]["outcomeUnknown"], true);
    assert_eq!(server.requests(), 1);
}
