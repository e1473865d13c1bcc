use serde_json::json;

use super::running::Running;
use crate::receiver::Receiver;
use crate::stripe;

pub(super) const SECRET: &str = "whsec_canary-of-the-endpoint";

/// An integration with an endpoint and a destination.
#[derive(Debug)]
pub(super) struct SetUp {
    pub(super) integration: String,
}

impl SetUp {
    pub(super) async fn new(system: &Running, destination: &Receiver) -> Self {
        let integration = json!({
            "name": "Payments",
            "type": "payment",
            "provider": "stripe",
            "baseUrl": "https://api.stripe.com",
            "authMethod": "api_key",
            "credentials": {"apiKey": "sk_canary_of_the_credential"},
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

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/portal/integrations/{}{rest}", self.integration)
    }
}

/// A webhook as Stripe sends it: the value of its signature header, and its body.
pub(super) fn stripe(id: &str) -> (String, String) {
    let body = json!({"id": id, "type": "invoice.paid"}).to_string();
    (stripe::signature(SECRET, body.as_bytes()), body)
}
