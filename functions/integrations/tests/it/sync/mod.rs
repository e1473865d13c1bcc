//! Jobs, records and conflicts, as the API shows them. What a provider has, is observed here as
//! `sync` would.

mod conflicts;
mod drift;
mod export;
mod feed;
mod jobs;
mod records;
mod retention;
mod suggest;
mod targets;
mod tenancy;

use std::time::Duration;

use gatehouse::domain::sync::{ChangeOrigin, EntityName, EntitySync, Observation, SyncConfig};
use gatehouse::domain::{IntegrationId, OrganizationId};
use gatehouse::flows::sync::{Kind, Records};
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration, with};

/// What no log and no item of the table may have in clear.
pub(crate) const CANARY: &str = "ada.canary@example.com";

/// An integration with contacts that are synchronized.
pub(crate) struct Crm {
    pub(crate) portal: Portal,
    pub(crate) organization: OrganizationId,
    pub(crate) token: String,
    /// The integration's.
    pub(crate) path: String,
    pub(crate) integration: IntegrationId,
    records: Records,
    entity: EntityName,
}

/// How contacts are synchronized.
pub(crate) fn config() -> Value {
    let call = |method: &str, path: &str| json!({"method": method, "path": path});
    json!({"entities": {"contacts": {
        "source": {"listPath": "/contacts", "items": "data", "id": "id"},
        "schedule": "rate(15 minutes)",
        "conflicts": {"strategy": "manual"},
        "calls": {
            "create": call("POST", "/contacts"),
            "update": call("PATCH", "/contacts/{id}"),
            "delete": call("DELETE", "/contacts/{id}"),
        },
    }}})
}

impl Crm {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: Value) -> Self {
        let portal = Portal::new().await;
        let organization = portal.organization_id();
        let token = portal.token(organization);
        let body = with(integration(), "syncConfig", config);
        let made = portal.post("/portal/integrations", &token, body).await;
        let id = made.id();
        let records = Records::new(
            portal.store.clone(),
            portal.keys.clone(),
            system_sources(),
            Duration::from_secs(3600),
        );
        Self {
            path: format!("/portal/integrations/{id}"),
            integration: id.parse().unwrap(),
            entity: "contacts".parse().unwrap(),
            portal,
            organization,
            token,
            records,
        }
    }

    /// Takes in what the provider has: records by their ids, those without content deleted.
    pub(crate) async fn see(&self, records: &[(&str, Option<Value>)]) {
        let (now, origin) = (system_sources().now(), ChangeOrigin::Sync);
        let seen = records.iter().map(|(id, content)| match content {
            Some(content) => {
                let content = content.as_object().unwrap().clone();
                Observation::present((*id).to_owned(), content, None, now, origin)
            }
            None => Observation::deleted((*id).to_owned(), None, now, origin),
        });
        let seen: Vec<_> = seen.collect();
        let rules = self.rules().await;
        let kind = Kind {
            organization: self.organization,
            integration: self.integration,
            entity: &self.entity,
            rules: &rules,
        };
        self.records.apply(kind, &seen).await.unwrap();
    }

    async fn rules(&self) -> EntitySync {
        let store = &self.portal.store;
        let found = store.integration(self.organization, self.integration).await;
        let item = found.unwrap().unwrap().item;
        let config = SyncConfig::stored(item.sync_config.as_ref()).unwrap();
        config.entity(&self.entity)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let path = format!("{}{path}", self.path);
        self.portal.get(&path, &self.token).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let path = format!("{}{path}", self.path);
        self.portal.post(&path, &self.token, body).await
    }

    /// A change of what is in this version.
    pub(crate) async fn change(
        &self,
        (method, path): (&str, &str),
        version: u64,
        body: Value,
    ) -> Answer {
        let path = format!("{}{path}", self.path);
        let tag = format!("\"{version}\"");
        let headers = [("if-match", tag.as_str())];
        self.portal
            .call((method, &path), &self.token, &headers, body)
            .await
    }

    /// How contacts stand.
    pub(crate) async fn contacts(&self) -> Value {
        let entities = self.get("/sync/entities").await.json();
        let entities = entities["items"].as_array().unwrap().clone();
        let found = entities.into_iter().find(|one| one["entity"] == "contacts");
        found.unwrap()
    }

    /// The messages of a kind that wait.
    pub(crate) async fn messages(&self, kind: &str) -> Vec<String> {
        let wanted = format!("\"kind\":\"{kind}\"");
        let contents = self.portal.stack.contents().await.unwrap();
        let lines = contents.lines().filter(|line| line.contains(&wanted));
        lines.map(str::to_owned).collect()
    }

    /// Everything but messages: those that make sure may come of what is refused later.
    pub(crate) async fn contents(&self) -> String {
        let contents = self.portal.contents().await;
        let lines = contents.lines().filter(|line| !line.contains("\"kind\""));
        lines.collect::<Vec<_>>().join("\n")
    }
}
