//! What authentication does over the network: obtaining tokens, and being understood by peers.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod aws;
mod azure;
mod certificates;
mod documentation;
mod exchange;
mod login;
mod provider;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::auth::{AuthContext, AuthError, Authenticator, CarriedToken};
use gatehouse::domain::{
    AuthConfig, AuthMethod, Clock, IntegrationId, OrganizationId, Randomness, Sources, Timestamp,
};
use gatehouse::egress::{Egress, EgressPolicy, OutboundRequest, TlsSettings};
use gatehouse::vault::CredentialSet;
use http::Method;
use serde_json::Value;
use url::Url;

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Hands(Arc<Mutex<Timestamp>>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hands {
    fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(Duration::from_secs(seconds));
    }
}

struct Counting(Mutex<u8>);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        bytes.fill(*count);
    }
}

/// An integration whose calls are authenticated.
struct Caller {
    clock: Hands,
    egress: Egress,
    authenticator: Authenticator,
    organization: OrganizationId,
    integration: IntegrationId,
    base_url: Url,
    hosts: Vec<String>,
    config: AuthConfig,
    credentials: CredentialSet,
    version: Option<String>,
    tls: TlsSettings,
}

impl Caller {
    fn new(method: AuthMethod, config: &Value, fields: &[(&str, &str)], base_url: &str) -> Self {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let clock = Hands(Arc::new(Mutex::new(now)));
        let egress = Egress::new(EgressPolicy {
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            ..EgressPolicy::default()
        });
        let sources = Sources {
            clock: Arc::new(clock.clone()),
            randomness: Arc::new(Counting(Mutex::new(0))),
        };
        let fields = fields.iter();
        Self {
            clock,
            egress: egress.clone(),
            authenticator: Authenticator::new(egress, sources),
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            integration: "int_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            base_url: base_url.parse().unwrap(),
            hosts: Vec::new(),
            config: AuthConfig::read(method, Some(config)).unwrap(),
            credentials: fields.map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            version: Some("v1".to_owned()),
            tls: TlsSettings::default(),
        }
    }

    /// The same, by another way out.
    fn through(mut self, egress: Egress) -> Self {
        let sources = Sources {
            clock: Arc::new(self.clock.clone()),
            randomness: Arc::new(Counting(Mutex::new(0))),
        };
        self.authenticator = Authenticator::new(egress.clone(), sources);
        self.egress = egress;
        self
    }

    fn context(&self) -> AuthContext<'_> {
        AuthContext {
            organization: self.organization,
            integration: self.integration,
            base_url: &self.base_url,
            hosts: &self.hosts,
            own_hosts: &[],
            config: &self.config,
            credentials: &self.credentials,
            public_fields: &[],
            credential_version: self.version.as_deref(),
            tls: &self.tls,
        }
    }

    fn request(&self, method: Method, path: &str) -> OutboundRequest {
        let url = self.base_url.join(path).unwrap();
        OutboundRequest::new(method, url, Duration::from_secs(20))
    }

    /// The token of the next request.
    async fn carried(&self) -> Option<CarriedToken> {
        let request = self.authenticated().await.unwrap();
        self.authenticator.carried(&self.context(), &request)
    }

    async fn refused(&self, token: &CarriedToken) -> bool {
        let context = self.context();
        let refused = self.authenticator.refused(&context, token, Duration::MAX);
        refused.await
    }

    async fn authenticated(&self) -> Result<OutboundRequest, AuthError> {
        let mut request = self.request(Method::GET, "/things");
        let context = self.context();
        let authenticated = self.authenticator.authenticate(&context, &mut request);
        authenticated.await.map(|()| request)
    }

    /// What is sent as `Authorization`.
    async fn authorization(&self) -> Result<String, AuthError> {
        let request = self.authenticated().await?;
        let value = request.headers.get("authorization").unwrap();
        assert!(value.is_sensitive());
        Ok(value.to_str().unwrap().to_owned())
    }

    /// Authenticates a request, sends it, and answers status and body.
    async fn send(&self, mut request: OutboundRequest) -> (u16, String) {
        let context = self.context();
        let authenticated = self.authenticator.authenticate(&context, &mut request);
        authenticated.await.unwrap();
        let response = self.egress.send(request).await.unwrap();
        let body = String::from_utf8_lossy(&response.body).into_owned();
        (response.status.as_u16(), body)
    }
}

/// An error as it is logged: with its chain, and as `{:?}` shows it.
fn shown(error: &AuthError) -> String {
    let mut shown = format!("{error:?} {error}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown.push_str(&format!(" {error}"));
        source = error.source();
    }
    shown
}
