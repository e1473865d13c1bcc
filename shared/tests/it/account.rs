//! An AWS account for each test: services in this process, or on the one server that
//! `GATEHOUSE_TEST_AWS` names.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its account has failed"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{
    BehaviorVersion, ConfigBag, Credentials as AwsCredentials, Intercept, Region,
    RuntimeComponents, SharedCredentialsProvider,
};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::domain::{Clock, Randomness, Sources, Timestamp};
use gatehouse::queue::Queue;
use gatehouse::store::{Store, TableName};
use gatehouse::vault::{Credentials, DataKeys};
use serde_json::{Value, json};
use ulid::Ulid;

/// Tests make what they need by way of the SDK, so that it is the same on every server.
const NOTHING: &str = "AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n";

/// An account with a table, a key and two queues.
#[derive(Debug)]
pub(crate) struct Account {
    config: SdkConfig,
    pub(crate) table: TableName,
    pub(crate) key_arn: String,
    pub(crate) queue_url: String,
    pub(crate) dead_letter_url: String,
    pub(crate) clock: TestClock,
    /// What every client of this account says and hears.
    pub(crate) wire: Wire,
    /// The services stop with it.
    stack: Option<Stack>,
}

impl Account {
    pub(crate) async fn new() -> Self {
        let clock = TestClock::default();
        let (endpoint, stack) = services(&clock).await;
        let mut account = Self {
            config: config(endpoint),
            table: name().parse().unwrap(),
            key_arn: String::new(),
            queue_url: String::new(),
            dead_letter_url: String::new(),
            clock,
            wire: Wire::default(),
            stack,
        };
        crate::support::create(&account.dynamodb(), &account.table.to_string()).await;
        account.key_arn = account.new_key().await;
        account.queue_url = account.new_queue().await;
        account.dead_letter_url = account.new_queue().await;
        account.wire.said();
        account
    }

    pub(crate) async fn new_key(&self) -> String {
        let created = self.kms().create_key().send().await.unwrap();
        created.key_metadata.unwrap().arn.unwrap()
    }

    async fn new_queue(&self) -> String {
        let created = self.sqs().create_queue().queue_name(name()).send().await;
        created.unwrap().queue_url.unwrap()
    }

    /// Whether the services are those of this repository.
    pub(crate) fn is_embedded(&self) -> bool {
        self.stack.is_some()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config);
        aws_sdk_dynamodb::Client::from_conf(config.interceptor(self.wire.clone()).build())
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.config);
        aws_sdk_kms::Client::from_conf(config.interceptor(self.wire.clone()).build())
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config);
        aws_sdk_sqs::Client::from_conf(config.interceptor(self.wire.clone()).build())
    }

    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::config::Builder::from(&self.config);
        aws_sdk_secretsmanager::Client::from_conf(config.interceptor(self.wire.clone()).build())
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.dynamodb(), self.table.clone())
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources {
            clock: Arc::new(self.clock.clone()),
            randomness: Arc::new(SystemRandomness),
        }
    }

    /// The data keys as a function that has just started sees them.
    pub(crate) fn data_keys(&self) -> DataKeys {
        let key_arn = self.key_arn.clone();
        DataKeys::new(self.kms(), key_arn, self.store(), self.sources())
    }

    /// Credentials under a prefix that no other test has.
    pub(crate) fn credentials(&self) -> Credentials {
        let prefix = format!("gatehouse/{}", self.table);
        Credentials::new(self.secrets(), self.key_arn.clone(), prefix)
    }

    pub(crate) fn queue(&self, keys: &DataKeys) -> Queue {
        let url = self.queue_url.clone();
        Queue::new(self.sqs(), url, keys.clone(), self.sources())
            .with_dead_letters(self.dead_letter_url.clone())
    }

    /// The next message of a queue as Lambda hands it over, if there is one.
    pub(crate) async fn receive(&self, queue_url: &str) -> Option<SqsMessage> {
        let received = self
            .sqs()
            .receive_message()
            .queue_url(queue_url)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .unwrap();
        let message = received.messages?.into_iter().next()?;
        let attributes = message.message_attributes.unwrap_or_default();
        let attributes: serde_json::Map<String, Value> = attributes
            .into_iter()
            .map(|(name, attribute)| {
                let value = json!({
                    "stringValue": attribute.string_value, "dataType": attribute.data_type,
                });
                (name, value)
            })
            .collect();
        let system = message.attributes.unwrap_or_default();
        let system = system.iter().map(|(name, value)| (name.as_str(), value));
        let record = json!({
            "attributes": system.collect::<HashMap<_, _>>(),
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "messageAttributes": attributes,
        });
        Some(serde_json::from_value(record).unwrap())
    }

    /// The next message of the queue under test, taken out of it.
    pub(crate) async fn take(&self) -> SqsMessage {
        let message = self.receive(&self.queue_url).await.unwrap();
        self.sqs()
            .delete_message()
            .queue_url(&self.queue_url)
            .receipt_handle(message.receipt_handle.as_deref().unwrap())
            .send()
            .await
            .unwrap();
        message
    }

    pub(crate) fn id<Id: From<Ulid>>(&self) -> Id {
        SystemRandomness.ulid(self.clock.now()).into()
    }
}

async fn services(clock: &TestClock) -> (String, Option<Stack>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no configuration of their own"
    )]
    let given = std::env::var("GATEHOUSE_TEST_AWS");
    if let Ok(endpoint) = given {
        return (endpoint, None);
    }
    let time = TimeSource::manual(Arc::clone(&clock.0));
    let template = Template::parse(NOTHING).unwrap();
    let stack = Stack::in_memory(&template, time).await.unwrap();
    (stack.endpoint().to_owned(), Some(stack))
}

fn config(endpoint: String) -> SdkConfig {
    let millisecond = Duration::from_millis(1);
    let credentials = AwsCredentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static(embedded_aws::REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_initial_backoff(millisecond))
        .build()
}

fn name() -> String {
    format!("gatehouse-{}", SystemRandomness.ulid(Timestamp::UNIX_EPOCH))
}

/// Starts at the present, because another server has its own clock; moves only when it is told to.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server under test may have the machine's clock"
    )]
    fn default() -> Self {
        let now = jiff::Timestamp::now().as_millisecond();
        Self(Arc::new(AtomicI64::new(now)))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, duration: Duration) {
        let millisecond = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(millisecond, Ordering::SeqCst);
    }

    /// As when a machine's clock is set right.
    pub(crate) fn go_back(&self, duration: Duration) {
        let millisecond = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_sub(millisecond, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[derive(Debug)]
struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

/// Writes down each request, and replaces answers. The service has done its part by then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    said: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    pace: Arc<Mutex<Option<(TestClock, Duration)>>>,
}

impl Wire {
    /// The names and the bodies of the requests since the last time that this was asked.
    pub(crate) fn said(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    /// The names of the operations that were requested since the last time.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.said().into_iter().map(|(name, _)| name).collect()
    }

    /// Puts this in the place of the next `count` answers.
    pub(crate) fn answer(&self, count: usize, status: u16, body: &str) {
        let answers = std::iter::repeat_n((status, body.to_owned()), count);
        self.answers.lock().unwrap().extend(answers);
    }

    /// Puts this error in the place of the next `count` answers.
    pub(crate) fn fail(&self, count: usize, status: u16, code: &str) {
        self.answer(count, status, &json!({"__type": code}).to_string());
    }

    /// From now on each answer comes so late, by that clock.
    pub(crate) fn slow_down(&self, clock: &TestClock, by: Duration) {
        *self.pace.lock().unwrap() = Some((clock.clone(), by));
    }

    /// Stops replacing answers.
    pub(crate) fn heal(&self) {
        self.answers.lock().unwrap().clear();
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target");
        let operation = target.and_then(|target| target.rsplit('.').next());
        let body = request.body().bytes().unwrap_or_default();
        let said = (
            operation.unwrap_or_default().to_owned(),
            serde_json::from_slice(body).unwrap_or_default(),
        );
        self.said.lock().unwrap().push(said);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some((clock, by)) = &*self.pace.lock().unwrap() {
            clock.advance(*by);
        }
        if let Some((status, body)) = self.answers.lock().unwrap().pop_front() {
            *context.response_mut() = HttpResponse::new(status.try_into()?, SdkBody::from(body));
        }
        Ok(())
    }
}
