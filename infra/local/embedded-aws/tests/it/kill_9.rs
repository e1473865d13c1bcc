use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::durability::{Clients, open, value_of};

/// The folder in which a process is to run the services until it is killed.
const VICTIM: &str = "EMBEDDED_AWS_VICTIM";
/// What the victim writes in front of where its services are.
const LISTENING: &str = "listening at ";

/// Runs the services in a process of their own: this test binary, told by the environment to be
/// the victim.
fn victim(folder: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "kill_9::acknowledged_writes_survive_kill_9",
        ])
        .env(VICTIM, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let endpoint = output.lines().find_map(|line| {
        let line = line.unwrap();
        let (_, endpoint) = line.split_once(LISTENING)?;
        Some(endpoint.to_owned())
    });
    (child, endpoint.unwrap())
}

/// Never comes back, unless whoever started the process is gone.
async fn be_the_victim(folder: &Path) {
    let stack = open(folder).await;
    let line = format!("{LISTENING}{}\n", stack.endpoint());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
}

#[derive(Default)]
struct Acknowledged {
    messages: Vec<String>,
    secrets: Vec<String>,
    items: Vec<String>,
}

/// Writes until the services are gone.
async fn write(clients: &Clients, writer: usize) -> Acknowledged {
    let mut done = Acknowledged::default();
    for number in 0.. {
        let name = format!("{writer}-{number}");
        if !clients.send(&name).await {
            break;
        }
        done.messages.push(name.clone());
        if !clients.create_secret(&name).await {
            break;
        }
        done.secrets.push(name.clone());
        if !clients.put_item(&name).await {
            break;
        }
        done.items.push(name);
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "this is how the process learns that it is the victim"
)]
async fn acknowledged_writes_survive_kill_9() {
    if let Ok(folder) = std::env::var(VICTIM) {
        return be_the_victim(folder.as_ref()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut child, endpoint) = victim(folder.path());
    let clients = Arc::new(Clients::of(&endpoint).await);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let clients = Arc::clone(&clients);
            tokio::spawn(async move { write(&clients, writer).await })
        })
        .collect();
    // In the middle of it: the table has been written to for a while.
    while !clients.has_item("0-20").await {
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    let bodies = clients.bodies().await;
    for writer in writers {
        let done = writer.await.unwrap();
        assert!(done.messages.len() > 1);
        for name in done.messages {
            assert!(bodies.contains(&name), "{name}");
        }
        for name in done.secrets {
            assert_eq!(clients.secret(&name).await, Some(value_of(&name)));
        }
        for name in done.items {
            assert!(clients.has_item(&name).await, "{name}");
        }
    }
}
