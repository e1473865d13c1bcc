//! Stopping: what is in hand is finished, and nobody can keep it from ending.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use super::running::Running;
use super::{SetUp, listed, stripe};
use crate::receiver::Receiver;

fn connect(system: &Running) -> std::io::Result<TcpStream> {
    TcpStream::connect(system.base_url.strip_prefix("http://").unwrap())
}

#[tokio::test]
async fn a_request_that_is_sent_by_half_does_not_keep_the_system_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["INT", "TERM"] {
        let system = Running::start(folder.path());
        let mut halves = Vec::new();
        for half in [
            "",
            "POST /webhooks/a HTTP/1.1\r\nhost: a\r\n",
            "POST /webhooks/a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbo",
        ] {
            let mut stream = connect(&system).unwrap();
            stream.write_all(half.as_bytes()).unwrap();
            halves.push(stream);
        }
        system.signal(signal);
        assert_eq!(system.ended().await.code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let system = Running::start(folder.path());
    let set_up = SetUp::new(&system, &receiver).await;
    // Takes connections and never says a word, so that a delivery stays in hand.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let destination = json!({"type": "http", "url": url});
    system
        .post(&set_up.path("/destinations"), &destination)
        .await;
    assert!(system.send(stripe("evt_1")).await);
    let silent = tokio::net::TcpListener::from_std({
        silent.set_nonblocking(true).unwrap();
        silent
    });
    let (_in_hand, _) = silent.unwrap().accept().await.unwrap();
    system.signal("INT");
    while connect(&system).is_ok() {
        tokio::task::yield_now().await;
    }
    system.signal("INT");
    assert_eq!(system.ended().await.code(), Some(130));
    let system = Running::start(folder.path());
    while listed(&system, &set_up).await.is_empty() {
        tokio::task::yield_now().await;
    }
}
