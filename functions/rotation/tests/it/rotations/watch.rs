//! Looks at everything after each effect: what the integration names works at the provider, and
//! nothing is made worthless too early.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_aws::in_process::Table;
use gatehouse::domain::{Clock as _, IntegrationId, OrganizationId, Timestamp};
use serde_json::{Value, json};

use super::dice::VirtualClock;
use super::provider::Provider;
use super::wire::TABLE;

/// The fields of credentials.
pub(super) type Values = BTreeMap<String, String>;

/// So long whoever calls may still use credentials that are not current any more.
const REMEMBERED: Duration = Duration::from_secs(60);

pub(super) struct Watch {
    pub(super) provider: Arc<Mutex<Provider>>,
    clock: VirtualClock,
    of: (OrganizationId, IntegrationId),
    state: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What was stored under each version.
    versions: BTreeMap<String, Values>,
    /// The version that the integration names in the table.
    named: Option<String>,
    /// The same as it was when all was looked at, and those that it named, with when it last did.
    current: Option<String>,
    former: BTreeMap<String, Timestamp>,
    /// Whether no grace is given.
    is_emergency: bool,
    /// Whether the integration is gone.
    is_over: bool,
}

impl Watch {
    pub(super) fn new(
        provider: Arc<Mutex<Provider>>,
        clock: VirtualClock,
        of: (OrganizationId, IntegrationId),
    ) -> Self {
        Self {
            provider,
            clock,
            of,
            state: Mutex::default(),
        }
    }

    pub(super) fn is_emergency(&self) {
        self.state.lock().unwrap().is_emergency = true;
    }

    /// Grace is given again; what had none is forgotten.
    pub(super) fn emergency_is_over(&self) {
        let mut state = self.state.lock().unwrap();
        if std::mem::take(&mut state.is_emergency) {
            state.former.clear();
        }
    }

    pub(super) fn is_over(&self) {
        self.state.lock().unwrap().is_over = true;
    }

    /// A version was put into Secrets Manager.
    pub(super) fn stored(&self, request: &Value) {
        let version = request["ClientRequestToken"].as_str().unwrap().to_owned();
        let values = request["SecretString"].as_str().unwrap();
        let values: Values = serde_json::from_str(values).unwrap();
        self.state.lock().unwrap().versions.insert(version, values);
    }

    /// The values of the version that the integration names.
    pub(super) fn current(&self) -> (String, Values) {
        let state = self.state.lock().unwrap();
        let version = state.current.clone().unwrap();
        let values = state.versions[&version].clone();
        (version, values)
    }

    /// What was stored under a version.
    pub(super) fn values_of(&self, version: &str) -> Values {
        self.state.lock().unwrap().versions[version].clone()
    }

    /// What was ever stored.
    pub(super) fn stored_values(&self) -> Vec<Values> {
        let state = self.state.lock().unwrap();
        state.versions.values().cloned().collect()
    }

    /// All values that were ever stored.
    pub(super) fn all_values(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let values = state.versions.values().flat_map(BTreeMap::values);
        values.cloned().collect()
    }

    /// This call of AWS may have changed something. What the integration names is read again where
    /// it is about an item beside the integration.
    pub(super) fn look_after(&self, table: &Table, call: &[u8]) {
        let partition = format!("\"ORG#{}\"", self.of.0);
        let mut windows = call.windows(partition.len());
        if windows.any(|window| window == partition.as_bytes()) {
            let named = self.named(table);
            self.state.lock().unwrap().named = named;
        }
        self.look();
    }

    /// Something has happened in the table, or at the provider.
    pub(super) fn look(&self) {
        let mut state = self.state.lock().unwrap();
        if state.is_over {
            return;
        }
        let Some(version) = state.named.clone() else {
            return;
        };
        let now = self.clock.now();
        if state.current.as_ref() != Some(&version)
            && let Some(former) = state.current.replace(version.clone())
        {
            state.former.insert(former, now);
        }
        let provider = self.provider.lock().unwrap();
        let values = state.versions.get(&version).unwrap();
        assert!(
            provider.accepts(values),
            "the provider does not accept what the integration names: {version}"
        );
        if state.is_emergency {
            return;
        }
        for (former, since) in &state.former {
            let is_remembered = now.since(*since) < REMEMBERED;
            assert!(
                !is_remembered || provider.accepts(&state.versions[former]),
                "{former} was made worthless while somebody may use it"
            );
        }
    }

    fn named(&self, table: &Table) -> Option<String> {
        let (organization, integration) = self.of;
        let request = json!({"TableName": TABLE, "Key": {
            "pk": {"S": format!("ORG#{organization}")},
            "sk": {"S": format!("INTEGRATION#{integration}")},
        }});
        let (_, found) = table.answer("GetItem", request.to_string().as_bytes());
        let item: Value = serde_json::from_str(&found).unwrap();
        let version = item.pointer("/Item/data/M/credentials/M/version/S")?;
        Some(version.as_str().unwrap().to_owned())
    }
}
