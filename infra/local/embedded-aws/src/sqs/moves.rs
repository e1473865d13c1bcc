//! Moves dead letters back to where they came from.

use rusqlite::params;
use serde::Deserialize;
use serde_json::json;

use super::Call;
use super::queues::{arn, no_such_queue};
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMoveTask {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMoveTasks {
    source_arn: String,
}

impl Call<'_> {
    /// AWS moves in the background; here it is done when the call returns.
    pub(super) fn start_move_task(&self, input: &StartMoveTask) -> ApiResult {
        let source = self.named(&input.source_arn)?;
        let destination = match &input.destination_arn {
            Some(destination) => Some(self.named(destination)?),
            None => None,
        };
        let moved = self.connection.execute(
            "UPDATE messages SET queue = coalesce(?2, source_queue), source_queue = NULL, \
             receive_count = 0, visible_at = ?3, receipt = NULL \
             WHERE queue = ?1 AND coalesce(?2, source_queue) IS NOT NULL",
            params![source, destination, self.now],
        )?;
        let handle = random_id()?;
        self.connection.execute(
            "INSERT INTO move_tasks (handle, source, moved, started_at) VALUES (?1, ?2, ?3, ?4)",
            params![
                handle,
                source,
                i64::try_from(moved).unwrap_or(i64::MAX),
                self.now
            ],
        )?;
        Ok(json!({"TaskHandle": handle}))
    }

    pub(super) fn list_move_tasks(&self, input: &ListMoveTasks) -> ApiResult {
        let source = self.named(&input.source_arn)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT handle, moved, started_at FROM move_tasks WHERE source = ?1 \
             ORDER BY started_at DESC LIMIT 10",
        )?;
        let tasks = statement.query_map([&source], |row| {
            let moved = row.get::<_, i64>(1)?;
            Ok(json!({
                "SourceArn": arn(&source),
                "Status": "COMPLETED",
                "ApproximateNumberOfMessagesMoved": moved,
                "ApproximateNumberOfMessagesToMove": moved,
                "StartedTimestamp": row.get::<_, i64>(2)?,
            }))
        })?;
        Ok(json!({"Results": tasks.collect::<Result<Vec<_>, _>>()?}))
    }

    fn named(&self, arn: &str) -> Result<String, ApiError> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        self.find(name)?
            .map(|queue| queue.name)
            .ok_or_else(no_such_queue)
    }
}
