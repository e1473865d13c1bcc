//! The services without sockets, for tests in which nothing may happen that a seed does not say: the
//! configuration of an SDK whose calls the test itself answers, and a table that it can ask.

use std::fmt;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::REGION;

/// The status and the body of an answer.
pub type Answer = (u16, String);

/// The configuration of an SDK whose calls `connector` answers, and that repeats none of them by itself.
pub fn sdk_config(connector: impl HttpConnector + 'static) -> SdkConfig {
    let connector = SharedHttpConnector::new(connector);
    let credentials = Credentials::new("a", "b", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build()
}

/// An answer as a connector returns it.
///
/// # Errors
///
/// If the status is none of HTTP's.
pub fn response((status, body): Answer) -> Result<HttpResponse, ConnectorError> {
    let status = status.try_into();
    let status = status.map_err(|error| ConnectorError::other(Box::new(error), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// The answer to a call of `target` (`x-amz-target`) that is one too many.
#[must_use]
pub fn throttled(target: &str) -> Answer {
    let code = match target.starts_with("AmazonSQS") {
        true => "RequestThrottled",
        false => "ThrottlingException",
    };
    error(code, "slow down")
}

/// The answer of a service that has failed by itself.
#[must_use]
pub fn broken() -> Answer {
    (500, json!({"__type": "InternalServerError"}).to_string())
}

/// What KMS answers to an operation on data keys, where one is as good as another: all are the same.
#[must_use]
pub fn data_key(operation: &str) -> Option<Answer> {
    let field = match operation {
        "Decrypt" => "Plaintext",
        "GenerateDataKeyWithoutPlaintext" => "CiphertextBlob",
        _ => return None,
    };
    let key = json!({field: STANDARD.encode([7; 32]), "KeyId": "key"});
    Some((200, key.to_string()))
}

/// A table in memory. Clones are the same table.
#[derive(Clone)]
pub struct Table {
    database: Arc<Database>,
    name: Arc<str>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl Table {
    /// An empty one with the keys of Gatehouse's.
    ///
    /// # Errors
    ///
    /// If DynamoDB takes no table of that name.
    pub fn new(name: &str) -> Result<Self, DynoxideError> {
        let database = Database::memory()?;
        let table = json!({
            "TableName": name,
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
        });
        database.create_table(parsed(table.to_string().as_bytes())?)?;
        Ok(Self {
            database: Arc::new(database),
            name: name.into(),
        })
    }

    /// What DynamoDB answers to an operation on items.
    #[must_use]
    pub fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        let database = &self.database;
        match operation {
            "GetItem" => answer(body, |request| database.get_item(request)),
            "PutItem" => answer(body, |request| database.put_item(request)),
            "UpdateItem" => answer(body, |request| database.update_item(request)),
            "DeleteItem" => answer(body, |request| database.delete_item(request)),
            "Query" => answer(body, |request| database.query(request)),
            "Scan" => answer(body, |request| database.scan(request)),
            "BatchGetItem" => answer(body, |request| database.batch_get_item(request)),
            "BatchWriteItem" => answer(body, |request| database.batch_write_item(request)),
            "TransactWriteItems" => answer(body, |request| database.transact_write_items(request)),
            _ => error("UnknownOperationException", "it is not offered here"),
        }
    }

    /// All items.
    ///
    /// # Errors
    ///
    /// If the table cannot be read.
    pub fn items(&self) -> Result<Vec<Value>, DynoxideError> {
        let (mut items, mut from) = (Vec::new(), Value::Null);
        loop {
            let request = json!({
                "TableName": &*self.name,
                "ConsistentRead": true,
                "ExclusiveStartKey": from,
            });
            let page = self
                .database
                .scan(parsed(request.to_string().as_bytes())?)?;
            let mut page = serde_json::to_value(page).map_err(invalid)?;
            if let Some(Value::Array(found)) = page.get_mut("Items") {
                items.append(found);
            }
            match page.get_mut("LastEvaluatedKey").map(Value::take) {
                Some(next @ Value::Object(_)) => from = next,
                _ => return Ok(items),
            }
        }
    }
}

fn answer<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    act: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Answer {
    let done = parsed(body).and_then(act);
    let text = done.and_then(|done| serde_json::to_string(&done).map_err(invalid));
    text.map_or_else(
        |error| (error.status_code(), error.to_json()),
        |text| (200, text),
    )
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(invalid)
}

fn invalid(error: serde_json::Error) -> DynoxideError {
    DynoxideError::ValidationException(error.to_string())
}

fn error(code: &str, message: &str) -> Answer {
    let error = json!({"__type": code, "message": message});
    (400, error.to_string())
}
