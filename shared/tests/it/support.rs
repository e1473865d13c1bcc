//! A table for each test: in this process, or on the server that `GATEHOUSE_TEST_DYNAMODB` names.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its table has failed"
)]

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use gatehouse::store::{Store, TableName};

/// A table of its own for one test.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) endpoint: String,
    pub(crate) name: TableName,
    /// For what a store cannot do: looking behind it, and breaking things.
    pub(crate) client: Client,
}

impl Table {
    /// Makes a new table.
    pub(crate) async fn new() -> Self {
        let endpoint = endpoint().await;
        let client = Client::from_conf(config(&endpoint).build());
        let name = random_name();
        create(&client, &name).await;
        Self {
            endpoint,
            name: name.parse().unwrap(),
            client,
        }
    }

    /// The store over it.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.client.clone(), self.name.clone())
    }

    /// The settings that its client is made of, to change some.
    pub(crate) fn config(&self) -> Builder {
        config(&self.endpoint)
    }
}

async fn endpoint() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let given = std::env::var("GATEHOUSE_TEST_DYNAMODB");
    if let Ok(endpoint) = given {
        return endpoint;
    }
    let database = dynoxide::Database::memory().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

fn config(endpoint: &str) -> Builder {
    let millisecond = std::time::Duration::from_millis(1);
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(millisecond))
        .endpoint_url(endpoint)
}

fn random_name() -> String {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    format!("gatehouse-{}", hex::encode(random))
}

pub(crate) async fn create(client: &Client, name: &str) {
    let mut request = client.create_table().table_name(name);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        let element = KeySchemaElement::builder()
            .attribute_name(attribute)
            .key_type(kind)
            .build()
            .unwrap();
        request = request
            .attribute_definitions(definition)
            .key_schema(element);
    }
    let request = request.billing_mode(BillingMode::PayPerRequest);
    request.send().await.unwrap();
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .unwrap();
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .unwrap();
}
