//! The attributes of queues: which there are, what they may be, and what they are if not set.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::send::parameter;
use crate::api::ApiError;

/// The seconds for which a message can be hidden, in all, from each receipt.
pub(super) const MAX_HIDDEN: i64 = 43_200;

/// Attribute, default, lowest, highest.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
pub(super) const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1_024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, MAX_HIDDEN),
];
/// Attributes that are kept and have no effect here.
const TEXTS: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];
/// Attributes that can be read only.
const FACTS: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];
const REDRIVE: &str = "RedrivePolicy";

/// Where messages go that were received too often.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    max_receive_count: i64,
}

/// What a queue's creator or owner set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(super) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Adds `other` to this; an empty text takes an attribute away.
    pub(super) fn set(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.retain(|_, value| !value.is_empty());
    }

    pub(super) fn number(&self, name: &str) -> i64 {
        let default = NUMBERS
            .iter()
            .find(|number| number.0 == name)
            .map_or(0, |number| number.1);
        let set = self.0.get(name).and_then(|value| value.parse().ok());
        set.unwrap_or(default)
    }

    /// The name of the queue for dead letters, and how often a message is received before that.
    pub(super) fn redrive(&self) -> Option<(String, i64)> {
        let policy: RedrivePolicy = serde_json::from_str(self.0.get(REDRIVE)?).ok()?;
        let name = policy.dead_letter_target_arn.rsplit(':').next()?.to_owned();
        Some((name, policy.max_receive_count))
    }

    /// The first attribute that `other` has with another value than this.
    pub(super) fn difference<'a>(&self, other: &'a Self) -> Option<&'a str> {
        let differs = |name: &str, value: &str| {
            if NUMBERS.iter().any(|number| number.0 == name) {
                value.parse() != Ok(self.number(name))
            } else {
                self.0.get(name).map(String::as_str) != Some(value)
            }
        };
        let mut names = other.0.iter().filter(|(name, value)| differs(name, value));
        names.next().map(|(name, _)| name.as_str())
    }

    pub(super) fn check(&self) -> Result<(), ApiError> {
        for (name, value) in &self.0 {
            if let Some((_, _, lowest, highest)) = NUMBERS.iter().find(|number| number.0 == name) {
                if !value
                    .parse()
                    .is_ok_and(|value: i64| (*lowest..=*highest).contains(&value))
                {
                    let message = format!("Invalid value for the parameter {name}.");
                    return Err(
                        ApiError::new("com.amazonaws.sqs#InvalidAttributeValue", message)
                            .with_query_code("InvalidAttributeValue"),
                    );
                }
            } else if name == REDRIVE {
                check_redrive(value)?;
            } else if !TEXTS.contains(&name.as_str()) {
                return Err(unknown(name));
            }
        }
        Ok(())
    }
}

fn check_redrive(value: &str) -> Result<(), ApiError> {
    let policy: Option<RedrivePolicy> = serde_json::from_str(value).ok();
    let fits = policy.is_some_and(|policy| (1..=1_000).contains(&policy.max_receive_count));
    if fits || value.is_empty() {
        return Ok(());
    }
    Err(invalid_redrive(
        value,
        "it needs deadLetterTargetArn, and maxReceiveCount from 1 to 1000",
    ))
}

pub(super) fn invalid_redrive(value: &str, reason: &str) -> ApiError {
    parameter(format!(
        "Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}."
    ))
}

/// Checks the names of attributes that somebody wants to read.
pub(super) fn check_names(names: &[String]) -> Result<(), ApiError> {
    let known = |name: &str| {
        NUMBERS.iter().any(|number| number.0 == name)
            || TEXTS.contains(&name)
            || FACTS.contains(&name)
            || matches!(name, "All" | REDRIVE)
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(unknown(name)),
        None => Ok(()),
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::new(
        "com.amazonaws.sqs#InvalidAttributeName",
        format!("Unknown Attribute {name}."),
    )
    .with_query_code("InvalidAttributeName")
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
