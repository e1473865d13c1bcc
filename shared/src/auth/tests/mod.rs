//! Each method, through the door that callers use. What needs a server is in `tests/it/auth`.

mod aws;
mod azure;
mod check;
mod hmac;
mod jwt;
mod places;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use super::*;
use crate::domain::{AuthConfig, AuthMethod, Clock, Randomness, Sources, Timestamp};
use crate::egress::{Egress, EgressPolicy, OutboundRequest, TlsSettings};
use crate::vault::CredentialSet;

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

struct Sevens;

impl Randomness for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// One call: how, with what, when, and what is sent.
struct Call {
    config: AuthConfig,
    credentials: CredentialSet,
    now: Timestamp,
    hosts: Vec<String>,
    base_url: Url,
    request: OutboundRequest,
}

impl Call {
    fn new(method: AuthMethod, config: Value, credentials: &[(&str, &str)], url: &str) -> Self {
        let url: Url = url.parse().unwrap();
        let fields = credentials.iter();
        Self {
            config: AuthConfig::read(method, Some(&config)).unwrap(),
            credentials: fields.map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            now: "2026-11-24T12:00:00Z".parse().unwrap(),
            hosts: Vec::new(),
            base_url: url.join("/").unwrap(),
            request: OutboundRequest::new(Method::GET, url, Duration::from_secs(5)),
        }
    }

    fn at(mut self, now: &str) -> Self {
        self.now = now.parse().unwrap();
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let value = HeaderValue::from_static(value);
        let name = HeaderName::from_static(name);
        self.request.headers.append(name, value);
        self
    }

    fn body(mut self, method: Method, body: &'static str) -> Self {
        self.request.method = method;
        self.request.body = body.into();
        self
    }

    /// The request with the credentials; twice, since a second try has to look like the first.
    async fn sent(mut self) -> Result<OutboundRequest, AuthError> {
        let first = self.authenticate().await?;
        self.request = first.clone();
        let second = self.authenticate().await?;
        assert_eq!(first.url, second.url);
        assert_eq!(first.body, second.body);
        if !matches!(self.config, AuthConfig::Jwt(_)) {
            assert_eq!(first.headers, second.headers);
        }
        Ok(second)
    }

    async fn authenticate(&self) -> Result<OutboundRequest, AuthError> {
        let sources = Sources {
            clock: Arc::new(At(self.now)),
            randomness: Arc::new(Sevens),
        };
        let authenticator = Authenticator::new(Egress::new(EgressPolicy::default()), sources);
        let context = AuthContext {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            integration: "int_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            base_url: &self.base_url,
            hosts: &self.hosts,
            own_hosts: &[],
            config: &self.config,
            credentials: &self.credentials,
            public_fields: &[],
            credential_version: Some("v1"),
            tls: &TlsSettings::default(),
        };
        let mut request = self.request.clone();
        authenticator.authenticate(&context, &mut request).await?;
        let token = authenticator.carried(&context, &request);
        assert!(token.is_none(), "nothing was obtained");
        Ok(request)
    }
}

/// A header's value, which has to be marked sensitive.
fn secret<'r>(request: &'r OutboundRequest, name: &str) -> &'r str {
    let value = request.headers.get(name).unwrap();
    assert!(value.is_sensitive(), "{name}");
    std::str::from_utf8(value.as_bytes()).unwrap()
}
