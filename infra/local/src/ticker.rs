//! In place of EventBridge: runs a function again and again.

use std::time::Duration;

use gatehouse::domain::Cause;
use gatehouse::lambda::telemetry::chain;
use rotation::State;
use serde_json::json;
use tokio::sync::watch;

/// Runs `rotation` at a fixed rate.
pub(crate) struct Ticker {
    pub(crate) every: Duration,
    /// The function's time-out.
    pub(crate) timeout: Duration,
    pub(crate) state: State,
}

impl Ticker {
    /// Goes on until `stop` becomes true; the run in hand is finished first. The first run is at
    /// once: the system may have been off for long.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.tick().await {
                tracing::error!(cause = chain(error.as_ref()), "a scheduled run failed");
            }
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn tick(&self) -> Result<(), Cause> {
        let event = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        let run = Box::pin(rotation::handle(&self.state, event));
        tokio::time::timeout(self.timeout, run).await??;
        Ok(())
    }
}
