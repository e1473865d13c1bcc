//! An organization with an integration and an endpoint, and processes that run playbooks on them.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::audit::{AuditQuery, Trail};
use gatehouse::domain::alert::AlertKind;
use gatehouse::domain::incident::{Incident, IncidentType, RaisedAlert, Severity, TimelineEntry};
use gatehouse::domain::playbook::{NewRun, PlaybookRun, PlaybookSpec, RunParameters};
use gatehouse::domain::{
    Actor, AuditEntry, AuthMethod, Breaker, Clock as _, Endpoint, EndpointStatus, IncidentId,
    Integration, IntegrationId, IntegrationStatus, IntegrationType, OrganizationId, Timestamp,
};
use gatehouse::egress::{
    Carry, Egress, EgressError, EgressPolicy, OutboundRequest, OutboundResponse,
};
use gatehouse::flows::grants::Grants;
use gatehouse::flows::incidents::Incidents;
use gatehouse::flows::playbooks::{GrantRevoker, Playbooks};
use gatehouse::flows::rotation::RotationDesk;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::oauth::{Client, MetadataCache};
use gatehouse::store::{Store, Versioned};

use crate::account::Account;
use crate::life::{Kill, Life};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct World {
    pub(super) account: Arc<Account>,
    pub(super) organization: OrganizationId,
    pub(super) integration: IntegrationId,
    pub(super) endpoint: gatehouse::domain::EndpointId,
}

/// A function that has just started.
pub(super) struct Process {
    pub(super) incidents: Incidents,
    pub(super) playbooks: Playbooks,
    pub(super) grants: Grants,
    pub(super) life: Life,
    pub(super) providers: Providers,
}

/// All providers there are. They agree to everything, and remember which URLs were called.
#[derive(Clone, Default)]
pub(super) struct Providers(Arc<Mutex<Vec<String>>>);

impl Providers {
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Carry for Providers {
    fn carry(
        &self,
        request: OutboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<OutboundResponse, EgressError>> + Send>> {
        self.0.lock().unwrap().push(request.url.to_string());
        let response = OutboundResponse {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            truncated: false,
            duration: Duration::ZERO,
        };
        Box::pin(std::future::ready(Ok(response)))
    }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::in_account(&Arc::new(Account::new().await)).await
    }

    /// Another organization of the same account.
    pub(super) async fn in_account(account: &Arc<Account>) -> Self {
        let world = Self {
            organization: account.id(),
            integration: account.id(),
            endpoint: account.id(),
            account: Arc::clone(account),
        };
        let store = world.store();
        store
            .create_integration(&world.new_integration())
            .await
            .unwrap();
        store.create_endpoint(&world.new_endpoint()).await.unwrap();
        world
    }

    pub(super) fn store(&self) -> Store {
        self.account.store()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.account.clock.now()
    }

    fn new_integration(&self) -> Integration {
        Integration {
            id: self.integration,
            organization_id: self.organization,
            name: "Billing".to_owned(),
            integration_type: IntegrationType::Payment,
            provider: Some("stripe".to_owned()),
            classification: Default::default(),
            environment: Default::default(),
            base_url: "https://api.stripe.com/".parse().unwrap(),
            variables: Default::default(),
            api_profile: None,
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::ApiKey,
            auth_config: None,
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: None,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    fn new_endpoint(&self) -> Endpoint {
        Endpoint {
            id: self.endpoint,
            organization_id: self.organization,
            integration_id: self.integration,
            path: format!("/webhooks/{}", self.endpoint).parse().unwrap(),
            scheme: "stripe".to_owned(),
            settings: serde_json::Value::Null,
            events: Vec::new(),
            allowed_networks: Vec::new(),
            blocked_networks: Vec::new(),
            tolerance_seconds: None,
            retry_policy: None,
            status: EndpointStatus::Active,
            secrets: Vec::new(),
            secret_plan: gatehouse::domain::secret_rotation::SecretPlan::default(),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    pub(super) fn process(&self) -> Process {
        self.process_that_dies(None)
    }

    pub(super) fn process_that_dies(&self, kill: Option<Kill>) -> Process {
        let life = Life::new(kill);
        let (store, sources) = (life.store(&self.account), self.account.sources());
        let retention = Duration::from_secs(400 * 24 * 3_600);
        let trail = Trail::new(store.clone(), sources.clone(), "tests", retention);
        let providers = Providers::default();
        let egress = Egress::with_carrier(EgressPolicy::default(), Arc::new(providers.clone()));
        let metadata = MetadataCache::new(egress.clone(), sources.clone());
        let client = Client::new(egress, sources.clone(), Arc::new(metadata));
        let grants = Grants::new(
            store.clone(),
            self.account.data_keys(),
            Arc::new(client.clone()),
            sources.clone(),
            Metrics::with_writer("tests", std::io::sink()),
            None,
        );
        let credentials = self.account.credentials();
        let desk = RotationDesk::new(store.clone(), credentials.clone(), sources.clone());
        let revoker = GrantRevoker::new(
            store.clone(),
            grants.clone(),
            client,
            credentials,
            sources.clone(),
        );
        Process {
            incidents: Incidents::new(store.clone(), trail.clone(), sources.clone()),
            playbooks: Playbooks::new(store, trail, sources)
                .with_grants(revoker)
                .with_rotations(desk),
            grants,
            life,
            providers,
        }
    }

    pub(super) fn alert(&self, severity: Severity) -> RaisedAlert {
        RaisedAlert {
            id: self.account.id(),
            kind: AlertKind::ErrorRate,
            incident_type: IncidentType::Availability,
            integration: Some(self.integration),
            severity,
            title: "calls fail".to_owned(),
        }
    }

    pub(super) fn run(&self, spec: &PlaybookSpec, incident: Option<IncidentId>) -> PlaybookRun {
        let blocks = spec.needs_endpoint();
        let parameters = RunParameters {
            endpoint_id: blocks.then_some(self.endpoint),
            network: blocks.then(|| "192.0.2.0/24".parse().unwrap()),
        };
        let new = NewRun {
            id: self.account.id(),
            organization: self.organization,
            playbook: "a-playbook",
            spec,
            integration: self.integration,
            incident,
            parameters,
            by: starter(),
        };
        PlaybookRun::new(new, self.now())
    }

    /// What the steps of runs change.
    pub(super) async fn effects(&self) -> Effects {
        let (store, organization) = (self.store(), self.organization);
        let state = store.gateway_state(organization, self.integration).await;
        let integration = self.integration_now().await;
        let endpoint = store
            .endpoint(organization, self.integration, self.endpoint)
            .await
            .unwrap()
            .unwrap();
        Effects {
            breaker: state.unwrap().item.breaker,
            status: integration.item.status,
            blocked: endpoint.item.blocked_networks.len(),
            changes: integration.version + endpoint.version,
        }
    }

    pub(super) async fn integration_now(&self) -> Versioned<Integration> {
        let store = self.store();
        let found = store.integration(self.organization, self.integration);
        found.await.unwrap().unwrap()
    }

    pub(super) async fn incident(&self, id: IncidentId) -> Incident {
        let found = self.store().incident(self.organization, id).await;
        found.unwrap().unwrap().item
    }

    /// A whole timeline, oldest first; checked to have no gap.
    pub(super) async fn timeline(&self, id: IncidentId) -> Vec<TimelineEntry> {
        let page = self
            .store()
            .timeline(self.organization, id, 200, None)
            .await;
        let mut entries = page.unwrap().items;
        entries.reverse();
        for (place, entry) in entries.iter().enumerate() {
            assert_eq!(usize::from(entry.number), place + 1, "{entries:?}");
        }
        assert_eq!(usize::from(self.incident(id).await.entries), entries.len());
        entries
    }

    /// The audit trail's actions and outcomes, oldest first.
    pub(super) async fn trail(&self) -> Vec<String> {
        let entries = self.entries().await;
        let said = |entry: &AuditEntry| format!("{} {}", entry.action, entry.outcome.as_str());
        let entries = entries
            .iter()
            .filter(|entry| !entry.action.starts_with("audit."));
        entries.map(said).collect()
    }

    async fn entries(&self) -> Vec<AuditEntry> {
        let (store, sources) = (self.store(), self.account.sources());
        let trail = Trail::new(store, sources, "tests", Duration::from_secs(3_600));
        let query = AuditQuery {
            limit: 200,
            ..AuditQuery::default()
        };
        let mut entries = trail
            .entries(self.organization, &query)
            .await
            .unwrap()
            .items;
        entries.reverse();
        entries
    }
}

/// What the steps of runs change, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effects {
    pub(super) breaker: Option<Breaker>,
    pub(super) status: IntegrationStatus,
    pub(super) blocked: usize,
    /// How often integration and endpoint were written.
    pub(super) changes: u64,
}

pub(super) fn starter() -> Actor {
    Actor::user("starter")
}

pub(super) fn approver() -> Actor {
    Actor::user("approver")
}

pub(super) fn spec(steps: &str) -> PlaybookSpec {
    let text =
        format!("name = \"a playbook\"\napprover = \"other\"\napprovalMinutes = 10\n{steps}");
    let spec: PlaybookSpec = toml::from_str(&text).unwrap();
    assert_eq!(spec.wrong_fields(), []);
    spec
}

pub(super) fn step(action: &str, approval: &str) -> String {
    let minutes = if action == "open_breaker" {
        "minutes = 15\n"
    } else {
        ""
    };
    format!("[[steps]]\naction = \"{action}\"\napproval = \"{approval}\"\n{minutes}")
}
