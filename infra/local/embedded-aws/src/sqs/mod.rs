//! Simple Queue Service: standard queues.

mod attributes;
mod moves;
mod queues;
mod receipts;
mod receive;
mod send;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::api::{ApiError, ApiResult, parse};
use crate::database::Database;
use crate::time::TimeSource;

/// How long a waiting receiver sleeps at most before it looks again: a manual clock moves without
/// telling anybody.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) struct Sqs {
    database: Database,
    time: TimeSource,
    /// Where queues' URLs begin.
    endpoint: Arc<str>,
    /// Something may have become visible.
    arrivals: Arc<Notify>,
}

/// One call, inside its transaction.
struct Call<'a> {
    connection: &'a Connection,
    now: i64,
    endpoint: &'a str,
}

impl Sqs {
    pub(crate) fn new(database: Database, time: TimeSource, endpoint: &str) -> Self {
        Self {
            database,
            time,
            endpoint: endpoint.into(),
            arrivals: Arc::default(),
        }
    }

    pub(crate) async fn call(&self, operation: &str, body: Value) -> ApiResult {
        match operation {
            "CreateQueue" => self.run(body, |call, input| call.create_queue(input)).await,
            "GetQueueUrl" => self.run(body, |call, input| call.queue_url(&input)).await,
            "GetQueueAttributes" => {
                self.run(body, |call, input| call.queue_attributes(&input))
                    .await
            }
            "SetQueueAttributes" => {
                self.run(body, |call, input| call.set_queue_attributes(input))
                    .await
            }
            "ListQueues" => self.run(body, |call, input| call.list_queues(&input)).await,
            "PurgeQueue" => self.run(body, |call, input| call.purge_queue(&input)).await,
            "SendMessage" => {
                self.run_and_wake(body, |call, input| call.send_message(input))
                    .await
            }
            "SendMessageBatch" => {
                self.run_and_wake(body, |call, input| call.send_message_batch(input))
                    .await
            }
            "ReceiveMessage" => self.receive(body).await,
            "DeleteMessage" => {
                self.run(body, |call, input| call.delete_message(&input))
                    .await
            }
            "DeleteMessageBatch" => {
                self.run(body, |call, input| call.delete_message_batch(&input))
                    .await
            }
            "ChangeMessageVisibility" => {
                self.run_and_wake(body, |call, input| call.change_visibility(&input))
                    .await
            }
            "ChangeMessageVisibilityBatch" => {
                self.run_and_wake(body, |call, input| call.change_visibility_batch(&input))
                    .await
            }
            "StartMessageMoveTask" => {
                self.run_and_wake(body, |call, input| call.start_move_task(&input))
                    .await
            }
            "ListMessageMoveTasks" => {
                self.run(body, |call, input| call.list_move_tasks(&input))
                    .await
            }
            other => Err(ApiError::unknown_operation(other)),
        }
    }

    /// Makes every message that somebody is handling visible again: its handler is gone.
    pub(crate) async fn release_in_flight(&self) -> Result<(), ApiError> {
        let now = self.time.now();
        self.database
            .run(move |connection| {
                connection.execute(
                    "UPDATE messages SET visible_at = ?1, receipt = NULL WHERE receipt IS NOT NULL",
                    [now],
                )?;
                Ok(())
            })
            .await?;
        self.arrivals.notify_waiters();
        Ok(())
    }

    async fn run<T: DeserializeOwned + Send + 'static>(
        &self,
        body: Value,
        work: impl FnOnce(&Call<'_>, T) -> ApiResult + Send + 'static,
    ) -> ApiResult {
        let input: T = parse(body)?;
        let (now, endpoint) = (self.time.now(), Arc::clone(&self.endpoint));
        self.database
            .run(move |connection| {
                work(
                    &Call {
                        connection,
                        now,
                        endpoint: &endpoint,
                    },
                    input,
                )
            })
            .await
    }

    async fn run_and_wake<T: DeserializeOwned + Send + 'static>(
        &self,
        body: Value,
        work: impl FnOnce(&Call<'_>, T) -> ApiResult + Send + 'static,
    ) -> ApiResult {
        let output = self.run(body, work).await;
        self.arrivals.notify_waiters();
        output
    }

    /// Waits until there is a message, or as long as the caller or the queue says.
    async fn receive(&self, body: Value) -> ApiResult {
        let input: receive::Receive = parse(body)?;
        input.check()?;
        let start = Instant::now();
        loop {
            let arrival = self.arrivals.notified();
            let (now, asked) = (self.time.now(), input.clone());
            let endpoint = Arc::clone(&self.endpoint);
            let (messages, wait) = self
                .database
                .run(move |connection| {
                    Call {
                        connection,
                        now,
                        endpoint: &endpoint,
                    }
                    .receive_messages(&asked)
                })
                .await?;
            let left = wait.saturating_sub(start.elapsed());
            if !messages.is_empty() || left.is_zero() {
                return Ok(if messages.is_empty() {
                    Value::Null
                } else {
                    json!({"Messages": messages})
                });
            }
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep(LOOK_AGAIN.min(left)) => {}
            }
        }
    }
}
