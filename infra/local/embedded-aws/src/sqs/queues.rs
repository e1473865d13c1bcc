use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use crate::api::{ApiError, ApiResult};
use crate::{ACCOUNT, REGION};

/// Attribute, default, lowest, highest.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1_024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];
/// Attributes that are kept and have no effect here.
const TEXTS: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    attributes: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedrivePolicy {
    dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    pub(super) max_receive_count: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
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
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
}

impl Queue {
    pub(super) fn number(&self, name: &str) -> i64 {
        let default = NUMBERS
            .iter()
            .find(|number| number.0 == name)
            .map_or(0, |number| number.1);
        self.attributes
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    pub(super) fn redrive(&self) -> Option<(String, i64)> {
        let policy: RedrivePolicy =
            serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let name = policy.dead_letter_target_arn.rsplit(':').next()?.to_owned();
        Some((name, policy.max_receive_count))
    }

    pub(super) fn arn(&self) -> String {
        arn(&self.name)
    }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

pub(super) fn no_such_queue() -> ApiError {
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
        if name.ends_with(".fifo") || input.attributes.contains_key("FifoQueue") {
            return Err(ApiError::new(
                "InvalidParameterValue",
                "FIFO queues are not offered here",
            ));
        }
        if name.is_empty() || name.len() > 80 || !name.chars().all(fits) {
            return Err(ApiError::new(
                "InvalidParameterValue",
                "the queue's name is not valid",
            ));
        }
        check(&input.attributes)?;
        if let Some(existing) = self.find(&name)? {
            let same = input
                .attributes
                .iter()
                .all(|(k, v)| existing.attributes.get(k) == Some(v));
            if !same {
                return Err(
                    ApiError::new("QueueNameExists", "a queue of other attributes exists")
                        .with_query_code("QueueAlreadyExists"),
                );
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
        let mut statement = self
            .connection
            .prepare_cached("SELECT name FROM queues ORDER BY name")?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let urls = names
            .iter()
            .filter(|name| name.starts_with(&input.queue_name_prefix));
        Ok(json!({"QueueUrls": urls.map(|name| self.url(name)).collect::<Vec<_>>()}))
    }

    pub(super) fn queue_attributes(&self, input: &QueueAt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        let mut all = queue.attributes.clone();
        for (name, ..) in NUMBERS {
            all.insert(name.to_owned(), queue.number(name).to_string());
        }
        all.insert("QueueArn".to_owned(), queue.arn());
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
        all.extend(counts.map(|(name, count)| (name.to_owned(), count.to_string())));
        let wanted = &input.attribute_names;
        if !wanted.iter().any(|name| name == "All") {
            all.retain(|name, _| wanted.contains(name));
        }
        Ok(json!({"Attributes": all}))
    }

    pub(super) fn set_queue_attributes(&self, input: QueueAt) -> ApiResult {
        check(&input.attributes)?;
        let queue = self.queue(&input.queue_url)?;
        let mut attributes = queue.attributes;
        attributes.extend(input.attributes);
        self.store(&queue.name, &attributes)?;
        Ok(Value::Null)
    }

    pub(super) fn purge_queue(&self, input: &QueueAt) -> ApiResult {
        let queue = self.queue(&input.queue_url)?;
        self.connection
            .execute("DELETE FROM messages WHERE queue = ?1", [queue.name])?;
        Ok(Value::Null)
    }

    /// The queue at a URL: its last segment is the name.
    pub(super) fn queue(&self, url: &str) -> Result<Queue, ApiError> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.find(name)?.ok_or_else(no_such_queue)
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<Queue>, ApiError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT attributes FROM queues WHERE name = ?1")?;
        let text: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        let Some(text) = text else { return Ok(None) };
        let attributes = serde_json::from_str(&text)
            .map_err(|_| ApiError::internal("the queue's attributes cannot be read"))?;
        Ok(Some(Queue {
            name: name.to_owned(),
            attributes,
        }))
    }

    fn store(&self, name: &str, attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
        self.connection.execute(
            "INSERT INTO queues (name, attributes, created_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes",
            params![name, json!(attributes).to_string(), self.now],
        )?;
        Ok(())
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }
}

fn check(attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    for (name, value) in attributes {
        if let Some((_, _, lowest, highest)) = NUMBERS.iter().find(|number| number.0 == name) {
            if !value
                .parse()
                .is_ok_and(|value: i64| (*lowest..=*highest).contains(&value))
            {
                return Err(invalid(name).with_query_code("InvalidAttributeValue"));
            }
        } else if name == "RedrivePolicy" {
            let policy: Option<RedrivePolicy> = serde_json::from_str(value).ok();
            if !policy.is_some_and(|policy| (1..=1_000).contains(&policy.max_receive_count)) {
                return Err(invalid(name).with_query_code("InvalidAttributeValue"));
            }
        } else if !TEXTS.contains(&name.as_str()) {
            return Err(
                ApiError::new("InvalidAttributeName", format!("unknown attribute {name}"))
                    .with_query_code("InvalidAttributeName"),
            );
        }
    }
    Ok(())
}

fn invalid(name: &str) -> ApiError {
    ApiError::new("InvalidAttributeValue", format!("invalid value for {name}"))
}

/// AWS takes `"maxReceiveCount": 10` and `"10"` alike.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| serde::de::Error::custom("expected a number"))
}
