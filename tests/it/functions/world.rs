use aws_sdk_sqs::types::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::Function;
use embedded_aws::Stack;
use serde_json::Value;

use super::deployment::Deployment;
use super::samples::{Answer, sample};
use crate::receiver::Receiver;
use crate::stripe;

pub(super) const API_KEY: &str = "sk_canary_of_the_credential";
pub(super) const SECRET: &str = "whsec_canary-of-the-endpoint";

/// The functions, running, and what they work on.
pub(super) struct World {
    pub(super) deployment: Deployment,
    pub(super) webhooks: Function,
    pub(super) processor: Function,
    pub(super) integrations: Function,
    pub(super) queue_url: String,
    pub(super) dead_letter_url: String,
    pub(super) sqs: aws_sdk_sqs::Client,
    /// Of the organization that [`World::set_up`] works for.
    pub(super) token: String,
}

/// An integration with an endpoint at `/webhooks/stripe` and a destination.
#[derive(Debug)]
pub(super) struct SetUp {
    pub(super) integration: String,
    /// The destination's, as it was shown once.
    pub(super) signing_secret: String,
    /// All that was answered but for what may show that secret.
    pub(super) answers: Vec<Answer>,
}

impl World {
    pub(super) async fn new() -> Self {
        let deployment = Deployment::new().await;
        let (webhooks, processor, integrations) = tokio::join!(
            deployment.start("webhooks"),
            deployment.start("processor"),
            deployment.start("integrations"),
        );
        let variables = deployment.variables("processor");
        Self {
            webhooks,
            processor,
            integrations,
            queue_url: variables["GATEHOUSE_QUEUE_URL"].clone(),
            dead_letter_url: variables["GATEHOUSE_DEAD_LETTER_QUEUE_URL"].clone(),
            sqs: aws_sdk_sqs::Client::new(&deployment.stack.sdk_config()),
            token: deployment.issuer.token(),
            deployment,
        }
    }

    pub(super) fn stack(&self) -> &Stack {
        &self.deployment.stack
    }

    /// Sets all up through the API, for `token`'s organization.
    pub(super) async fn set_up(&self, receiver: &Receiver) -> SetUp {
        let fillings = [("{apiKey}", API_KEY), ("{token}", &self.token)];
        let create = sample("integrations/create-integration", &fillings);
        let integration = Answer::of(&self.integrations, &create).await;
        let id = integration.made("id");
        let fillings = [
            ("{integrationId}", id.as_str()),
            ("{token}", &self.token),
            ("{signingSecret}", SECRET),
            ("{url}", receiver.url()),
        ];
        let register = sample("integrations/register-endpoint", &fillings);
        let endpoint = Answer::of(&self.integrations, &register).await;
        assert_eq!(endpoint.status, 201, "{endpoint:?}");
        let add = sample("integrations/add-destination", &fillings);
        let destination = Answer::of(&self.integrations, &add).await;
        SetUp {
            signing_secret: destination.made("signingSecret"),
            integration: id,
            answers: vec![integration, endpoint],
        }
    }

    /// What `token` sees of an integration's events.
    pub(super) async fn logs(&self, integration: &str, token: &str) -> Answer {
        let fillings = [("{integrationId}", integration), ("{token}", token)];
        let list = sample("integrations/list-webhook-logs", &fillings);
        Answer::of(&self.integrations, &list).await
    }

    /// What is listed of an integration's events: the id and the status of each.
    pub(super) async fn listed(&self, set_up: &SetUp) -> Vec<(String, String)> {
        let logs = self.logs(&set_up.integration, &self.token).await;
        assert_eq!(logs.status, 200, "{logs:?}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let logs = logs.json();
        let items = logs["items"].as_array().unwrap().iter();
        items
            .map(|item| (text(&item["id"]), text(&item["status"])))
            .collect()
    }

    /// Has the provider send a webhook; the answer.
    pub(super) async fn send(&self, event: &Value) -> Answer {
        Answer::of(&self.webhooks, event).await
    }

    /// What is visible in a queue now, ten messages at most.
    pub(super) async fn receive(&self, queue_url: &str) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(queue_url);
        let received = receive
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .send()
            .await;
        received.unwrap().messages.unwrap_or_default()
    }

    /// Has the processor handle what is visible now, and deletes what it has not reported, as
    /// Lambda does; its answer.
    pub(super) async fn process(&self) -> Value {
        let messages = self.receive(&self.queue_url).await;
        let answer = self.processor.invoke(&batch(&messages)).await.unwrap();
        let failed = answer["batchItemFailures"].to_string();
        for message in messages {
            if !failed.contains(message.message_id().unwrap()) {
                let delete = self.sqs.delete_message().queue_url(&self.queue_url);
                delete
                    .set_receipt_handle(message.receipt_handle)
                    .send()
                    .await
                    .unwrap();
            }
        }
        answer
    }
}

/// A webhook with the body of the sample in payload version 2.0 but for its id, well signed.
pub(super) fn webhook(id: &str) -> Value {
    let mut event = sample("webhooks/http-api-v2", &[("evt_1", id)]);
    let signature = stripe::signature(SECRET, event["body"].as_str().unwrap().as_bytes());
    event["headers"]["stripe-signature"] = signature.into();
    event
}

/// A webhook with any body in payload version 1.0, well signed.
pub(super) fn webhook_v1(body: &[u8]) -> Value {
    let signature = stripe::signature(SECRET, body);
    let encoded = STANDARD.encode(body);
    let fillings = [("{signature}", signature.as_str()), ("{body}", &encoded)];
    sample("webhooks/rest-api-v1-base64", &fillings)
}

/// Messages as Lambda's SQS trigger hands them over.
pub(super) fn batch(messages: &[Message]) -> Value {
    let mut batch = serde_json::json!({"Records": []});
    for message in messages {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let attributes = message.message_attributes.clone().unwrap_or_default();
        let trace = attributes.get("traceparent");
        let fillings = [
            ("{messageId}", text(&message.message_id)),
            ("{receiptHandle}", text(&message.receipt_handle)),
            ("{md5OfBody}", text(&message.md5_of_body)),
            (
                "{traceparent}",
                text(&trace.and_then(|trace| trace.string_value.clone())),
            ),
            ("{body}", text(&message.body)),
        ];
        let fillings = fillings
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let mut event = sample("processor/sqs-record", &fillings);
        let mut record = event["Records"][0].take();
        if trace.is_none() {
            record["messageAttributes"] = serde_json::json!({});
        }
        batch["Records"].as_array_mut().unwrap().push(record);
    }
    batch
}
