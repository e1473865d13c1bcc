//! Requests that no well-meaning client sends, byte for byte, to the system as it runs.

mod bombs;
mod fields;
mod log_lines;
mod smuggling;

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::running::Running;

/// API Gateway gives a function no longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// An answer, as it came.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// The code of the problem that it is; nothing, if the server says it without one.
    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends bytes, and reads until the connection ends. What is sent has to say that it ends, or be such
/// that the server ends it.
async fn exchange(system: &Running, bytes: &[u8]) -> Answer {
    let text = all_that_comes(system, bytes).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

async fn all_that_comes(system: &Running, bytes: &[u8]) -> String {
    let address = system.base_url.strip_prefix("http://").unwrap();
    let exchanged = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        // Who refuses early need not read to the end.
        let sent = async {
            let _ = to.write_all(bytes).await;
        };
        let mut answer = Vec::new();
        let read = async {
            let _ = from.read_to_end(&mut answer).await;
        };
        tokio::join!(sent, read);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = tokio::time::timeout(DEADLINE, exchanged).await;
    answer.unwrap_or_else(|_| panic!("no end of an answer to {:?}", start_of(bytes)))
}

fn start_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..300).unwrap_or(bytes)).into_owned()
}

/// The head of a request of the owner, after its first line, without the empty line at its end.
fn head(system: &Running) -> String {
    let token = &system.token;
    format!("host: gatehouse\r\nauthorization: Bearer {token}\r\nconnection: close")
}

/// A whole request with a body.
fn post(system: &Running, path: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let (head, length) = (head(system), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\n{head}\r\ncontent-type: application/json\r\n{more}\
         content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// An integration, with more fields after these.
fn integration(more: &str) -> String {
    format!(
        r#"{{"name": "made by abuse", "type": "enterprise", "baseUrl": "https://example.com/",
        "authMethod": "api_key", "authConfig": {{"keyLocation": "header", "keyHeader": "x-key"}},
        "credentials": {{"apiKey": "k"}}{more}}}"#
    )
}

/// What people see of an organization.
async fn estate(system: &Running) -> Vec<Value> {
    let mut lists = Vec::new();
    for list in [
        "integrations",
        "incidents",
        "access/keys",
        "access/revocations",
    ] {
        lists.push(system.get(&format!("/portal/{list}?limit=100")).await);
    }
    lists
}

/// The most memory that the process ever had, in MiB.
fn peak_mib(system: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", system.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}
