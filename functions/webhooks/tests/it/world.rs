use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::config::Environment;
use gatehouse::domain::{
    Cause, Clock, Endpoint, Integration, OrganizationId, Sealed, SecretId, Sources, StoredSecret,
    Timestamp,
};
use gatehouse::flows::connect;
use gatehouse::jwt::Fetch;
use gatehouse::lambda::system_sources;
use gatehouse::queue::{Message, Queue, ReceivedEvent};
use gatehouse::store::Store;
use gatehouse::vault::{DataKeys, SealContext};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::edge_headers::check_headers_of_secrets;
use ulid::Ulid;
use url::Url;
use webhooks::{State, router};

pub(crate) const SECRET: &str = "whsec_canary-of-the-endpoint";
pub(crate) const NOW: i64 = 1_790_000_000;

#[derive(Debug)]
struct ManualClock(Arc<AtomicI64>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What providers publish: what a URL answers, and what was asked for.
#[derive(Default)]
pub(crate) struct Published {
    answers: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Published {
    pub(crate) fn publish(&self, url: &str, document: &str) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(url.to_owned(), document.into());
    }

    /// What was asked for since it was last looked at.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Fetch for Published {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        self.asked.lock().unwrap().push(url.to_string());
        let found = self.answers.lock().unwrap().get(url.as_str()).cloned();
        Box::pin(ready(found.ok_or_else(|| Cause::from("404"))))
    }
}

/// The function, and what is behind it.
pub(crate) struct World {
    router: Router,
    pub(crate) stack: Stack,
    pub(crate) store: Store,
    pub(crate) published: Arc<Published>,
    keys: DataKeys,
    queue: Queue,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) queue_url: String,
    organization: OrganizationId,
    clock: Arc<AtomicI64>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    /// With an endpoint of Stripe's scheme at `/webhooks/stripe`.
    pub(crate) async fn new() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let clock = Arc::new(AtomicI64::new(NOW * 1000));
        let time = TimeSource::manual(Arc::clone(&clock));
        let stack = Stack::in_memory(&template, time).await.unwrap();
        let parameters = [("PublicUrl", "https://gatehouse.example")];
        let environment = template
            .environment("webhooks", stack.endpoint(), &parameters)
            .unwrap();
        let environment: Environment = environment.into_iter().collect();
        let clock_of_function = Arc::new(ManualClock(Arc::clone(&clock)));
        let sources = Sources {
            clock: clock_of_function,
            ..system_sources()
        };
        let aws = stack.sdk_config();
        let store = connect::store(&environment, &aws).unwrap();
        let keys = connect::data_keys(&environment, &aws, &store, &sources).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue_url = environment.queue_url().unwrap();
        let queue = connect::queue(&environment, sqs.clone(), &keys, &sources).unwrap();
        let published = Arc::new(Published::default());
        let fetch = Arc::clone(&published) as Arc<dyn Fetch>;
        let own = stack.sdk_config_of("webhooks");
        let state = State::connect_with(&environment, &own, sources, fetch).unwrap();
        let organization = OrganizationId::from(Ulid::from(1_u128));
        let world = Self {
            router: router(state),
            stack,
            store,
            published,
            keys,
            queue,
            sqs,
            queue_url,
            organization,
            clock,
        };
        world.keys.ensure(organization).await.unwrap();
        let integration: Integration = serde_json::from_value(json!({
            "id": world.id("int_", 2), "organizationId": organization, "name": "a",
            "type": "payment", "baseUrl": "https://example.com/", "authMethod": "custom",
            "status": "active", "createdAt": world.now(), "updatedAt": world.now(),
        }))
        .unwrap();
        world.store.create_integration(&integration).await.unwrap();
        world.endpoint("/webhooks/stripe", "stripe", |_| {}).await;
        world
    }

    fn id(&self, prefix: &str, n: u128) -> String {
        format!("{prefix}{}", Ulid::from(n))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.fetch_add(
            i64::try_from(duration.as_millis()).unwrap(),
            Ordering::SeqCst,
        );
    }

    pub(crate) async fn seal(&self, endpoint: &Endpoint, secret: &str, n: u128) -> StoredSecret {
        let id = SecretId::from(Ulid::from(n));
        let context = SealContext::SigningSecret {
            owner: endpoint.id.ulid(),
            secret: id,
        };
        let sealed: Sealed = self
            .keys
            .seal(self.organization, &context, secret.as_bytes())
            .await
            .unwrap();
        StoredSecret {
            id,
            sealed,
            created_at: self.now(),
            expires_at: None,
            unseen: false,
        }
    }

    /// Registers an endpoint with [`SECRET`], after `change`.
    pub(crate) async fn endpoint(
        &self,
        path: &str,
        scheme: &str,
        change: impl FnOnce(&mut Endpoint),
    ) -> Endpoint {
        let n = path
            .bytes()
            .fold(7, |n: u128, byte| n * 31 + u128::from(byte));
        let mut endpoint: Endpoint = serde_json::from_value(json!({
            "id": self.id("whk_", n % (1 << 120)), "organizationId": self.organization,
            "integrationId": self.id("int_", 2), "path": path, "scheme": scheme,
            "settings": {}, "status": "active", "secrets": [],
            "createdAt": self.now(), "updatedAt": self.now(),
        }))
        .unwrap();
        let secret = self.seal(&endpoint, SECRET, n % (1 << 100)).await;
        endpoint.secrets.push(secret);
        change(&mut endpoint);
        self.store.create_endpoint(&endpoint).await.unwrap();
        endpoint
    }

    /// Changes an endpoint that is registered.
    pub(crate) async fn change(&self, endpoint: &Endpoint) {
        self.store.update_endpoint(endpoint, 1).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        check_headers_of_secrets(response.headers());
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let request = headers
            .iter()
            .fold(Request::post(path), |request, (name, value)| {
                request.header(*name, *value)
            });
        self.send(request.body(Body::from(body.to_vec())).unwrap())
            .await
    }

    /// Up to ten of those that have been enqueued.
    pub(crate) async fn enqueued(&self) -> Vec<ReceivedEvent> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .send()
            .await
            .unwrap();
        let mut events = Vec::new();
        for message in received.messages.unwrap_or_default() {
            let mut record = aws_lambda_events::event::sqs::SqsMessage::default();
            record.body = message.body;
            match self.queue.open(&record).await.unwrap() {
                Message::Event(event, _) => events.push(*event),
                Message::Delivery(due) => panic!("{due:?}"),
            }
        }
        events
    }

    /// How often AWS has been called, by operation.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.stack.calls()
    }
}

/// The value of `Stripe-Signature`.
pub(crate) fn signature(secret: &str, time: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let message = [time.to_string().as_bytes(), b".", body].concat();
    format!("t={time},v1={}", hex::encode(hmac::sign(&key, &message)))
}
