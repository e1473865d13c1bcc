use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::send::parameter;
use super::settings::{NUMBERS, Settings, check_names, invalid_redrive};
use crate::api::{ApiError, ApiResult};
use crate::{ACCOUNT, REGION};

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    settings: Settings,
    created_at: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueNamed {
    queue_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAt {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    attributes: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
}

impl Queue {
    pub(super) fn number(&self, name: &str) -> i64 {
        self.settings.number(name)
    }

    pub(super) fn redrive(&self) -> Option<(String, i64)> {
        self.settings.redrive()
    }

    /// When a message goes that was sent at `sent_at`.
    pub(super) fn expiry(&self, sent_at: i64) -> i64 {
        sent_at + self.number("MessageRetentionPeriod") * 1000
    }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

fn no_such_queue() -> ApiError {
    ApiError::new(
        "com.amazonaws.sqs#QueueDoesNotExist",
        "The specified queue does not exist.",
    )
    .with_query_code("AWS.SimpleQueueService.NonExistentQueue")
}

impl Call<'_> {
    pub(super) fn create_queue(&self, input: CreateQueue) -> ApiResult {
        let name = input.queue_name;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.ends_with(".fifo") || input.attributes.all().contains_key("FifoQueue") {
            return Err(parameter("FIFO queues are not offered here".to_owned()));
        }
        if name.is_empty() || name.len() > 80 || !name.chars().all(fits) {
            return Err(parameter(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length".to_owned(),
            ));
        }
        self.check(&input.attributes)?;
        if let Some(existing) = self.find(&name)? {
            if let Some(attribute) = existing.settings.difference(&input.attributes) {
                return Err(ApiError::new(
                    "com.amazonaws.sqs#QueueNameExists",
                    format!("A queue already exists with the same name and a different value for attribute {attribute}"),
                )
                .with_query_code("QueueAlreadyExists"));
            }
        } else {
            self.store(&name, &input.attributes)?;
        }
        Ok(json!({"QueueUrl": self.url(&name)}))
    }

    pub(super) fn queue_url(&self, input: &QueueNamed) -> ApiResult {
        let queue = self.find(&input.queue_name)?.ok_or_else(no_such_queue)?;
        Ok(json!({"QueueUrl": self.url(&queue.name)}))
    }

    pub(super) fn list_queues(&self, input: &ListQueues) -> ApiResult {
        let names = self.names()?;
        let urls = names
            .iter()
            .filter(|name| name.starts_with(&input.queue_name_prefix));
        Ok(json!({"QueueUrls": urls.map(|name| self.url(name)).collect::<Vec<_>>()}))
    }

    pub(super) fn queue_attributes(&self, input: &QueueAt) -> ApiResult {
        check_names(&input.attribute_names)?;
        let queue = self.queue(&input.queue_url)?;
        self.forget_expired(&queue)?;
        let mut all = queue.settings.all().clone();
        for (name, ..) in NUMBERS {
            all.insert(name.to_owned(), queue.number(name).to_string());
        }
        all.insert("QueueArn".to_owned(), arn(&queue.name));
        let created = queue.created_at / 1000;
        all.insert("CreatedTimestamp".to_owned(), created.to_string());
        all.extend(self.counts(&queue)?);
        let wanted = &input.attribute_names;
        if !wanted.iter().any(|name| name == "All") {
            all.retain(|name, _| wanted.contains(name));
        }
        Ok(json!({"Attributes": all}))
    }

    fn counts(&self, queue: &Queue) -> Result<BTreeMap<String, String>, ApiError> {
        let count = |condition: &str| {
            let query = format!("SELECT count(*) FROM messages WHERE queue = ?1 AND {condition}");
            self.connection
                .query_row(&query, params![queue.name, self.now], |row| row.get(0))
        };
        let counts: [(&str, i64); 3] = [
            ("ApproximateNumberOfMessages", count("visible_at <= ?2")?),
            (
                "ApproximateNumberOfMessagesNotVisible",
                count("visible_at > ?2 AND receipt IS NOT NULL")?,
            ),
            (
                "ApproximateNumberOfMessagesDelayed",
                count("visible_at > ?2 AND receipt IS NULL")?,
            ),
        ];
        Ok(counts
            .map(|(name, count)| (name.to_owned(), count.to_string()))
            .into())
    }

    pub(super) fn set_queue_attributes(&self, input: QueueAt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.check(&input.attributes)?;
        let mut settings = queue.settings;
        settings.set(input.attributes);
        self.store(&queue.name, &settings)?;
        Ok(Value::Null)
    }

    fn check(&self, settings: &Settings) -> Result<(), ApiError> {
        settings.check()?;
        if let Some((dead_letters, _)) = settings.redrive()
            && self.find(&dead_letters)?.is_none()
        {
            let reason = "Dead letter target does not exist";
            return Err(invalid_redrive(&arn(&dead_letters), reason));
        }
        Ok(())
    }

    pub(super) fn purge_queue(&self, input: &QueueAt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.connection
            .execute("DELETE FROM messages WHERE queue = ?1", [queue.name])?;
        Ok(Value::Null)
    }

    /// Deletes what was kept for as long as the queue keeps messages.
    pub(super) fn forget_expired(&self, queue: &Queue) -> Result<(), ApiError> {
        self.connection
            .prepare_cached(
                "DELETE FROM messages WHERE queue = ?1 AND visible_at <= ?2 AND expires_at <= ?2",
            )?
            .execute(params![queue.name, self.now])?;
        Ok(())
    }

    /// The queue at a URL: its last segment is the name.
    pub(super) fn queue(&self, url: &str) -> Result<Queue, ApiError> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.find(name)?.ok_or_else(no_such_queue)
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<Queue>, ApiError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT attributes, created_at FROM queues WHERE name = ?1")?;
        let found: Option<(String, i64)> = statement
            .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((text, created_at)) = found else {
            return Ok(None);
        };
        let settings = serde_json::from_str(&text)
            .map_err(|_| ApiError::internal("the queue's attributes cannot be read"))?;
        Ok(Some(Queue {
            name: name.to_owned(),
            settings,
            created_at,
        }))
    }

    pub(super) fn names(&self) -> Result<Vec<String>, ApiError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM queues ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    fn store(&self, name: &str, settings: &Settings) -> Result<(), ApiError> {
        self.connection.execute(
            "INSERT INTO queues (name, attributes, created_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes",
            params![name, json!(settings.all()).to_string(), self.now],
        )?;
        Ok(())
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }
}
