//! Nobody but the system writes its log: a caller's text is in no line but as a value of a field, and
//! looks like no line and no field.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::{Value, json};

use super::super::running::Running;
use super::super::set_up::{SECRET, SetUp};
use super::{exchange, head, integration, post};
use crate::receiver::Receiver;
use crate::stripe;

const MARK: &str = "forged-by-a-caller";

/// Texts that become a line or a field where they are not escaped, and hide what comes before where a
/// terminal shows them.
fn forgeries() -> Vec<String> {
    let line = format!(r#"{{"level":"ERROR","target":"{MARK}","message":"{MARK}"}}"#);
    vec![
        format!("a\n{line}"),
        format!("a\r\n{line}\r\n"),
        format!("a\u{2028}{line}\u{2029}{line}"),
        format!("a\u{85}{line}\u{b}{line}\u{c}{line}"),
        format!(r#"a","level":"ERROR","message":"{MARK}"#),
        format!(r#"a\",\"message\":\"{MARK}\"}}"#),
        format!("\u{1b}[2K\u{1b}[1A\u{1b}[31m{MARK}\u{1b}[0m\u{7}\u{8}\u{9b}31m"),
        format!("\u{202e}{MARK}\u{2066}\0"),
    ]
}

/// The text in a JSON body.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text where only bytes of a path or a query may be.
fn encoded(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

/// The text as far as a header takes it.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_ascii_control() || *c == '\t')
        .collect()
}

/// Every place where a caller's text comes in.
fn requests(system: &Running, [endpoints, provider]: [&str; 2], text: &str) -> Vec<Vec<u8>> {
    let (json, url, header) = (quoted(text), encoded(text), printable(text));
    let head = head(system);
    let get = |target: String| format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n").into_bytes();
    let to = |path: &str, body: String| post(system, path, "", body.as_bytes());
    let headers = format!(
        "user-agent: {header}\r\nx-request-id: {header}\r\nx-amzn-trace-id: {header}\r\n\
         traceparent: {header}\r\norigin: {header}\r\nidempotency-key: {header}\r\nif-match: {header}\r\n"
    );
    let event = format!(r#"{{"id": {json}, "type": {json}, {json}: {json}}}"#);
    let signed = format!(
        "stripe-signature: {}\r\n{headers}",
        stripe::signature(SECRET, event.as_bytes())
    );
    let name = format!(r#", {json}: {json}"#);
    vec![
        get(format!("/portal/integrations/{url}")),
        get(format!("/portal/integrations?cursor={url}&{url}={url}")),
        get(format!("/{url}")),
        get(format!("/webhooks/{url}")),
        get(format!(
            "/connect/callback?state={url}&error={url}&error_description={url}"
        )),
        get(format!(
            "/connect/callback?state={url}&code={url}&iss={url}"
        )),
        get(format!("/portal/integrations/{provider}/proxy/{url}?{url}")),
        post(system, "/portal/incidents", &headers, b"{}"),
        post(system, "/webhooks/stripe", &signed, event.as_bytes()),
        post(
            system,
            "/webhooks/stripe",
            &format!("stripe-signature: {header}\r\n"),
            b"{}",
        ),
        to("/portal/integrations", integration(&name)),
        to(
            "/portal/incidents",
            format!(r#"{{"title": {json}, "text": {json}, "type": {json}, "severity": {json}}}"#),
        ),
        to(
            "/portal/access/elevations",
            format!(r#"{{"role": "admin", "reason": {json}, "durationMinutes": 5}}"#),
        ),
        to(
            &format!("/portal/integrations/{endpoints}/webhooks"),
            format!(r#"{{"endpoint": {json}, "secret": {json}, "scheme": {json}}}"#),
        ),
        to(
            &format!("/portal/integrations/{endpoints}/destinations"),
            format!(r#"{{"type": "http", "url": {json}, "filter": {json}}}"#),
        ),
        to(
            &format!("/portal/integrations/{provider}/requests"),
            format!(r#"{{"method": {json}, "endpoint": {json}, "headers": {{{json}: {json}}}}}"#),
        ),
    ]
}

#[tokio::test]
async fn no_caller_writes_or_imitates_a_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let receiver = Receiver::start().await;
    let set_up = SetUp::new(&system, &receiver).await;
    let provider = json!({
        "name": "p", "type": "enterprise", "baseUrl": receiver.url(), "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "x-key"}, "credentials": {"apiKey": "k"},
    });
    let provider = system.post("/portal/integrations", &provider).await;
    let ids = [&set_up.integration, provider["id"].as_str().unwrap()];
    let mut accepted = 0;
    for text in forgeries() {
        for bytes in requests(&system, ids, &text) {
            let answer = exchange(&system, &bytes).await;
            let is_fine = answer.status < 500;
            assert!(is_fine, "{}: {answer:?}", super::start_of(&bytes));
            accepted += usize::from(answer.status < 300);
        }
    }
    assert!(accepted >= 16, "{accepted}");
    drop(system);
    check(&folder.path().join("log"));
}

/// The members of one object, each at most once.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, _)) = map.next_entry::<String, Value>()? {
            if !names.insert(name.clone()) {
                return Err(serde::de::Error::custom(format!("{name} comes twice")));
            }
        }
        Ok(names)
    }
}

pub(super) fn check(log: &Path) {
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.lines().count() > 50, "{log}");
    for text in log.lines() {
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Members);
        let members = members.unwrap_or_else(|error| panic!("{error}: {text:?}"));
        reader.end().unwrap();
        let is_ours = |name: &String| name.len() < 64 && !name.contains(MARK);
        assert!(members.iter().all(is_ours), "{text:?}");
        let line: Value = serde_json::from_str(text).unwrap();
        for field in ["level", "target", "timestamp"] {
            let value = line[field].as_str().unwrap_or_default();
            assert!(!value.contains(MARK), "{text:?}");
        }
        let hidden = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!text.contains(hidden), "{text:?}");
    }
}
