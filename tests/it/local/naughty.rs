//! Texts that break things elsewhere go into fields, queries and paths. What is accepted comes back as it was
//! sent, nothing fails, and none of them gets a line of its own into the log.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::running::Running;

const STRINGS: &str = include_str!("../../naughty-strings/blns.json");

/// How long `monitor` may take until it has run twice.
const DEADLINE: Duration = Duration::from_secs(180);

/// A body with the text in its fields, and the fields that are answered, as JSON Pointers.
type Form = (&'static str, fn(&str) -> Value, &'static [&'static str]);

const FORMS: [Form; 3] = [
    (
        "/portal/integrations",
        integration,
        &["/name", "/webhookConfig"],
    ),
    ("/portal/incidents", incident, &["/title"]),
    ("/portal/access/elevations", elevation, &["/reason"]),
];

pub(super) fn strings() -> Vec<String> {
    let strings: Vec<String> = serde_json::from_str(STRINGS).unwrap();
    assert!(strings.len() > 500);
    strings
}

fn integration(text: &str) -> Value {
    json!({
        "name": text,
        "type": "enterprise",
        "baseUrl": "https://example.com/",
        "authMethod": "api_key",
        "authConfig": {"keyLocation": "header", "keyHeader": "x-api-key"},
        "credentials": {"apiKey": text},
        "webhookConfig": {"note": text, text: [text]},
    })
}

fn incident(text: &str) -> Value {
    json!({"title": text, "text": text, "type": "other", "severity": "low"})
}

fn elevation(text: &str) -> Value {
    json!({"role": "admin", "reason": text, "durationMinutes": 15})
}

/// Where an id, and where a parameter, is replaced by a text.
const PATHS: [&str; 3] = ["portal/integrations", "portal/providers", "webhooks"];
const PARAMETERS: [(&str, &str); 3] = [
    ("integrations", "cursor"),
    ("audit", "actor"),
    ("incidents", "status"),
];

fn with_id(base: &str, before: &str, text: &str) -> reqwest::Url {
    let mut url: reqwest::Url = format!("{base}/{before}").parse().unwrap();
    url.path_segments_mut().unwrap().push(text);
    url
}

fn with_parameter(base: &str, (path, name): (&str, &str), text: &str) -> reqwest::Url {
    reqwest::Url::parse_with_params(&format!("{base}/portal/{path}"), [(name, text)]).unwrap()
}

#[tokio::test]
async fn what_is_accepted_comes_back_as_it_was_sent_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let mut accepted = [0_usize; FORMS.len()];
    for (number, text) in strings().into_iter().enumerate() {
        for ((path, body, answered), accepted) in FORMS.iter().zip(&mut accepted) {
            let body = body(&text);
            let response = system.respond(path, &body).await;
            let status = response.status().as_u16();
            assert!([201, 400].contains(&status), "{path}: {status}: {text:?}");
            if status == 400 {
                continue;
            }
            *accepted += 1;
            let made: Value = response.json().await.unwrap();
            for pointer in *answered {
                assert_eq!(made.pointer(pointer), body.pointer(pointer), "{path}");
            }
        }
        // Each text goes into one path and one query: what takes them apart is the same for all.
        let base = &system.base_url;
        let urls = [
            with_id(base, PATHS[number % PATHS.len()], &text),
            with_parameter(base, PARAMETERS[number % PARAMETERS.len()], &text),
        ];
        for url in urls {
            let status = system.request(Method::GET, url.as_str()).await.status();
            assert!(!status.is_server_error(), "{url}: {status}");
        }
    }
    // What is refused is empty, blank, too long, or has control characters.
    assert!(accepted.iter().all(|count| *count > 480), "{accepted:?}");
    check_names(&system).await;
    let log = folder.path().join("log");
    let looked_at = looked_at(&system, &log);
    timeout(DEADLINE, looked_at).await.unwrap();
    check_log(&log);
}

/// Waits until `monitor`, which runs each minute, has looked at what there is; its first run was at the start.
async fn looked_at(system: &Running, log: &Path) {
    let runs = || {
        std::fs::read_to_string(log)
            .unwrap()
            .matches("integrations were looked at")
            .count()
    };
    while runs() < 2 {
        system.get("/portal/integrations?limit=100").await;
    }
}

/// What was stored is what was sent, byte for byte.
async fn check_names(system: &Running) {
    let mut unseen = strings();
    let mut query = String::from("limit=100");
    loop {
        let page = system.get(&format!("/portal/integrations?{query}")).await;
        for item in page["items"].as_array().unwrap() {
            let name = item["name"].as_str().unwrap();
            let at = unseen.iter().position(|text| text == name);
            unseen.swap_remove(at.unwrap_or_else(|| panic!("nobody sent {name:?}")));
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("limit=100&cursor={cursor}"),
            None => break,
        }
    }
    let is_refused = |text: &String| {
        let has_control = text.contains(|c: char| c.is_control());
        text.trim().is_empty() || text.chars().count() > 200 || has_control
    };
    assert!(unseen.iter().all(is_refused), "{unseen:?}");
}

/// Every line is one object, with a level or with metrics: nobody writes a line but the system.
fn check_log(file: &Path) {
    let log = std::fs::read_to_string(file).unwrap();
    assert!(log.lines().count() > 1_000);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        assert!(
            line["level"].is_string() || line["_aws"].is_object(),
            "{line}"
        );
    }
}
