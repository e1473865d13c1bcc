//! The providers' own libraries sign, and are accepted. They are there if `GATEHOUSE_PEERS` says
//! where: `scripts/test` installs them.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::running::Running;

const TEXT_SECRET: &str = "whsec_canary-of-the-endpoint";
const BASE64_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Where the libraries are. Without them this test says so and proves nothing.
pub(super) fn peers() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let peers = std::env::var("GATEHOUSE_PEERS").ok();
    peers.map(PathBuf::from)
}

fn signed(mut command: Command) -> Vec<Value> {
    let output = command.output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "scripts/peers installs what is missing: {err}"
    );
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn register(system: &Running, integration: &str, language: &str, scheme: &str) {
    let secret = match scheme {
        "standard-webhooks" | "svix" => BASE64_SECRET,
        _ => TEXT_SECRET,
    };
    let endpoint = json!({
        "endpoint": format!("/webhooks/{language}/{scheme}"), "scheme": scheme, "secret": secret,
    });
    system
        .post(
            &format!("/portal/integrations/{integration}/webhooks"),
            &endpoint,
        )
        .await;
}

#[tokio::test]
async fn what_a_providers_own_library_signs_is_accepted_and_refused_when_it_is_changed() {
    let Some(peers) = peers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let integration = json!({
        "name": "a", "type": "payment", "baseUrl": "https://example.com", "authMethod": "api_key",
        "credentials": {"apiKey": "b"},
    });
    let integration = system.post("/portal/integrations", &integration).await;
    let integration = integration["id"].as_str().unwrap().to_owned();
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers");
    let arguments = [TEXT_SECRET, BASE64_SECRET, &system.base_url];
    let mut python = Command::new(peers.join("venv/bin/python"));
    python.arg(scripts.join("sign.py")).args(arguments);
    let mut node = Command::new("node");
    node.arg(scripts.join("sign.mjs"))
        .arg(peers.join("node/node_modules"))
        .args(arguments);
    for (language, webhooks) in [("python", signed(python)), ("node", signed(node))] {
        assert!(webhooks.len() >= 5, "{webhooks:?}");
        for webhook in webhooks {
            let text = |field: &str| webhook[field].as_str().unwrap().to_owned();
            let scheme = text("scheme");
            register(&system, &integration, language, &scheme).await;
            let path = format!("/webhooks/{language}/{scheme}{}", text("query"));
            let headers = webhook["headers"].as_object().unwrap();
            let good = system.deliver(&path, headers, text("body")).await;
            assert_eq!(good, 200, "{language} {scheme}");
            let changed = text("body").replacen('1', "2", 1);
            let bad = system.deliver(&path, headers, changed).await;
            assert_eq!(bad, 401, "{language} {scheme}");
        }
    }
}
