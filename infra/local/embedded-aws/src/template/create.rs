//! Makes what the template says, where it is not there yet.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_types::SdkConfig;
use serde_json::{Value, json};

use super::{Queue, Table, Template};
use crate::api::{ApiError, ApiResult};
use crate::server::Services;
use crate::stack::StackError;

pub(crate) async fn create(
    template: &Template,
    config: &SdkConfig,
    services: &Services,
) -> Result<(), StackError> {
    let client = Client::new(config);
    for table in &template.tables {
        create_table(&client, table)
            .await
            .map_err(|error| StackError::Resource(table.logical_id.clone(), error))?;
    }
    // A queue's dead-letter queue has to be there before it.
    let (plain, redriven): (Vec<_>, Vec<_>) = template
        .queues
        .iter()
        .partition(|queue| queue.redrive.is_none());
    for queue in plain.into_iter().chain(redriven) {
        create_queue(services, queue)
            .await
            .map_err(|error| failed(&queue.logical_id, &error))?;
    }
    for alias in &template.keys {
        create_key(services, alias)
            .await
            .map_err(|error| failed(alias, &error))?;
    }
    for (alias, key) in &template.aliases {
        let input = json!({"AliasName": alias, "TargetKeyId": key});
        unless_there(
            services
                .kms
                .call("CreateAlias", input, services.time.now())
                .await,
        )
        .map_err(|error| failed(alias, &error))?;
    }
    Ok(())
}

async fn create_table(client: &Client, table: &Table) -> Result<(), String> {
    if is_there(client, &table.name).await? {
        return Ok(());
    }
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let text = |error: aws_sdk_dynamodb::error::BuildError| error.to_string();
    client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(&table.partition_key).map_err(text)?)
        .attribute_definitions(attribute(&table.sort_key).map_err(text)?)
        .key_schema(key(&table.partition_key, KeyType::Hash).map_err(text)?)
        .key_schema(key(&table.sort_key, KeyType::Range).map_err(text)?)
        .send()
        .await
        .map_err(|error| error.into_service_error().to_string())?;
    if let Some(attribute) = &table.ttl_attribute {
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(true)
            .build()
            .map_err(text)?;
        client
            .update_time_to_live()
            .table_name(&table.name)
            .time_to_live_specification(specification)
            .send()
            .await
            .map_err(|error| error.into_service_error().to_string())?;
    }
    Ok(())
}

/// Asked by the list of all tables: to ask for one that is not there would be logged as a warning.
async fn is_there(client: &Client, name: &str) -> Result<bool, String> {
    let mut names = client.list_tables().into_paginator().items().send();
    while let Some(found) = names.next().await {
        if found.map_err(|error| error.into_service_error().to_string())? == name {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn create_queue(services: &Services, queue: &Queue) -> ApiResult {
    let mut attributes = json!(queue.attributes);
    if let (Some(redrive), Some(fields)) = (&queue.redrive, attributes.as_object_mut()) {
        let policy = json!({
            "deadLetterTargetArn": redrive.target_arn,
            "maxReceiveCount": redrive.max_receive_count,
        });
        fields.insert("RedrivePolicy".to_owned(), policy.to_string().into());
    }
    let input = json!({"QueueName": queue.name});
    match services.sqs.call("GetQueueUrl", input).await {
        // It is there already, perhaps with the attributes of an earlier template.
        Ok(found) => {
            let input = json!({"QueueUrl": found.get("QueueUrl"), "Attributes": attributes});
            services.sqs.call("SetQueueAttributes", input).await
        }
        Err(_) => {
            let input = json!({"QueueName": queue.name, "Attributes": attributes});
            services.sqs.call("CreateQueue", input).await
        }
    }
}

async fn create_key(services: &Services, alias: &str) -> ApiResult {
    let now = services.time.now();
    if services
        .kms
        .call("DescribeKey", json!({"KeyId": alias}), now)
        .await
        .is_ok()
    {
        return Ok(Value::Null);
    }
    let key = services.kms.call("CreateKey", json!({}), now).await?;
    let id = key
        .pointer("/KeyMetadata/KeyId")
        .cloned()
        .unwrap_or_default();
    services
        .kms
        .call(
            "CreateAlias",
            json!({"AliasName": alias, "TargetKeyId": id}),
            now,
        )
        .await
}

fn unless_there(result: ApiResult) -> Result<(), ApiError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.code() == "AlreadyExistsException" => Ok(()),
        Err(error) => Err(error),
    }
}

fn failed(resource: &str, error: &ApiError) -> StackError {
    StackError::Resource(resource.to_owned(), error.message().to_owned())
}
