//! Secrets are planted, and everything that can be read is searched for them.

use std::path::Path;

use serde_json::json;

use super::running::Running;
use super::{SetUp, listed, stripe};
use crate::receiver::Receiver;

/// In the credential, in the endpoint's secret, and in the event's body.
const CANARIES: [&str; 3] = [
    "sk_canary_of_the_credential",
    "canary-of-the-endpoint",
    "canary-of-the-body",
];

fn search(what: &str, bytes: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {what}");
    }
}

/// Searches every file of a folder.
pub(super) fn search_files(folder: &Path, secrets: &[&str]) {
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        search(&name, &std::fs::read(&file).unwrap(), secrets);
    }
}

#[tokio::test]
async fn no_secret_is_in_a_log_an_answer_the_table_the_queue_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let system = Running::start(folder.path());
    let set_up = SetUp::new(&system, &receiver).await;
    let destination = json!({"type": "http", "url": "http://127.0.0.1:1/"});
    let made = system
        .post(&set_up.path("/destinations"), &destination)
        .await;
    let signing_secret = made["signingSecret"].as_str().unwrap().to_owned();
    let mut secrets = CANARIES.to_vec();
    secrets.push(signing_secret.trim_start_matches("whsec_"));
    assert!(system.send(stripe("canary-of-the-body")).await);
    let (forged, body) = stripe("canary-of-the-body");
    assert!(!system.send((forged.replace("v1=", "v1=0"), body)).await);
    while listed(&system, &set_up).await.is_empty() {
        tokio::task::yield_now().await;
    }
    for path in ["", "/webhooks", "/destinations", "/status"] {
        let answer = system.get(&set_up.path(path)).await.to_string();
        search(path, answer.as_bytes(), &secrets);
    }
    system.kill();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // The provider's event id is no secret: it is listed, and so in the table's file.
        let is_table = name.starts_with("dynamodb");
        let secrets = if is_table {
            [&secrets[..2], &secrets[3..]].concat()
        } else {
            secrets.clone()
        };
        search(&name, &std::fs::read(&file).unwrap(), &secrets);
    }
}
