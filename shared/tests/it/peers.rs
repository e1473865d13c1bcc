//! Real programs that the tests talk to. They are there if `GATEHOUSE_PEERS` names the folder into
//! which scripts/peers has installed them; without it, tests that need one prove nothing.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test whose peer does not start has failed"
)]

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use tempfile::TempDir;

/// A peer that has said nothing by then has failed.
const START: Duration = Duration::from_secs(60);

/// The folder of the peers, if they are to be there.
pub(crate) fn folder() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let folder = std::env::var("GATEHOUSE_PEERS");
    folder.ok().map(PathBuf::from)
}

/// A running peer. It ends with the test.
#[derive(Debug)]
pub(crate) struct Peer {
    process: Child,
    pub(crate) port: u16,
    /// What it keeps, gone when it has ended.
    _data: Option<TempDir>,
}

impl Peer {
    /// Starts a server, and waits until it says `http://127.0.0.1:` and its port on standard output
    /// or standard error.
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; run scripts/peers"));
        // From here on it ends however this goes on.
        let mut peer = Self {
            process,
            port: 0,
            _data: None,
        };
        let (lines, said) = mpsc::channel();
        read(peer.process.stdout.take().unwrap(), lines.clone());
        read(peer.process.stderr.take().unwrap(), lines);
        let mut log = String::new();
        loop {
            let Ok(line) = said.recv_timeout(START) else {
                panic!("{command:?} did not start:\n{log}");
            };
            if let Some(port) = port(&line) {
                peer.port = port;
                return peer;
            }
            log.push_str(&line);
            log.push('\n');
        }
    }

    /// An emulator of AWS. After `setup_calls`, all calls have to be signed by a key it knows.
    pub(crate) fn moto(setup_calls: u32) -> Option<Self> {
        let mut command = Command::new(folder()?.join("venv/bin/moto_server"));
        command
            .args(["--host", "127.0.0.1", "--port", "0"])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", setup_calls.to_string());
        Some(Self::start(&mut command))
    }

    /// An emulator of Azure's storage of blobs.
    pub(crate) fn azurite() -> Option<Self> {
        let server = folder()?.join("node/node_modules/azurite/dist/src/blob/main.js");
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        command
            .arg(server)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0"])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--location"])
            .arg(data.path());
        let mut peer = Self::start(&mut command);
        peer._data = Some(data);
        Some(peer)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Goes on reading when nobody listens any more, so that the server is never kept waiting.
fn read(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
}

fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
