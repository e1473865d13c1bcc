use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::OrganizationId;
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::receiver::Receiver;
use crate::running::Running;
use crate::stripe;

const SECRET: &str = "whsec_of-the-endpoint";
/// What is not delivered by then is counted as not answered.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any measuring.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is asked of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A webhook comes in.
    Webhook,
    /// A webhook comes in, and is delivered.
    Delivery,
    /// A call through the gateway.
    Call,
    /// A look at the newest events.
    Read,
}

/// An organization with an integration, whose webhooks go to a destination.
#[derive(Debug)]
pub(crate) struct Tenant {
    client: reqwest::Client,
    token: String,
    base_url: String,
    path: String,
    webhook_path: String,
    destination: Receiver,
    number: usize,
    sent: AtomicU64,
}

impl Tenant {
    /// Sets one up through the API. `integration` is put over what the integration would be.
    pub(crate) async fn new(
        (system, folder): (&Running, &Path),
        number: usize,
        destination: &Receiver,
        integration: &Value,
    ) -> Arc<Self> {
        let mut tenant = Self {
            client: client(),
            token: token(folder),
            base_url: system.base_url.clone(),
            path: "/portal/integrations".to_owned(),
            webhook_path: format!("/webhooks/tenant-{number}"),
            destination: destination.clone(),
            number,
            sent: AtomicU64::new(0),
        };
        let mut wanted = json!({
            "name": "A provider", "type": "payment", "authMethod": "api_key",
            "credentials": {"apiKey": "k"},
        });
        for (name, value) in integration.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        let made = tenant.post("", &wanted).await;
        tenant.path = format!("/portal/integrations/{}", made["id"].as_str().unwrap());
        let endpoint =
            json!({"endpoint": tenant.webhook_path, "secret": SECRET, "scheme": "stripe"});
        tenant.post("/webhooks", &endpoint).await;
        let destination = json!({"type": "http", "url": destination.url});
        tenant.post("/destinations", &destination).await;
        Arc::new(tenant)
    }

    /// Asks for one thing; the status of the answer.
    pub(crate) async fn send(&self, kind: Kind) -> Option<u16> {
        let url = |path: &str| format!("{}{}{path}", self.base_url, self.path);
        let get = |path| self.client.get(url(path)).bearer_auth(&self.token);
        let (id, mut arrival) = (self.next_id(), None);
        if matches!(kind, Kind::Delivery) {
            arrival = Some(self.destination.arrival(&id));
        }
        let request = match kind {
            Kind::Webhook | Kind::Delivery => self.webhook(&id),
            Kind::Call => get("/proxy/people?limit=2"),
            Kind::Read => get("/webhooks/logs?limit=10"),
        };
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        // A connection is used again only once its answer is read.
        answer.bytes().await.ok()?;
        if let Some(arrival) = arrival
            && status < 300
        {
            timeout(PATIENCE, arrival).await.ok()?.ok()?;
        }
        Some(status)
    }

    fn next_id(&self) -> String {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        format!("evt_{}_{sent}", self.number)
    }

    fn webhook(&self, id: &str) -> reqwest::RequestBuilder {
        let body = json!({"id": id, "type": "invoice.paid"}).to_string();
        let signature = stripe::signature(SECRET, body.as_bytes());
        let request = self
            .client
            .post(format!("{}{}", self.base_url, self.webhook_path));
        request.header("stripe-signature", signature).body(body)
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self
            .client
            .post(format!("{}{}{path}", self.base_url, self.path));
        let request = request.bearer_auth(&self.token).json(body);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// It keeps few connections: those that a slow moment has opened would be counted as the system's.
fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.pool_max_idle_per_host(2).build().unwrap()
}

/// A token for a new organization, signed with the key of the system in `folder`.
fn token(folder: &Path) -> String {
    let key = std::fs::read(folder.join("issuer.key")).unwrap();
    let issuer = DevelopmentIssuer::from_pkcs8("urn:gatehouse:development".to_owned(), &key);
    let (sources, now) = (system_sources(), system_sources().now());
    let organization = OrganizationId::generate(now, sources.randomness.as_ref());
    let issuer = issuer.unwrap();
    issuer.token(organization, "me", "gatehouse", now, LIFETIME)
}
