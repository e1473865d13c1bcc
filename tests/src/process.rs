use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

/// What a process has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// To standard output.
    pub stdout: String,
    /// To standard error: a function's log.
    pub stderr: String,
}

/// A process all of whose output is kept. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    id: u32,
    child: Mutex<Child>,
    stdout: Pipe,
    stderr: Pipe,
    /// Closed when both pipes are, and so when the process has ended.
    open: watch::Receiver<()>,
}

impl Process {
    pub(crate) fn spawn(
        binary: &Path,
        environment: &BTreeMap<String, String>,
    ) -> std::io::Result<Self> {
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (closed, open) = watch::channel(());
        Ok(Self {
            id: child.id(),
            stdout: Pipe::read(child.stdout.take(), closed.clone()),
            stderr: Pipe::read(child.stderr.take(), closed),
            child: Mutex::new(child),
            open,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn ended(&self) {
        let mut open = self.open.clone();
        while open.changed().await.is_ok() {}
    }

    /// Kills the process, unless it has ended by itself; how it ended, and all that it wrote.
    pub(crate) fn end(&self) -> std::io::Result<(ExitStatus, Output)> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have closed its pipes and still be on its way out: that is its own end.
        if self.open.has_changed().is_ok() {
            child.kill()?;
        }
        let status = child.wait()?;
        let output = Output {
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        };
        Ok((status, output))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // If that fails it has ended already, and there is nothing left to do.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// One end of a pipe, read by a thread: nobody else reads, and a full pipe would stop the process.
#[derive(Debug)]
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Pipe {
    fn read(from: Option<impl Read + Send + 'static>, closed: watch::Sender<()>) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            // Dropped when nothing more can come.
            let _closed = closed;
            let Some(mut from) = from else { return };
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(chunk.get(..length).unwrap_or_default());
            }
        });
        Self {
            bytes,
            reader: Mutex::new(Some(reader)),
        }
    }

    /// Everything, once the process has ended.
    fn text(&self) -> String {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = reader.take() {
            // A reader that panicked has kept what it read until then.
            let _ = reader.join();
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
