//! What a template describes.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

/// A DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its id in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// The partition key's attribute, a text.
    pub partition_key: String,
    /// The sort key's attribute, a text.
    pub sort_key: String,
    /// The attribute that says when an item expires.
    pub ttl_attribute: Option<String>,
}

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its id in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Its attributes, as SQS names them.
    pub attributes: BTreeMap<String, String>,
    /// Where its dead letters go.
    pub redrive: Option<Redrive>,
}

/// Where the dead letters of a queue go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub target_arn: String,
    /// After so many receives.
    pub max_receive_count: u64,
}

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its id in the template.
    pub logical_id: String,
    /// The name of its crate: the last part of `CodeUri`.
    pub name: String,
    /// How long one invocation may take, in seconds.
    pub timeout_seconds: u64,
    /// Its role's id in the template.
    pub(super) role: Option<String>,
    pub(super) environment: BTreeMap<String, Value>,
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method; none for any.
    pub method: Option<String>,
    /// The path, in which a last segment `{name+}` stands for one or more segments.
    pub path: String,
    /// The function that answers, by the name of its crate.
    pub function: String,
}

/// What runs a function again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function, by the name of its crate.
    pub function: String,
    /// How much time lies between two runs.
    pub every_seconds: u64,
}

/// A queue that triggers a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSource {
    /// The queue's id in the template.
    pub queue: String,
    /// The function, by the name of its crate.
    pub function: String,
    /// At most so many messages in one invocation.
    pub batch_size: u64,
}
