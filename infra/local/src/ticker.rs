//! In place of EventBridge: runs a function again and again.

use std::time::Duration;

use gatehouse::domain::Cause;
use gatehouse::lambda::telemetry::chain;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A function that a schedule runs.
#[derive(Clone)]
pub(crate) enum Scheduled {
    Monitor(Box<monitor::State>),
    Rotation(Box<rotation::State>),
    Sync(Box<sync::State>),
}

impl Scheduled {
    async fn handle(&self, event: Value) -> Result<(), Cause> {
        match self {
            Self::Monitor(state) => Box::pin(monitor::handle(state, event)).await.map(drop)?,
            Self::Rotation(state) => Box::pin(rotation::handle(state, event)).await.map(drop)?,
            Self::Sync(state) => Box::pin(sync::handle(state, event)).await.map(drop)?,
        }
        Ok(())
    }
}

/// Runs a function at a fixed rate.
pub(crate) struct Ticker {
    pub(crate) every: Duration,
    /// The function's time-out.
    pub(crate) timeout: Duration,
    pub(crate) function: Scheduled,
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
        tokio::time::timeout(self.timeout, self.function.handle(event)).await?
    }
}
