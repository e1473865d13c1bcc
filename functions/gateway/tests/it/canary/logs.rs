use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

static LOGS: OnceLock<Logs> = OnceLock::new();

/// All that was logged in this process since somebody first asked for it: more than a function
/// logs, since a deployment can ask for more.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub(super) fn capture() -> Self {
        let logs = LOGS.get_or_init(|| {
            let logs = Self::default();
            let sink = logs.clone();
            let filter = Targets::new()
                .with_default(LevelFilter::DEBUG)
                .with_target("gatehouse", LevelFilter::TRACE)
                .with_target("gateway", LevelFilter::TRACE)
                // What goes to AWS is AWS's to know.
                .with_target("aws", LevelFilter::INFO);
            let lines = tracing_subscriber::fmt::layer()
                .json()
                .with_writer(move || sink.clone());
            let started = tracing_subscriber::registry().with(filter).with(lines);
            started.try_init().unwrap();
            logs
        });
        tracing::debug!("a line to be found");
        assert!(logs.line_with("a line to be found").is_some());
        logs.clone()
    }

    /// A line that holds `needle`.
    pub(super) fn line_with(&self, needle: &str) -> Option<String> {
        let logs = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&logs);
        let line = text.lines().find(|line| line.contains(needle));
        line.map(str::to_owned)
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
