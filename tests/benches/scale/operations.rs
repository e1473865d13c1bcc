//! What is done, and with what.

use std::ops::Range;
use std::time::Duration;

use axum::Router;
use e2e::Function;
use gatehouse::domain::{OrganizationId, Sources};
use gatehouse::http::Cursor;
use gatehouse::lambda::system_sources;
use gatehouse::store::Store;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cost::Cost;
use crate::deployment::Deployment;
use crate::population::{Layout, integration, populate};
use crate::samples::{Answer, sample};
use crate::stripe;

/// What is counted is the mean of so many.
const TIMES: u32 = 20;
/// As old as this, an integration is looked at now.
const LONG_AGO: Duration = Duration::from_secs(2 * 60 * 60);
const SECRET: &str = "whsec_of-the-endpoint";

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Create,
    Read,
    FirstPage,
    MiddlePage,
    Webhook,
    ColdWebhook,
    Call,
    ColdCall,
    Look,
    Idle(&'static str),
}

pub(crate) const OPERATIONS: [Operation; 12] = [
    Operation::Create,
    Operation::Read,
    Operation::FirstPage,
    Operation::MiddlePage,
    Operation::Webhook,
    Operation::ColdWebhook,
    Operation::Call,
    Operation::ColdCall,
    Operation::Look,
    Operation::Idle("monitor"),
    Operation::Idle("sync"),
    Operation::Idle("rotation"),
];

impl Operation {
    pub(crate) fn title(self) -> String {
        let title = match self {
            Self::Create => "make an integration with a credential",
            Self::Read => "read one",
            Self::FirstPage => "list 50, the newest",
            Self::MiddlePage => "list 50, from the middle on",
            Self::Webhook => "accept a webhook",
            Self::ColdWebhook => "accept a webhook, the first one of a function",
            Self::Call => "call through the gateway",
            Self::ColdCall => "call through the gateway, the first one of a function",
            Self::Look => "`monitor` looks at an integration",
            Self::Idle(function) => return format!("a run of `{function}` with nothing to do"),
        };
        title.to_owned()
    }
}

/// The functions, running, and an organization of theirs.
pub(crate) struct System {
    deployment: Deployment,
    integrations: Function,
    webhooks: Function,
    gateway: Function,
    monitor: Function,
    sync: Function,
    rotation: Function,
    store: Store,
    sources: Sources,
    organization: OrganizationId,
    token: String,
    /// The one that webhooks come to, and that is called.
    integration: String,
    /// That of the populated ones which was written halfway.
    middle: Option<Value>,
    webhooks_sent: u32,
}

impl System {
    pub(crate) async fn new() -> Self {
        let deployment = Deployment::new().await;
        let sources = system_sources();
        let organization = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
        let lifetime = Duration::from_secs(24 * 60 * 60);
        let now = sources.now().as_second();
        let token = deployment
            .issuer
            .token_of(organization, now, "gatehouse", lifetime);
        let mut variables = deployment.variables("integrations");
        let table = variables["GATEHOUSE_TABLE"].parse().unwrap();
        variables.insert("GATEHOUSE_MAX_INTEGRATIONS".into(), "1000000".into());
        let integrations = deployment.settings("integrations", variables);
        let client = aws_sdk_dynamodb::Client::new(&deployment.stack.sdk_config());
        let mut system = Self {
            integrations: Function::start(&integrations).await.unwrap(),
            webhooks: deployment.start("webhooks").await,
            gateway: deployment.start("gateway").await,
            monitor: deployment.start("monitor").await,
            sync: deployment.start("sync").await,
            rotation: deployment.start("rotation").await,
            store: Store::new(client, table),
            deployment,
            sources,
            organization,
            token,
            integration: String::new(),
            middle: None,
            webhooks_sent: 0,
        };
        system.integration = system.create(&provider().await).await;
        let mut endpoint = system.sample("integrations/register-endpoint");
        let body = json!({"endpoint": "/webhooks/stripe", "secret": SECRET, "scheme": "stripe"});
        endpoint["body"] = body.to_string().into();
        let registered = Answer::of(&system.integrations, &endpoint).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        system.deployment.stack.measure_capacity();
        system
    }

    /// Writes the integrations of these numbers.
    pub(crate) async fn populate(&mut self, layout: Layout, numbers: Range<usize>) {
        let owned = (self.organization, layout);
        let half = numbers.start + numbers.len() / 2;
        populate(&self.store, &self.sources, owned, numbers.start..half).await;
        let newest = self.store.integrations(self.organization, 1, None).await;
        self.middle = Some(json!(newest.unwrap().items[0].item.id));
        populate(&self.store, &self.sources, owned, half..numbers.end).await;
    }

    /// Does what is to be done by schedules.
    pub(crate) async fn settle(&self) {
        for function in [&self.monitor, &self.sync, &self.rotation] {
            function.invoke(&tick()).await.unwrap();
        }
    }

    /// What an operation costs, when it was done before.
    pub(crate) async fn cost(&mut self, operation: Operation) -> Cost {
        let times = match operation {
            Operation::ColdWebhook | Operation::ColdCall => 3,
            Operation::Look => 1,
            _ => {
                self.run(operation).await;
                TIMES
            }
        };
        self.deployment.stack.reset_calls();
        let mut operations = 0;
        for _ in 0..times {
            operations += self.run(operation).await;
        }
        Cost::of_each(&self.deployment.stack, operations)
    }

    /// Does it once, and answers how often that was.
    async fn run(&mut self, operation: Operation) -> u32 {
        match operation {
            Operation::Create => drop(self.create("https://api.stripe.com").await),
            Operation::Read => {
                let path = format!("/{}", self.integration);
                self.get(&path, &json!({})).await;
            }
            Operation::FirstPage => self.get("", &json!({"limit": "50"})).await,
            Operation::MiddlePage => {
                let cursor = Cursor::write("integrations", &self.middle);
                let query = json!({"limit": "50", "cursor": cursor});
                self.get("", &query).await;
            }
            Operation::Webhook => {
                let webhook = self.webhook();
                accepted(&self.webhooks, &webhook).await;
            }
            Operation::ColdWebhook => {
                let function = self.deployment.start("webhooks").await;
                accepted(&function, &self.webhook()).await;
            }
            Operation::Call => accepted(&self.gateway, &self.sample("gateway/proxy")).await,
            Operation::ColdCall => {
                let function = self.deployment.start("gateway").await;
                accepted(&function, &self.sample("gateway/proxy")).await;
            }
            Operation::Look => return self.look().await,
            Operation::Idle(function) => {
                let function = match function {
                    "monitor" => &self.monitor,
                    "sync" => &self.sync,
                    _ => &self.rotation,
                };
                function.invoke(&tick()).await.unwrap();
            }
        }
        1
    }

    /// Has ten integrations looked at; how many it were.
    async fn look(&self) -> u32 {
        let now = self.sources.now();
        let long_ago = now.minus(LONG_AGO);
        for _ in 0..10 {
            let old = integration(&self.sources, self.organization, long_ago);
            self.store.create_integration(&old).await.unwrap();
        }
        self.deployment.stack.reset_calls();
        let report = self.monitor.invoke(&tick()).await.unwrap();
        let visited = report["visited"].as_u64().unwrap();
        assert!(visited >= 10, "{report}");
        u32::try_from(visited).unwrap()
    }

    fn sample(&self, name: &str) -> Value {
        let fillings = [
            ("{integrationId}", self.integration.as_str()),
            ("{token}", &self.token),
            ("{signingSecret}", SECRET),
            ("{apiKey}", "sk_1"),
        ];
        sample(name, &fillings)
    }

    fn webhook(&mut self) -> Value {
        self.webhooks_sent += 1;
        let id = format!("evt_{}", self.webhooks_sent);
        let mut event = sample("webhooks/http-api-v2", &[("evt_1", &id)]);
        let body = event["body"].as_str().unwrap();
        event["headers"]["stripe-signature"] = stripe::signature(SECRET, body.as_bytes()).into();
        event
    }

    /// Makes an integration through the API; its id.
    async fn create(&self, base_url: &str) -> String {
        let mut event = self.sample("integrations/create-integration");
        let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        body["baseUrl"] = base_url.into();
        if base_url.starts_with("http://") {
            body.as_object_mut().unwrap().remove("provider");
        }
        event["body"] = body.to_string().into();
        Answer::of(&self.integrations, &event).await.made("id")
    }

    /// Gets something of the integrations, which has to be there.
    async fn get(&self, path: &str, query: &Value) {
        let mut event = self.sample("integrations/list-webhook-logs");
        let fields = query.as_object().unwrap().iter();
        let query_string =
            fields.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
        event["rawQueryString"] = query_string.collect::<Vec<_>>().join("&").into();
        event["queryStringParameters"] = query.clone();
        let whole = format!("/portal/integrations{path}");
        event["rawPath"] = whole.as_str().into();
        event["requestContext"]["http"]["path"] = whole.as_str().into();
        event["pathParameters"]["proxy"] = format!("integrations{path}").into();
        accepted(&self.integrations, &event).await;
    }
}

async fn accepted(function: &Function, event: &Value) {
    let answer = Answer::of(function, event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn tick() -> Value {
    sample("monitor/scheduled", &[])
}

/// A provider that answers everything.
async fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(async || "{}");
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}
