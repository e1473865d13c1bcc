//! The README's commands do what it says, pasted as they are written.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::libraries::peers;
use super::running::Running;

/// How long a delivery may take.
const DEADLINE: Duration = Duration::from_secs(60);
const DONE: &str = "the whole README is pasted";

/// What is to be pasted once the system runs: all blocks for a shell between its start and its
/// tests.
fn blocks() -> String {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("```").unwrap().0);
    let blocks: Vec<&str> = blocks
        .skip_while(|block| block.starts_with("cargo run"))
        .take_while(|block| !block.starts_with("scripts/test"))
        .collect();
    assert!(blocks.len() >= 6, "{blocks:?}");
    blocks.join("\n")
}

/// A shell into which lines are pasted, in the folder that the system was started in.
struct Shell {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
}

impl Shell {
    fn start(folder: &Path, peers: &Path) -> Self {
        let path = std::env::join_paths([
            peers.join("venv/bin"),
            "/usr/local/bin".into(),
            "/usr/bin".into(),
            "/bin".into(),
        ]);
        // A loop that waits for what never comes ends too, with all that the shell has started.
        let mut child = Command::new("timeout")
            .args(["300", "bash"])
            .current_dir(folder)
            .env_clear()
            .env("PATH", path.unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            out: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Pastes `text` and returns what has been said when all of it is done.
    fn paste(&mut self, text: &str) -> String {
        let text = format!("{text}\necho; echo {DONE}\n");
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        let mut said = String::new();
        while !said.ends_with(&format!("\n{DONE}\n")) {
            let read = self.out.read_line(&mut said).unwrap();
            assert!(read > 0, "bash has ended: {said}");
        }
        said
    }

    /// Ends it with what it has started, and returns the rest of what was said.
    fn end(mut self) -> String {
        self.stop();
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        said
    }

    fn stop(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"kill $(jobs -p)\n");
        }
        let _ = self.child.wait();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The integration of this name that was made last.
async fn newest_integration(system: &Running, name: &str) -> String {
    let list = system.get("/portal/integrations").await;
    let mut items = list["items"].as_array().unwrap().iter();
    let newest = items.find(|integration| integration["name"] == name);
    newest.unwrap()["id"].as_str().unwrap().to_owned()
}

/// What the log says of an integration's calls.
async fn calls(system: &Running, integration: &str) -> Vec<(String, String)> {
    let list = system
        .get(&format!("/portal/integrations/{integration}/requests"))
        .await;
    let items = list["items"].as_array().unwrap().iter();
    let text = |call: &Value, field: &str| call[field].as_str().unwrap().to_owned();
    items
        .map(|call| (text(call, "path"), text(call, "status")))
        .collect()
}

async fn delivered(system: &Running, integration: &str) -> Vec<String> {
    let path = format!("/portal/integrations/{integration}/webhooks/logs?status=delivered");
    let list = system.get(&path).await;
    let ids = list["items"].as_array().unwrap().iter();
    let mut ids: Vec<String> = ids
        .map(|event| event["providerEventId"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn pasted_as_it_is_written_the_readme_does_what_it_says_the_second_time_too() {
    let Some(peers) = peers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(&folder.path().join(".gatehouse"));
    let mut shell = Shell::start(folder.path(), &peers);
    let mut said = String::new();
    for _ in 0..2 {
        let pass = shell.paste(&blocks());
        let answers = pass.split("HTTP/1.1 ").skip(1);
        let statuses: Vec<&str> = answers.filter_map(|answer| answer.get(..3)).collect();
        assert_eq!(statuses, ["200", "401", "200"], "{pass}");
        let integration = newest_integration(&system, "Payments").await;
        let called = calls(&system, &newest_integration(&system, "CRM").await).await;
        let succeeded = |path: &str| (path.to_owned(), "succeeded".to_owned());
        let expected = [succeeded("/people"), succeeded("/contacts")];
        assert_eq!(called, expected, "{pass}");
        assert!(
            pass.contains(r#""content":{"id":2,"name":"Grace"}"#),
            "{pass}"
        );
        let both = async {
            while delivered(&system, &integration).await != ["evt_1", "evt_3"] {
                tokio::task::yield_now().await;
            }
        };
        let both = tokio::time::timeout(DEADLINE, both).await;
        assert!(both.is_ok(), "not delivered: {pass}");
        said.push_str(&pass);
    }
    said.push_str(&shell.end());
    for (body, times) in [
        (
            r#"{"id": "evt_1", "type": "invoice.paid", "amount": 4200}"#,
            2,
        ),
        (r#"{"id": "evt_2", "type": "invoice.paid", "amount": 1}"#, 0),
        (r#"{"id": "evt_3", "type": "invoice.paid", "amount": 7}"#, 2),
        (r#"None {"name": "Ada"}"#, 2),
    ] {
        assert_eq!(said.matches(body).count(), times, "{body}: {said}");
    }
}
