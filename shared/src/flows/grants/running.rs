use tokio::sync::watch;

/// How many tasks run.
#[derive(Clone)]
pub(super) struct Running(watch::Sender<usize>);

/// One that does.
pub(super) struct Run(watch::Sender<usize>);

impl Default for Running {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Running {
    /// One more, until what this gives is dropped.
    pub(super) fn begin(&self) -> Run {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        Run(self.0.clone())
    }

    /// Waits until none runs.
    pub(super) async fn settled(&self) {
        // The sender is ours: there is no error.
        self.0.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
