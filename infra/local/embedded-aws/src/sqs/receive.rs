use std::time::Duration;

use rusqlite::{Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::attributes::{Attributes, digest};
use super::queues::{Queue, arn};
use super::receipts::issue;
use super::send::parameter;
use super::settings::MAX_HIDDEN;
use crate::api::{ApiError, ApiResult};

/// A group is noisy from this number of messages that are being handled…
const NOISY_IN_FLIGHT: i64 = 30;
/// …if more than one in so many of all that are being handled is its own.
const NOISY_PART: i64 = 10;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    queue_url: String,
    #[serde(default = "one")]
    max_number_of_messages: i64,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    #[serde(default, alias = "AttributeNames")]
    message_system_attribute_names: Vec<String>,
}

fn one() -> i64 {
    1
}

/// A row of the table.
struct Stored {
    id: i64,
    message_id: String,
    body: String,
    attributes: String,
    trace_header: Option<String>,
    group_id: Option<String>,
    source_queue: Option<String>,
    sent_at: i64,
    first_received_at: Option<i64>,
    receive_count: i64,
}

impl Receive {
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let ranges = [
            (
                "MaxNumberOfMessages",
                Some(self.max_number_of_messages),
                1,
                10,
            ),
            ("WaitTimeSeconds", self.wait_time_seconds, 0, 20),
            ("VisibilityTimeout", self.visibility_timeout, 0, MAX_HIDDEN),
        ];
        for (name, value, lowest, highest) in ranges {
            if let Some(value) = value
                && !(lowest..=highest).contains(&value)
            {
                return Err(parameter(format!(
                    "Value {value} for parameter {name} is invalid. Reason: Must be between {lowest} and {highest}, if provided."
                )));
            }
        }
        Ok(())
    }
}

impl Call<'_> {
    /// The messages that are visible now, and how long to wait if there are none.
    pub(super) fn receive_messages(
        &self,
        input: &Receive,
    ) -> Result<(Vec<Value>, Duration), ApiError> {
        let queue = self.queue(&input.queue_url)?;
        let wait = input
            .wait_time_seconds
            .unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
        let hidden = input
            .visibility_timeout
            .unwrap_or_else(|| queue.number("VisibilityTimeout"));
        self.forget_expired(&queue)?;
        let mut messages = Vec::new();
        for stored in self.visible(&queue, input.max_number_of_messages)? {
            if let Some(message) = self.hand_out(&queue, &stored, hidden, input)? {
                messages.push(message);
            }
        }
        Ok((
            messages,
            Duration::from_secs(u64::try_from(wait).unwrap_or(0)),
        ))
    }

    /// Those of noisy groups come after all others.
    fn visible(&self, queue: &Queue, limit: i64) -> Result<Vec<Stored>, ApiError> {
        let noisy = self.noisy_groups(queue)?;
        let mut found = self.visible_of(queue, &noisy, false, limit)?;
        let room = limit - i64::try_from(found.len()).unwrap_or(limit);
        if room > 0 && !noisy.is_empty() {
            found.extend(self.visible_of(queue, &noisy, true, room)?);
        }
        Ok(found)
    }

    /// The groups with many messages that are being handled, and a large part of all that are. (SQS also
    /// counts how long a group's messages take.)
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html>
    fn noisy_groups(&self, queue: &Queue) -> Result<Vec<String>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT group_id, count(*), sum(count(*)) OVER () FROM messages \
             WHERE queue = ?1 AND visible_at > ?2 AND receipt IS NOT NULL GROUP BY group_id",
        )?;
        let groups = statement.query_map(params![queue.name, self.now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut noisy = Vec::new();
        for group in groups {
            let (id, of_group, of_all): (Option<String>, i64, i64) = group?;
            if let Some(id) = id
                && of_group >= NOISY_IN_FLIGHT
                && of_group * NOISY_PART > of_all
            {
                noisy.push(id);
            }
        }
        Ok(noisy)
    }

    /// The messages that are in one of `groups`, or that are in none of them.
    fn visible_of(
        &self,
        queue: &Queue,
        groups: &[String],
        inside: bool,
        limit: i64,
    ) -> Result<Vec<Stored>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_id, body, attributes, trace_header, group_id, source_queue, \
             sent_at, first_received_at, receive_count FROM messages \
             WHERE queue = ?1 AND visible_at <= ?2 \
             AND (group_id IS NOT NULL AND group_id IN (SELECT value FROM json_each(?3))) = ?4 \
             ORDER BY visible_at, id LIMIT ?5",
        )?;
        let groups = json!(groups).to_string();
        let rows = statement.query_map(
            params![queue.name, self.now, groups, inside, limit],
            Stored::read,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Hides a message under a new receipt, or moves it to the dead letters if it was received too
    /// often.
    fn hand_out(
        &self,
        queue: &Queue,
        stored: &Stored,
        hidden: i64,
        input: &Receive,
    ) -> Result<Option<Value>, ApiError> {
        if let Some((dead_letters, max)) = queue.redrive()
            && stored.receive_count >= max
            && let Some(dead_letters) = self.find(&dead_letters)?
        {
            // It is kept for as long as the other queue keeps messages, from when it was sent.
            self.connection.execute(
                "UPDATE messages SET queue = ?2, source_queue = ?3, visible_at = ?4, \
                 expires_at = ?5, receipt = NULL WHERE id = ?1",
                params![
                    stored.id,
                    dead_letters.name,
                    queue.name,
                    self.now,
                    dead_letters.expiry(stored.sent_at)
                ],
            )?;
            return Ok(None);
        }
        let receipt = issue(&queue.name, self.now)?;
        let first = stored.first_received_at.unwrap_or(self.now);
        self.connection
            .prepare_cached(
                "UPDATE messages SET visible_at = ?2, receipt = ?3, first_received_at = ?4, \
                 receive_count = receive_count + 1 WHERE id = ?1",
            )?
            .execute(params![stored.id, self.now + hidden * 1000, receipt, first])?;
        stored.message(&receipt, first, input).map(Some)
    }
}

impl Stored {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            message_id: row.get(1)?,
            body: row.get(2)?,
            attributes: row.get(3)?,
            trace_header: row.get(4)?,
            group_id: row.get(5)?,
            source_queue: row.get(6)?,
            sent_at: row.get(7)?,
            first_received_at: row.get(8)?,
            receive_count: row.get(9)?,
        })
    }

    fn message(&self, receipt: &str, first: i64, input: &Receive) -> ApiResult {
        let mut message = json!({
            "MessageId": self.message_id,
            "ReceiptHandle": receipt,
            "MD5OfBody": format!("{:x}", md5::compute(&self.body)),
            "Body": self.body,
        });
        let mut attributes: Attributes = serde_json::from_str(&self.attributes)
            .map_err(|_| ApiError::internal("the attributes cannot be read"))?;
        attributes.retain(|name, _| wants(&input.message_attribute_names, name));
        let mut system = json!({
            "SenderId": crate::ACCOUNT,
            "SentTimestamp": self.sent_at.to_string(),
            "ApproximateReceiveCount": (self.receive_count + 1).to_string(),
            "ApproximateFirstReceiveTimestamp": first.to_string(),
        });
        if let Some(fields) = system.as_object_mut() {
            if let Some(trace) = &self.trace_header {
                fields.insert("AWSTraceHeader".to_owned(), trace.as_str().into());
            }
            if let Some(group) = &self.group_id {
                fields.insert("MessageGroupId".to_owned(), group.as_str().into());
            }
            if let Some(source) = &self.source_queue {
                fields.insert("DeadLetterQueueSourceArn".to_owned(), arn(source).into());
            }
            fields.retain(|name, _| wants(&input.message_system_attribute_names, name));
        }
        if let Some(fields) = message.as_object_mut() {
            if let Some(digest) = digest(&attributes)? {
                fields.insert("MD5OfMessageAttributes".to_owned(), digest.into());
                fields.insert("MessageAttributes".to_owned(), json!(attributes));
            }
            fields.insert("Attributes".to_owned(), system);
        }
        Ok(message)
    }
}

/// Whether a caller that names `names` wants `name`: `All`, `.*` and `prefix.*` are patterns.
fn wants(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| {
        wanted == "All"
            || wanted == name
            || wanted
                .strip_suffix(".*")
                .is_some_and(|prefix| name.starts_with(prefix))
    })
}
