use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::routing::post;
use axum::{Json, Router};
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::config::Environment;
use gatehouse::domain::{
    AuthConfig, AuthMethod, Classification, Clock, CredentialInfo, DeploymentEnvironment, Grant,
    Integration, IntegrationId, IntegrationStatus, IntegrationType, OrganizationId, Sources,
    Timestamp,
};
use gatehouse::egress::TlsSettings;
use gatehouse::flows::connect;
use gatehouse::flows::grants::{GrantContext, Grants, NewGrant};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::lambda::system_sources;
use gatehouse::oauth::TokenReply;
use gatehouse::store::Store;
use gatehouse::vault::{CredentialSet, Credentials};
use rotation::{Report, State, scheduled};
use serde_json::{Value, json};

const START: i64 = 1_790_000_000_000;
const VERSION: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
struct ManualClock(Arc<AtomicI64>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What the authorization server was asked, by the path of its token endpoint.
type Asked = Arc<Mutex<Vec<String>>>;

/// The function, and integrations of several organizations.
pub(crate) struct World {
    state: State,
    pub(crate) store: Store,
    credentials: Credentials,
    pub(crate) grants: Grants,
    pub(crate) sources: Sources,
    clock: Arc<AtomicI64>,
    server: String,
    asked: Asked,
    _stack: Stack,
}

impl World {
    pub(crate) async fn new() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template = Template::read(file.as_ref()).unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let time = TimeSource::manual(Arc::clone(&clock));
        let stack = Stack::in_memory(&template, time).await.unwrap();
        let parameters = [("EgressAllow", "127.0.0.0/8")];
        let environment = template.environment("rotation", stack.endpoint(), &parameters);
        let environment: Environment = environment.unwrap().into_iter().collect();
        let sources = Sources {
            clock: Arc::new(ManualClock(Arc::clone(&clock))),
            randomness: system_sources().randomness,
        };
        let aws = stack.sdk_config();
        let store = connect::store(&environment, &aws).unwrap();
        let keys = connect::data_keys(&environment, &aws, &store, &sources).unwrap();
        let egress = connect::egress(&environment).unwrap();
        let metrics = Metrics::with_writer("tests", std::io::sink());
        let trail = connect::trail(&environment, &store, &sources, "tests").unwrap();
        let (server, asked) = server().await;
        Self {
            state: State::connect(
                &environment,
                &stack.sdk_config_of("rotation"),
                sources.clone(),
            )
            .unwrap(),
            grants: Grants::of_servers(store.clone(), keys, &egress, &sources, metrics, trail),
            credentials: connect::credentials(&environment, &aws).unwrap(),
            store,
            sources,
            clock,
            server,
            asked,
            _stack: stack,
        }
    }

    /// A connected integration of an organization of its own, whose refresh token lapses after so
    /// many days. Its token endpoint answers with success, if its name is `good`.
    pub(crate) async fn connected(&self, name: &str, days: u64) -> (OrganizationId, IntegrationId) {
        let now = self.sources.now();
        let integration = self.integration(name, now);
        let (organization, id) = (integration.organization_id, integration.id);
        let secret = |name: &str| (name.to_owned(), "canary".into());
        let credentials = CredentialSet::from([secret("clientId"), secret("clientSecret")]);
        let stage = self
            .credentials
            .stage(organization, id, &credentials, VERSION);
        stage.await.unwrap();
        let promote = self.credentials.promote(organization, id, VERSION);
        promote.await.unwrap();
        self.store.create_integration(&integration).await.unwrap();
        let config = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
        let AuthConfig::Oauth2(config) = config.unwrap() else {
            panic!("it is not OAuth 2.0");
        };
        let tls = TlsSettings::default();
        let context = GrantContext::of(&integration, &config, &credentials, &tls);
        let reply = TokenReply {
            access_token: "access-0".into(),
            is_dpop: false,
            refresh_token: Some("refresh-0".into()),
            id_token: None,
            expires_in: None,
            refresh_token_expires_in: Some(DAY * u32::try_from(days).unwrap()),
            scopes: None,
            asked_at: now,
        };
        let new = NewGrant {
            reply,
            identity: None,
            scopes_asked: Vec::new(),
            dpop_key: None,
        };
        self.grants.connect(&context, new).await.unwrap();
        (organization, id)
    }

    fn integration(&self, name: &str, now: Timestamp) -> Integration {
        let randomness = self.sources.randomness.as_ref();
        let endpoint = format!("{}/{name}", self.server);
        Integration {
            id: IntegrationId::generate(now, randomness),
            organization_id: OrganizationId::generate(now, randomness),
            name: name.to_owned(),
            integration_type: IntegrationType::Enterprise,
            classification: Classification::Internal,
            environment: DeploymentEnvironment::Production,
            provider: None,
            base_url: "https://example.com/".parse().unwrap(),
            variables: std::collections::BTreeMap::new(),
            api_profile: None,
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::Oauth2,
            auth_config: Some(json!({"tokenEndpoint": endpoint})),
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: Some(CredentialInfo {
                version: VERSION.to_owned(),
                fields: vec!["clientId".to_owned(), "clientSecret".to_owned()],
                created_at: now,
                last_used_at: None,
                expires_at: None,
                fields_expire_at: std::collections::BTreeMap::new(),
            }),
            created_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millisecond = i64::try_from(time.as_millis()).unwrap();
        self.clock.fetch_add(millisecond, Ordering::SeqCst);
    }

    /// One run, as EventBridge makes it.
    pub(crate) async fn run(&self) -> Report {
        scheduled(&self.state).await.unwrap()
    }

    pub(crate) async fn grant(&self, (organization, id): (OrganizationId, IntegrationId)) -> Grant {
        self.grants.read(organization, id).await.unwrap().unwrap()
    }

    /// Which token endpoints were asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }
}

async fn server() -> (String, Asked) {
    let asked = Asked::default();
    let count = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/{name}", post(answer))
        .with_state((Arc::clone(&asked), count));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn answer(
    Shared((asked, count)): Shared<(Asked, Arc<AtomicUsize>)>,
    Path(name): Path<String>,
) -> (http::StatusCode, Json<Value>) {
    asked.lock().unwrap().push(name.clone());
    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
    match name.as_str() {
        "over" => (
            http::StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_grant"})),
        ),
        "broken" => (http::StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))),
        _ => (
            http::StatusCode::OK,
            Json(json!({
                "access_token": format!("access-{number}"),
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": format!("refresh-{number}"),
                "refresh_token_expires_in": 8 * 24 * 60 * 60,
            })),
        ),
    }
}
