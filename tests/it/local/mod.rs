//! The system as `cargo run` starts it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod libraries;
mod restart;
mod running;
mod secrets;
mod start;

use serde_json::{Value, json};

use self::running::Running;
use crate::receiver::Receiver;
use crate::stripe;

const SECRET: &str = "whsec_canary-of-the-endpoint";

/// An integration with an endpoint and a destination.
#[derive(Debug)]
struct SetUp {
    integration: String,
}

impl SetUp {
    async fn new(system: &Running, destination: &Receiver) -> Self {
        let integration = json!({
            "name": "Payments",
            "type": "payment",
            "provider": "stripe",
            "baseUrl": "https://api.stripe.com",
            "authMethod": "api_key",
            "credentials": {"apiKey": "canary-of-the-credential"},
        });
        let made = system.post("/portal/integrations", &integration).await;
        let integration = made["id"].as_str().unwrap().to_owned();
        let path = format!("/portal/integrations/{integration}");
        let endpoint = json!({"endpoint": "/webhooks/stripe", "secret": SECRET});
        system.post(&format!("{path}/webhooks"), &endpoint).await;
        let destination = json!({"type": "http", "url": destination.url()});
        system
            .post(&format!("{path}/destinations"), &destination)
            .await;
        Self { integration }
    }

    fn path(&self, rest: &str) -> String {
        format!("/portal/integrations/{}{rest}", self.integration)
    }
}

/// A webhook as Stripe sends it: the value of its signature header, and its body.
fn stripe(id: &str) -> (String, String) {
    let body = json!({"id": id, "type": "invoice.paid"}).to_string();
    (stripe::signature(SECRET, body.as_bytes()), body)
}

/// All events of an integration: the provider's id and the status of each.
async fn listed(system: &Running, set_up: &SetUp) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = system
            .get(&set_up.path(&format!("/webhooks/logs?limit=200{cursor}")))
            .await;
        for event in page["items"].as_array().unwrap() {
            let text = |field: &str| event[field].as_str().unwrap().to_owned();
            events.push((text("providerEventId"), text("status")));
        }
        match &page["nextCursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return events,
        }
    }
}
