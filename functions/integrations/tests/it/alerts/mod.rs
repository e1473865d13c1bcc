//! Alerts: seeing and settling them, and saying how they are wanted.

mod channels;
mod rules;
mod settling;
mod silences;

use std::time::Duration;

use gatehouse::domain::OrganizationId;
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal};

const CHANNELS: &str = "/portal/alerts/channels";
const SILENCES: &str = "/portal/alerts/silences";
const RULES: &str = "/portal/alerts/rules";

/// A good channel.
pub(crate) fn slack(integration: &str) -> Value {
    json!({"name": "On call", "target": {"type": "slack", "integrationId": integration, "channel": "#ops"}})
}

/// A good silence, of an hour.
pub(crate) fn silence() -> Value {
    json!({"effect": "mute", "until": in_hours(1), "reason": "works"})
}

/// The ids of a channel and a silence that are made.
pub(crate) async fn made(portal: &Portal, token: &str, integration: &str) -> (String, String) {
    let id = integration.rsplit('/').next().unwrap();
    let channel = portal.post(CHANNELS, token, slack(id)).await.id();
    let silence = portal.post(SILENCES, token, silence()).await.id();
    (channel, silence)
}

fn in_hours(hours: u64) -> Value {
    let now = system_sources().now();
    json!(now.plus(Duration::from_secs(hours * 3_600)))
}

/// An organization with one integration.
struct Scene {
    portal: Portal,
    organization: OrganizationId,
    token: String,
    /// Its path, and its id.
    integration: String,
    id: String,
}

impl Scene {
    async fn new() -> Self {
        let portal = Portal::new().await;
        let organization = portal.organization_id();
        let token = portal.token(organization);
        let integration = portal.integration(&token).await;
        let id = integration.rsplit('/').next().unwrap().to_owned();
        Self {
            portal,
            organization,
            token,
            integration,
            id,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.portal.get(path, &self.token).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.portal.post(path, &self.token, body).await
    }

    async fn put(&self, path: &str, version: u64, body: Value) -> Answer {
        let version = format!("\"{version}\"");
        let headers = [("if-match", version.as_str())];
        let call = ("PUT", path);
        self.portal.call(call, &self.token, &headers, body).await
    }

    /// That each body is refused because of the field it is named with, and that nothing changes.
    async fn refuses(&self, method: &str, path: &str, bodies: &[(&str, Value)]) {
        let before = self.portal.contents().await;
        for (pointer, body) in bodies {
            let headers = [("if-match", "\"1\"")];
            let call = (method, path);
            let answer = self
                .portal
                .call(call, &self.token, &headers, body.clone())
                .await;
            assert_eq!(answer.status, 400, "{body}: {answer:?}");
            let pointers: Vec<String> = answer.json()["errors"]
                .as_array()
                .unwrap_or_else(|| panic!("{body}: {answer:?}"))
                .iter()
                .map(|error| error["pointer"].as_str().unwrap().to_owned())
                .collect();
            assert!(
                pointers.iter().any(|one| one == pointer),
                "{body}: {pointers:?}"
            );
        }
        assert_eq!(
            self.portal.contents().await,
            before,
            "something was changed"
        );
    }
}

fn etag(answer: &Answer) -> &str {
    answer.headers["etag"].to_str().unwrap()
}
