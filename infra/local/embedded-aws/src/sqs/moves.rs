//! Moves dead letters back to where they came from.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Call;
use super::queues::{Queue, arn};
use super::send::parameter;
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

/// A dead letter that no queue sent here has nowhere to go back to.
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

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
    #[serde(default = "one")]
    max_results: i64,
}

fn one() -> i64 {
    1
}

impl Call<'_> {
    /// AWS moves in the background; here it is done when the call returns. What somebody is
    /// handling is not moved.
    pub(super) fn start_move_task(&self, input: &StartMoveTask) -> ApiResult {
        let source = self.named(&input.source_arn, "SourceArn")?;
        if !self.is_for_dead_letters(&source.name)? {
            return Err(parameter(
                "Source queue must be configured as a Dead Letter Queue.".to_owned(),
            ));
        }
        let destination = match &input.destination_arn {
            Some(destination) => Some(self.named(destination, "DestinationArn")?),
            None => None,
        };
        let letters = self.letters(&source)?;
        let (mut moved, mut failure) = (0_i64, None);
        for (id, from) in &letters {
            let origin = match (&destination, from) {
                (Some(_), _) | (None, None) => None,
                (None, Some(from)) => self.find(from)?,
            };
            match destination.as_ref().or(origin.as_ref()) {
                Some(target) => {
                    self.move_to(target, *id)?;
                    moved += 1;
                }
                None => failure = Some(NO_SOURCE),
            }
        }
        let handle = random_id()?;
        self.connection.execute(
            "INSERT INTO moves (handle, source, destination, to_move, moved, failure, started_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                handle,
                source.name,
                destination.map(|queue| queue.name),
                i64::try_from(letters.len()).unwrap_or(i64::MAX),
                moved,
                failure,
                self.now
            ],
        )?;
        Ok(json!({"TaskHandle": handle}))
    }

    /// The visible messages of a queue: what they are stored under, and where they died.
    fn letters(&self, queue: &Queue) -> Result<Vec<(i64, Option<String>)>, ApiError> {
        self.forget_expired(queue)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT id, source_queue FROM messages WHERE queue = ?1 AND visible_at <= ?2",
        )?;
        let rows = statement.query_map(params![queue.name, self.now], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is moved is a new message: its id, its age and its receipts begin anew.
    fn move_to(&self, target: &Queue, id: i64) -> Result<(), ApiError> {
        self.connection.execute(
            "UPDATE messages SET queue = ?2, message_id = ?3, sent_at = ?4, expires_at = ?5, \
             visible_at = ?4, source_queue = NULL, first_received_at = NULL, receive_count = 0, \
             receipt = NULL WHERE id = ?1",
            params![
                id,
                target.name,
                random_id()?,
                self.now,
                target.expiry(self.now)
            ],
        )?;
        Ok(())
    }

    pub(super) fn list_move_tasks(&self, input: &ListMoveTasks) -> ApiResult {
        let source = self.named(&input.source_arn, "SourceArn")?;
        if !(1..=10).contains(&input.max_results) {
            return Err(parameter(format!(
                "Value {} for parameter MaxResults is invalid. Reason: Must be between 1 and 10, if provided.",
                input.max_results
            )));
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT destination, to_move, moved, failure, started_at FROM moves \
             WHERE source = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2",
        )?;
        let tasks = statement.query_map(params![source.name, input.max_results], |row| {
            let destination: Option<String> = row.get(0)?;
            let failure: Option<String> = row.get(3)?;
            let status = if failure.is_some() {
                "FAILED"
            } else {
                "COMPLETED"
            };
            let fields = [
                ("SourceArn", json!(arn(&source.name))),
                ("DestinationArn", json!(destination.as_deref().map(arn))),
                ("Status", json!(status)),
                (
                    "ApproximateNumberOfMessagesToMove",
                    json!(row.get::<_, i64>(1)?),
                ),
                (
                    "ApproximateNumberOfMessagesMoved",
                    json!(row.get::<_, i64>(2)?),
                ),
                ("FailureReason", json!(failure)),
                ("StartedTimestamp", json!(row.get::<_, i64>(4)?)),
            ];
            let there = fields.into_iter().filter(|(_, value)| !value.is_null());
            Ok(there.map(|(k, v)| (k.to_owned(), v)).collect())
        })?;
        Ok(json!({"Results": tasks.collect::<Result<Vec<Map<String, Value>>, _>>()?}))
    }

    fn is_for_dead_letters(&self, name: &str) -> Result<bool, ApiError> {
        for other in self.names()? {
            let redrive = self.find(&other)?.and_then(|queue| queue.redrive());
            if redrive.is_some_and(|(dead_letters, _)| dead_letters == name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn named(&self, arn: &str, parameter: &str) -> Result<Queue, ApiError> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        self.find(name)?.ok_or_else(|| {
            ApiError::not_found(
                "com.amazonaws.sqs#ResourceNotFoundException",
                format!(
                    "The resource that you specified for the {parameter} parameter doesn't exist."
                ),
            )
            .with_query_code("ResourceNotFoundException")
        })
    }
}
